"""Limits on what runs at once, in the queue of a real daemon with real run workers."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dagster import RunRecord

from metrics_platform.core.catalog import default_catalog
from metrics_platform.orchestration.assets import derived_asset
from metrics_platform.orchestration.dev import daemon, running
from metrics_platform.orchestration.partitions import pool_of
from metrics_platform_tests.orchestration.platform import Platform, upload

_PATIENCE_S = 120.0
# The queue is looked at every five seconds.
_A_LOOK_OR_TWO_S = 7.0


def until(condition: Callable[[], bool], told: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)


def test_a_limit_of_one_keeps_two_runs_of_a_metric_apart(
    platform: Platform, tmp_path: Path
) -> None:
    """Both would start at once otherwise: the embedded default runs two at a time."""
    p = platform.having(quiet_s=0.0, logs_per_run=1)
    storage = p.instance.event_log_storage
    storage.set_concurrency_slots(pool_of("waiting"), 1)
    for log_id in "ab":
        upload(p.inbox, log_id, seconds=0.5)
    command = [*daemon()[:-1], "metrics_platform_tests.orchestration.pooled"]

    def records() -> Sequence[RunRecord]:
        return p.instance.get_run_records()

    def statuses() -> list[str]:
        return sorted(record.dagster_run.status.value for record in records())

    log = tmp_path / "daemon.log"
    with running(command, p.settings, log):
        until((p.settings.home / "under-way").exists, log.read_text)
        until(lambda: len(records()) == 2, log.read_text)
        deadline = time.monotonic() + _A_LOOK_OR_TWO_S
        while time.monotonic() < deadline:
            assert statuses() == ["QUEUED", "STARTED"]
            time.sleep(0.5)
        (p.settings.home / "go-on").touch()
        until(lambda: statuses() == ["SUCCESS"] * 2, log.read_text)

    first, second = sorted(records(), key=lambda record: record.start_time or 0.0)
    assert (first.end_time or 0.0) <= (second.start_time or 0.0)


def test_every_metric_has_a_pool_of_its_own(platform: Platform) -> None:
    catalog = default_catalog()
    pools = {
        derived_asset(definition, catalog, platform.settings).op.pool
        for definition in catalog.derived
    }
    assert pools == {f"log/{definition.name}" for definition in catalog.derived}


def test_no_pool_is_limited_and_runs_wait_for_them_in_the_queue(platform: Platform) -> None:
    config = platform.instance.get_concurrency_config().pool_config

    assert config.default_pool_limit is None
    assert config.pool_granularity is not None
    assert config.pool_granularity.value == "run"
