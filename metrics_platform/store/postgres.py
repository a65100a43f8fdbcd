"""Connections to the index: which Postgres, and what to do while it does not answer."""

import os
import random
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from sqlalchemy import exc

from metrics_platform.core.errors import ConfigurationError, StoreUnavailableError
from metrics_platform.core.settings import Settings
from metrics_platform.store.embedded import embedded_url

T = TypeVar("T")

_CONNECT_TIMEOUT_S = 5
_LONGEST_PAUSE_S = 2.0
# Classes and codes of https://www.postgresql.org/docs/current/errcodes-appendix.html after which
# the same transaction may well succeed: connection lost, refused, server starting or stopping,
# serialization, deadlock, and unique violation (two writers inserted the same key at once).
_TRANSIENT_CLASSES = ("08", "57P", "53")
_TRANSIENT_CODES = frozenset({"40001", "40P01", "23505"})


def index_url(settings: Settings) -> sa.URL:
    """Return the URL of the index, for psycopg 3; the embedded server is started if need be.

    Raises:
        ConfigurationError: `settings.postgres` is no URL of a Postgres.
        StoreUnavailableError: The embedded server cannot be started.
    """
    if settings.postgres is None:
        url = embedded_url(settings.home)
    else:
        try:
            url = sa.make_url(settings.postgres)
        except exc.ArgumentError as error:
            raise ConfigurationError(
                "METRICS_PLATFORM_POSTGRES must be postgresql://user:password@host/database"
            ) from error
        if url.drivername.partition("+")[0] not in ("postgresql", "postgres"):
            raise ConfigurationError(
                f"METRICS_PLATFORM_POSTGRES must be postgresql://…, got {url.drivername}://…"
            )
    return url.set(drivername="postgresql+psycopg")


def dagster_url(settings: Settings) -> str:
    """Return the URL, password included, for Dagster's own storage in the same database.

    It names psycopg2: since SQLAlchemy 2.1 a bare `postgresql://` means psycopg 3, which
    dagster-postgres cannot work with.
    """
    url = index_url(settings).set(drivername="postgresql+psycopg2")
    return url.render_as_string(hide_password=False)


