"""The log registry: which logs there are, what is known of them, and how far they have come.

registered ──request──> requested ──mark_read──> read ──archive──> read, no longer a partition
    ^    <──settle, unread──┤                      │                           │
    │                       └──────────────────────┴─> quarantined             │
    └── other content ─────────────────────────────────────────────────────────┘
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from metrics_platform.store import registered
from metrics_platform.store.index import logs, rejected
from metrics_platform.store.parameters import among
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.registered import LOGS, REJECTED, ReadLog
from metrics_platform.store.registration import (
    Found,
    Registration,
    State,
    register,
    reject,
)
from metrics_platform.store.tables import table


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
        self,
        state: State | None = None,
        *,
        log_ids: Sequence[str] | None = None,
        tag: str | None = None,
    ) -> pl.DataFrame:
        """Return what is known of logs, in the order of their registration.

        One row per log_id, columns as in `LOGS`; tags as JSON.

        Args:
            state: Only logs of which this is the state; None for all.
            log_ids: Only these; None for all.
            tag: Only logs that have this tag, whatever its value is; None for all.
        """
        tags = sa.cast(logs.c.tags, sa.Text).label("tags")
        columns = [tags if column.name == "tags" else column for column in logs.c]
        query = sa.select(*columns).order_by(logs.c.registered_at, logs.c.log_id)
        if state is not None:
            query = query.where(logs.c.state == state.value)
        if log_ids is not None:
            query = query.where(among(logs.c.log_id, log_ids))
        if tag is not None:
            query = query.where(logs.c.tags.has_key(tag))
        return self.postgres.transaction(lambda connection: table(connection, query, LOGS))

    def waiting(self) -> dict[str, int]:
        """Return the size in bytes of the logs that nobody was asked to read, oldest first."""
        query = (
            sa.select(logs.c.log_id, logs.c.size_bytes)
            .where(logs.c.state == State.REGISTERED.value)
            .order_by(logs.c.registered_at, logs.c.log_id)
        )
        return dict(self.postgres.query(lambda c: [tuple(row) for row in c.execute(query)]))

    def sizes(self, log_ids: Sequence[str]) -> dict[str, int]:
        """Return the size of logs in bytes, of those that there are."""
        query = sa.select(logs.c.log_id, logs.c.size_bytes).where(among(logs.c.log_id, log_ids))
        return dict(self.postgres.query(lambda c: [tuple(row) for row in c.execute(query)]))

    def count(self, state: State) -> int:
        """Return how many logs are in `state`."""
        query = sa.select(sa.func.count()).where(logs.c.state == state.value)
        return self.postgres.query(lambda c: c.execute(query).scalar_one())

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
        """Forget a request whose run has succeeded; return its logs.

        Those that it has not read, since they were no partitions any more when it began, wait for
        another run.
        """
        unread = logs.c.state == State.REQUESTED.value
        return self._update(
            None,
            [logs.c.request_key == request_key],
            state=sa.case((unread, State.REGISTERED.value), else_=logs.c.state),
            request_key=None,
        )

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
            archived_at=None,
        )

    def quarantine(
        self, reasons: Mapping[str, str], *, revisions: Mapping[str, int] | None = None
    ) -> list[str]:
        """Put logs aside, log_id to reason; return which.

        Args:
            reasons: Shown to people.
            revisions: The content that was looked at: a later one is left alone.
        """
        return self.postgres.transaction(
            lambda connection: registered.quarantine(connection, reasons, revisions or {})
        )

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
            lambda connection: registered.claim(connection, content_hashes, revisions or {})
        )

    def mark_read(self, read: Sequence[ReadLog]) -> list[str]:
        """Keep what reading brought to light, and mark the logs as read; return which."""
        return self.postgres.transaction(lambda connection: registered.mark_read(connection, read))

    def keep_as_read(self, log_ids: Sequence[str], reason: str) -> list[str]:
        """Leave logs with the results that they have, and keep why they weren't read anew."""
        return self._update(log_ids, (), state=State.READ.value, reason=reason)

    def archivable(
        self, *, before: datetime | None = None, log_ids: Sequence[str] | None = None
    ) -> list[str]:
        """Return the logs that were read, aren't asked for and aren't archived, oldest first.

        Args:
            before: Only logs of which nothing new was learnt since then; with time zone.
            log_ids: Only these.
        """
        query = sa.select(logs.c.log_id).where(*_ARCHIVABLE)
        if before is not None:
            query = query.where(logs.c.updated_at < before)
        if log_ids is not None:
            query = query.where(among(logs.c.log_id, log_ids))
        query = query.order_by(logs.c.registered_at, logs.c.log_id)
        return self.postgres.query(lambda c: list(c.scalars(query)))

    def archive(self, log_ids: Sequence[str]) -> list[str]:
        """Note that logs are no longer to be partitions; return those that may be archived.

        Other content brings a log back, and so does `register_again`.
        """
        return self._update(log_ids, _ARCHIVABLE, archived_at=sa.func.clock_timestamp())

    def archived(self, log_ids: Sequence[str] | None = None) -> list[str]:
        """Return the archived logs, those among `log_ids` if given, in no order."""
        query = sa.select(logs.c.log_id).where(logs.c.archived_at.is_not(None))
        if log_ids is not None:
            query = query.where(among(logs.c.log_id, log_ids))
        return self.postgres.query(lambda c: list(c.scalars(query)))

    def _update(
        self,
        log_ids: Sequence[str] | None,
        conditions: Sequence[sa.ColumnElement[bool]],
        **values: str | sa.ColumnElement[Any] | None,
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


_ARCHIVABLE = (
    logs.c.state == State.READ.value,
    logs.c.request_key.is_(None),
    logs.c.archived_at.is_(None),
)
