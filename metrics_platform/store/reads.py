"""From the index to a `pl.LazyFrame` over exactly the rows that count."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from metrics_platform.store.index import files, results
from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.parameters import among

_FEW = 4


@dataclass(frozen=True, slots=True)
class Scope:
    """Which results are meant.

    Attributes:
        domain: log or sim.
        name: Of the signal or metric.
        version: Of it.
        logs: Only these; None for all.
        as_of: As it was then; None for now.
    """

    domain: str
    name: str
    version: str
    logs: Sequence[str] | None = None
    as_of: datetime | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return what a row of `results` must fulfil."""
        r = results.c
        found = [
            r.domain == self.domain,
            r.name == self.name,
            r.version == self.version,
            *counted_at(self.as_of),
        ]
        if self.logs is not None:
            found.append(among(r.partition_key, self.logs))
        return found


@dataclass(frozen=True, slots=True)
class Part:
    """What counts of one file.

    Attributes:
        file_id: Of the file.
        path: Relative to the object root.
        logs: Whose rows count; None for all that the file holds.
    """

    file_id: UUID
    path: str
    logs: frozenset[str] | None


def counted_at(moment: datetime | None) -> list[sa.ColumnElement[bool]]:
    """Say that a result was current at `moment`, or is now."""
    r = results.c
    if moment is None:
        return [r.superseded_at.is_(None)]
    return [
        r.committed_at <= moment,
        sa.or_(r.superseded_at.is_(None), r.superseded_at > moment),
    ]


def parts(connection: sa.Connection, scope: Scope) -> list[Part]:
    """Return the files that hold rows of `scope`, in the order of their commits."""
    r, f = results.c, files.c
    whole = sa.func.sum(r.row_count) == f.row_count
    query = (
        sa.select(
            f.file_id,
            f.path,
            sa.case((whole, None), else_=sa.func.array_agg(r.partition_key)),
        )
        .join(files, f.file_id == r.file_id)
        .where(*scope.conditions(), r.row_count > 0)
        .group_by(f.file_id)
        .order_by(f.committed_at, f.file_id)
    )
    return [
        Part(file_id, path, None if logs is None else frozenset(logs))
        for file_id, path, logs in connection.execute(query)
    ]


def stale_within(connection: sa.Connection, scope: Scope, found: Sequence[Part]) -> set[UUID]:
    """Return those of the partly wanted files that may hold old rows of a log wanted elsewhere."""
    partial = [part.file_id for part in found if part.logs is not None]
    if len(partial) <= _FEW:
        # To scan each of them by itself is cheaper than to ask.
        return set(partial)
    r = results.c
    # Grouped, not joined with itself: a join is planned badly while a table has no statistics.
    several = (
        sa.select(sa.func.unnest(sa.func.array_agg(r.file_id.distinct())).label("file_id"))
        .where(r.domain == scope.domain, r.name == scope.name, r.version == scope.version)
        .where(r.file_id == sa.any_(sa.literal(partial, ARRAY(sa.Uuid))))
        .where(*([] if scope.logs is None else [among(r.partition_key, scope.logs)]))
        .group_by(r.partition_key)
        .having(sa.func.count(r.file_id.distinct()) > 1)
        .subquery()
    )
    return set(connection.scalars(sa.select(several.c.file_id).distinct()))


def frame(objects: ObjectRoot, found: Sequence[Part], alone: set[UUID]) -> pl.LazyFrame | None:
    """Return the rows of `found`, or None if there aren't any.

    Rows are sorted by log within a file, so a filter on `log_id` skips the row groups without
    them; one scan of many files with one filter is far cheaper than a slice for each log. Where
    that filter would also let old rows of another file pass, that file is scanned by itself.
    """
    scans = []
    whole = [part for part in found if part.logs is None]
    together = [part for part in found if part.logs is not None and part.file_id not in alone]
    for group in [whole, together, *([part] for part in found if part.file_id in alone)]:
        if group:
            logs = frozenset().union(*(part.logs or () for part in group))
            scans.append(scan_files(objects, [part.path for part in group], sorted(logs)))
    return pl.concat(scans) if scans else None


def scan_files(objects: ObjectRoot, paths: Sequence[str], logs: Sequence[str] = ()) -> pl.LazyFrame:
    """Return the rows of objects, of all their logs or of some."""
    scanned = pl.scan_parquet(
        [objects.polars_path(path) for path in paths],
        glob=False,
        hive_partitioning=False,
        storage_options=objects.storage_options,
        credential_provider=None,
    )
    if not logs:
        return scanned
    return scanned.filter(pl.col("log_id").is_in(pl.Series(logs, dtype=pl.String).implode()))


def any_results(connection: sa.Connection, scope: Scope) -> bool:
    """Say whether there is any result in `scope`, of whatever logs."""
    query = sa.select(results.c.id).where(*scope.conditions()).limit(1)
    return connection.execute(query).first() is not None
