"""One compaction or retention of a version at a time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa
from sqlalchemy import exc

from metrics_platform.store.postgres import Postgres

_LOCK = 731_548_600  # any number that nobody else takes for advisory locks of two numbers


@contextmanager
def alone(postgres: Postgres, version_id: int) -> Iterator[bool]:
    """Yield whether nobody else holds this version, and hold it until the end if so.

    It saves work that would come to nothing. Nothing depends on it: should the connection break,
    whoever comes second finds that results have moved meanwhile, and leaves them.
    """

    def held() -> tuple[sa.Connection, bool]:
        connection = postgres.engine.connect()
        try:
            # Of a transaction and not of a session: what pools connections never lets go of those.
            lock = sa.func.pg_try_advisory_xact_lock(_LOCK, version_id)
            return connection, connection.execute(sa.select(lock)).scalar_one()
        except BaseException:
            connection.close()
            raise

    connection, granted = postgres.query(lambda _: held())
    try:
        yield granted
    finally:
        with suppress(exc.DBAPIError):
            connection.close()
