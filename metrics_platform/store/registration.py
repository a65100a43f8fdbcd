"""Taking note of logs in the inbox: new ones, changed ones, and such as cannot be."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from metrics_platform.store.index import logs, rejected
from metrics_platform.store.parameters import among, given, storable


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


def register(connection: sa.Connection, found: Sequence[Found]) -> Registration:
    """Insert what is new, renew what has changed; safe to repeat, and beside others doing it."""
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
    reject(connection, conflicts)
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


def _given(found: Sequence[Found]) -> sa.TableValuedAlias:
    return given(
        [asdict(log) for log in found],
        log_id=sa.Text(),
        source=sa.Text(),
        size_bytes=sa.BigInteger(),
        source_tag=sa.Text(),
    )


def _insert(connection: sa.Connection, found: Sequence[Found]) -> list[str]:
    if not found:
        return []
    values = _given(found)
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
    values = _given(found)
    log_ids = [log.log_id for log in found]
    lock(connection, log_ids)
    _release_doubles(connection, log_ids)
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
            archived_at=None,
            revision=logs.c.revision + 1,
            updated_at=sa.func.clock_timestamp(),
        )
        .returning(logs.c.log_id)
    )
    return sorted(connection.scalars(statement))


def _release_doubles(connection: sa.Connection, log_ids: Sequence[str]) -> None:
    """Have those logs read again that were put aside because one of `log_ids` had their content.

    It is about to have another: left in quarantine, their drive would count nowhere.
    """
    first = sa.select(logs.c.content_hash).where(
        among(logs.c.log_id, log_ids), logs.c.state != State.QUARANTINED.value
    )
    doubles = sa.and_(
        logs.c.state == State.QUARANTINED.value,
        logs.c.content_hash.in_(first),
        ~among(logs.c.log_id, log_ids),
    )
    connection.execute(
        sa.update(logs)
        .where(doubles)
        .values(
            state=State.REGISTERED.value,
            reason=None,
            content_hash=None,
            updated_at=sa.func.clock_timestamp(),
        )
    )


def lock(connection: sa.Connection, log_ids: Sequence[str]) -> None:
    """Lock rows in one order, so that overlapping writers queue and never deadlock."""
    query = sa.select(logs.c.log_id).where(among(logs.c.log_id, log_ids))
    connection.execute(query.order_by(logs.c.log_id).with_for_update()).all()


def reject(connection: sa.Connection, reasons: Mapping[str, str]) -> None:
    """Keep why sources cannot become logs."""
    if not reasons:
        return
    rows = [{"source": source, "reason": storable(reasons[source])} for source in sorted(reasons)]
    values = given(rows, source=sa.Text(), reason=sa.Text())
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
