"""The asset's page with 100,000 partitions. It comes last: they stay in the instance."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dagster import DagsterInstance
from playwright.sync_api import Page, expect

from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.dev import dagster_environment
from metrics_platform.orchestration.partitions import LOG
from metrics_platform_tests.end_to_end.conftest import RunningPlatform

pytestmark = pytest.mark.xdist_group("end_to_end")
_MANY = 100_000


def test_partitions_can_be_found_among_a_hundred_thousand(
    page: Page, platform: RunningPlatform
) -> None:
    # By a process of its own: whoever uses the embedded Postgres keeps it running.
    added = subprocess.run(
        [sys.executable, __file__, str(platform.home)], check=True, stdout=subprocess.PIPE
    )
    known = int(added.stdout.split()[-1])
    log_id = platform.fleet.without_tracks

    started = time.perf_counter()
    page.goto(f"{platform.url}/assets/log/hard_brakes?view=partitions")
    # How many are materialized and how many not is told of all of them.
    expect(page.get_by_text(re.compile(rf"{known - 13:,}|{known:,}")).first).to_be_visible()
    loaded = time.perf_counter()
    page.get_by_placeholder(re.compile("Filter", re.IGNORECASE)).first.fill(log_id)
    row = page.get_by_text(log_id, exact=True).first
    expect(row).to_be_visible()
    row.click()
    expect(page.get_by_text(re.compile("Materialized")).first).to_be_visible()
    found = time.perf_counter()

    print(f"{known} partitions: page in {loaded - started:.1f} s, a log in {found - loaded:.1f} s")


def _add_partitions(home: Path) -> None:
    os.environ.update(dagster_environment(Settings(home=home, root=str(home / "objects"))))
    with DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(LOG, [f"fleet-{n:06d}" for n in range(_MANY)])
        print(len(instance.get_dynamic_partitions(LOG)))


if __name__ == "__main__":
    _add_partitions(Path(sys.argv[1]))
