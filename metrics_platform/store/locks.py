"""One compaction or retention of a version at a time, one export, one promotion of a name."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from metrics_platform.store.postgres import Postgres

_LOCK = 731_548_600  # any number that nobody else takes for advisory locks of two numbers
_PROMOTING = 731_548_601  # the same
EXPORTING = 7_315_486_004  # the same, of one number


@contextmanager
def alone(postgres: Postgres, version_id: int) -> Iterator[bool]:
    """Yield whether nobody else holds this version, and hold it until the end if so.

    It saves work that would come to nothing. Nothing depends on it: should the connection break,
    whoever comes second finds that results have moved meanwhile, and leaves them.
    """
    with _held(postgres, sa.func.pg_try_advisory_xact_lock(_LOCK, version_id)) as granted:
        yield granted


@contextmanager
def in_turn(postgres: Postgres, number: int) -> Iterator[None]:
    """Wait until nobody else holds `number`, and hold it until the end.

    Nothing may depend on it alone: should the connection break, somebody else gets it.
    """
    with _held(postgres, sa.func.pg_advisory_xact_lock(number)):
        yield


def wait_for_turn(connection: sa.Connection, domain: str, name: str) -> None:
    """Have whoever else moves the pointer of this name wait until the end of the transaction."""
    of_name = sa.func.hashtext(sa.literal(f"{domain}/{name}", sa.Text))
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PROMOTING, of_name)))


@contextmanager
def _held(postgres: Postgres, lock: sa.ColumnElement[Any]) -> Iterator[Any]:
    """Yield what taking `lock` returns."""

    def held() -> tuple[sa.Connection, Any]:
        connection = postgres.engine.connect()
        try:
            # Of a transaction and not of a session: what pools connections never lets go of those.
            return connection, connection.execute(sa.select(lock)).scalar_one()
        except BaseException:
            connection.close()
            raise

    connection, answer = postgres.query(lambda _: held())
    try:
        yield answer
    finally:
        with suppress(exc.DBAPIError):
            connection.close()
