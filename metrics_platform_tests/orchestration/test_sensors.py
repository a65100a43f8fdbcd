"""The sensor `new_logs`, against a real inbox, registry and instance."""

import os
import time
from collections import Counter
from pathlib import Path

import boto3  # type: ignore[import-untyped]
import pytest
from dagster import (
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    SensorResult,
    build_sensor_context,
)

from metrics_platform.core.errors import StoreUnavailableError
from metrics_platform.orchestration.partitions import LOG
from metrics_platform.orchestration.sensors import new_logs_sensor
from metrics_platform.store import Found, ObjectRoot, ReadLog, sweep
from metrics_platform_tests.orchestration.platform import Platform

FROM_START = "inbox/"
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@pytest.fixture
def eager(platform: Platform) -> Platform:
    """A platform that takes a log at once; what is in its files is nobody's business here."""
    return platform.having(quiet_s=0.0)


def put(platform: Platform, *names: str, content: str = "") -> None:
    for name in names:
        path = platform.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name} {content}")


def range_of(request: RunRequest) -> tuple[str, str]:
    """Return the first and the last log of a run."""
    single = request.tags.get("dagster/partition", "")
    return request.tags.get(_RANGE[0], single), request.tags.get(_RANGE[1], single)


def ranges(result: SensorResult) -> list[tuple[str, str]]:
    """Return first and last log of each run that was asked for."""
    return [range_of(request) for request in result.run_requests or ()]


def requests(result: SensorResult) -> list[RunRequest]:
    return list(result.run_requests or ())


def keys(result: SensorResult) -> list[str | None]:
    return [request.run_key for request in requests(result)]


def partitions(platform: Platform) -> list[str]:
    return list(platform.instance.get_dynamic_partitions(LOG))


def finish(platform: Platform, request: RunRequest, status: DagsterRunStatus) -> DagsterRun:
    """Make the run that was asked for, as far as this: the daemon launches it, a worker ends it."""
    tags = {**request.tags, "dagster/run_key": str(request.run_key)}
    if status is DagsterRunStatus.SUCCESS:
        logs = platform.store.registry.requests()[str(request.run_key)]
        platform.store.registry.mark_read([ReadLog(log_id) for log_id in logs])
    # Without the events of what it plans, which the sensor doesn't look at.
    return platform.instance.add_run(DagsterRun(job_name="__ASSET_JOB", tags=tags, status=status))


def start(platform: Platform, result: SensorResult) -> None:
    for request in requests(result):
        finish(platform, request, DagsterRunStatus.STARTED)


def until_the_end(platform: Platform, cursor: str | None = None) -> list[SensorResult]:
    """Tick, and have the runs launched, until the end of the inbox is reached."""
    results = [platform.tick(cursor)]
    start(platform, results[-1])
    # On a machine that is busy a listing may take so long that the next one is to wait.
    while results[-1].cursor != FROM_START and not str(results[-1].cursor).startswith("until:"):
        results.append(platform.tick(results[-1].cursor))
        start(platform, results[-1])
    return results


def test_an_empty_inbox_is_no_news(eager: Platform) -> None:
    result = eager.tick()

    assert result.run_requests == []
    assert result.skip_reason is not None
    assert result.skip_reason.skip_message == "no new logs"


def test_files_and_folders_become_one_ranged_run(eager: Platform) -> None:
    put(eager, "a.mcap", "a.log.json", "b/x.feather", "b/log.json", "c.bag")

    result = eager.tick()

    assert ranges(result) == [("a", "c")]
    assert partitions(eager) == ["a", "b", "c"]
    assert eager.states() == {"a": "requested", "b": "requested", "c": "requested"}


def test_a_log_still_uploading_is_taken_when_it_is_there(eager: Platform) -> None:
    put(eager, "a.mcap", "a.mcap.uploading", "b/x", "b/_UPLOADING", "c.mcap.part", ".d.mcap")
    assert ranges(eager.tick()) == []

    (eager.inbox / "a.mcap.uploading").unlink()
    (eager.inbox / "b/_UPLOADING").unlink()
    (eager.inbox / "c.mcap.part").rename(eager.inbox / "c.mcap")

    assert ranges(eager.tick()) == [("a", "c")]


