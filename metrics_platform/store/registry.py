"""The log registry: which logs there are, what is known of them, and how far they have come.

registered ──request──> requested ──mark_read──> read
    ^                       │                      │
    └── other content           └──────────────────┴─> quarantined
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from metrics_platform.store.index import logs, rejected
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.reads import among, columns_of
from metrics_platform.store.tables import table

_CONTENT_LOCK = 7_315_486_002  # any number that nobody else takes for an advisory lock


class State(StrEnum):
    """How far a log has come."""

    REGISTERED = "registered"
    """It is in the inbox, and nobody has been asked to read it."""
    REQUESTED = "requested"
    """A run was asked to read it."""
    READ = "read"
    QUARANTINED = "quarantined"
    """It cannot be read, or must not be; the reason is kept."""


@dataclass(frozen=True, slots=True)
class Found:
    """A log as a listing of the inbox shows it.

    Attributes:
        log_id: Checked by `core.log_ids`.
        source: File or folder, relative to the inbox.
        size_bytes: Of all its files.
        source_tag: Another one means that the content is another one.
    """

    log_id: str
    source: str
    size_bytes: int
    source_tag: str


@dataclass(frozen=True, slots=True)
class Registration:
    """What `register` found out; log ids, but for `conflicting`.

    Attributes:
        new: Seen for the first time.
        changed: Known with other content: they are to be read again.
        unchanged: Known as they are.
        conflicting: Sources that claim the id of a log that another source has; now rejected.
    """

    new: Sequence[str]
    changed: Sequence[str]
    unchanged: Sequence[str]
    conflicting: Sequence[str]


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
LOGS = pl.Schema(
    {
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
    }
)
REJECTED = pl.Schema({"source": pl.String, "reason": pl.String, "seen_at": _TIME})


@dataclass(frozen=True)
class LogRegistry:
    """The logs there are; every method is one transaction and safe to repeat.

    Attributes:
        postgres: Where the index is.
    """

    postgres: Postgres

    def register(self, found: Sequence[Found]) -> Registration:
        """Take note of logs in the inbox, a page of a listing at a time.

        A log with another `source_tag` than before goes back to `registered`, with the next
        revision. Where two sources claim one log id, the second is rejected.
        """
        return self.postgres.transaction(lambda connection: _register(connection, found))

    def reject(self, reasons: Mapping[str, str]) -> None:
        """Keep why sources of the inbox cannot become logs; source to reason."""
        if reasons:
            self.postgres.transaction(lambda connection: _reject(connection, reasons))

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

    def request_again(self, request_key: str, following_key: str) -> list[str]:
        """Ask another run for the logs of a request whose run has failed; return them."""
        return self._update(
            None,
            [logs.c.request_key == request_key, logs.c.state != State.QUARANTINED.value],
            state=State.REQUESTED.value,
            request_key=following_key,
        )

    def register_again(self, log_ids: Sequence[str]) -> list[str]:
        """Have logs read anew, out of quarantine too; return which there are."""
        return self._update(
            log_ids, (), state=State.REGISTERED.value, request_key=None, reason=None
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
            {"log_id": log_id, "reason": reasons[log_id], "revision": (revisions or {}).get(log_id)}
            for log_id in sorted(reasons)
        ]
        return self.postgres.transaction(lambda connection: _set(connection, rows, _quarantined))

    def claim_content(self, content_hashes: Mapping[str, str]) -> dict[str, str]:
        """Note the hash of each log's raw bytes; return the logs whose content another log has.

        The same drive counted twice would be silently wrong: the caller quarantines what is
        returned, log_id to the log that had the content first. Logs in quarantine don't count.
        """
        return self.postgres.transaction(lambda connection: _claim(connection, content_hashes))

    def mark_read(self, read: Sequence[ReadLog]) -> list[str]:
        """Keep what reading brought to light, and mark the logs as read; return which."""
        rows = [asdict(log) for log in sorted(read, key=lambda log: log.log_id)]
        return self.postgres.transaction(lambda connection: _set(connection, rows, _as_read))

    def _update(
        self,
        log_ids: Sequence[str] | None,
        conditions: Sequence[sa.ColumnElement[bool]],
        **values: str | None,
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


def _register(connection: sa.Connection, found: Sequence[Found]) -> Registration:
    found = sorted(found, key=lambda log: (log.log_id, log.source))
    known = _known(connection, [log.log_id for log in found])
    # Of two sources with one id in the same listing, the first by name has it.
    missing = {log.log_id: log for log in reversed(found) if log.log_id not in known}
    new = _insert(connection, [missing[log_id] for log_id in sorted(missing)])
    known |= _known(connection, list(missing))
    mine = [log for log in found if known[log.log_id][0] == log.source]
    conflicts = {
        log.source: f"log id {log.log_id!r} is taken by {known[log.log_id][0]}"
        for log in found
        if known[log.log_id][0] != log.source
    }
    changed = _renew(connection, [log for log in mine if known[log.log_id][1] != log.source_tag])
    _reject(connection, conflicts)
    return Registration(
        new=new,
        changed=changed,
        unchanged=[log.log_id for log in mine if log.log_id not in {*new, *changed}],
        conflicting=sorted(conflicts),
    )


def _known(connection: sa.Connection, log_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    if not log_ids:
        return {}
    query = sa.select(logs.c.log_id, logs.c.source, logs.c.source_tag)
    rows = connection.execute(query.where(among(logs.c.log_id, log_ids)))
    return {log_id: (source, source_tag) for log_id, source, source_tag in rows}


def _found_values(found: Sequence[Found]) -> sa.TableValuedAlias:
    return columns_of(
        log_id=(sa.Text(), [log.log_id for log in found]),
        source=(sa.Text(), [log.source for log in found]),
        size_bytes=(sa.BigInteger(), [log.size_bytes for log in found]),
        source_tag=(sa.Text(), [log.source_tag for log in found]),
    )


def _insert(connection: sa.Connection, found: Sequence[Found]) -> list[str]:
    if not found:
        return []
    values = _found_values(found)
    now = sa.func.clock_timestamp()
    columns = [*values.c.keys(), "state", "revision", "registered_at", "updated_at"]
    statement = (
        insert(logs)
        .from_select(
            columns,
            sa.select(*values.c, sa.literal(State.REGISTERED.value), sa.literal(1), now, now),
        )
        .on_conflict_do_nothing()
        .returning(logs.c.log_id)
    )
    return sorted(connection.scalars(statement))


def _renew(connection: sa.Connection, found: Sequence[Found]) -> list[str]:
    """Start over with logs whose content is another one."""
    if not found:
        return []
    values = _found_values(found)
    _lock(connection, [log.log_id for log in found])
    statement = (
        sa.update(logs)
        .where(logs.c.log_id == values.c.log_id, logs.c.source == values.c.source)
        .where(logs.c.source_tag != values.c.source_tag)
        .values(
            size_bytes=values.c.size_bytes,
            source_tag=values.c.source_tag,
            state=State.REGISTERED.value,
            reason=None,
            request_key=None,
            content_hash=None,
            revision=logs.c.revision + 1,
            updated_at=sa.func.clock_timestamp(),
        )
        .returning(logs.c.log_id)
    )
    return sorted(connection.scalars(statement))


def _lock(connection: sa.Connection, log_ids: Sequence[str]) -> None:
    """Lock rows in one order, so that overlapping writers queue and never deadlock."""
    query = sa.select(logs.c.log_id).where(among(logs.c.log_id, log_ids))
    connection.execute(query.order_by(logs.c.log_id).with_for_update()).all()


def _reject(connection: sa.Connection, reasons: Mapping[str, str]) -> None:
    if not reasons:
        return
    sources = sorted(reasons)
    values = columns_of(
        source=(sa.Text(), sources), reason=(sa.Text(), [reasons[source] for source in sources])
    )
    added = insert(rejected).from_select(
        ["source", "reason", "seen_at"], sa.select(*values.c, sa.func.clock_timestamp())
    )
    connection.execute(
        added.on_conflict_do_update(
            index_elements=[rejected.c.source],
            set_={"reason": added.excluded.reason, "seen_at": added.excluded.seen_at},
            # A sensor sees it at every tick: only what is new is written.
            where=rejected.c.reason != added.excluded.reason,
        )
    )


def _claim(connection: sa.Connection, content_hashes: Mapping[str, str]) -> dict[str, str]:
    if not content_hashes:
        return {}
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CONTENT_LOCK)))
    log_ids = sorted(content_hashes)
    _lock(connection, log_ids)
    values = columns_of(
        log_id=(sa.Text(), log_ids),
        content_hash=(sa.Text(), [content_hashes[log_id] for log_id in log_ids]),
    )
    connection.execute(
        sa.update(logs)
        .where(logs.c.log_id == values.c.log_id)
        .values(content_hash=values.c.content_hash)
    )
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
    _lock(connection, [row["log_id"] for row in rows])
    given = (
        sa.func.jsonb_to_recordset(sa.literal(list(rows), JSONB))
        .table_valued(*(sa.column(name, logs.c[name].type) for name in rows[0]))
        .render_derived(with_types=True)
    )
    statement = (
        sa.update(logs)
        .where(logs.c.log_id == given.c.log_id)
        .where(sa.func.coalesce(given.c.revision, logs.c.revision) == logs.c.revision)
        .values(**values(given), updated_at=sa.func.clock_timestamp())
        .returning(logs.c.log_id)
    )
    return sorted(connection.scalars(statement))


def _quarantined(given: sa.TableValuedAlias) -> dict[str, Any]:
    return {"state": State.QUARANTINED.value, "reason": given.c.reason}


def _as_read(given: sa.TableValuedAlias) -> dict[str, Any]:
    kept = [name for name in _READ_COLUMNS if name not in ("log_id", "revision", "content_hash")]
    return {
        **{name: given.c[name] for name in kept},
        # It may have been claimed before.
        "content_hash": sa.func.coalesce(given.c.content_hash, logs.c.content_hash),
        "state": State.READ.value,
        "reason": None,
    }


_READ_COLUMNS = tuple(ReadLog.__dataclass_fields__)
