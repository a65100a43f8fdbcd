"""Runs as long as earlier ones say: fitted costs, and what a sensor makes of them."""

import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterRun, DagsterRunStatus

from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.run_sizes import (
    NEW_LOGS,
    Cost,
    MeasuredRun,
    cost_of,
    measured_cost,
    sized,
    tags_of_size,
)
from metrics_platform_tests.orchestration.faulty import catalog_with, sample_counts
from metrics_platform_tests.orchestration.platform import Platform, upload

MB = 1_000_000
SETTINGS = Settings(Path(), "", run_s=60.0, logs_per_run=100)
# Twenty milliseconds for each log and three for each megabyte.
TRUE = Cost(0.02, 3e-9)


def run(logs: int, megabytes: float, factor: float = 1.0) -> MeasuredRun:
    return MeasuredRun(
        logs, int(megabytes * MB), factor * (logs * 0.02 + megabytes * MB * TRUE.per_byte_s)
    )


def test_costs_per_log_and_per_byte_are_told_apart() -> None:
    found = cost_of([run(500, 100), run(1_000, 5_000), run(10, 100_000)])

    assert found is not None
    assert found.per_log_s == pytest.approx(0.02, rel=0.02)
    assert found.per_byte_s == pytest.approx(3e-9, rel=0.02)


def test_what_one_run_cannot_tell_apart_is_ascribed_half_and_half() -> None:
    found = cost_of([MeasuredRun(100, 1_000 * MB, 50.0)])

    assert found is not None
    assert (found.per_log_s, found.per_byte_s) == pytest.approx((0.25, 25e-9))


def test_a_run_that_slept_for_an_hour_changes_hardly_anything() -> None:
    usual = [run(500, 100), run(1_000, 5_000), run(10, 100_000)]
    found = cost_of([*usual, MeasuredRun(500, 100 * MB, 3_600.0)])

    assert found is not None
    assert found.of(MB) == pytest.approx(TRUE.of(MB), rel=0.1)


def test_a_run_that_was_far_too_fast_changes_hardly_anything() -> None:
    usual = [MeasuredRun(300, 300_000 * MB, 300.0)] * 19
    found = cost_of([*usual, MeasuredRun(300, 300_000 * MB, 3.0)])

    assert found is not None
    assert found.of(1_000 * MB) == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize(
    ("runs", "cost"),
    [
        ([], None),
        ([MeasuredRun(100, 0, 50.0)], Cost(0.5, 0.0)),
        ([MeasuredRun(5, 0, 0.0)], None),
    ],
    ids=["nothing was run", "of empty files", "no time at all"],
)
def test_what_little_is_known_is_used(runs: list[MeasuredRun], cost: Cost | None) -> None:
    found = cost_of(runs)

    assert (found is None) is (cost is None)
    if found and cost:
        assert found.per_log_s == pytest.approx(cost.per_log_s, rel=0.01)
        assert found.per_byte_s == cost.per_byte_s


def lengths(megabytes: list[float], cost: Cost | None, settings: Settings = SETTINGS) -> list[int]:
    sizes = {f"{at:03}": int(size * MB) for at, size in enumerate(megabytes)}
    runs = list(sized(list(sizes), sizes, cost, settings))
    assert [log_id for logs in runs for log_id in logs] == list(sizes)
    return [len(logs) for logs in runs]


@pytest.mark.parametrize(
    ("megabytes", "expected"),
    [
        ([1.0] * 250, [100, 100, 50]),
        ([1_000.0] * 50, [19, 19, 12]),
        ([1.0] * 10 + [15_000.0] * 3 + [1.0], [11, 1, 2]),
        ([50_000.0] * 2, [1, 1]),
    ],
    ids=["light: the most that may be", "heavy", "mixed, in their order", "one alone is too much"],
)
def test_heavier_logs_make_shorter_runs(megabytes: list[float], expected: list[int]) -> None:
    assert lengths(megabytes, TRUE) == expected


def test_before_anything_was_measured_runs_are_of_moderate_length() -> None:
    generous = Settings(Path(), "", logs_per_run=5_000)
    assert lengths([1_000.0] * 1_200, None, generous) == [500, 500, 200]
    assert lengths([1_000.0] * 120, None) == [100, 20]


def test_the_sensor_measures_its_runs_and_sizes_the_next(platform: Platform) -> None:
    eager = platform.having(catalog_with(sample_counts), quiet_s=0.0)
    for number in range(4):
        upload(eager.inbox, f"a-{number}")
    [first] = eager.tick().run_requests or ()
    of_inbox = sum(path.stat().st_size for path in eager.inbox.iterdir())
    assert first.tags["metrics-platform/cause"] == NEW_LOGS
    assert first.tags["metrics-platform/logs"] == "4"
    assert first.tags["metrics-platform/bytes"] == str(of_inbox)
    assert first.tags["dagster/priority"] == "10"
    started = time.monotonic()
    assert eager.launch(first).success
    seconds = time.monotonic() - started

    cost = measured_cost(eager.instance, eager.store)

    assert cost is not None
    assert 0.1 * seconds < 4 * cost.of(of_inbox // 4) <= seconds
    for number in range(4):
        upload(eager.inbox, f"b-{number}")
    two_logs = eager.having(run_s=2.5 * cost.of(of_inbox // 4))
    assert [r.tags["metrics-platform/logs"] for r in two_logs.tick().run_requests or ()] == [
        "2",
        "2",
    ]
    # Of the whole run a single metric takes a part, and one that was never computed is unknown.
    of_one = measured_cost(eager.instance, eager.store, ["sample_counts"])
    assert of_one is not None
    assert 0 < of_one.of(MB) < 0.5 * cost.of(MB)
    assert measured_cost(eager.instance, eager.store, ["sample_counts", "new_metric"]) is None
    assert measured_cost(eager.instance, eager.store, [d.name for d in eager.catalog])


def test_a_retry_is_not_measured(platform: Platform) -> None:
    """It does only what is left, under the tags of the whole."""
    tags = tags_of_size(NEW_LOGS, ["a", "b"], {})
    first = DagsterRun(job_name="__ASSET_JOB", tags=tags, status=DagsterRunStatus.SUCCESS)
    retry = DagsterRun(
        job_name="__ASSET_JOB",
        tags=tags,
        status=DagsterRunStatus.SUCCESS,
        parent_run_id=first.run_id,
        root_run_id=first.run_id,
    )
    for each, seconds in ((first, 10), (retry, 1)):
        platform.instance.add_run(each)
        with platform.instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
            connection.execute(
                sa.text("UPDATE runs SET start_time = 1, end_time = 1 + :s WHERE run_id = :id"),
                {"s": seconds, "id": each.run_id},
            )

    cost = measured_cost(platform.instance, platform.store)

    assert cost is not None
    assert cost.per_log_s == pytest.approx(5.0)
