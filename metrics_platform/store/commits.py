"""Committing results: put one object, then move the pointers in one transaction.

A crash before the transaction leaves an object that nothing points to. The same results again move
nothing. Writers of different logs never wait for one another.
"""

import json
import math
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from metrics_platform.core.errors import ContractError, StoreError
from metrics_platform.core.statuses import Computed, Status
from metrics_platform.core.validation import validate
from metrics_platform.store.content_hash import content_hashes
from metrics_platform.store.index import files, results
from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.reads import among, columns_of

# Small enough that one log of a thousand is read quickly, large enough to compress: a file of
# 50,000 rows reads one log in 1 ms and all of them as fast as with a single row group.
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
class _Result:
    """The result of one log; equal ones need not be written again."""

    log_id: str
    fingerprint: str
    input_hash: str
    status: str
    reason: str | None
    row_count: int
    content_hash: str | None
    summary: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Current:
    """A result as it stands in the index."""

    id: int
    result: _Result
    file_id: uuid.UUID | None
    row_offset: int
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class _File:
    id: uuid.UUID
    path: str
    offsets: Mapping[str, int]
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Series:
    """All results of one definition: what a commit and its queries are about."""

    domain: str
    name: str
    version: str


class _MovedMeanwhile(Exception):
    """Rows that we meant to point to are no longer what is current."""


def commit(
    postgres: Postgres, objects: ObjectRoot, computed: Computed, *, run_id: str | None, domain: str
) -> Commit:
    """Make `computed` current for its logs; see `Store.write`."""
    started = time.perf_counter()
    series = _Series(domain, computed.definition.name, computed.definition.version)
    rows, new = _results(computed)
    while True:
        current = postgres.transaction(lambda c: _current(c, series, list(new), lock=False))
        changed = [
            r for r in new.values() if r.log_id not in current or current[r.log_id].result != r
        ]
        if not changed:
            return Commit(None, 0, len(new), 0, time.perf_counter() - started)
        file = _put(objects, series, rows, [r for r in changed if not _has_rows_of(current, r)])
        try:
            written = postgres.transaction(
                lambda c, changed=changed, file=file: _move(c, series, changed, file, run_id)
            )
        except _MovedMeanwhile:
            continue
        return Commit(
            path=file.path if file else None,
            written=written,
            unchanged=len(new) - written,
            rows=file.rows if file else 0,
            seconds=time.perf_counter() - started,
        )


def _results(computed: Computed) -> tuple[pl.DataFrame, dict[str, _Result]]:
    """Return validated rows one log after another, and every log's result, in the same order."""
    rows = validate(computed.definition, computed.rows)
    if not rows["log_id"].is_sorted():
        rows = rows.sort("log_id", maintain_order=True)
    runs = rows["log_id"].rle().struct.unnest()
    with_rows: list[str] = runs["value"].to_list()
    if strangers := set(with_rows) - set(computed.logs_with(Status.COMPUTED)):
        raise ContractError(
            f"{computed.definition.name} has rows of logs that are not computed: "
            f"{', '.join(sorted(strangers)[:3])}",
            strangers,
        )
    lengths: list[int] = runs["len"].to_list()
    bounds = [0, *runs["len"].cast(pl.Int64).cum_sum()]
    hashes = dict(zip(with_rows, content_hashes(rows, bounds), strict=True))
    counts = dict(zip(with_rows, lengths, strict=True))
    [nothing] = content_hashes(rows.clear(), [0, 0])
    summaries = _summaries(computed.summary)
    if missing := set(computed.outcomes) - set(computed.fingerprints):
        raise StoreError(f"{computed.definition.name}: no fingerprint for {sorted(missing)[:3]}")
    return rows, {
        log_id: _Result(
            log_id=log_id,
            fingerprint=computed.fingerprints[log_id],
            input_hash=computed.input_hashes.get(log_id, ""),
            status=outcome.status.value,
            reason=None if outcome.reason is None else outcome.reason.replace("\0", "�"),
            row_count=counts.get(log_id, 0),
            content_hash=hashes.get(log_id, nothing) if outcome.status is Status.COMPUTED else None,
            summary=summaries.get(log_id, {}) if outcome.status is Status.COMPUTED else None,
        )
        for log_id, outcome in sorted(computed.outcomes.items())
    }


def _summaries(summary: pl.DataFrame) -> dict[str, dict[str, Any]]:
    return {
        row.pop("log_id"): {name: _scalar(value) for name, value in row.items()}
        for row in summary.iter_rows(named=True)
    }


