"""Dagster's event log on Postgres, without a connection, a statement and a text for every event.

The stock storage opens a connection for each statement, writes planned events one at a time, and
reads all partitions four times for each asset of a run: about 30 ms for every (asset, log) of a
ranged run, whatever the assets do. Here it is a few tenths of a millisecond, half of it Dagster's
own (`make bench BENCH=orchestration`).

This is the only module that imports Dagster's internals. Tested with dagster and dagster-postgres
1.13.27 / 0.29.27.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import sqlalchemy
from dagster import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.sql import create_engine
from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.utils import (
    pg_url_from_config,
    retry_pg_connection_fn,
    set_pg_statement_timeout,
)
from sqlalchemy.engine import Connection

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.orchestration.event_rows import (
    Alike,
    copy_rows,
    one_per_partition,
    partition_of,
)

_BATCH_SIZE = "1000"
# Of a planned event over many partitions, the rows that are held at once.
_MOST_ROWS = 10_000
# One connection serves a run worker; the web server and the daemon read from several threads.
_POOL_SIZE = 2
_MAX_OVERFLOW = 8
# About a minute with the growing waits of dagster-postgres: a database that fails over is back.
_CONNECTION_RETRIES = 8
_OF_ASSETS = (
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_OBSERVATION,
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
)
# Of a row, what events have in common that differ in partition and time alone.
_SHARED = ("run_id", "dagster_event_type", "step_key", "asset_key")
_COLUMNS = (*_SHARED, "id", "event", "timestamp", "partition")
_TAG_COLUMNS = ("asset_key", "event_id", "key", "value", "event_timestamp")
_NEW_IDS = sqlalchemy.text(
    "SELECT array_agg(nextval(pg_get_serial_sequence('event_logs', 'id')))"
    " FROM generate_series(1, :count)"
)
# An id is given once, so hardly ever do other partitions have the same figures.
_STATE = "count(*), sum(id), max(id)"
_STATE_OF_PARTITIONS = sqlalchemy.text(f"SELECT {_STATE} FROM dynamic_partitions")
_PARTITIONS = sqlalchemy.text(
    "SELECT array_agg(partition ORDER BY id) FILTER (WHERE partitions_def_name = :name),"
    f" {_STATE} FROM dynamic_partitions"
)


class PooledPostgresEventLogStorage(PostgresEventLogStorage):
    """`PostgresEventLogStorage` with pooled connections, and events written in bulk.

    Takes the same configuration and leaves the same rows in the same tables: one can go back to
    the stock class at any time by naming it in dagster.yaml.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        self._local = threading.local()
        self._tables: set[str] = set()
        self._partitions: dict[str, tuple[tuple[int, ...], Sequence[str]]] = {}
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
        """Build it from its block in dagster.yaml.

        Raises:
            ConfigurationError: It has an `auth_provider`: our pool does not ask it for passwords.
        """
        if config_value.get("auth_provider"):
            raise ConfigurationError(
                "event_log_storage: PooledPostgresEventLogStorage takes no auth_provider; give the "
                "password in postgres_url, or take dagster_postgres.PostgresEventLogStorage"
            )
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

    def has_table(self, table_name: str) -> bool:
        """Tell whether there is a table; one that has been seen is not looked for again."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """Ask for one planned event per asset: we make those of its partitions ourselves."""
        return True

    def store_event(self, event: EventLogEntry) -> None:
        """Write one event; if it is of an asset, what follows from it in the same transaction."""
        if event.dagster_event_type in _OF_ASSETS:
            self.store_event_batch([event])
        else:
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Write `events`, all of them or none: the caller then tries them one at a time."""
        of_assets = [e for e in events if e.dagster_event_type in _OF_ASSETS]
        with self._one_transaction() as connection:
            newest = self._insert(connection, of_assets)
            # In a fixed order, so that two runs over the same assets cannot block one another.
            for _, (event, event_id) in sorted(newest.items(), key=lambda item: item[0]):
                self._store_asset_event(connection, event, event_id)
            for event in events:
                # Planned checks: a few for each run. Failures to materialize aren't kept, as in
                # the stock storage.
                if event.dagster_event_type not in (
                    *_OF_ASSETS,
                    DagsterEventType.ASSET_FAILED_TO_MATERIALIZE,
                ):
                    self.store_event(event)

    def get_dynamic_partitions(self, partitions_def_name: str) -> Sequence[str]:
        """Return all keys in the order they were added.

        A run asks four times for each asset. They are read again when there are others.
        """
        with self.index_connection() as connection:
            state = tuple(connection.execute(_STATE_OF_PARTITIONS).one())
            known = self._partitions.get(partitions_def_name)
            if known is None or known[0] != state:
                keys, *figures = connection.execute(
                    _PARTITIONS, {"name": partitions_def_name}
                ).one()
                known = self._partitions[partitions_def_name] = (tuple(figures), keys or [])
        return list(known[1])

    def _insert(
        self, connection: Connection, events: Iterable[EventLogEntry]
    ) -> Mapping[str, tuple[EventLogEntry, int]]:
        """Write events of assets and their tags; return the last one of each asset, and its id."""
        newest: dict[str, tuple[EventLogEntry, int]] = {}
        alike: Alike | None = None
        each = one_per_partition(events)
        while part := list(islice(each, _MOST_ROWS)):
            rows: list[Sequence[object]] = []
            tags: list[Sequence[object]] = []
            ids = connection.execute(_NEW_IDS, {"count": len(part)}).scalar_one()
            for event_id, event in zip(ids, part, strict=True):
                if alike is None or not alike.fits(event):
                    alike = Alike.to(event, self._event_to_row)
                    told = [alike.row[name] for name in _SHARED]
                    asset_key = alike.row["asset_key"]
                    indexed = self._tags_for_asset_event(event).items()
                time = datetime.fromtimestamp(event.timestamp, UTC).replace(tzinfo=None)
                rows.append((*told, event_id, alike.text(event), time, partition_of(event) or None))
                tags.extend((asset_key, event_id, name, value, time) for name, value in indexed)
                newest[asset_key] = event, event_id
            copy_rows(connection, "event_logs", _COLUMNS, rows)
            if tags:
                copy_rows(connection, "asset_event_tags", _TAG_COLUMNS, tags)
        return newest

    @contextmanager
    def _one_transaction(self) -> Iterator[Connection]:
        """Give one transaction to all that this thread does within the block."""
        with self.index_transaction() as connection:
            self._local.connection = connection
            try:
                yield connection
            finally:
                self._local.connection = None

    def _connect(self) -> AbstractContextManager[Connection]:
        connection = getattr(self._local, "connection", None)
        return nullcontext(connection) if connection else _patient_connection(self._engine)


@contextmanager
def _patient_connection(engine: sqlalchemy.Engine) -> Iterator[Connection]:
    connection = retry_pg_connection_fn(engine.connect, retry_limit=_CONNECTION_RETRIES)
    try:
        yield connection
    finally:
        connection.close()
