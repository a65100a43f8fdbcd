"""Jobs that keep the platform small: run for real, and asked for by their schedules."""

import os
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import (
    DagsterRunStatus,
    DefaultScheduleStatus,
    ExecuteInProcessResult,
    RunRequest,
    SkipReason,
    build_schedule_context,
)

from metrics_platform.orchestration.maintenance import maintenance_jobs, maintenance_schedules
from metrics_platform.orchestration.partitions import LOG
from metrics_platform.store import Found, ReadLog
from metrics_platform_tests.orchestration.faulty import catalog_with, sample_counts
from metrics_platform_tests.orchestration.platform import Platform
from metrics_platform_tests.store.builders import computed


@pytest.fixture
def small(platform: Platform) -> Platform:
    return platform.having(catalog_with(sample_counts))


def run(platform: Platform, name: str) -> ExecuteInProcessResult:
    job = platform.definitions.resolve_job_def(name)
    return job.execute_in_process(instance=platform.instance, raise_on_error=False)


def sql(platform: Platform, statement: str) -> None:
    with platform.store.postgres.engine.begin() as connection:
        connection.execute(sa.text(statement))


def told(result: ExecuteInProcessResult, step: str) -> dict[str, Any]:
    [event] = [e for e in result.events_for_node(step) if e.is_successful_output]
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def test_compact_merges_files_and_says_so(small: Platform) -> None:
    for at in range(40):
        small.store.write(computed({f"log-{at}": [float(at)]}))
    before = small.store.scan("hard_brakes").sort("log_id").collect()

    result = run(small, "compact")

    assert result.success
    stored = small.instance.get_run_by_id(result.run_id)
    assert stored is not None
    assert stored.tags["metrics-platform/cause"] == "maintenance"
    assert stored.tags["dagster/priority"] == "20"
    assert stored.tags["metrics-platform/background"] == "true"
    found = told(result, "compact_files")
    assert found["versions"] == 1
    assert found["files_after"] < found["files_before"] <= 40
    assert small.store.scan("hard_brakes").sort("log_id").collect().equals(before)


def test_collect_garbage_does_what_the_settings_say(small: Platform) -> None:
    p = small.having(archive_after_days=1, keep_superseded_days=1, gc_grace_h=1.0)
    registry = p.store.registry
    registry.register([Found(log_id, log_id, 1, "t") for log_id in ("old", "young")])
    registry.mark_read([ReadLog("old"), ReadLog("young")])
    p.instance.add_dynamic_partitions(LOG, ["old", "young"])
    sql(p, "UPDATE metrics_platform.logs SET updated_at = now() - interval '2 days' "
        "WHERE log_id = 'old'")  # fmt: skip
    p.store.write(computed({"old": [1.0]}))
    p.store.write(computed({"old": [2.0]}))
    sql(p, "UPDATE metrics_platform.results SET superseded_at = superseded_at - interval '2 days'")
    orphan = Path(p.settings.root) / f"log/hard_brakes/v1.0.0/2026-11-20/{uuid.uuid4()}.parquet"
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.touch()
    yesterday = time.time() - 86_400
    os.utime(orphan, (yesterday, yesterday))

    result = run(p, "collect_garbage")

    assert result.success
    assert p.instance.get_dynamic_partitions(LOG) == ["young"]
    assert told(result, "archive_logs") == {"logs": 1, "in_runs": 0}
    files = told(result, "collect_files")
    assert (files["superseded"], files["orphans"]) == (1, 1)
    assert not orphan.exists()
    assert told(result, "prune_old_events")["runs"] == 0
    assert len(p.store.history("hard_brakes", "old")) == 1


def test_by_default_nothing_is_lost(small: Platform) -> None:
    small.store.registry.register([Found("old", "old", 1, "t")])
    small.store.registry.mark_read([ReadLog("old")])
    small.instance.add_dynamic_partitions(LOG, ["old"])
    for value in (1.0, 2.0):
        small.store.write(computed({"old": [value]}))

    assert run(small, "collect_garbage").success

    assert small.instance.get_dynamic_partitions(LOG) == ["old"]
    assert len(small.store.history("hard_brakes", "old")) == 2


def test_a_step_that_fails_keeps_no_other_from_its_work(small: Platform) -> None:
    sql(small, "DROP TABLE metrics_platform.commits")

    result = run(small, "collect_garbage")

    assert not result.success
    [failed] = [event for event in result.all_events if event.is_step_failure]
    assert failed.step_key == "collect_files"
    assert told(result, "archive_logs")
    assert told(result, "prune_old_events")


def test_both_are_scheduled_from_the_start_and_wait_for_the_run_before(small: Platform) -> None:
    schedules = maintenance_schedules(maintenance_jobs(small.settings))
    assert [schedule.default_status for schedule in schedules] == [
        DefaultScheduleStatus.RUNNING,
        DefaultScheduleStatus.RUNNING,
    ]
    [hourly, daily] = schedules
    with build_schedule_context(instance=small.instance) as context:
        [first] = hourly.evaluate_tick(context).run_requests or ()
        assert isinstance(first, RunRequest)
        job = small.definitions.resolve_job_def("compact")
        small.instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)

        again = hourly.evaluate_tick(context)
        assert not again.run_requests
        assert again.skip_message == SkipReason("the run before has not ended").skip_message
        assert daily.evaluate_tick(context).run_requests
