"""Committing results: put one object, then move the pointers in one transaction.

A crash before the transaction leaves an object that nothing points to. The same results again move
nothing. Writers of different logs never wait for one another.

Every log that a file holds has a row in `results` that points to it, now or before: reads rely on
that to tell old rows from current ones.
"""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import accumulate

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from metrics_platform.core.errors import StoreError
from metrics_platform.core.statuses import Computed
from metrics_platform.store.index import files, results
from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.parameters import given
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.reads import Scope, scan_files
from metrics_platform.store.results import Result, results_of

# Small enough that one log of a thousand is read quickly, large enough to compress well and to
# read all of them as fast as from a single row group.
_ROW_GROUP = 32_768


@dataclass(frozen=True, slots=True)
class Commit:
    """What a write did.

    Attributes:
        path: The new object, relative to the root; None if no rows had to be written.
        written: Logs whose current result is now another one.
        unchanged: Logs that already had this result.
        rows: In the new object.
        seconds: Wall time.
    """

    path: str | None
    written: int
    unchanged: int
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Current:
    """A result as it stands in the index."""

    id: int
    result: Result
    file_id: uuid.UUID | None
    row_offset: int
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class _File:
    """An object that was put and is to be committed; `offsets` by log, in rows."""

    id: uuid.UUID
    path: str
    offsets: Mapping[str, int]
    rows: int
    size_bytes: int


class _MovedMeanwhile(Exception):
    """What is current is no longer what the object was made for."""


def commit(
    postgres: Postgres, objects: ObjectRoot, computed: Computed, *, run_id: str | None, domain: str
) -> Commit:
    """Make `computed` current for its logs; see `Store.write`."""
    started = time.perf_counter()
    rows, new = results_of(computed)
    definition = computed.definition
    scope = Scope(domain, definition.name, definition.version, list(new))
    while True:
        try:
            written, file = _attempt(postgres, objects, scope, rows, new, run_id)
        except _MovedMeanwhile:
            continue
        return Commit(
            path=file.path if file else None,
            written=written,
            unchanged=len(new) - written,
            rows=file.rows if file else 0,
            seconds=time.perf_counter() - started,
        )


def _attempt(
    postgres: Postgres,
    objects: ObjectRoot,
    scope: Scope,
    rows: pl.DataFrame,
    new: Mapping[str, Result],
    run_id: str | None,
) -> tuple[int, _File | None]:
    """Return how many logs were written, and the object that holds their rows."""
    current = postgres.transaction(lambda connection: _current(connection, scope))
    changed = _changed(current, new.values())
    wanted = [result for result in changed if not _has_rows_of(current, result)]
    if wanted:
        _check_columns(postgres, objects, scope, rows.schema)
    file = _put(objects, scope, rows, wanted)
    if not changed:
        return 0, None
    written = postgres.transaction(
        lambda connection: _move(connection, scope, changed, file, run_id)
    )
    # Where somebody was faster with the same results, nothing points to the object.
    return written, file if written else None


def _changed(current: Mapping[str, _Current], new: Iterable[Result]) -> list[Result]:
    return [r for r in new if r.log_id not in current or current[r.log_id].result != r]


def _has_rows_of(current: Mapping[str, _Current], result: Result) -> bool:
    """Say whether the rows of `result` are where the index points already, or there are none."""
    found = current.get(result.log_id)
    return result.row_count == 0 or (
        found is not None and found.result.content_hash == result.content_hash
    )


def _check_columns(
    postgres: Postgres, objects: ObjectRoot, scope: Scope, columns: pl.Schema
) -> None:
    """See that the rows of one version all have the same columns, or no scan could read them."""
    of_version = (
        files.c.domain == scope.domain,
        files.c.name == scope.name,
        files.c.version == scope.version,
    )
    newest = sa.select(files.c.path).where(*of_version).order_by(files.c.committed_at.desc())
    path = postgres.transaction(lambda connection: connection.scalar(newest.limit(1)))
    if path is None:
        return
    stored = scan_files(objects, [path]).collect_schema()
    if stored != columns:
        before, now = (
            {f"{name}: {dtype}" for name, dtype in schema.items()} for schema in (stored, columns)
        )
        raise StoreError(
            f"{scope.name} {scope.version} is stored with other columns "
            f"(stored {sorted(before - now)}, now {sorted(now - before)}): give it another version"
        )


