"""The log registry: which logs there are, what is known of them, and how far they have come.

registered ──request──> requested ──mark_read──> read
    ^                       │                      │
    └── other content           └──────────────────┴─> quarantined
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl
import sqlalchemy as sa

from metrics_platform.store.index import logs, rejected
from metrics_platform.store.parameters import among, given, storable
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.registration import (
    Found,
    Registration,
    State,
    lock,
    register,
    reject,
)
from metrics_platform.store.tables import Types, table

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


_Values = Callable[[sa.TableValuedAlias], dict[str, Any]]

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


@dataclass(frozen=True)
class LogRegistry:
    """The logs there are; every method is safe to repeat.

    Attributes:
        postgres: Where the index is.
    """

    postgres: Postgres

    def register(self, found: Sequence[Found]) -> Registration:
        """Take note of logs in the inbox, a page of a listing at a time.

        A log with another `source_tag` than before goes back to `registered`, with the next
        revision. Where two sources claim one log id, the second is rejected.
        """
        return self.postgres.transaction(lambda connection: register(connection, found))

    def reject(self, reasons: Mapping[str, str]) -> None:
        """Keep why sources of the inbox cannot become logs; source to reason."""
        if reasons:
            self.postgres.transaction(lambda connection: reject(connection, reasons))

    def rejected(self) -> pl.DataFrame:
        """Return the rejected sources: source, reason, seen_at."""
        query = sa.select(*rejected.c).order_by(rejected.c.source)
        return self.postgres.transaction(lambda connection: table(connection, query, REJECTED))

    def logs(
        self, state: State | None = None, *, log_ids: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Return what is known of logs, in the order of their registration.

        One row per log_id, columns as in `LOGS`; tags as JSON.
        """
        tags = sa.cast(logs.c.tags, sa.Text).label("tags")
        columns = [tags if column.name == "tags" else column for column in logs.c]
        query = sa.select(*columns).order_by(logs.c.registered_at, logs.c.log_id)
        if state is not None:
            query = query.where(logs.c.state == state.value)
        if log_ids is not None:
            query = query.where(among(logs.c.log_id, log_ids))
        return self.postgres.transaction(lambda connection: table(connection, query, LOGS))

    def request(self, log_ids: Sequence[str], request_key: str) -> list[str]:
        """Mark registered logs as requested by the run with `request_key`; return which."""
        return self._update(
            log_ids,
            [logs.c.state == State.REGISTERED.value],
            state=State.REQUESTED.value,
            request_key=request_key,
        )

    def requests(self) -> dict[str, list[str]]:
        """Return the logs of every request whose run isn't known to have succeeded, by its key.

        A log stays in it when it has been read: the run has more to do than to read it.
        """
        query = (
            sa.select(logs.c.request_key, logs.c.log_id)
            .where(logs.c.request_key.is_not(None), logs.c.state != State.QUARANTINED.value)
            .order_by(logs.c.registered_at, logs.c.log_id)
        )
        found: dict[str, list[str]] = {}
        for key, log_id in self.postgres.transaction(lambda c: c.execute(query).all()):
            found.setdefault(key, []).append(log_id)
        return found

    def settle(self, request_key: str) -> list[str]:
        """Forget a request whose run has succeeded; return its logs."""
        return self._update(None, [logs.c.request_key == request_key], request_key=None)

    def request_again(
        self, log_ids: Sequence[str], request_key: str, following_key: str
    ) -> list[str]:
        """Ask another run for logs of a request whose run has failed; return which."""
        return self._update(
            log_ids,
            [logs.c.request_key == request_key, logs.c.state != State.QUARANTINED.value],
            state=State.REQUESTED.value,
            request_key=following_key,
        )

    def give_up(self, request_key: str, reason: str) -> list[str]:
        """Ask no more runs for the logs of a request, and keep why; return them.

        Those that were read stay so, since results of theirs are there; the others are put aside.
        """
        condition = [logs.c.request_key == request_key]
        unread = [*condition, logs.c.state == State.REQUESTED.value]
        put_aside = self._update(
            None, unread, state=State.QUARANTINED.value, reason=reason, request_key=None
        )
        return put_aside + self._update(None, condition, reason=reason, request_key=None)

    def register_again(self, log_ids: Sequence[str]) -> list[str]:
        """Have logs read anew, out of quarantine too; return which there are.

        They count as a new revision, so that a run that is reading them now settles nothing.
        """
        return self._update(
            log_ids,
            (),
            state=State.REGISTERED.value,
            request_key=None,
            reason=None,
            revision=logs.c.revision + 1,
        )

    def quarantine(
        self, reasons: Mapping[str, str], *, revisions: Mapping[str, int] | None = None
    ) -> list[str]:
        """Put logs aside, log_id to reason; return which.

        Args:
            reasons: Shown to people.
            revisions: The content that was looked at: a later one is left alone.
        """
        rows = [
            {
                "log_id": log_id,
                "reason": storable(reason),
                "revision": (revisions or {}).get(log_id),
            }
            for log_id, reason in sorted(reasons.items())
        ]
        return self.postgres.transaction(lambda connection: _set(connection, rows, _quarantined))

    def claim_content(
        self, content_hashes: Mapping[str, str], *, revisions: Mapping[str, int] | None = None
    ) -> dict[str, str]:
        """Note the hash of each log's raw bytes; return the logs whose content another log has.

        The same drive counted twice would be silently wrong: the caller quarantines what is
        returned, log_id to the log that had the content first. Logs in quarantine don't count.

        Args:
            content_hashes: Log to hash.
            revisions: The content that was read: a log that has a later one claims nothing.
        """
        return self.postgres.transaction(
            lambda connection: _claim(connection, content_hashes, revisions or {})
        )

    def mark_read(self, read: Sequence[ReadLog]) -> list[str]:
        """Keep what reading brought to light, and mark the logs as read; return which."""
        rows = [
            {name: _storable(value) for name, value in asdict(log).items()}
            for log in sorted(read, key=lambda log: log.log_id)
        ]
        return self.postgres.transaction(lambda connection: _set(connection, rows, _as_read))

    def keep_as_read(self, log_ids: Sequence[str], reason: str) -> list[str]:
        """Leave logs with the results that they have, and keep why they weren't read anew."""
        return self._update(log_ids, (), state=State.READ.value, reason=reason)

    def _update(
        self,
        log_ids: Sequence[str] | None,
        conditions: Sequence[sa.ColumnElement[bool]],
        **values: str | sa.ColumnElement[int] | None,
    ) -> list[str]:
        # Locked in one order first, so that overlapping updates queue and never deadlock.
        chosen = sa.select(logs.c.log_id).where(*conditions).order_by(logs.c.log_id)
        if log_ids is not None:
            chosen = chosen.where(among(logs.c.log_id, log_ids))
        statement = (
            sa.update(logs)
            .where(logs.c.log_id.in_(chosen.with_for_update()))
            .values(updated_at=sa.func.clock_timestamp(), **values)
            .returning(logs.c.log_id)
        )
        return self.postgres.transaction(lambda c: sorted(c.scalars(statement)))


def _claim(
    connection: sa.Connection, content_hashes: Mapping[str, str], revisions: Mapping[str, int]
) -> dict[str, str]:
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
