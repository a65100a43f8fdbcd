"""Compaction: the current rows of small files, and of files with old rows, go into large ones.

Readers and writers go on meanwhile. The new object is put first; then one transaction points the
results to it whose rows it has, or none of them. Old files stay until gc.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from metrics_platform.core.errors import StoreError, StoreUnavailableError
from metrics_platform.store.commits import mark_dirty
from metrics_platform.store.index import files, results, versions
from metrics_platform.store.locks import alone
from metrics_platform.store.merge_policy import Candidate, Which, groups
from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.parquet import ROW_GROUP, NewFile, put_rows
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.reads import Scope, scan_files


@dataclass(frozen=True, slots=True)
class Compaction:
    """What was done to one version.

    Attributes:
        domain: log or sim.
        name: Of the signal or metric.
        version: Of it.
        files_before: With current rows.
        files_after: With current rows.
        rows: In the new files.
        size_bytes: Of the new files.
        seconds: Wall time.
    """

    domain: str
    name: str
    version: str
    files_before: int
    files_after: int
    rows: int
    size_bytes: int
    seconds: float


class _MovedMeanwhile(Exception):
    """Not all results are where they were when their rows were read."""


def compact(
    postgres: Postgres,
    objects: ObjectRoot,
    chosen: Sequence[sa.ColumnElement[bool]],
    *,
    target_bytes: int,
    which: Which,
) -> list[Compaction]:
    """Compact the versions that fulfil `chosen`; see `Store.compact`.

    A file that is damaged stands in the way of its group alone.
    """
    v = versions.c
    query = sa.select(v.version_id, v.domain, v.name, v.version).where(*chosen)
    in_order = query.order_by(v.domain, v.name, v.version_id)
    found = postgres.query(lambda connection: connection.execute(in_order).all())
    done: list[Compaction] = []
    damaged: list[StoreError] = []
    for version_id, *names in found:
        scope = Scope(*names)
        with alone(postgres, version_id) as granted:
            if not granted:
                continue
            one, in_the_way = _compacted(postgres, objects, version_id, scope, target_bytes, which)
            done += [one] if one else []
            damaged += in_the_way
    if damaged:
        others = ", ".join(f"{one.domain} {one.name!r} {one.version}" for one in done)
        raise StoreError(
            "; ".join([*map(str, damaged), f"compacted: {others or 'nothing'}"])
        ) from damaged[0]
    return done


def _compacted(
    postgres: Postgres,
    objects: ObjectRoot,
    version_id: int,
    scope: Scope,
    target_bytes: int,
    which: Which,
) -> tuple[Compaction | None, list[StoreError]]:
    started = time.perf_counter()
    before = postgres.query(lambda connection: _candidates(connection, version_id))
    rows = size_bytes = 0
    damaged = []
    for group in groups(before, target_bytes, which):
        for piece in _pieces(postgres, group, target_bytes):
            try:
                content = _read(objects, scope, group, piece)
            except StoreUnavailableError:
                raise
            except StoreError as error:
                damaged.append(error)
                continue
            new = put_rows(objects, scope, content)
            if _moved(postgres, version_id, new, piece):
                rows, size_bytes = rows + new.row_count, size_bytes + new.size_bytes
    if not rows:
        return None, damaged
    after = postgres.query(lambda connection: _candidates(connection, version_id))
    done = Compaction(
        *(scope.domain, scope.name, scope.version, len(before), len(after), rows, size_bytes),
        time.perf_counter() - started,
    )
    return done, damaged


def _candidates(connection: sa.Connection, version_id: int) -> list[Candidate]:
    f, r = files.c, results.c
    columns = (f.file_id, f.path, f.row_count, f.size_bytes, f.dirty)
    counted = (
        sa.select(*columns, sa.cast(sa.func.sum(r.row_count), sa.BigInteger), f.committed_at)
        .join(results, r.file_id == f.file_id)
        .where(f.version_id == version_id, f.dirty, r.superseded_at.is_(None), r.row_count > 0)
        .group_by(f.file_id)
    )
    clean = sa.select(*columns, f.row_count, f.committed_at).where(
        f.version_id == version_id, ~f.dirty, f.removed_at.is_(None)
    )
    found = connection.execute(sa.union_all(counted, clean))
    in_order = sorted(found, key=lambda row: (row[-1], row[0]))
    return [Candidate(*row[:-1]) for row in in_order]


_PIECE = {"log_id": pl.String, "file_id": pl.String, "first": pl.Int64, "rows": pl.Int64}


def _pieces(
    postgres: Postgres, group: Sequence[Candidate], target_bytes: int
) -> Iterator[pl.DataFrame]:
    """Yield what is to go into one file each.

    One row per log_id, in their order: file_id that has its current rows, the first of them there,
    how many they are, and where they come to lie in the new file (`at`).
    """
    r = results.c
    query = sa.select(r.partition_key, sa.cast(r.file_id, sa.Text), r.row_offset, r.row_count)
    of_group = query.where(_in_files([file.file_id for file in group]), r.superseded_at.is_(None))
    found = postgres.query(lambda connection: connection.execute(of_group).all())
    if not found:
        return
    logs = pl.DataFrame([tuple(row) for row in found], schema=_PIECE, orient="row").sort("log_id")
    # Only a file that is larger than any that is made here has to be taken apart.
    count = max(1, round(group[0].fullness(target_bytes))) if len(group) == 1 else 1
    rows = pl.col("rows")
    number = (rows.cum_sum() - rows) * count // rows.sum()
    numbered = logs.with_columns(piece=number)
    for piece in numbered.partition_by("piece", maintain_order=True, include_key=False):
        yield piece.with_columns(at=rows.cum_sum() - rows)


def _in_files(file_ids: Sequence[UUID]) -> sa.ColumnElement[bool]:
    return results.c.file_id == sa.any_(sa.literal(file_ids, ARRAY(sa.Uuid)))


def _read(
    objects: ObjectRoot, scope: Scope, group: Sequence[Candidate], piece: pl.DataFrame
) -> pl.DataFrame:
    """Return the rows of a piece, one log after another.

    Raises:
        StoreUnavailableError: They cannot be read at present.
        StoreError: A file is damaged or missing, or they are not those that the index says.
    """
    spans = _spans(group, piece)
    whole = spans.filter(pl.col("begin").eq(0), pl.col("end") == pl.col("row_count"))
    partly = spans.join(whole, on="file_id", how="anti", maintain_order="left")
    scans = [scan_files(objects, whole["path"].to_list())] if len(whole) else []
    for path, begin, end in partly.select("path", "begin", "end").iter_rows():
        scans.append(scan_files(objects, [path]).slice(begin, end - begin))
    laid = pl.concat([whole, partly])
    length = pl.col("end") - pl.col("begin")
    laid = laid.with_columns(shift=length.cum_sum() - length - pl.col("begin"))
    wanted = piece.join(laid, on="file_id", how="left", maintain_order="left")
    first = pl.col("first") + pl.col("shift")
    numbers = wanted.select(pl.int_ranges(first, first + pl.col("rows")).explode()).to_series()
    try:
        rows = pl.concat(scans).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        kind = StoreUnavailableError if _may_pass(error) else StoreError
        raise kind(f"{_named(scope)} cannot be compacted: {error}") from error
    if len(rows) != laid.select(length.sum()).item():
        raise StoreError(
            f"{_named(scope)} cannot be compacted: another number of rows than the index says, in "
            "one of " + ", ".join(laid["path"][:3])
        )
    if not numbers.equals(pl.int_range(len(rows), eager=True)):
        rows = rows[numbers]
    runs = rows["log_id"].rle().struct.unnest()
    if runs["value"].to_list() != piece["log_id"].to_list() or (
        runs["len"].to_list() != piece["rows"].to_list()
    ):
        raise StoreError(
            f"{_named(scope)} cannot be compacted: rows are not where the index says, in one of "
            + ", ".join(laid["path"][:3])
        )
    return rows


def _may_pass(error: Exception) -> bool:
    """Say whether the object store is at fault, and not an object of it."""
    if isinstance(error, OSError):
        return not isinstance(error, FileNotFoundError)
    # The words with which Polars tells of what is no Parquet.
    return isinstance(error, pl.exceptions.ComputeError) and "parquet: " not in str(error)


def _named(scope: Scope) -> str:
    return f"{scope.domain} {scope.name!r} {scope.version}"


def _spans(group: Sequence[Candidate], piece: pl.DataFrame) -> pl.DataFrame:
    """Return which rows to read; one row per file: file_id, path, row_count, begin, end.

    A file of one row group is read as a whole: less would not be less to fetch, and many whole
    files are one scan.
    """
    known = pl.DataFrame(
        [(str(file.file_id), file.path, file.row_count) for file in group],
        schema={"file_id": pl.String, "path": pl.String, "row_count": pl.Int64},
        orient="row",
    )
    needed = piece.group_by("file_id").agg(
        begin=pl.col("first").min(), end=(pl.col("first") + pl.col("rows")).max()
    )
    is_small = pl.col("row_count") <= ROW_GROUP
    return known.join(needed, on="file_id", maintain_order="left").with_columns(
        begin=pl.when(is_small).then(0).otherwise("begin"),
        end=pl.when(is_small).then("row_count").otherwise("end"),
    )


def _moved(postgres: Postgres, version_id: int, new: NewFile, piece: pl.DataFrame) -> bool:
    """Point results to their rows in `new`; say whether that was still possible."""
    try:
        postgres.transaction(lambda connection: _move(connection, version_id, new, piece))
    except _MovedMeanwhile:
        # The object is left to gc, which asks the index whether it is an orphan.
        return False
    return True


def _move(connection: sa.Connection, version_id: int, new: NewFile, piece: pl.DataFrame) -> None:
    """Move all results whose rows are in `piece`, superseded ones too: the rows are the same.

    Raises:
        _MovedMeanwhile: They are not where they were.
    """
    f, r = files.c, results.c
    old = [UUID(file_id) for file_id in piece["file_id"].unique().sort()]
    # As writers do: results in the order of their keys, and files after them.
    query = (
        sa.select(r.id, r.file_id, r.row_offset, r.partition_key, r.row_count, r.superseded_at)
        .where(_in_files(old))
        .order_by(r.partition_key, r.id)
        .with_for_update()
    )
    columns = ("file_id", "first", "log_id", "rows", "at")
    places = {
        (UUID(file_id), first, log_id, rows): at
        for file_id, first, log_id, rows, at in piece.select(columns).iter_rows()
    }
    locked = connection.execute(query).all()
    # Only now: an earlier attempt, whose answer got lost with its connection, may have been about
    # to be committed until the lock was ours.
    known = connection.execute(sa.select(f.removed_at).where(f.file_id == new.file_id)).first()
    if known is not None:
        if known.removed_at is None:
            return
        raise _MovedMeanwhile
    moves, seen, current = [], set(), set()
    for found in locked:
        place = (found.file_id, found.row_offset, found.partition_key, found.row_count)
        if place in places:
            moves.append({"id": found.id, "file_id": str(found.file_id), "at": places[place]})
            seen.add(place)
            if found.superseded_at is None:
                current.add(place)
    if len(seen) < len(places):
        raise _MovedMeanwhile
    connection.execute(
        sa.insert(files).values(
            file_id=new.file_id,
            version_id=version_id,
            path=new.path,
            row_count=new.row_count,
            size_bytes=new.size_bytes,
            committed_at=sa.func.clock_timestamp(),
            # Some may have been superseded while their rows were copied.
            dirty=len(current) < len(places),
        )
    )
    moved = connection.execute(_MOVE, {"file_id": new.file_id, "moves": json.dumps(moves)})
    if moved.rowcount != len(moves):
        raise _MovedMeanwhile
    mark_dirty(connection, old)


_MOVE = sa.text(
    """
    UPDATE metrics_platform.results r SET file_id = :file_id, row_offset = moves.at
    FROM json_to_recordset(CAST(:moves AS json)) AS moves (id bigint, file_id uuid, at bigint)
    WHERE r.id = moves.id AND r.file_id = moves.file_id
    """
)
