"""Old logs out of Dagster's partitions: what stays, what comes back, and what dies in between."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from dagster import DagsterRunStatus

from metrics_platform.orchestration.archive import Archived, archive
from metrics_platform.orchestration.partitions import LOG, tags_of_range
from metrics_platform.store import ReadLog
from metrics_platform_tests.orchestration.faulty import catalog_with, sample_counts
from metrics_platform_tests.orchestration.platform import Platform, upload
from metrics_platform_tests.store.builders import computed


@pytest.fixture
def fleet(platform: Platform) -> Platform:
    """Logs a to e, read and computed; their request is settled."""
    p = platform.having(catalog_with(sample_counts), quiet_s=0.0)
    for log_id in "abcde":
        upload(p.inbox, log_id, seconds=0.5)
    [request] = p.tick().run_requests or ()
    p.store.registry.mark_read([ReadLog(log_id) for log_id in "abcde"])
    p.store.registry.settle(str(request.run_key))
    p.store.write(computed({log_id: [1.0, 2.0] for log_id in "abcde"}))
    return p


def partitions(platform: Platform) -> Sequence[str]:
    return platform.instance.get_dynamic_partitions(LOG)


def take_out(platform: Platform, *log_ids: str, dry_run: bool = False) -> Archived:
    return archive(platform.store, platform.instance, log_ids=log_ids, dry_run=dry_run)


def test_archived_logs_are_no_partitions_and_keep_their_results(fleet: Platform) -> None:
    before = fleet.store.scan("hard_brakes").collect()

    done = take_out(fleet, "b", "d")

    assert done == Archived(["b", "d"], [])
    assert partitions(fleet) == ["a", "c", "e"]
    assert fleet.store.scan("hard_brakes").collect().equals(before)
    assert len(fleet.store.scan("hard_brakes", logs=["b"]).collect()) == 2
    # What lies in the inbox as it did brings nothing back.
    assert fleet.tick().run_requests == []
    assert partitions(fleet) == ["a", "c", "e"]
    assert take_out(fleet, "b", "d") == Archived([], [])


def test_a_dry_run_changes_nothing(fleet: Platform) -> None:
    assert take_out(fleet, "b", dry_run=True) == Archived(["b"], [])
    assert partitions(fleet) == list("abcde")
    assert fleet.store.registry.archived() == []


def test_only_logs_of_which_nothing_new_was_learnt_for_long_are_old(fleet: Platform) -> None:
    now = datetime.now(UTC)
    an_hour_ago = archive(fleet.store, fleet.instance, before=now - timedelta(hours=1))
    assert an_hour_ago == Archived([], [])

    assert archive(fleet.store, fleet.instance, before=now).log_ids == list("abcde")
    assert partitions(fleet) == []


def test_logs_that_a_run_is_about_or_that_wait_for_one_stay(fleet: Platform) -> None:
    job = fleet.definitions.resolve_implicit_global_asset_job_def()
    run = fleet.instance.create_run_for_job(
        job, tags=tags_of_range("b", "d"), status=DagsterRunStatus.STARTED
    )
    upload(fleet.inbox, "e", seconds=0.7)
    fleet.tick()

    assert take_out(fleet, *"abcde") == Archived(["a"], ["b", "c", "d"])
    assert partitions(fleet) == list("bcde")

    fleet.instance.report_run_canceled(run)
    assert take_out(fleet, *"abcde") == Archived(["b", "c", "d"], [])


def test_other_content_brings_an_archived_log_back(fleet: Platform) -> None:
    take_out(fleet, "b", "c")
    upload(fleet.inbox, "b", seconds=1.0)

    fleet.take_in()

    assert partitions(fleet) == ["a", "d", "e", "b"]
    assert fleet.store.registry.archived() == ["c"]
    assert fleet.states()["b"] == "read"
    assert fleet.statuses("sample_counts") == {"b": "computed"}


def test_a_log_that_is_brought_back_while_others_are_taken_out_stays(
    fleet: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = fleet.instance.delete_dynamic_partition

    def and_bring_back(name: str, log_id: str) -> None:
        delete(name, log_id)
        fleet.store.registry.register_again([each for each in "bd" if each != log_id])

    monkeypatch.setattr(fleet.instance, "delete_dynamic_partition", and_bring_back)

    take_out(fleet, "b", "d")

    assert len(partitions(fleet)) == 4


def test_a_call_that_died_after_marking_is_completed_by_the_next(fleet: Platform) -> None:
    fleet.store.registry.archive(["b", "c"])
    assert partitions(fleet) == list("abcde")

    assert take_out(fleet) == Archived([], [])
    assert partitions(fleet) == ["a", "d", "e"]


def test_a_partition_deleted_by_hand_at_the_end_of_a_run_harms_no_tick(fleet: Platform) -> None:
    job = fleet.definitions.resolve_implicit_global_asset_job_def()
    fleet.instance.create_run_for_job(
        job, tags=tags_of_range("b", "d"), status=DagsterRunStatus.STARTED
    )
    fleet.instance.delete_dynamic_partition(LOG, "d")
    upload(fleet.inbox, "new", seconds=0.5)

    [request] = fleet.tick().run_requests or ()

    assert request.tags["dagster/partition"] == "new"