def test_a_log_that_still_grows_is_left_for_a_later_tick(platform: Platform) -> None:
    patient = platform.having(quiet_s=30.0)
    put(patient, "growing.mcap", "old.mcap", "old.log.json")
    an_hour_ago = time.time() - 3_600
    for name in ("old.mcap", "old.log.json"):
        os.utime(patient.inbox / name, (an_hour_ago, an_hour_ago))

    assert ranges(patient.tick()) == [("old", "old")]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a..b.mcap", "'a..b' cannot be a log id"),
        ("größe.mcap", "'größe' cannot be a log id"),
        ("a,b.mcap", "'a,b' cannot be a log id"),
        ("[1-5].mcap", "'[1-5]' cannot be a log id"),
        (f"{'x' * 200}.mcap", "cannot be a log id: expected 1 to 199 letters"),
        ("two\nlines.mcap", "'two\\nlines.mcap' cannot be a log id"),
        ("-rf.mcap", "'-rf' cannot be a log id"),
    ],
)
def test_a_name_that_cannot_be_a_log_is_rejected_with_the_reason(
    eager: Platform, name: str, reason: str
) -> None:
    put(eager, name, "good.mcap")

    assert ranges(eager.tick()) == [("good", "good")]
    rejected = dict(eager.store.registry.rejected().select("source", "reason").iter_rows())
    assert list(rejected) == [name]
    assert reason in rejected[name]


@pytest.mark.parametrize("key", ["../evil.mcap", "/evil.mcap", "./evil.mcap", "log/../../evil"])
def test_a_poisoned_key_on_s3_is_rejected_and_stops_no_other(
    eager: Platform, s3_root: str, key: str
) -> None:
    root = ObjectRoot.open(s3_root)
    for name in ("a.mcap", "z/part.bin"):
        root.put(f"inbox/{name}", b"x")
    bucket, _, prefix = s3_root.removeprefix("s3://").partition("/")
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    client.put_object(Bucket=bucket, Key=f"{prefix}/inbox/{key}", Body=b"bad")

    result = eager.having(root=s3_root).tick()

    assert ranges(result) == [("a", "z")]
    assert result.cursor == FROM_START
    rejected = dict(eager.store.registry.rejected().select("source", "reason").iter_rows())
    assert list(rejected) == [key]
    assert "cannot be a log id" in rejected[key]


def test_of_two_sources_for_one_log_the_second_is_rejected(eager: Platform) -> None:
    put(eager, "a.bag", "a.mcap")

    assert ranges(eager.tick()) == [("a", "a")]
    assert eager.store.registry.rejected().select("source", "reason").rows() == [
        ("a.mcap", "log id 'a' is taken by a.bag")
    ]


def test_a_listing_cut_short_goes_on_where_it_was(eager: Platform) -> None:
    """With no time at all a tick takes one page, and the ticks together take all."""
    names = [f"log-{number:04}.mcap" for number in range(2_500)]
    put(eager, *names)
    hurried = eager.having(tick_s=0.0, logs_per_run=1_000)

    results = until_the_end(hurried)

    assert partitions(eager) == [name.removesuffix(".mcap") for name in names]
    assert len(results) >= 3


def test_what_comes_before_the_cursor_is_found_in_the_next_round(eager: Platform) -> None:
    put(eager, *(f"m-{number:04}.mcap" for number in range(1_200)))
    hurried = eager.having(tick_s=0.0, logs_per_run=2_000)
    first = hurried.tick()
    start(hurried, first)
    put(eager, "a.mcap")

    rest = until_the_end(hurried, first.cursor)
    assert "a" not in partitions(eager)
    hurried.tick(rest[-1].cursor)
    assert partitions(eager)[-1] == "a"


def test_dagster_takes_the_cursor_back_to_the_start(eager: Platform) -> None:
    """An empty cursor would leave the one before, and all names before that one unseen."""
    put(eager, "a.mcap")
    # Or else the next listing would wait, after one that took more than a tick.
    sensor = new_logs_sensor(eager.catalog, eager.having(tick_s=0.0).settings)
    with build_sensor_context(instance=eager.instance, cursor="inbox/m") as context:
        evaluated = sensor.evaluate_tick(context)
    assert evaluated.cursor == FROM_START

    with build_sensor_context(instance=eager.instance, cursor=evaluated.cursor) as context:
        assert len(sensor.evaluate_tick(context).run_requests or ()) == 1


def test_a_log_that_changes_while_a_run_reads_it_waits_for_that_run(eager: Platform) -> None:
    put(eager, "a.mcap", "b.mcap")
    [request] = requests(eager.tick())
    run = finish(eager, request, DagsterRunStatus.STARTED)
    put(eager, "b.mcap", content="another drive")

    assert requests(eager.tick()) == []
    assert eager.states()["b"] == "registered"

    eager.instance.report_run_canceled(run)
    assert ("b", "b") in ranges(eager.tick())


