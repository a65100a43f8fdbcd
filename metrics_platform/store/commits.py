"""Committing results: put one object, then move the pointers in one transaction.

A crash before the transaction leaves an object that nothing points to. The same results again move
nothing. Writers of different logs never wait for one another.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

import polars as pl
import psycopg
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql import ARRAY

from metrics_platform.core.statuses import Computed
from metrics_platform.store.index import files, results
from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.parquet import NewFile, put_rows
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.reads import Scope
from metrics_platform.store.results import Result, results_of
from metrics_platform.store.versions import Versions


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
    file_id: UUID | None
    row_offset: int
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is to be committed.

    Attributes:
        scope: The version; of its logs those that are meant.
        version_id: Of the version.
        rows: Of all logs.
        new: Result by log.
        run_id: Of the run that computed it.
        seconds: That it took to compute.
    """

    scope: Scope
    version_id: int
    rows: pl.DataFrame
    new: Mapping[str, Result]
    run_id: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class _Put:
    """A new object, and where in it the rows of each log begin."""

    file: NewFile
    offsets: Mapping[str, int]


# The key is taken, or what it points to is gone: anything else would be refused again and again.
_OVERTAKEN = (psycopg.errors.UniqueViolation, psycopg.errors.ForeignKeyViolation)


class _MovedMeanwhile(Exception):
    """What is current is no longer what the object was made for."""


def commit(
    postgres: Postgres,
    objects: ObjectRoot,
    versions: Versions,
    computed: Computed,
    *,
    run_id: str | None,
    domain: str,
) -> Commit:
    """Make `computed` current for its logs; see `Store.write`."""
    started = time.perf_counter()
    rows, new = results_of(computed)
    definition = computed.definition
    scope = Scope(domain, definition.name, definition.version, list(new))
    versions.number(scope, shadow=definition.shadow)
    if len(rows):
        versions.check_columns(scope, rows.schema, shadow=definition.shadow)
    while True:
        number = versions.number(scope, shadow=definition.shadow)
        batch = _Batch(scope, number, rows, new, run_id, computed.seconds)
        try:
            written, put = _attempt(postgres, objects, batch)
        except _MovedMeanwhile:
            versions.forget(scope)
            continue
        return Commit(
            path=put.file.path if put else None,
            written=written,
            unchanged=len(new) - written,
            rows=put.file.row_count if put else 0,
            seconds=time.perf_counter() - started,
        )


def _attempt(postgres: Postgres, objects: ObjectRoot, batch: _Batch) -> tuple[int, _Put | None]:
    """Return how many logs were written, and the object that holds their rows."""
    asked = {"version_id": batch.version_id, "logs": list(batch.new)}
    current = _told_by(postgres.statement(_READ_CURRENT, asked))
    changed = _changed(current, batch.new.values())
    wanted = [result for result in changed if not _has_rows_of(current, result)]
    put = _put(objects, batch, wanted)
    if not any(result.log_id in current for result in changed):
        # Nothing to supersede, as for all new logs: one statement, and no lock.
        written = _first(postgres, batch, changed, put)
    else:
        written = postgres.transaction(lambda connection: _move(connection, batch, changed, put))
    # Where somebody was faster with the same results, nothing points to the object.
    return written, put if written else None


def _changed(current: Mapping[str, _Current], new: Iterable[Result]) -> list[Result]:
    return [r for r in new if r.log_id not in current or current[r.log_id].result != r]


def _has_rows_of(current: Mapping[str, _Current], result: Result) -> bool:
    """Say whether the rows of `result` are where the index points already, or there are none."""
    found = current.get(result.log_id)
    return result.row_count == 0 or (
        found is not None and found.result.content_hash == result.content_hash
    )