@dataclass(frozen=True)
class Postgres:
    """The database of the index.

    Attributes:
        engine: Pooled.
        settings: What it was made from.
        patience_s: For how long a statement is repeated while the server doesn't answer.
    """

    engine: sa.Engine
    settings: Settings
    patience_s: float = 60.0

    @classmethod
    def connect(cls, settings: Settings, patience_s: float = 60.0) -> "Postgres":
        """Return the database that `settings` name; nothing is sent to it yet."""
        engine = sa.create_engine(
            index_url(settings),
            pool_size=5,
            max_overflow=20,
            # No ping before use: what is lost with a connection is repeated anyway.
            connect_args={
                "connect_timeout": _CONNECT_TIMEOUT_S,
                "application_name": "metrics-platform",
                "options": "-c timezone=UTC",
            },
        )
        _look_after_pool(engine)
        return cls(engine, settings, patience_s)

    def close(self) -> None:
        """Close the pooled connections; the next statement would open new ones."""
        self.engine.dispose()

    def transaction(
        self,
        work: Callable[[sa.Connection], T],
        patience_s: float | None = None,
        *,
        snapshot: bool = False,
    ) -> T:
        """Return what `work` returns, committed; `work` is called again if it has to be repeated.

        The answer to a commit can be lost with the connection, so `work` may also be called again
        after it has succeeded: it has to look at what is there before it writes.

        Args:
            work: What to do.
            patience_s: For how long to repeat it; as the database has it if None.
            snapshot: All queries see the same moment; else each sees what is committed by then.

        Raises:
            StoreUnavailableError: Postgres has not answered for `patience_s`.
        """
        engine = self._snapshots if snapshot else self.engine
        return self._repeated(lambda: _in_transaction(engine, work), patience_s)

    def query(self, work: Callable[[sa.Connection], T]) -> T:
        """Return what `work` returns, where each of its statements stands for itself.

        That saves the round trips of a transaction. As there, `work` may be called again.

        Raises:
            StoreUnavailableError: Postgres has not answered for a while.
        """
        return self._repeated(lambda: _in_transaction(self._statements, work), None)

    def statement(self, text: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows of one statement that stands for itself, in the words of the driver.

        For what is done for every commit: SQLAlchemy takes longer to hand a statement on than
        Postgres takes to carry it out. It may be carried out again, as `work` in `query`.

        Raises:
            psycopg.Error: As the driver tells it, but where trying again may help.
            StoreUnavailableError: Postgres has not answered for a while.
        """
        return self._repeated(lambda: self._carried_out(text, values), None)

    def _carried_out(self, text: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        pooled = self.engine.raw_connection()
        try:
            driver: psycopg.Connection[tuple[Any, ...]] = pooled.driver_connection  # type: ignore[assignment]
            driver.autocommit = True
            try:
                done = driver.execute(text.encode(), values)
                return done.fetchall() if done.description else []
            finally:
                if driver.closed:
                    pooled.invalidate()
                else:
                    driver.autocommit = False
        finally:
            pooled.close()

    @cached_property
    def _snapshots(self) -> sa.Engine:
        return self.engine.execution_options(isolation_level="REPEATABLE READ")

    @cached_property
    def _statements(self) -> sa.Engine:
        return self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def _repeated(self, attempt: Callable[[], T], patience_s: float | None) -> T:
        started = time.monotonic()
        patience_s = self.patience_s if patience_s is None else patience_s
        attempts = 0
        while True:
            try:
                return attempt()
            except (exc.DBAPIError, psycopg.Error) as error:
                if not _is_transient(error):
                    raise
                if time.monotonic() - started > patience_s:
                    told = error.orig if isinstance(error, exc.DBAPIError) else error
                    raise StoreUnavailableError(
                        f"Postgres at {self.engine.url!r} has not answered for {patience_s:g} s: "
                        f"{told}"
                    ) from error
            attempts += 1
            time.sleep(min(_LONGEST_PAUSE_S, 0.005 * 2**attempts) * random.uniform(0.5, 1.0))
            self._revive(attempts)

    def _revive(self, attempt: int) -> None:
        """Start the embedded server again if it is gone; any other one is not ours to start."""
        if self.settings.postgres is None and attempt >= _ATTEMPTS_BEFORE_REVIVAL:
            # It may still be stopping, or recovering from a crash: the next attempt will tell.
            with suppress(StoreUnavailableError):
                embedded_url(self.settings.home)


_ATTEMPTS_BEFORE_REVIVAL = 3


def _in_transaction(engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
    with engine.begin() as connection:
        return work(connection)


def _is_transient(error: exc.DBAPIError | psycopg.Error) -> bool:
    told = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(error, psycopg.IntegrityError):
        # Whoever speaks to the driver looks at it: the same statement would fail again.
        return False
    code = getattr(told, "sqlstate", None)
    if code is None:
        # Raised by the driver, before or after there was a server to give a code.
        lost = isinstance(error, exc.DBAPIError) and error.connection_invalidated
        return lost or isinstance(told, psycopg.OperationalError)
    return code in _TRANSIENT_CODES or str(code).startswith(_TRANSIENT_CLASSES)


def _look_after_pool(engine: sa.Engine) -> None:
    """Close the pool with its engine, and give a forked child connections of its own."""
    pools = [engine.pool]
    reference = weakref.ref(engine)

    def leave_to_parent() -> None:
        if (forked := reference()) is not None:
            forked.dispose(close=False)
            pools[:] = [forked.pool]

    os.register_at_fork(after_in_child=leave_to_parent)
    weakref.finalize(engine, lambda: pools[0].dispose())
