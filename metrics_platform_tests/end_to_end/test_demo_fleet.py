"""The demo's fleet, with its faults, through a running platform."""

import shutil
from typing import Any

import pytest

from metrics_platform_tests.end_to_end.conftest import RunningPlatform

pytestmark = pytest.mark.xdist_group("end_to_end")
Logs = dict[str, dict[str, Any]]


def test_garbage_is_put_aside_with_the_reason(platform: RunningPlatform, demo_logs: Logs) -> None:
    row = demo_logs[platform.fleet.unreadable]

    assert row["state"] == "quarantined"
    assert "not a recording in a known format" in row["reason"]
    printed = " ".join(platform.command("logs").split())
    assert "is not a recording in a known format" in printed


def test_a_truncated_recording_is_read_as_far_as_it_goes(
    platform: RunningPlatform, demo_logs: Logs
) -> None:
    assert demo_logs[platform.fleet.truncated]["state"] == "read"
    assert demo_logs[platform.fleet.truncated]["truncated"] is True


def test_every_log_has_an_outcome_of_every_metric(
    platform: RunningPlatform, demo_logs: Logs
) -> None:
    for name in ("hard_brakes", "time_to_collision"):
        rows = {row["log_id"]: row for row in platform.table("show", name)}
        assert rows.keys() >= demo_logs.keys()
        assert rows[platform.fleet.unreadable]["status"] == "abstained"


def test_a_log_uploaded_again_is_not_counted_twice(
    platform: RunningPlatform, demo_logs: Logs
) -> None:
    """Under another name it is put aside; with other content it is read anew."""
    first, second, *_ = platform.fleet.logs
    before = {row["log_id"]: row for row in platform.table("show", "distance_driven")}
    shutil.copyfile(platform.fleet.logs[first], platform.inbox / "same-drive.mcap")
    content = platform.fleet.logs[second].read_bytes()
    platform.fleet.logs[second].write_bytes(content[: len(content) // 2])

    logs = platform.wait_until_taken_in({"same-drive"}, revisions={second: 2})
    assert logs["same-drive"]["state"] == "quarantined"
    assert logs["same-drive"]["reason"] == f"same recording as log {first}"
    assert logs[second]["truncated"] is True
    after = {row["log_id"]: row for row in platform.table("show", "distance_driven")}
    assert after[second]["distance_m"] < before[second]["distance_m"]
    assert after[first] == before[first]