def _put(objects: ObjectRoot, batch: _Batch, wanted: Sequence[Result]) -> _Put | None:
    """Write the rows of `wanted` into one object, one log after another."""
    if not wanted:
        return None
    rows, counts = batch.rows, [result.row_count for result in wanted]
    if sum(counts) < len(rows):
        logs = pl.Series([result.log_id for result in wanted])
        rows = rows.filter(pl.col("log_id").is_in(logs.implode()))
    offsets = accumulate(counts, initial=0)
    return _Put(
        put_rows(objects, batch.scope, rows),
        {result.log_id: at for result, at in zip(wanted, offsets, strict=False)},
    )


def _first(postgres: Postgres, batch: _Batch, changed: Sequence[Result], put: _Put | None) -> int:
    """Commit results of logs that had none, or tell that somebody has been faster.

    Raises:
        _MovedMeanwhile: Somebody has been.
    """
    places = {log_id: (put.file.file_id, at) for log_id, at in put.offsets.items()} if put else {}
    values = _inserted(batch, changed, places, put, None)
    try:
        postgres.statement(_INSERT, values)
    except _OVERTAKEN as error:
        # The answer may have got lost with the connection, of a statement that was carried out.
        if put is None or not postgres.statement(_IS_COMMITTED, values):
            raise _MovedMeanwhile from error
    return len(changed)


def _move(
    connection: sa.Connection, batch: _Batch, changed: Sequence[Result], put: _Put | None
) -> int:
    """Make `changed` current and return how many of them weren't.

    It compares again, now under lock: somebody may have been faster with the same results, or
    this transaction may have been committed already by a connection that broke at that moment.

    Raises:
        _MovedMeanwhile: The object does not hold just what is to be pointed to.
    """
    asked = {"version_id": batch.version_id, "logs": [result.log_id for result in changed]}
    # One order for all writers, so that those of overlapping logs queue and never deadlock.
    current = _told_by(connection.exec_driver_sql(_LOCK_CURRENT, asked))
    pending = _changed(current, changed)
    if not pending:
        of_put = put and put.file.file_id
        return 0 if put is None else sum(c.file_id == of_put for c in current.values())
    in_file = put.offsets if put else {}
    elsewhere = [result for result in pending if result.log_id not in in_file]
    if len(pending) - len(elsewhere) < len(in_file):
        raise _MovedMeanwhile
    if not all(_has_rows_of(current, result) for result in elsewhere):
        raise _MovedMeanwhile
    at = _moment(connection, [found.committed_at for found in current.values()])
    superseded = [current[r.log_id] for r in pending if r.log_id in current]
    connection.execute(
        sa.update(results)
        .where(results.c.id == sa.any_(sa.literal([c.id for c in superseded], _NUMBERS)))
        .values(superseded_at=at)
    )
    places: dict[str, tuple[UUID | None, int]] = {
        result.log_id: (current[result.log_id].file_id, current[result.log_id].row_offset)
        for result in elsewhere
        if result.row_count
    }
    if put is not None:
        places |= {log_id: (put.file.file_id, offset) for log_id, offset in put.offsets.items()}
    left = {
        found.file_id
        for found in superseded
        if found.file_id and places.get(found.result.log_id, (None, 0))[0] != found.file_id
    }
    mark_dirty(connection, sorted(left))
    try:
        connection.exec_driver_sql(_INSERT, _inserted(batch, pending, places, put, at))
    except exc.IntegrityError as error:
        if not isinstance(error.orig, _OVERTAKEN):
            raise
        raise _MovedMeanwhile from error
    return len(pending)


_NUMBERS: ARRAY[int] = ARRAY(sa.BigInteger)


def mark_dirty(connection: sa.Connection, file_ids: Sequence[UUID]) -> None:
    """Note that not all rows of these files are current any more.

    That happens to a file once, so writers of different logs in it hardly ever meet here; and they
    lock in one order.
    """
    if not file_ids:
        return
    clean = (
        sa.select(files.c.file_id)
        .where(files.c.file_id == sa.any_(sa.literal(file_ids, ARRAY(sa.Uuid))), ~files.c.dirty)
        .order_by(files.c.file_id)
        .with_for_update(key_share=True)
    )
    connection.execute(sa.update(files).where(files.c.file_id.in_(clean)).values(dirty=True))


