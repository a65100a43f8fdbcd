"""Dagster's event log on Postgres, without a connection and an insert for every event.

The stock storage opens a connection for each statement and writes planned events one at a time:
about 30 ms for every (asset, log) of a ranged run, whatever the assets do. Pooled connections and
batched inserts take that to about one millisecond (`make bench BENCH=orchestration`).

This is the only module that touches Dagster's internals. Tested with dagster and
dagster-postgres 1.13.27 / 0.29.27.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import sqlalchemy
from dagster import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster._core.storage.sql import create_engine
from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.utils import (
    pg_url_from_config,
    retry_pg_connection_fn,
    set_pg_statement_timeout,
)
from sqlalchemy.engine import Connection

_BATCH_SIZE = "1000"
# One connection serves a run worker; the web server and the daemon read from several threads.
_POOL_SIZE = 2
_MAX_OVERFLOW = 8
# About a minute with the growing waits of dagster-postgres: a database that fails over is back.
_CONNECTION_RETRIES = 8
_BATCHED = (
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_OBSERVATION,
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
)


class PooledPostgresEventLogStorage(PostgresEventLogStorage):
    """`PostgresEventLogStorage` with pooled connections and batched inserts.

    Takes the same configuration and uses the same tables: one can go back to the stock class at
    any time by naming it in dagster.yaml.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        self._engine = create_engine(
            postgres_url,
            isolation_level="AUTOCOMMIT",
            pool_size=_POOL_SIZE,
            max_overflow=_MAX_OVERFLOW,
            pool_pre_ping=True,
            pool_recycle=1800,
        )
        # Off by default, and read by whichever process writes events: each of them builds one
        # of us first, so this reaches daemon, web server and run workers alike.
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", _BATCH_SIZE)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "PooledPostgresEventLogStorage":
        """Build it from its block in dagster.yaml."""
        return cls(
            pg_url_from_config(config_value),
            config_value.get("should_autocreate_tables", True),
            inst_data,
        )

    def optimize_for_webserver(
        self, statement_timeout: int, pool_recycle: int, max_overflow: int
    ) -> None:
        """Bound the time of a statement; the pool is there already, and survives a restart."""
        sqlalchemy.event.listen(
            self._engine,
            "connect",
            lambda connection, _: set_pg_statement_timeout(connection, statement_timeout),
        )
        self._engine.dispose()

    def dispose(self) -> None:
        """Close the watcher, and the pooled connections, which the stock storage has none of."""
        super().dispose()
        self._engine.dispose()

    def _connect(self) -> AbstractContextManager[Connection]:
        return _patient_connection(self._engine)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Write `events` with one insert for all that tell of assets."""
        by_type: dict[DagsterEventType | None, list[EventLogEntry]] = defaultdict(list)
        for event in events:
            by_type[event.dagster_event_type].append(event)
        for event_type, group in by_type.items():
            if event_type in _BATCHED:
                self._store_asset_events(group)
            elif event_type is not DagsterEventType.ASSET_FAILED_TO_MATERIALIZE:
                # Planned checks: a few for each run. Failures to materialize aren't kept, as in
                # the stock storage.
                for event in group:
                    self.store_event(event)

    def _store_asset_events(self, events: Sequence[EventLogEntry]) -> None:
        rows = [self._event_to_row(event) for event in events]
        insert = SqlEventLogStorageTable.insert().returning(
            SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
        )
        # One transaction: a crash leaves either all of the batch or nothing of it, and the
        # caller's fallback of single writes then doubles nothing.
        with self.index_transaction() as connection:
            ids = [row.id for row in connection.execute(insert, rows)]
            self._store_asset_event_tags(connection, events, ids)
            newest = {
                event.get_dagster_event().asset_key: (event, event_id)
                for event, event_id in zip(events, ids, strict=True)
            }
            # In a fixed order, so that two runs over the same assets cannot block one another.
            for _, (event, event_id) in sorted(newest.items(), key=lambda item: str(item[0])):
                self._store_asset_event(connection, event, event_id)


@contextmanager
def _patient_connection(engine: sqlalchemy.Engine) -> Iterator[Connection]:
    connection = retry_pg_connection_fn(engine.connect, retry_limit=_CONNECTION_RETRIES)
    try:
        yield connection
    finally:
        connection.close()
