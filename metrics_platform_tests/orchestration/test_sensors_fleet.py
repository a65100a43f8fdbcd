"""The sensor `new_logs` at the size of a fleet: ten thousand logs at once, and long listings."""

import time

import pytest
from dagster import DagsterRun, DagsterRunStatus, SensorResult

from metrics_platform.orchestration import intake
from metrics_platform.orchestration.partitions import LOG
from metrics_platform.store import ReadLog
from metrics_platform_tests.orchestration.platform import Platform

_LOGS = 10_000


@pytest.fixture
def eager(platform: Platform) -> Platform:
    return platform.having(quiet_s=0.0)


def fill(platform: Platform, count: int) -> list[str]:
    for number in range(count):
        (platform.inbox / f"log-{number:05}.mcap").write_text(str(number))
    return [f"log-{number:05}" for number in range(count)]


def end(platform: Platform, result: SensorResult) -> None:
    """Have the runs that were asked for succeed, without their events: there are a million."""
    for request in result.run_requests or ():
        tags = {**request.tags, "dagster/run_key": str(request.run_key)}
        logs = platform.store.registry.requests()[str(request.run_key)]
        platform.store.registry.mark_read([ReadLog(log_id) for log_id in logs])
        platform.instance.add_run(
            DagsterRun(job_name="__ASSET_JOB", tags=tags, status=DagsterRunStatus.SUCCESS)
        )


def covered(platform: Platform, result: SensorResult) -> list[str]:
    """Return the logs of all runs that were asked for, as Dagster would resolve their ranges."""
    known = platform.instance.get_dynamic_partitions(LOG)
    found: list[str] = []
    for request in result.run_requests or ():
        first = request.tags["dagster/asset_partition_range_start"]
        last = request.tags["dagster/asset_partition_range_end"]
        part = known[known.index(first) : known.index(last) + 1]
        assert request.tags["metrics-platform/logs"] == str(len(part))
        found += part
    return found


def test_ten_thousand_logs_at_once_are_all_taken_in_and_none_twice(eager: Platform) -> None:
    names = fill(eager, _LOGS)
    p = eager.having(queued_runs=8)
    taken: list[str] = []
    ticks = 0
    while len(taken) < _LOGS:
        started = time.monotonic()
        result = p.tick()
        assert time.monotonic() - started < p.settings.tick_s
        part = covered(p, result)
        assert 0 < len(part) <= 8 * 500
        assert len(result.run_requests or ()) <= 8
        taken += part
        ticks += 1
        end(p, result)

    assert taken == names
    assert ticks == 3
    assert p.instance.get_dynamic_partitions(LOG) == names
    assert p.tick().run_requests == []
    assert set(p.store.registry.requests()) == set()


def test_a_tick_ends_when_its_time_is_over_and_the_next_goes_on(eager: Platform) -> None:
    """The budget bounds the listing by pages, however many there are."""
    fill(eager, 3_500)
    hurried = eager.having(tick_s=0.0)

    first = hurried.tick()

    registered = eager.store.registry.logs()["log_id"].to_list()
    assert 0 < len(registered) <= 1_000
    assert first.cursor == f"inbox/{registered[-1]}.mcap"


def test_after_a_long_listing_the_next_one_waits(
    eager: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_SHORT_S", 0.0)
    fill(eager, 1)
    before = time.time()
    first = eager.tick()
    assert first.cursor is not None
    assert before < float(first.cursor.removeprefix("until:")) < time.time() + 60.0
    assert len(first.run_requests or ()) == 1
    fill(eager, 2)

    resting = eager.tick(f"until:{time.time() + 60:.1f}")
    assert "log-00001" not in eager.states()
    # What was asked for and never launched is asked for all the same.
    assert len(resting.run_requests or ()) == 1

    eager.tick(f"until:{time.time() - 1:.1f}")
    assert "log-00001" in eager.states()


def test_the_rest_counts_the_ticks_before_the_last(eager: Platform) -> None:
    fill(eager, 2)

    last = eager.tick("inbox/log-00000.mcap")

    rest = float(str(last.cursor).removeprefix("until:")) - time.time()
    assert rest > 8 * eager.settings.tick_s