def _told_by(rows: Iterable[Sequence[Any]]) -> dict[str, _Current]:
    return {row[1]: _Current(row[0], Result(*row[1:9]), row[9], row[10], row[11]) for row in rows}


def _moment(connection: sa.Connection, before: Iterable[datetime]) -> datetime:
    """Return the time of a commit: after that of what it supersedes, whatever the clock says."""
    now: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return max([now, *(moment + timedelta(microseconds=1) for moment in before)])


def _inserted(
    batch: _Batch,
    new: Sequence[Result],
    places: Mapping[str, tuple[UUID | None, int]],
    put: _Put | None,
    at: datetime | None,
) -> Mapping[str, Any]:
    """Return what `_INSERT` is told: the file, the results and the commit."""
    rows = []
    for result in new:
        file_id, offset = places.get(result.log_id, (None, 0))
        place = {"file_id": None if file_id is None else str(file_id), "row_offset": offset}
        rows.append({**{name: getattr(result, name) for name in _OF_RESULT}, **place})
    return {
        "version_id": batch.version_id,
        "run_id": batch.run_id,
        "seconds": batch.seconds,
        "unchanged": len(batch.new) - len(new),
        "written": len(new),
        "results": json.dumps(rows),
        "at": at,
        **_told(put),
    }


_OF_RESULT = tuple(Result.__dataclass_fields__)


def _told(put: _Put | None) -> Mapping[str, Any]:
    if put is None:
        return {"file_id": None, "path": None, "row_count": 0, "size_bytes": 0}
    file = put.file
    return {
        "file_id": file.file_id,
        "path": file.path,
        "row_count": file.row_count,
        "size_bytes": file.size_bytes,
    }


# As text: made of parts, a statement takes longer to build than Postgres takes to carry it out.
_READ_CURRENT = """
    SELECT id, partition_key, fingerprint, input_hash, status, reason, row_count, content_hash,
           summary, file_id, row_offset, committed_at
    FROM metrics_platform.results
    WHERE version_id = %(version_id)s AND partition_key = ANY(%(logs)s) AND superseded_at IS NULL
"""
_LOCK_CURRENT = f"{_READ_CURRENT} ORDER BY partition_key FOR UPDATE"

_IS_COMMITTED = """
    SELECT 1 FROM metrics_platform.files WHERE file_id = %(file_id)s AND removed_at IS NULL
"""

# The results travel as one JSON text, which for a thousand of them is as fast as COPY.
_INSERT = """
    WITH moment AS (SELECT coalesce(CAST(%(at)s AS timestamptz), now()) AS at),
    file AS (
        INSERT INTO metrics_platform.files
            (file_id, version_id, path, row_count, size_bytes, committed_at)
        SELECT CAST(%(file_id)s AS uuid), %(version_id)s, %(path)s, %(row_count)s,
               %(size_bytes)s, at
        FROM moment WHERE CAST(%(file_id)s AS uuid) IS NOT NULL
    ),
    told AS (
        INSERT INTO metrics_platform.commits
            (version_id, run_id, written, unchanged, row_count, size_bytes, seconds, committed_at)
        SELECT %(version_id)s, %(run_id)s, %(written)s, %(unchanged)s, %(row_count)s,
               %(size_bytes)s, %(seconds)s, at
        FROM moment
    )
    INSERT INTO metrics_platform.results
        (version_id, run_id, committed_at, partition_key, fingerprint, input_hash, status, reason,
         row_count, content_hash, summary, file_id, row_offset)
    SELECT %(version_id)s, %(run_id)s, moment.at, new.*
    FROM moment, json_to_recordset(CAST(%(results)s AS json)) AS new (
        log_id text, fingerprint text, input_hash text, status text, reason text,
        row_count bigint, content_hash text, summary jsonb, file_id uuid, row_offset bigint)
    """