def test_two_thousand_logs_are_registered_within_the_budget(eager: Platform) -> None:
    put(eager, *(f"log-{number:04}.mcap" for number in range(2_000)))

    started = time.monotonic()
    result = eager.tick()
    seconds = time.monotonic() - started

    assert ranges(result) == [
        (f"log-{first:04}", f"log-{first + 499:04}") for first in range(0, 2_000, 500)
    ]
    assert result.cursor == FROM_START
    assert seconds < eager.settings.tick_s


def test_runs_are_no_longer_than_the_setting(eager: Platform) -> None:
    put(eager, *(f"{number}.mcap" for number in range(5)))

    assert ranges(eager.having(logs_per_run=2).tick()) == [("0", "1"), ("2", "3"), ("4", "4")]


def test_no_more_runs_wait_than_the_setting_allows(eager: Platform) -> None:
    put(eager, *(f"{number}.mcap" for number in range(5)))
    capped = eager.having(logs_per_run=1, queued_runs=2)

    first = capped.tick()
    assert ranges(first) == [("0", "0"), ("1", "1")]
    for request in requests(first):
        finish(capped, request, DagsterRunStatus.NOT_STARTED)
    waiting = capped.tick()
    assert ranges(waiting) == []
    assert waiting.skip_reason is not None
    assert waiting.skip_reason.skip_message == "3 logs wait for runs that are queued"

    capped.instance.report_run_canceled(capped.instance.get_runs()[0])
    # A cancelled run is asked for again before any new log gets its turn.
    assert [key[-2:] for key in keys(capped.tick()) if key] == [".2"]


def test_a_tick_whose_result_was_lost_is_asked_for_again_with_the_same_key(
    eager: Platform,
) -> None:
    put(eager, "a.mcap", "b.mcap", "c.mcap")
    lost = eager.tick()

    again = eager.tick()
    third = eager.tick()

    assert keys(again) == keys(third) == keys(lost)
    assert ranges(again) == [("a", "c")]
    assert partitions(eager) == ["a", "b", "c"]


def test_dagster_makes_one_run_of_a_request_made_twice(eager: Platform) -> None:
    """The daemon looks the run key up before it launches: here the same look-up finds the run."""
    put(eager, "a.mcap")
    [request] = requests(eager.tick())
    finish(eager, request, DagsterRunStatus.STARTED)

    assert requests(eager.tick()) == []
    assert eager.states() == {"a": "requested"}


def test_a_lost_request_and_new_logs_have_partitions_that_do_not_mix(eager: Platform) -> None:
    put(eager, "b.mcap", "d.mcap")
    lost = eager.tick()
    put(eager, "a.mcap", "c.mcap", "e.mcap")

    result = eager.tick()

    assert keys(result)[0] == keys(lost)[0]
    assert ranges(result) == [("b", "d"), ("a", "e")]
    assert eager.instance.get_dynamic_partitions(LOG) == ["b", "d", "a", "c", "e"]


def test_a_run_that_succeeded_is_settled(eager: Platform) -> None:
    put(eager, "a.mcap")
    [request] = requests(eager.tick())
    finish(eager, request, DagsterRunStatus.SUCCESS)

    assert requests(eager.tick()) == []
    assert eager.store.registry.requests() == {}


def test_what_a_run_that_succeeded_has_not_read_is_asked_for_again(eager: Platform) -> None:
    """As when a log was archived between the request and the run."""
    put(eager, "a.mcap", "b.mcap")
    [request] = requests(eager.tick())
    finish(eager, request, DagsterRunStatus.STARTED)
    eager.store.registry.mark_read([ReadLog("a")])
    eager.instance.delete_dynamic_partition(LOG, "b")
    [run] = eager.instance.get_runs()
    eager.instance.delete_run(run.run_id)
    eager.instance.add_run(run.with_status(DagsterRunStatus.SUCCESS))

    assert ranges(eager.tick()) == [("b", "b")]
    assert partitions(eager) == ["a", "b"]
    assert eager.states() == {"a": "read", "b": "requested"}


def fail_all(platform: Platform) -> list[tuple[str, str]]:
    """Tick, have all runs that were asked for fail, and return their ranges."""
    result = platform.tick()
    for request in requests(result):
        finish(platform, request, DagsterRunStatus.FAILURE)
    return ranges(result)


def test_a_request_that_fails_is_halved_and_then_given_up(eager: Platform) -> None:
    put(eager, "a.mcap", "b.mcap", "c.mcap", "d.mcap")

    seen = [fail_all(eager) for _ in range(13)]

    singles = [("a", "a"), ("b", "b"), ("c", "c"), ("d", "d")]
    assert seen == [[("a", "d")], [("a", "b"), ("c", "d")], *[singles] * 10, []]
    assert set(eager.states().values()) == {"quarantined"}
    assert all("its run failed 12 times" in str(why) for why in eager.reasons().values())


