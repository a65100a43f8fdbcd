"""The job `request_backfill` and the sensor `backfills`, on a real instance and in real runs."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from dagster import (
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    SensorResult,
    build_sensor_context,
)

from metrics_platform.checks.expected import expected_results
from metrics_platform.core import Computed
from metrics_platform.core.compute import summarise
from metrics_platform.orchestration.backfill_sweep import BACKFILL_OF, Wish
from metrics_platform.orchestration.backfills import backfills_sensor
from metrics_platform.orchestration.partitions import LOG, log_asset_key
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.store import DUE, ReadLog
from metrics_platform_tests.orchestration.platform import Platform, upload
from metrics_platform_tests.orchestration.revised import (
    doubled_counts,
    pose_counts,
    small_catalog,
    track_counts,
)

ALL = (pose_counts(), doubled_counts, track_counts)


@pytest.fixture
def fleet(platform: Platform) -> Platform:
    """Six logs, of which everything is computed."""
    p = platform.having(small_catalog(*ALL), quiet_s=0.0)
    for number in range(6):
        upload(p.inbox, f"log-{number}", kind="cut_in" if number % 2 else "cruise")
    p.take_in()
    # The request of the new logs is settled.
    p.tick()
    assert due(p) == {}
    return p


def due(p: Platform, *names: str) -> dict[tuple[str, str], int]:
    """Return how many logs are due, by name and standing."""
    expected = expected_results(p.catalog, ReaderConfig.load(None), names or None)
    counts = p.store.ledger(expected)
    return {
        (row["name"], standing): row[standing]
        for row in counts.iter_rows(named=True)
        for standing in DUE
        if row[standing]
    }


def tick(p: Platform, cursor: str | None = None) -> SensorResult:
    sensor = backfills_sensor(p.catalog, p.settings)
    with build_sensor_context(instance=p.instance, cursor=cursor) as context:
        result = sensor(context)
    assert isinstance(result, SensorResult)
    return result


def asked(result: SensorResult) -> list[tuple[str, str, list[str]]]:
    """Return first log, last log and definitions of each run that was asked for."""
    found = []
    for request in result.run_requests or ():
        one = request.tags.get("dagster/partition", "")
        first = request.tags.get("dagster/asset_partition_range_start", one)
        last = request.tags.get("dagster/asset_partition_range_end", one)
        names = [key.path[-1] for key in request.asset_selection or ()]
        found.append((first, last, names))
    return found


def finish(p: Platform, request: RunRequest, status: DagsterRunStatus) -> None:
    """Let the run that was asked for end, or begin, without anything computed."""
    job = p.definitions.resolve_implicit_global_asset_job_def()
    keys = set(request.asset_selection or ())
    p.instance.create_run_for_job(
        job.get_subset(asset_selection=keys),
        tags={**request.tags, "dagster/run_key": str(request.run_key)},
        status=status,
        asset_selection=frozenset(keys),
    )


def wishes(p: Platform) -> list[str]:
    return p.store.backfills.requested()["name"].to_list()


def told(result: SensorResult) -> str:
    assert result.skip_reason is not None
    return str(result.skip_reason.skip_message)


def until_done(p: Platform) -> list[SensorResult]:
    """Tick, and execute what is asked for, until nobody wants anything any more."""
    results: list[SensorResult] = []
    cursor = None
    while wishes(p):
        results.append(tick(p, cursor))
        cursor = results[-1].cursor
        for request in results[-1].run_requests or ():
            assert p.launch(request).success
        assert len(results) < 12
    return results


def test_it_runs_by_itself_and_does_nothing_unasked(fleet: Platform) -> None:
    assert (
        backfills_sensor(fleet.catalog, fleet.settings).default_status
        is DefaultSensorStatus.RUNNING
    )
    changed = fleet.having(small_catalog(pose_counts(1.0), doubled_counts, track_counts))

    result = tick(changed)

    assert result.run_requests == []
    assert told(result) == "nobody has asked for a backfill"


def test_changed_code_is_computed_again_and_all_that_stands_on_it(fleet: Platform) -> None:
    changed = fleet.having(small_catalog(pose_counts(1.0), doubled_counts, track_counts))
    others = fleet.store.history("track_counts", "log-1")
    [before] = fleet.store.history("doubled_counts", "log-1").rows(named=True)
    # A fingerprint holds those upstream: nobody can tell yet whether other code gives other values.
    assert due(changed) == {
        ("pose_counts", "stale_code"): 6,
        ("doubled_counts", "stale_code"): 6,
    }
    changed.store.backfills.request(["pose_counts"])

    first, *_, last = until_done(changed)

    assert asked(first) == [("log-0", "log-5", ["pose_counts", "doubled_counts"])]
    [request] = first.run_requests or ()
    assert request.tags["dagster/priority"] == "-10"
    assert request.tags["metrics-platform/cause"] == "backfill"
    assert request.tags["metrics-platform/background"] == "true"
    assert told(last) == "up to date: pose_counts"
    assert due(changed) == {}
    assert fleet.store.history("track_counts", "log-1").equals(others)
    _, after = fleet.store.history("doubled_counts", "log-1").rows(named=True)
    assert after["content_hash"] == before["content_hash"]
    assert len(set(fleet.store.scan("doubled_counts").collect()["log_id"])) == 6


def test_a_new_metric_is_computed_for_all_logs(fleet: Platform) -> None:
    small = fleet.having(small_catalog(*ALL[:2]))
    small.store.backfills.request(["pose_counts"])
    assert [told(result) for result in until_done(small)] == ["up to date: pose_counts"]
    later = replace(doubled_counts, version="2.0.0")
    p = fleet.having(small_catalog(pose_counts(), later))
    assert due(p) == {("doubled_counts", "missing"): 6}

    p.store.backfills.request(["doubled_counts"])
    results = until_done(p)

    assert asked(results[0]) == [("log-0", "log-5", ["doubled_counts"])]
    assert due(p) == {}
    assert p.store.versions("doubled_counts") == ["1.0.0", "2.0.0"]


def with_fewer_poses(p: Platform, log_id: str) -> Computed:
    """Return the poses of a log without the last one, as another reading of it may give them."""
    definition = p.catalog["ego_poses"]
    loaded = p.store.load(definition, [log_id])
    [known] = p.store.outcomes("ego_poses", logs=[log_id]).rows(named=True)
    rows = loaded.rows.collect().head(-1)
    return Computed(
        definition=definition,
        rows=rows,
        outcomes=loaded.outcomes,
        summary=summarise(definition, rows, [log_id]),
        fingerprints={log_id: known["fingerprint"]},
        input_hashes={log_id: known["input_hash"]},
    )


def test_other_content_upstream_is_followed_in_its_logs_alone(fleet: Platform) -> None:
    fleet.store.write(with_fewer_poses(fleet, "log-2"))
    assert due(fleet) == {("pose_counts", "stale_inputs"): 1}

    # What needs it isn't stale yet, and would be.
    fleet.store.backfills.request(["doubled_counts"])
    results = until_done(fleet)

    assert asked(results[0]) == [("log-2", "log-2", ["pose_counts", "doubled_counts"])]
    assert due(fleet) == {}
    assert len(fleet.store.history("pose_counts", "log-1")) == 1
    counts = dict(fleet.store.summary("doubled_counts").select("log_id", "counts").iter_rows())
    assert counts["log-2"] == counts["log-0"] - 2


def test_a_small_gap_is_bridged_and_a_busy_log_is_not(fleet: Platform) -> None:
    for log_id in ("log-0", "log-2", "log-5"):
        fleet.store.write(with_fewer_poses(fleet, log_id))
    fleet.store.backfills.request(["pose_counts"])
    names = ["pose_counts", "doubled_counts"]
    assert asked(tick(fleet)) == [("log-0", "log-5", names)]

    busy = RunRequest(tags={"dagster/partition": "log-4"}, run_key="somebody")
    finish(fleet, busy, DagsterRunStatus.STARTED)

    assert asked(tick(fleet)) == [("log-0", "log-2", names), ("log-5", "log-5", names)]


def test_no_log_is_in_two_runs_at_once(fleet: Platform) -> None:
    """What is due differs from log to log: one run goes over gaps in which another one has logs."""
    for log_id in ("log-0", "log-3", "log-5"):
        fleet.store.write(with_fewer_poses(fleet, log_id))
    p = fleet.having(small_catalog(*ALL[:2], replace(track_counts, version="2.0.0")))
    for log_id in ("log-0", "log-3", "log-5"):
        p.run([log_id], "track_counts")
    p.store.backfills.request(["pose_counts", "track_counts"])

    first, *_ = until_done(p)

    assert asked(first) == [("log-0", "log-5", ["pose_counts", "doubled_counts"])]
    assert due(p) == {}


def test_runs_that_were_tried_go_over_no_other_logs(fleet: Platform) -> None:
    p = fleet.having(small_catalog(pose_counts(1.0), *ALL[1:]))
    p.store.backfills.request(["pose_counts"])
    names = ["pose_counts", "doubled_counts"]
    [wish] = p.store.backfills.requested()["requested_at"].to_list()
    tags = {"dagster/partition": "log-2", BACKFILL_OF: Wish(wish, ["pose_counts"]).key}
    tried = RunRequest(tags=tags, run_key="k", asset_selection=[log_asset_key(n) for n in names])
    finish(p, tried, DagsterRunStatus.FAILURE)

    assert sorted(asked(tick(p))) == [
        ("log-0", "log-1", names), ("log-2", "log-2", names), ("log-3", "log-5", names),
    ]  # fmt: skip


def test_only_as_many_runs_as_there_is_room_for(fleet: Platform) -> None:
    p = fleet.having(small_catalog(pose_counts(1.0), *ALL[1:]), logs_per_run=1, queued_runs=4)
    p.store.backfills.request(["pose_counts"])

    first = tick(p)
    for request in first.run_requests or ():
        finish(p, request, DagsterRunStatus.STARTED)
    full = tick(p, first.cursor)
    p.instance.delete_run(p.instance.get_runs()[0].run_id)
    second = tick(p, full.cursor)

    assert [(a, b) for a, b, _ in asked(first)] == [(f"log-{n}",) * 2 for n in range(4)]
    assert (asked(full), told(full)) == ([], "waits for 4 runs")
    # The run that was deleted is the one over the fourth log.
    assert [(a, b) for a, b, _ in asked(second)] == [("log-3", "log-3")]


def test_a_tick_that_is_repeated_asks_for_the_same_runs(fleet: Platform) -> None:
    p = fleet.having(small_catalog(pose_counts(1.0), *ALL[1:]), logs_per_run=2)
    p.store.backfills.request(["pose_counts"])

    keys = [[request.run_key for request in tick(p).run_requests or ()] for _ in range(2)]

    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 3


def test_runs_that_fail_are_asked_for_in_ever_smaller_parts_and_then_no_more(
    fleet: Platform,
) -> None:
    p = fleet.having(small_catalog(pose_counts(1.0), *ALL[1:]))
    p.store.backfills.request(["pose_counts"])
    ticks: list[SensorResult] = []
    cursor = None
    while wishes(p):
        ticks.append(tick(p, cursor))
        cursor = ticks[-1].cursor
        for request in ticks[-1].run_requests or ():
            finish(p, request, DagsterRunStatus.FAILURE)
        assert len(ticks) < 30

    sizes = [len(asked(result)) for result in ticks if result.run_requests]
    # Runs over 6 logs, 3, then one.
    assert sizes == [1, 2, *[6] * 10]
    assert told(ticks[-1]) == (
        "given up: pose_counts: 6 logs are not up to date after 12 runs; "
        "`metrics-platform stale --logs` tells which"
    )


def test_a_log_that_is_no_partition_ends_a_backfill(fleet: Platform) -> None:
    p = fleet.having(small_catalog(pose_counts(1.0), *ALL[1:]))
    for log_id in p.store.registry.logs()["log_id"]:
        p.instance.delete_dynamic_partition(LOG, log_id)
    p.store.backfills.request(["pose_counts"])

    assert told(tick(p)).startswith(
        "given up: pose_counts: the logs that are not up to date are no partitions"
    )
    assert wishes(p) == []


def test_a_run_that_is_about_to_be_retried_is_waited_for(fleet: Platform) -> None:
    p = fleet.having(small_catalog(pose_counts(1.0), *ALL[1:]))
    p.store.backfills.request(["pose_counts"])
    [request] = tick(p).run_requests or ()
    request = request._replace(tags={**request.tags, "dagster/will_retry": "true"})
    finish(p, request, DagsterRunStatus.FAILURE)

    result = tick(p)

    assert (asked(result), told(result)) == ([], "waits for the runs it asked for")


def test_logs_of_a_run_over_new_logs_are_left_to_it(fleet: Platform) -> None:
    upload(fleet.inbox, "log-6")
    fleet.tick()
    fleet.store.registry.mark_read([ReadLog("log-6", format="mcap")])
    assert due(fleet, "track_counts") == {("track_counts", "missing"): 1}
    fleet.store.backfills.request(["track_counts"])

    result = tick(fleet)

    assert asked(result) == []
    assert told(result) == "not yet up to date: track_counts"
    assert wishes(fleet) == ["track_counts"]


def test_what_is_no_longer_defined_is_struck_off(fleet: Platform) -> None:
    fleet.store.backfills.request(["was_a_metric"])

    assert told(tick(fleet)) == "nobody has asked for a backfill"
    assert wishes(fleet) == []


@pytest.mark.parametrize(
    ("names", "expected"),
    [([], ["doubled_counts", "pose_counts"]), (["track_counts"], ["track_counts"])],
    ids=["all that need it", "named ones"],
)
def test_the_job_asks_for_a_backfill(
    fleet: Platform, names: Sequence[str], expected: Sequence[str]
) -> None:
    p = fleet.having(small_catalog(pose_counts(1.0), *ALL[1:]))
    job = p.definitions.resolve_job_def("request_backfill")

    result = job.execute_in_process(
        instance=p.instance, run_config={"ops": {"ask_for_backfill": {"config": {"names": names}}}}
    )

    assert result.success
    assert wishes(p) == expected


def test_the_job_refuses_a_name_that_there_is_not(fleet: Platform) -> None:
    job = fleet.definitions.resolve_job_def("request_backfill")

    result = job.execute_in_process(
        instance=fleet.instance,
        run_config={"ops": {"ask_for_backfill": {"config": {"names": ["pose_cuonts"]}}}},
        raise_on_error=False,
    )

    assert not result.success
    assert wishes(fleet) == []
