"""Our event-log storage against the stock one: same tables, same answers, fewer statements."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    EventRecordsFilter,
    ExecuteInProcessResult,
    MaterializeResult,
    asset,
    materialize,
)
from dagster_postgres import PostgresEventLogStorage

from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.event_log import PooledPostgresEventLogStorage
from metrics_platform.orchestration.partitions import LOG, log_partitions, tags_of_range
from metrics_platform.store import dagster_url
from metrics_platform.store.embedded import embedded_url, stop_embedded
from metrics_platform_tests.orchestration.platform import OURS, STOCK, instance_in

LOGS = [f"log-{number:03}" for number in range(200)]
KEYS = [AssetKey(name) for name in ("first", "second", "third")]
Storage = PostgresEventLogStorage
STORAGES: dict[str, type[Storage]] = {
    "ours": PooledPostgresEventLogStorage,
    "stock": PostgresEventLogStorage,
}


def _assets(during: Callable[[], object] = lambda: None) -> Sequence[AssetsDefinition]:
    """Return a chain of assets over logs; `during` is called within the second one."""

    def made(name: str, deps: Sequence[str]) -> AssetsDefinition:
        @asset(
            name=name,
            deps=list(deps),
            partitions_def=log_partitions,
            backfill_policy=BackfillPolicy.single_run(),
        )
        def computed(context: AssetExecutionContext) -> MaterializeResult[Any]:
            if name == "second":
                during()
            return MaterializeResult(metadata={"logs": len(context.partition_keys)})

        return computed

    return [made("first", []), made("second", ["first"]), made("third", ["second"])]


def _run(
    instance: DagsterInstance,
    log_ids: Sequence[str] = LOGS,
    *,
    during: Callable[[], object] = lambda: None,
) -> ExecuteInProcessResult:
    instance.add_dynamic_partitions(LOG, list(log_ids))
    return materialize(
        _assets(during), instance=instance, tags=tags_of_range(log_ids[0], log_ids[-1])
    )


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
    }


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
        run_id = _run(instance, logs).run_id

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


def test_a_run_by_either_storage_leaves_the_same_events(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = []
    for writer in (OURS, STOCK):
        with instance_in(settings, monkeypatch, writer) as instance:
            entries = instance.all_logs(_run(instance, LOGS[:5]).run_id)
            kinds.append(
                Counter((e.dagster_event_type, e.step_key) for e in entries if e.is_dagster_event)
            )
    assert kinds[0] == kinds[1]


def test_a_ranged_run_takes_few_statements_and_connections(instance: DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, PooledPostgresEventLogStorage)
    statements: list[str] = []
    connections: list[object] = []
    sa.event.listen(
        storage._engine, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    sa.event.listen(storage._engine, "connect", lambda *given: connections.append(given))

    result = _run(instance)

    assert result.success
    assert len(instance.get_materialized_partitions(KEYS[2])) == len(LOGS)
    inserts = [text for text in statements if text.startswith("INSERT INTO event_logs")]
    # 1,200 events of assets go in four batches: one of planned ones, one of each asset. SQLAlchemy
    # makes pages of them; the rest are some dozen events of the run and its steps.
    assert len(inserts) < 80
    assert len(statements) < 250
    assert len(connections) <= 3


def test_dispose_closes_all_connections(settings: Settings, instance: DagsterInstance) -> None:
    storage = PooledPostgresEventLogStorage(f"{dagster_url(settings)}&application_name=pooled")
    count = sa.text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pooled'")
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: storage.has_table("event_logs"), range(20)))
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


# Raises in the middle of a batch, the first time only: a sequence is not taken back.
_FAULT_ONCE = (
    "CREATE SEQUENCE faults",
    "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF nextval('faults') = 1 THEN RAISE EXCEPTION 'disk full'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER fault BEFORE INSERT ON event_logs FOR EACH ROW "
    "WHEN (NEW.partition = 'log-011' AND NEW.dagster_event_type = '{}') EXECUTE FUNCTION fault()",
)


@pytest.mark.parametrize(
    "kind",
    [DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_MATERIALIZATION_PLANNED],
    ids=["materialized", "planned"],
)
def test_a_batch_that_fails_in_its_middle_doubles_nothing(
    kind: DagsterEventType,
    settings: Settings,
    instance: DagsterInstance,
    capfd: pytest.CaptureFixture[str],
) -> None:
    _administer(settings, *(text.replace("{}", kind.value) for text in _FAULT_ONCE))

    result = _run(instance, LOGS[:20])

    assert result.success
    assert "disk full" in capfd.readouterr().err
    for key in KEYS:
        records = instance.event_log_storage.get_event_records(
            EventRecordsFilter(kind, asset_key=key), limit=1_000
        )
        assert Counter(record.partition_key for record in records) == Counter(LOGS[:20])


def test_a_batch_that_fails_leaves_nothing_behind(
    settings: Settings, instance: DagsterInstance
) -> None:
    entries = [
        entry
        for entry in instance.all_logs(_run(instance, LOGS[:20]).run_id)
        if entry.dagster_event_type is DagsterEventType.ASSET_MATERIALIZATION
    ]
    instance.wipe_assets(KEYS)
    _administer(settings, *(text.replace("{}", "ASSET_MATERIALIZATION") for text in _FAULT_ONCE))

    with pytest.raises(sa.exc.DBAPIError, match="disk full"):
        instance.event_log_storage.store_event_batch(entries)

    assert instance.get_materialized_partitions(KEYS[0]) == set()
    assert instance.event_log_storage.get_event_tags_for_asset(KEYS[0]) == []


def test_runs_over_the_same_assets_do_not_block_one_another(
    settings: Settings, instance: DagsterInstance
) -> None:
    entries = [
        entry
        for entry in instance.all_logs(_run(instance, LOGS[:20]).run_id)
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
        result = _run(instance, LOGS[:20], during=restart)

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
