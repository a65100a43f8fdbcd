"""What is kept of a log once it has been looked at, and how it gets into the registry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl
import sqlalchemy as sa

from metrics_platform.store.index import logs
from metrics_platform.store.parameters import among, given, storable
from metrics_platform.store.registration import State, lock
from metrics_platform.store.tables import Types

_CONTENT_LOCK = 7_315_486_002  # any number that nobody else takes for an advisory lock


@dataclass(frozen=True, slots=True)
class ReadLog:
    """What reading a log brought to light; None where nobody said.

    Attributes:
        log_id: Of a registered log.
        revision: The content that was read; a later one is not marked. None for any.
        format: Name of the reader.
        start_ns: First recorded moment, on the clock of the recording.
        duration_s: From there to the last.
        truncated: It was cut off and recovered.
        vehicle: That recorded it.
        release: Software version that drove.
        place: Where.
        mission: Drive or delivery mission.
        tags: Free words.
        content_hash: Of the raw bytes.
    """

    log_id: str
    revision: int | None = None
    format: str | None = None
    start_ns: int | None = None
    duration_s: float | None = None
    truncated: bool | None = None
    vehicle: str | None = None
    release: str | None = None
    place: str | None = None
    mission: str | None = None
    tags: Mapping[str, str] | Sequence[str] = field(default_factory=list)
    content_hash: str | None = None


_TIME = pl.Datetime("us", "UTC")
LOGS: Types = {
    "log_id": pl.String,
    "source": pl.String,
    "size_bytes": pl.Int64,
    "source_tag": pl.String,
    "state": pl.String,
    "reason": pl.String,
    "request_key": pl.String,
    "revision": pl.Int64,
    "registered_at": _TIME,
    "updated_at": _TIME,
    "format": pl.String,
    "start_ns": pl.Int64,
    "duration_s": pl.Float64,
    "truncated": pl.Boolean,
    "vehicle": pl.String,
    "release": pl.String,
    "place": pl.String,
    "mission": pl.String,
    "tags": pl.String,
    "content_hash": pl.String,
    "archived_at": _TIME,
}
REJECTED: Types = {"source": pl.String, "reason": pl.String, "seen_at": _TIME}


def mark_read(connection: sa.Connection, read: Sequence[ReadLog]) -> list[str]:
    """Keep what reading brought to light; return the logs that it holds for."""
    rows = [
        {name: _storable(value) for name, value in asdict(log).items()}
        for log in sorted(read, key=lambda log: log.log_id)
    ]
    return _set(connection, rows, _as_read)


def quarantine(
    connection: sa.Connection, reasons: Mapping[str, str], revisions: Mapping[str, int]
) -> list[str]:
    """Put logs aside, log_id to reason; return those that have no later revision."""
    rows = [
        {"log_id": log_id, "reason": storable(reason), "revision": revisions.get(log_id)}
        for log_id, reason in sorted(reasons.items())
    ]
    return _set(connection, rows, _quarantined)


def claim(
    connection: sa.Connection, content_hashes: Mapping[str, str], revisions: Mapping[str, int]
) -> dict[str, str]:
    """Note the hash of each log's bytes; return the logs whose content another log has."""
    if not content_hashes:
        return {}
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CONTENT_LOCK)))
    rows = [
        {"log_id": log_id, "content_hash": content_hash, "revision": revisions.get(log_id)}
        for log_id, content_hash in sorted(content_hashes.items())
    ]
    claimed = _set(connection, rows, lambda looked_at: {"content_hash": looked_at.c.content_hash})
    content_hashes = {log_id: content_hashes[log_id] for log_id in claimed}
    query = (
        sa.select(logs.c.content_hash, logs.c.log_id)
        .where(among(logs.c.content_hash, content_hashes.values()))
        .where(logs.c.state != State.QUARANTINED.value)
        # A log that was read already keeps its place, whatever was registered before it.
        .order_by((logs.c.state == State.READ.value).desc(), logs.c.registered_at, logs.c.log_id)
    )
    first: dict[str, str] = {}
    for content_hash, log_id in connection.execute(query):
        first.setdefault(content_hash, log_id)
    return {
        log_id: first[content_hash]
        for log_id, content_hash in sorted(content_hashes.items())
        if first.get(content_hash, log_id) != log_id
    }


_Values = Callable[[sa.TableValuedAlias], dict[str, Any]]


def _set(
    connection: sa.Connection, rows: Sequence[Mapping[str, Any]], values: _Values
) -> list[str]:
    """Set what `values` makes of `rows`, where the log still has the revision of its row."""
    if not rows:
        return []
    lock(connection, [row["log_id"] for row in rows])
    looked_at = given(rows, **{name: logs.c[name].type for name in rows[0]})
    statement = (
        sa.update(logs)
        .where(logs.c.log_id == looked_at.c.log_id)
        .where(sa.func.coalesce(looked_at.c.revision, logs.c.revision) == logs.c.revision)
        .values(**values(looked_at), updated_at=sa.func.clock_timestamp())
        .returning(logs.c.log_id)
    )
    return sorted(connection.scalars(statement))


def _quarantined(looked_at: sa.TableValuedAlias) -> dict[str, Any]:
    return {"state": State.QUARANTINED.value, "reason": looked_at.c.reason, "request_key": None}


def _as_read(looked_at: sa.TableValuedAlias) -> dict[str, Any]:
    kept = [name for name in _READ_COLUMNS if name not in ("log_id", "revision", "content_hash")]
    return {
        **{name: looked_at.c[name] for name in kept},
        # It may have been claimed before.
        "content_hash": sa.func.coalesce(looked_at.c.content_hash, logs.c.content_hash),
        "state": State.READ.value,
        "reason": None,
    }


def _storable(value: Any) -> Any:
    """Return `value` as Postgres can hold it: recorders write whatever they like."""
    match value:
        case str():
            return storable(value)
        case Mapping():
            return {storable(name): _storable(item) for name, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
    return value


_READ_COLUMNS = tuple(ReadLog.__dataclass_fields__)
