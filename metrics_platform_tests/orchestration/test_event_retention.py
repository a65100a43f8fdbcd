"""Retention of Dagster's events: what the UI asks for is answered as before, with fewer rows."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import (
    AssetRecordsFilter,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    Definitions,
)

from metrics_platform.orchestration import event_retention
from metrics_platform.orchestration.event_retention import Pruned, prune_events
from metrics_platform.orchestration.partitions import tags_of_range
from metrics_platform_tests.orchestration.chain import (
    CHECK,
    KEYS,
    LOGS,
    assets,
    checked,
    fail,
    run,
    status,
)

AT_ONCE = timedelta(0)
TABLES = ("event_logs", "asset_event_tags", "asset_check_executions", "asset_keys", "runs")


def _shown(instance: DagsterInstance) -> dict[str, Any]:
    """Return what the UI shows of the assets, their partitions, their checks and last runs."""
    storage = instance.event_log_storage
    materialized = DagsterEventType.ASSET_MATERIALIZATION
    shown: dict[str, Any] = {}
    for key in KEYS:
        latest = storage.get_latest_storage_id_by_partition(key, materialized)
        unfinished = (
            storage.get_latest_asset_partition_materialization_attempts_without_materializations(
                key
            )
        )
        planned = storage.get_latest_planned_materialization_info(key)
        runs = {run_id for run_id, _ in unfinished.values()} | {planned and planned.run_id}
        for log_id in latest:
            given = AssetRecordsFilter(asset_key=key, asset_partitions=[log_id])
            [record] = instance.fetch_materializations(given, limit=1).records
            shown[f"{key} {log_id}"] = record
            runs.add(record.run_id)
        shown[str(key)] = (
            status(instance, key),
            latest,
            unfinished,
            planned,
            storage.get_latest_tags_by_partition(key, materialized, ["dagster/data_version"]),
            instance.get_latest_materialization_event(key),
            [record.asset_entry.last_run_id for record in storage.get_asset_records([key])],
            {run_id: _told_of(instance, run_id) for run_id in runs if run_id},
        )
    checks = storage.get_asset_check_summary_records([CHECK])[CHECK]
    shown["checks"] = [
        record and (record.id, record.status, record.run_id, record.event)
        for record in (
            checks.last_check_execution_record,
            checks.last_completed_check_execution_record,
        )
    ]
    return shown


def _told_of(instance: DagsterInstance, run_id: str) -> Sequence[object]:
    found = instance.get_run_by_id(run_id)
    assert found
    kinds = {DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE}
    return [
        found.status,
        found.tags,
        *instance.all_logs(run_id, of_type=kinds | {DagsterEventType.STEP_FAILURE}),
    ]


def _rows(instance: DagsterInstance) -> dict[str, int]:
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        return {
            table: connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in TABLES
        }


def _runs_of_a_while(instance: DagsterInstance) -> None:
    """Materialize some logs once, some again and again, and some never for good."""
    run(instance, LOGS[:10])
    run(instance, LOGS[3:20])
    run(instance, LOGS[18:25], during=fail)
    run(instance, LOGS[24:30], during=fail)
    run(instance, LOGS[22:26])
    run(instance, LOGS[:6])
    run(instance, LOGS[:6])
    run(instance, LOGS[40:41])


def test_what_is_shown_stays_and_the_rest_goes(instance: DagsterInstance) -> None:
    _runs_of_a_while(instance)
    shown, before = _shown(instance), _rows(instance)
    assert shown[str(KEYS[1])][0][:2] == [
        [*LOGS[:20], *LOGS[22:26], LOGS[40]],
        [*LOGS[18:22], *LOGS[26:30]],
    ]

    expected = prune_events(instance, AT_ONCE, dry_run=True)
    assert _rows(instance) == before
    pruned = prune_events(instance, AT_ONCE)

    assert pruned == expected
    assert _shown(instance) == shown
    after = _rows(instance)
    assert before["event_logs"] - after["event_logs"] == pruned.events > before["event_logs"] / 2
    # All logs of the first and the sixth run have been materialized again.
    assert before["runs"] - after["runs"] == pruned.runs == 2
    assert before["asset_check_executions"] - after["asset_check_executions"] == pruned.checks == 7
    # One for each materialization that stays.
    assert after["asset_event_tags"] == sum(len(shown[str(key)][1]) for key in KEYS)
    assert after["asset_keys"] == before["asset_keys"]
    assert prune_events(instance, AT_ONCE) == Pruned()


def test_batches_leave_what_one_statement_leaves(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    _runs_of_a_while(instance)
    expected = prune_events(instance, AT_ONCE, dry_run=True)
    shown = _shown(instance)
    monkeypatch.setattr(event_retention, "_MOST_ROWS", 7)

    assert prune_events(instance, AT_ONCE) == expected
    assert _shown(instance) == shown


def test_recent_runs_are_left_alone(instance: DagsterInstance) -> None:
    run(instance, LOGS[:5])
    run(instance, LOGS[:5])
    before = _rows(instance)

    assert prune_events(instance, timedelta(hours=1)) == Pruned()
    assert _rows(instance) == before


def test_runs_that_have_not_finished_are_left_alone(instance: DagsterInstance) -> None:
    run(instance, LOGS[:5])
    definitions = Definitions([*assets()], asset_checks=[checked])
    begun = instance.create_run_for_job(
        definitions.resolve_implicit_global_asset_job_def(),
        status=DagsterRunStatus.STARTED,
        tags=tags_of_range(LOGS[0], LOGS[4]),
    )
    instance.report_engine_event("under way", begun)
    events, shown = instance.all_logs(begun.run_id), _shown(instance)

    pruned = prune_events(instance, AT_ONCE)

    assert instance.all_logs(begun.run_id) == events
    assert len(events) > 15
    assert _shown(instance) == shown
    assert shown[str(KEYS[0])][0] == [LOGS[:5], [], LOGS[:5]]
    assert pruned.events > 0


def test_a_run_stays_as_long_as_one_that_tried_it_again(instance: DagsterInstance) -> None:
    first = run(instance, LOGS[:3], during=fail).run_id
    second = run(
        instance,
        LOGS[:3],
        tags={"dagster/parent_run_id": first, "dagster/root_run_id": first},
    ).run_id

    prune_events(instance, AT_ONCE)
    assert {r.run_id for r in instance.get_runs()} == {first, second}

    third = run(instance, LOGS[:3]).run_id
    expected = prune_events(instance, AT_ONCE, dry_run=True)
    assert prune_events(instance, AT_ONCE) == expected
    assert expected.runs == 2
    assert {r.run_id for r in instance.get_runs()} == {third}