def _scalar(value: Any) -> Any:
    """Return `value` as JSON has it: a number that isn't one is null, a time is text."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _has_rows_of(current: Mapping[str, _Current], result: _Result) -> bool:
    """Say whether the rows of `result` are where the index points already, or there are none."""
    found = current.get(result.log_id)
    return result.row_count == 0 or (
        found is not None and found.result.content_hash == result.content_hash
    )


def _put(
    objects: ObjectRoot, series: _Series, rows: pl.DataFrame, wanted: Sequence[_Result]
) -> _File | None:
    """Write the rows of `wanted` into one object, one log after another."""
    if not wanted:
        return None
    count = sum(result.row_count for result in wanted)
    if count < len(rows):
        logs = pl.Series([result.log_id for result in wanted])
        rows = rows.filter(pl.col("log_id").is_in(logs.implode()))
    offsets, at = {}, 0
    for result in wanted:
        offsets[result.log_id] = at
        at += result.row_count
    buffer = BytesIO()
    rows.write_parquet(buffer, compression="zstd", statistics=True, row_group_size=_ROW_GROUP)
    file_id = uuid.uuid4()
    day = datetime.now(UTC).date().isoformat()
    path = f"{series.domain}/{series.name}/v{series.version}/{day}/{file_id}.parquet"
    content = buffer.getvalue()
    objects.put(path, content)
    return _File(file_id, path, offsets, count, len(content))


def _current(
    connection: sa.Connection, series: _Series, log_ids: Sequence[str], *, lock: bool
) -> dict[str, _Current]:
    r = results.c
    query = (
        sa.select(
            r.id, r.partition_key, r.fingerprint, r.input_hash, r.status, r.reason, r.row_count,
            r.content_hash, r.summary, r.file_id, r.row_offset, r.committed_at,
        )
        .where(r.domain == series.domain, r.name == series.name, r.version == series.version)
        .where(among(r.partition_key, log_ids))
        .where(r.superseded_at.is_(None))
    )  # fmt: skip
    if lock:
        # One order for all writers, so that those of overlapping logs queue and never deadlock.
        query = query.order_by(r.partition_key).with_for_update()
    return {
        row[1]: _Current(row[0], _Result(*row[1:9]), row[9], row[10], row[11])
        for row in connection.execute(query)
    }


def _move(
    connection: sa.Connection,
    series: _Series,
    changed: Sequence[_Result],
    file: _File | None,
    run_id: str | None,
) -> int:
    """Make `changed` current and return how many of them weren't.

    It compares again, now under lock: somebody may have been faster with the same results, or
    this transaction may have been committed already by a connection that broke at that moment.
    """
    current = _current(connection, series, [result.log_id for result in changed], lock=True)
    pending = [r for r in changed if r.log_id not in current or current[r.log_id].result != r]
    ours = [] if file is None else [c for c in current.values() if c.file_id == file.id]
    if not pending:
        return len(ours)
    at = _moment(connection, [c.committed_at for c in current.values()])
    new = []
    for result in pending:
        file_id, offset = None, 0
        if file is not None and result.log_id in file.offsets:
            file_id, offset = file.id, file.offsets[result.log_id]
        elif result.row_count:
            if not _has_rows_of(current, result):
                raise _MovedMeanwhile
            found = current[result.log_id]
            file_id, offset = found.file_id, found.row_offset
        new.append((result, file_id, offset))
    if file is not None:
        connection.execute(
            insert(files).on_conflict_do_nothing(),
            {
                "file_id": file.id,
                "path": file.path,
                **asdict(series),
                "row_count": file.rows,
                "size_bytes": file.size_bytes,
                "committed_at": at,
            },
        )
    superseded = [current[r.log_id].id for r in pending if r.log_id in current]
    if superseded:
        connection.execute(
            sa.update(results)
            .where(results.c.id == sa.any_(sa.literal(superseded, ARRAY(sa.BigInteger))))
            .values(superseded_at=at)
        )
    _insert(connection, series, new, run_id, at)
    return len(pending)


def _moment(connection: sa.Connection, before: Sequence[datetime]) -> datetime:
    """Return the time of a commit: after that of what it supersedes, whatever the clock says."""
    now: datetime = connection.scalar(sa.select(sa.func.clock_timestamp()))
    return max([now, *(moment + timedelta(microseconds=1) for moment in before)])


def _insert(
    connection: sa.Connection,
    series: _Series,
    new: Sequence[tuple[_Result, uuid.UUID | None, int]],
    run_id: str | None,
    at: datetime,
) -> None:
    text, number = sa.Text(), sa.BigInteger()
    found = [result for result, _, _ in new]
    values = columns_of(
        partition_key=(text, [result.log_id for result in found]),
        fingerprint=(text, [result.fingerprint for result in found]),
        input_hash=(text, [result.input_hash for result in found]),
        status=(text, [result.status for result in found]),
        reason=(text, [result.reason for result in found]),
        file_id=(sa.Uuid(), [file_id for _, file_id, _ in new]),
        row_offset=(number, [offset for _, _, offset in new]),
        row_count=(number, [result.row_count for result in found]),
        content_hash=(text, [result.content_hash for result in found]),
        summary=(text, [_json(result.summary) for result in found]),
    )
    same = {**asdict(series), "run_id": run_id, "committed_at": at}
    columns = [sa.cast(c, JSONB) if c.name == "summary" else c for c in values.c]
    literals = [sa.literal(value, results.c[name].type) for name, value in same.items()]
    connection.execute(
        sa.insert(results).from_select([*same, *values.c.keys()], sa.select(*literals, *columns))
    )


def _json(summary: Mapping[str, Any] | None) -> str | None:
    return None if summary is None else json.dumps(summary)
