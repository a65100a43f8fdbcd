"""Our event-log storage against the stock one: same tables, same answers, fewer statements."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    EventRecordsFilter,
)
from dagster_postgres import PostgresEventLogStorage

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.event_log import PooledPostgresEventLogStorage
from metrics_platform.orchestration.partitions import LOG
from metrics_platform.store import dagster_url
from metrics_platform.store.embedded import embedded_url, stop_embedded
from metrics_platform_tests.orchestration.chain import CHECK, KEYS, LOGS, fail, run, status
from metrics_platform_tests.orchestration.platform import OURS, STOCK, instance_in

Storage = PostgresEventLogStorage
STORAGES: dict[str, type[Storage]] = {
    "ours": PooledPostgresEventLogStorage,
    "stock": PostgresEventLogStorage,
}


def _answers(storage: Storage, run_id: str) -> dict[str, Any]:
    """Return what the web UI asks of the event log, by the one method of its after the other."""
    records = storage.get_records_for_run(run_id, limit=10_000).records
    return {
        "events": Counter(r.event_log_entry.dagster_event_type for r in records),
        "ids": [r.storage_id for r in records],
        "keys": sorted(map(str, storage.all_asset_keys())),  # type: ignore[no-untyped-call]
        "partitions": {
            (key, kind): sorted(
                row.partition_key or ""
                for row in storage.get_event_records(
                    EventRecordsFilter(kind, asset_key=key), limit=10_000
                )
            )
            for key in KEYS
            for kind in (
                DagsterEventType.ASSET_MATERIALIZATION,
                DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
            )
        },
        "materialized": {key: storage.get_materialized_partitions(key) for key in KEYS},
        "latest": {
            key: storage.get_latest_storage_id_by_partition(
                key, DagsterEventType.ASSET_MATERIALIZATION
            )
            for key in KEYS
        },
        "records": sorted(
            (
                str(record.asset_entry.asset_key),
                record.asset_entry.last_run_id,
                record.asset_entry.last_materialization_storage_id,
                record.asset_entry.last_planned_materialization_storage_id,
            )
            for record in storage.get_asset_records(KEYS)
        ),
        "tags": {
            key: sorted(
                (tag, value)
                for tags in storage.get_event_tags_for_asset(key)
                for tag, value in tags.items()
            )
            for key in KEYS
        },
        "planned": storage.get_latest_planned_materialization_info(KEYS[0], partition=LOGS[7]),
        "unfinished": {key: _unfinished(storage, key) for key in KEYS},
        "checks": [
            (found.status, found.run_id, found.event and found.event.message)
            for found in storage.get_asset_check_execution_history(CHECK, limit=10)
        ],
    }


def _unfinished(storage: Storage, key: AssetKey) -> object:
    return storage.get_latest_asset_partition_materialization_attempts_without_materializations(key)


@contextmanager
def _storage(kind: type[Storage], settings: Settings) -> Iterator[Storage]:
    storage = kind(dagster_url(settings))
    try:
        yield storage
    finally:
        storage.dispose()


@pytest.mark.parametrize("writer", [OURS, STOCK], ids=["written by ours", "written by stock"])
def test_both_storages_read_the_same_out_of_the_same_tables(
    writer: tuple[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = LOGS[:20]
    with instance_in(settings, monkeypatch, writer) as instance:
        assert type(instance.event_log_storage).__name__ == writer[1]
        run_id = run(instance, logs).run_id

    answers = {}
    for name, kind in STORAGES.items():
        with _storage(kind, settings) as storage:
            answers[name] = _answers(storage, run_id)

    assert answers["ours"] == answers["stock"]
    found = answers["ours"]
    assert found["events"][DagsterEventType.ASSET_MATERIALIZATION] == 60
    assert found["events"][DagsterEventType.ASSET_MATERIALIZATION_PLANNED] == 60
    assert set(map(tuple, found["partitions"].values())) == {tuple(logs)}
    assert set(found["materialized"][KEYS[2]]) == set(logs)
    assert [record[1] for record in found["records"]] == [run_id] * 3
    assert Counter(tag for tag, _ in found["tags"][KEYS[0]])["dagster/data_version"] == len(logs)
    assert found["planned"].run_id == run_id


@pytest.mark.parametrize("during", [lambda: None, fail], ids=["succeeds", "fails"])
def test_a_run_by_either_storage_leaves_the_same_rows(
    during: Callable[[], object], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = []
    for writer in (OURS, STOCK):
        with instance_in(settings, monkeypatch, writer) as instance:
            run_id = run(instance, LOGS[:5], during=during).run_id
            statuses = [status(instance, key) for key in KEYS]
            with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
                rows = [tuple(map(tuple, connection.execute(sa.text(q)))) for q in _ROWS]
            left.append((statuses, [_without_particulars(repr(r), run_id) for r in rows]))
            instance.wipe()

    assert left[0] == left[1]
    assert len(left[0][1][0]) > 2_000


# In an order that doesn't hang on ids: planned events come in the order of a set.
_ROWS = (
    "SELECT dagster_event_type, step_key, asset_key, partition, event FROM event_logs "
    "WHERE dagster_event_type LIKE 'ASSET%' ORDER BY dagster_event_type, asset_key, partition",
    "SELECT partition, t.asset_key, key, value, event_timestamp = timestamp "
    "FROM asset_event_tags t JOIN event_logs e ON e.id = event_id ORDER BY 2, 1, 3",
    "SELECT asset_key, last_materialization, last_run_id, tags, wipe_timestamp "
    "FROM asset_keys ORDER BY asset_key",
    "SELECT asset_key, check_name, partition, execution_status, evaluation_event "
    "FROM asset_check_executions",
)


def _without_particulars(rows: str, run_id: str) -> str:
    """Take out what no two runs have in common: ids, times, and hashes of both."""
    rows = rows.replace(run_id, "RUN")
    rows = re.sub(r'("(?:storage_id|timestamp|create_timestamp)": )[\d.]+', r"\1N", rows)
    return re.sub(r"[0-9a-f]{64}|_event_pointer/\w+\": \"\d+", "HASH", rows)


@pytest.mark.parametrize("writer", list(STORAGES))
def test_partitions_are_those_that_there_are(writer: str, settings: Settings) -> None:
    with (
        _storage(PooledPostgresEventLogStorage, settings) as reader,
        _storage(STORAGES[writer], settings) as other,
    ):
        seen = []

        def look() -> None:
            keys = list(reader.get_dynamic_partitions(LOG))
            assert keys == list(other.get_dynamic_partitions(LOG))
            seen.append("".join(keys))

        look()
        for keys in ("cab", "abd"):
            other.add_dynamic_partitions(LOG, list(keys))
            look()
        other.delete_dynamic_partition(LOG, "a")
        look()
        other.add_dynamic_partitions(LOG, ["a"])
        look()
        other.add_dynamic_partitions("sim_batch", ["z"])
        assert reader.get_dynamic_partitions("sim_batch") == ["z"]
        reader.get_dynamic_partitions(LOG).clear()  # type: ignore[attr-defined]
        look()
        other.wipe()
        look()

    assert seen == ["", "cab", "cabd", "cbd", "cbda", "cbda", ""]


def test_a_ranged_run_takes_few_statements_and_connections(instance: DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, PooledPostgresEventLogStorage)
    statements: list[str] = []
    connections: list[object] = []
    sa.event.listen(
        storage._engine, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    sa.event.listen(storage._engine, "connect", lambda *given: connections.append(given))

    result = run(instance)

    assert result.success
    assert len(instance.get_materialized_partitions(KEYS[2])) == len(LOGS)
    inserts = [text for text in statements if text.startswith("INSERT INTO event_logs")]
    # 1,200 events of assets are copied in four batches: one of planned ones, one of each asset.
    # The rest are some dozen events of the run and its steps.
    assert len(inserts) < 40
    assert len(statements) < 150
    assert sum("array_agg(partition" in text for text in statements) == 1
    assert len(connections) <= 3


def test_what_the_pool_cannot_do_is_refused() -> None:
    block = {"postgres_db": {"username": "u"}, "auth_provider": {"type": "any"}}
    with pytest.raises(ConfigurationError, match="auth_provider"):
        PooledPostgresEventLogStorage.from_config_value(None, block)


def test_dispose_closes_all_connections(settings: Settings, instance: DagsterInstance) -> None:
    storage = PooledPostgresEventLogStorage(f"{dagster_url(settings)}&application_name=pooled")
    count = sa.text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pooled'")
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: storage.get_dynamic_partitions(LOG), range(20)))
        assert connection.scalar(count) > 0

        storage.dispose()

        _eventually(lambda: connection.scalar(count) == 0)


def _eventually(holds: Callable[[], bool]) -> None:
    """A closed connection is gone a moment later."""
    pause = threading.Event()
    for _ in range(100):
        if holds():
            return
        pause.wait(0.05)
    raise AssertionError("still not so after five seconds")


def _administer(settings: Settings, *statements: str) -> None:
    engine = sa.create_engine(dagster_url(settings), poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


_FULL = "RAISE EXCEPTION 'disk full'"
_KILLED = "PERFORM pg_terminate_backend(pg_backend_pid())"


def _fault_once(table: str, where: str, fault: str = _FULL) -> Sequence[str]:
    """Return what makes one insert fail, the first one only: a sequence is not taken back."""
    return (
        "CREATE SEQUENCE faults",
        "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF nextval('faults') = 1 THEN {fault}; END IF; RETURN NEW; END $$",
        f"CREATE TRIGGER fault BEFORE INSERT ON {table} FOR EACH ROW "
        f"WHEN ({where}) EXECUTE FUNCTION fault()",
    )


def _of(kind: str) -> str:
    return f"NEW.partition = 'log-011' AND NEW.dagster_event_type = '{kind}'"


_TAG = "NEW.event_id % 7 = 0"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (_fault_once("event_logs", _of("ASSET_MATERIALIZATION")), "disk full"),
        (_fault_once("event_logs", _of("ASSET_MATERIALIZATION_PLANNED")), "disk full"),
        (_fault_once("event_logs", _of("ASSET_MATERIALIZATION"), _KILLED), "terminat"),
        (_fault_once("event_logs", _of("ASSET_MATERIALIZATION_PLANNED"), _KILLED), "terminat"),
        (_fault_once("asset_event_tags", _TAG), "disk full"),
        (_fault_once("asset_check_executions", "NEW.check_name = 'checked'"), "disk full"),
    ],
    ids=["materialized", "planned", "materialized, cut off", "planned, cut off", "tags", "checks"],
)
def test_a_batch_that_fails_in_its_middle_doubles_nothing_and_loses_nothing(
    fault: Sequence[str],
    told: str,
    settings: Settings,
    instance: DagsterInstance,
    capfd: pytest.CaptureFixture[str],
) -> None:
    _administer(settings, *fault)

    result = run(instance, LOGS[:20])

    assert result.success
    assert told in capfd.readouterr().err
    kinds = Counter(e.dagster_event_type for e in instance.all_logs(result.run_id))
    assert kinds[DagsterEventType.ASSET_MATERIALIZATION] == 60
    assert kinds[DagsterEventType.ASSET_MATERIALIZATION_PLANNED] == 60
    assert kinds[DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED] == 1
    assert kinds[DagsterEventType.ASSET_CHECK_EVALUATION] == 1
    for key in KEYS:
        assert instance.get_materialized_partitions(key) == set(LOGS[:20])
        assert len(instance.event_log_storage.get_event_tags_for_asset(key)) == 20
    assert len(instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=9)) == 1


def test_a_batch_that_fails_leaves_nothing_behind(
    settings: Settings, instance: DagsterInstance
) -> None:
    entries = [
        entry
        for entry in instance.all_logs(run(instance, LOGS[:20]).run_id)
        if entry.dagster_event_type is DagsterEventType.ASSET_MATERIALIZATION
    ]
    instance.wipe_assets(KEYS)
    _administer(settings, *_fault_once("event_logs", _of("ASSET_MATERIALIZATION")))

    with pytest.raises(Exception, match="disk full"):
        instance.event_log_storage.store_event_batch(entries)

    assert instance.get_materialized_partitions(KEYS[0]) == set()
    assert instance.event_log_storage.get_event_tags_for_asset(KEYS[0]) == []


def test_runs_over_the_same_assets_do_not_block_one_another(
    settings: Settings, instance: DagsterInstance
) -> None:
    entries = [
        entry
        for entry in instance.all_logs(run(instance, LOGS[:20]).run_id)
        if entry.dagster_event_type is DagsterEventType.ASSET_MATERIALIZATION
    ]
    start = threading.Barrier(4)

    def write(worker: int) -> None:
        ordered = entries if worker % 2 else entries[::-1]
        with _storage(PooledPostgresEventLogStorage, settings) as storage:
            start.wait()
            for _ in range(10):
                storage.store_event_batch(ordered)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))

    records = instance.event_log_storage.get_event_records(
        EventRecordsFilter(DagsterEventType.ASSET_MATERIALIZATION, asset_key=KEYS[1]), limit=10_000
    )
    assert Counter(r.partition_key for r in records) == Counter({i: 41 for i in LOGS[:20]})


def test_a_run_outlives_a_restart_of_postgres(
    own_server: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def restart() -> None:
        assert stop_embedded(own_server.home)
        timer = threading.Timer(2.0, embedded_url, [own_server.home])
        timer.start()

    with instance_in(own_server, monkeypatch) as instance:
        result = run(instance, LOGS[:20], during=restart)

        assert result.success
        assert instance.get_run_by_id(result.run_id).status is DagsterRunStatus.SUCCESS  # type: ignore[union-attr]
        for key in KEYS:
            assert instance.get_materialized_partitions(key) == set(LOGS[:20])


def test_the_web_server_bounds_its_statements_and_keeps_its_pool(settings: Settings) -> None:
    storage = PooledPostgresEventLogStorage(dagster_url(settings))
    storage.has_table("event_logs")
    storage.optimize_for_webserver(statement_timeout=1_234, pool_recycle=60, max_overflow=5)

    with storage.index_connection() as connection:
        assert connection.execute(sa.text("SHOW statement_timeout")).scalar() == "1234ms"
        first = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar()
    with storage.index_connection() as connection:
        assert connection.execute(sa.text("SELECT pg_backend_pid()")).scalar() == first
    storage.dispose()