def test_a_log_that_kills_its_runs_takes_few_others_with_it(eager: Platform) -> None:
    put(eager, *(f"{letter}.mcap" for letter in "abcdefgh"))
    for _ in range(13):
        for request in requests(eager.tick()):
            first, last = range_of(request)
            status = DagsterRunStatus.FAILURE if first <= "c" <= last else DagsterRunStatus.SUCCESS
            finish(eager, request, status)

    assert [log_id for log_id, state in eager.states().items() if state != "read"] == ["c"]


def test_logs_that_were_read_before_their_run_failed_stay_read(eager: Platform) -> None:
    put(eager, "a.mcap")
    for _ in range(12):
        assert fail_all(eager) == [("a", "a")]
    eager.store.registry.mark_read([ReadLog("a", format="mcap")])

    eager.tick()

    assert eager.states() == {"a": "read"}
    assert "failed 12 times" in str(eager.reasons()["a"])


@pytest.mark.parametrize(
    ("tags", "asked"),
    [
        ({"dagster/will_retry": "true"}, False),
        ({"dagster/will_retry": "true", "dagster/auto_retry_run_id": "r2"}, True),
        ({"dagster/will_retry": "false"}, True),
    ],
    ids=["Dagster is about to retry", "its retry is known", "no retry is left"],
)
def test_a_failed_run_that_dagster_retries_is_waited_for(
    eager: Platform, tags: dict[str, str], asked: bool
) -> None:
    put(eager, "a.mcap")
    [request] = requests(eager.tick())
    run = finish(eager, request, DagsterRunStatus.FAILURE)
    eager.instance.add_run_tags(run.run_id, tags)

    assert bool(requests(eager.tick())) is asked


def test_other_content_is_the_next_revision_and_runs_alone(eager: Platform) -> None:
    put(eager, *(f"{number}.mcap" for number in range(6)))
    for request in requests(eager.tick()):
        finish(eager, request, DagsterRunStatus.SUCCESS)
    eager.tick()

    put(eager, "1.mcap", "2.mcap", "4.mcap", content="another drive")
    put(eager, "new.mcap")
    result = eager.tick()

    # Old partitions lie where they lie: a range over a gap would compute what nobody asked for.
    assert ranges(result) == [("1", "2"), ("4", "4"), ("new", "new")]
    revisions = dict(eager.store.registry.logs().select("log_id", "revision").iter_rows())
    assert Counter(revisions.values()) == {1: 4, 2: 3}


def test_the_sidecar_that_comes_later_is_other_content(eager: Platform) -> None:
    put(eager, "a.mcap")
    [request] = requests(eager.tick())
    finish(eager, request, DagsterRunStatus.SUCCESS)
    assert requests(eager.tick()) == []

    put(eager, "a.log.json")

    assert ranges(eager.tick()) == [("a", "a")]


def test_a_log_that_is_gone_from_the_inbox_stays_known(eager: Platform) -> None:
    put(eager, "a.mcap")
    eager.tick()
    (eager.inbox / "a.mcap").unlink()

    assert ranges(eager.tick()) == [("a", "a")]
    assert eager.states() == {"a": "requested"}


@pytest.mark.parametrize("dies_after", range(4))
def test_wherever_the_daemon_dies_every_log_is_run_once(eager: Platform, dies_after: int) -> None:
    """A tick registers, requests, adds partitions and launches; it can end after any of them."""
    put(eager, "a.mcap", "b.mcap", "c.mcap")
    if dies_after == 0:
        for page, _ in sweep(eager.store.objects, quiet_s=0):
            found = [Found(a.log_id, a.source, a.size_bytes, a.source_tag) for a in page]
            assert len(eager.store.registry.register(found).new) == len(page)
    elif dies_after == 1:
        eager.tick()
        for log_id in partitions(eager):
            eager.instance.delete_dynamic_partition(LOG, log_id)
    elif dies_after == 2:
        eager.tick()
    else:
        start(eager, eager.tick())

    for _ in range(3):
        start(eager, eager.tick())
    launched = eager.instance.get_runs()

    assert len(launched) == 1
    assert [launched[0].tags[tag] for tag in _RANGE] == ["a", "c"]
    assert len(eager.instance.get_dynamic_partitions(LOG)) == 3


def test_the_sensor_is_on_from_the_start(platform: Platform) -> None:
    sensor = new_logs_sensor(platform.catalog, platform.settings)
    assert sensor.default_status is DefaultSensorStatus.RUNNING


def test_an_inbox_that_cannot_be_listed_is_named(platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StoreUnavailableError, match=str(file)):
        platform.having(root=str(file)).tick()
