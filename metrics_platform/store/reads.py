"""From the index to a `pl.LazyFrame` over exactly the rows that count."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from metrics_platform.store.index import files, results, versions
from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.parameters import among
from metrics_platform.store.selection import Selection

# Files that are scanned one by one; more of them are scanned together and told apart afterwards.
_FEW = 16
_PATH = "__path"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which results are meant.

    Attributes:
        domain: log or sim.
        name: Of the signal or metric.
        version: Of it.
        logs: Only these; None for all.
        where: Only logs of which this is true; None for all.
        as_of: As it was then; None for now.
    """

    domain: str
    name: str
    version: str
    logs: Sequence[str] | None = None
    where: Selection | None = None
    as_of: datetime | None = None

    @property
    def version_id(self) -> sa.ScalarSelect[int]:
        """The number of the version, null where there is none."""
        return version_number(self.domain, self.name, self.version)

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return what a row of `results` must fulfil."""
        r = results.c
        found = [r.version_id == self.version_id]
        if self.logs is not None:
            found.append(among(r.partition_key, self.logs))
        if self.where is not None:
            found.append(r.partition_key.in_(self.where.log_ids()))
        return [counted_at(self.as_of, *found)]


@dataclass(frozen=True, slots=True)
class Part:
    """What counts of one file.

    Attributes:
        path: Relative to the object root.
        first: First row that counts.
        rows: How many count from there on.
        is_stretch: They lie one after another.
        logs: Whose rows they are; None where all rows of the file count.
    """

    path: str
    first: int
    rows: int
    is_stretch: bool
    logs: Sequence[str] | None


def version_number(domain: str, name: str, version: str) -> sa.ScalarSelect[int]:
    """Return the number of a version as a subquery."""
    v = versions.c
    of_name = (v.domain == domain, v.name == name, v.version == version)
    return sa.select(v.version_id).where(*of_name).scalar_subquery()


def counted_at(
    moment: datetime | None, *conditions: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    """Say that a result fulfils `conditions` and was current at `moment`, or is now."""
    r = results.c
    current = sa.and_(*conditions, r.superseded_at.is_(None))
    if moment is None:
        return current
    # Conditions twice: current and superseded results have an index each.
    return sa.or_(
        sa.and_(current, r.committed_at <= moment),
        sa.and_(*conditions, r.superseded_at > moment, r.committed_at <= moment),
    )


def parts(connection: sa.Connection, scope: Scope) -> list[Part]:
    """Return what counts in each file that holds rows of `scope`, in the order of their commits."""
    r, f = results.c, files.c
    first, rows = sa.func.min(r.row_offset), sa.func.sum(r.row_count)
    end = sa.func.max(r.row_offset + r.row_count)
    whole = rows == f.row_count
    query = (
        sa.select(
            f.file_id,
            f.committed_at,
            f.path,
            first,
            sa.cast(rows, sa.BigInteger),
            # Rows of two results never overlap, so a sum that fills the span leaves no gap.
            end - first == rows,
            sa.case((whole, None), else_=sa.func.array_agg(r.partition_key)),
        )
        .join(files, f.file_id == r.file_id)
        .where(*scope.conditions(), r.row_count > 0)
        .group_by(f.file_id)
    )
    if scope.logs is None and scope.where is None and scope.as_of is None:
        # The whole fleet: what is clean is taken from `files`, however many logs there are.
        of_version = f.version_id == scope.version_id
        clean = sa.select(
            f.file_id, f.committed_at, f.path, sa.literal(0), f.row_count, sa.true(), sa.null()
        ).where(of_version, ~f.dirty, f.removed_at.is_(None))
        found = connection.execute(sa.union_all(query.where(of_version, f.dirty), clean))
    else:
        found = connection.execute(query)
    in_order = sorted(found, key=lambda row: (row[1], row[0]))
    return [Part(*row[2:]) for row in in_order]


def frame(objects: ObjectRoot, found: Sequence[Part]) -> pl.LazyFrame | None:
    """Return the rows of `found`, or None if there aren't any."""
    whole = [part.path for part in found if part.logs is None]
    partial = [part for part in found if part.logs is not None]
    scans = [scan_files(objects, whole)] if whole else []
    if len(partial) <= _FEW:
        scans += [_part(objects, part) for part in partial]
    else:
        scans.append(_together(objects, partial))
    return pl.concat(scans) if scans else None


def scan_files(
    objects: ObjectRoot, paths: Sequence[str], *, path_column: str | None = None
) -> pl.LazyFrame:
    """Return all rows of objects, with their addresses in `path_column` if it is given."""
    return pl.scan_parquet(
        [objects.polars_path(path) for path in paths],
        glob=False,
        hive_partitioning=False,
        include_file_paths=path_column,
        storage_options=objects.storage_options,
        credential_provider=None,
    )


def _part(objects: ObjectRoot, part: Part) -> pl.LazyFrame:
    """Return what counts of one file; only the row groups that hold it are read."""
    scanned = scan_files(objects, [part.path])
    if part.is_stretch:
        return scanned.slice(part.first, part.rows)
    return scanned.filter(_among(part.logs or ()))


def _together(objects: ObjectRoot, found: Sequence[Part]) -> pl.LazyFrame:
    """Return what counts of many files, in one scan.

    Scans of their own for hundreds of files take seconds. A file may also hold old rows of a log
    that counts in another one, so rows are chosen by file and log together.
    """
    wanted = pl.DataFrame(
        {
            _PATH: [objects.polars_path(part.path) for part in found],
            "log_id": [list(part.logs or ()) for part in found],
        },
        schema={_PATH: pl.String, "log_id": pl.List(pl.String)},
    ).explode("log_id")
    return (
        scan_files(objects, [part.path for part in found], path_column=_PATH)
        .filter(_among(sorted(set(wanted["log_id"]))))
        .join(wanted.lazy(), on=[_PATH, "log_id"], how="semi", maintain_order="left")
        .drop(_PATH)
    )


def _among(logs: Sequence[str]) -> pl.Expr:
    return pl.col("log_id").is_in(pl.Series(logs, dtype=pl.String).implode())


def any_results(connection: sa.Connection, scope: Scope) -> bool:
    """Say whether there is any result in `scope`, of whatever logs."""
    query = sa.select(results.c.id).where(*scope.conditions()).limit(1)
    return connection.execute(query).first() is not None