def _put(
    objects: ObjectRoot, scope: Scope, rows: pl.DataFrame, wanted: Sequence[Result]
) -> _File | None:
    """Write the rows of `wanted` into one object, one log after another."""
    if not wanted:
        return None
    counts = [result.row_count for result in wanted]
    if sum(counts) < len(rows):
        logs = pl.Series([result.log_id for result in wanted])
        rows = rows.filter(pl.col("log_id").is_in(logs.implode()))
    offsets = accumulate(counts, initial=0)
    buffer = BytesIO()
    rows.write_parquet(buffer, compression="zstd", statistics=True, row_group_size=_ROW_GROUP)
    file_id = uuid.uuid4()
    day = datetime.now(UTC).date().isoformat()
    path = f"{scope.domain}/{scope.name}/v{scope.version}/{day}/{file_id}.parquet"
    objects.put(path, buffer.getvalue())
    return _File(
        id=file_id,
        path=path,
        offsets={result.log_id: at for result, at in zip(wanted, offsets, strict=False)},
        rows=len(rows),
        size_bytes=buffer.tell(),
    )


def _move(
    connection: sa.Connection,
    scope: Scope,
    changed: Sequence[Result],
    file: _File | None,
    run_id: str | None,
) -> int:
    """Make `changed` current and return how many of them weren't.

    It compares again, now under lock: somebody may have been faster with the same results, or
    this transaction may have been committed already by a connection that broke at that moment.

    Raises:
        _MovedMeanwhile: The object does not hold just what is to be pointed to.
    """
    scope = replace(scope, logs=[result.log_id for result in changed])
    current = _current(connection, scope, lock=True)
    pending = _changed(current, changed)
    if not pending:
        return 0 if file is None else sum(c.file_id == file.id for c in current.values())
    in_file = file.offsets if file else {}
    elsewhere = [result for result in pending if result.log_id not in in_file]
    if len(pending) - len(elsewhere) < len(in_file):
        raise _MovedMeanwhile
    if not all(_has_rows_of(current, result) for result in elsewhere):
        raise _MovedMeanwhile
    at = _moment(connection, [found.committed_at for found in current.values()])
    if file is not None:
        _insert_file(connection, scope, file, at)
    superseded = [current[r.log_id].id for r in pending if r.log_id in current]
    if superseded:
        connection.execute(
            sa.update(results)
            .where(results.c.id == sa.any_(sa.literal(superseded, ARRAY(sa.BigInteger))))
            .values(superseded_at=at)
        )
    places: dict[str, tuple[uuid.UUID | None, int]] = {
        result.log_id: (current[result.log_id].file_id, current[result.log_id].row_offset)
        for result in elsewhere
        if result.row_count
    }
    if file is not None:
        places |= {log_id: (file.id, offset) for log_id, offset in file.offsets.items()}
    _insert_results(connection, scope, pending, places, run_id, at)
    return len(pending)


def _current(connection: sa.Connection, scope: Scope, *, lock: bool = False) -> dict[str, _Current]:
    r = results.c
    query = sa.select(
        r.id, r.partition_key, r.fingerprint, r.input_hash, r.status, r.reason, r.row_count,
        r.content_hash, r.summary, r.file_id, r.row_offset, r.committed_at,
    ).where(*scope.conditions())  # fmt: skip
    if lock:
        # One order for all writers, so that those of overlapping logs queue and never deadlock.
        query = query.order_by(r.partition_key).with_for_update()
    return {
        row[1]: _Current(row[0], Result(*row[1:9]), row[9], row[10], row[11])
        for row in connection.execute(query)
    }


def _moment(connection: sa.Connection, before: Iterable[datetime]) -> datetime:
    """Return the time of a commit: after that of what it supersedes, whatever the clock says."""
    now: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return max([now, *(moment + timedelta(microseconds=1) for moment in before)])


def _insert_file(connection: sa.Connection, scope: Scope, file: _File, at: datetime) -> None:
    values = {
        "file_id": file.id,
        "path": file.path,
        "domain": scope.domain,
        "name": scope.name,
        "version": scope.version,
        "row_count": file.rows,
        "size_bytes": file.size_bytes,
        "committed_at": at,
    }
    connection.execute(insert(files).on_conflict_do_nothing(), values)


def _insert_results(
    connection: sa.Connection,
    scope: Scope,
    new: Sequence[Result],
    places: Mapping[str, tuple[uuid.UUID | None, int]],
    run_id: str | None,
    at: datetime,
) -> None:
    r = results.c
    rows = []
    for result in new:
        file_id, offset = places.get(result.log_id, (None, 0))
        place = {"file_id": None if file_id is None else str(file_id), "row_offset": offset}
        rows.append({**asdict(result), **place})
    of_result = ("log_id", "fingerprint", "input_hash", "status", "reason", "row_count",
                 "content_hash", "summary", "file_id", "row_offset")  # fmt: skip
    columns = [r.partition_key if name == "log_id" else r[name] for name in of_result]
    values = given(rows, **{n: c.type for n, c in zip(of_result, columns, strict=True)})
    same = {
        r.domain: scope.domain,
        r.name: scope.name,
        r.version: scope.version,
        r.run_id: run_id,
        r.committed_at: at,
    }
    literals = [sa.literal(value, column.type) for column, value in same.items()]
    connection.execute(
        sa.insert(results).from_select([*same, *columns], sa.select(*literals, *values.c))
    )
