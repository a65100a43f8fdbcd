"""Real recordings through the whole path: inbox, sensor, daemon, store, command line."""

import subprocess
import sys
from textwrap import dedent
from typing import Any

import numpy as np
import polars as pl
import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory

from metrics_platform_tests.data import data_path
from metrics_platform_tests.end_to_end.conftest import REAL_LOGS, RunningPlatform, environment

pytestmark = pytest.mark.xdist_group("end_to_end")
COMMA = "b0c9d2329ad1606b|2018-08-02--08-34-47"
ROBOT = "nav2_turtlebot"
ARGOVERSE = [log_id for log_id, folder in REAL_LOGS.items() if folder.startswith("argoverse2")]

Logs = dict[str, dict[str, Any]]


def _path_length_m(times_s: np.ndarray, xy_m: np.ndarray) -> float:
    """Sum of the chords between samples 0.1 s apart, but for those across a gap of the recording.

    Independent of how we resample. The robot's odometry pauses for 1.8 s.
    """
    order = np.argsort(times_s, kind="stable")
    times_s, xy_m = times_s[order], xy_m[order]
    grid = np.append(np.arange(times_s[0], times_s[-1], 0.1), times_s[-1])
    x = np.interp(grid, times_s, xy_m[:, 0])
    y = np.interp(grid, times_s, xy_m[:, 1])
    before = np.searchsorted(times_s, grid[:-1], side="right") - 1
    recorded = np.diff(times_s)[np.minimum(before, len(times_s) - 2)] <= 0.5
    return float(np.hypot(np.diff(x), np.diff(y))[recorded].sum())


def _driven(platform: RunningPlatform) -> dict[str, dict[str, Any]]:
    return {row["log_id"]: row for row in platform.table("show", "distance_driven", "--rows")}


def test_every_real_log_is_read_by_the_reader_of_its_format(real_logs: Logs) -> None:
    formats = {log_id: real_logs[log_id]["format"] for log_id in REAL_LOGS}

    assert formats == {
        **dict.fromkeys(ARGOVERSE, "argoverse2"),
        COMMA: "comma2k19",
        ROBOT: "mcap",
    }
    assert {real_logs[log_id]["state"] for log_id in REAL_LOGS} == {"read"}


def test_comma2k19_by_pose_and_by_wheel_speed(platform: RunningPlatform, real_logs: Logs) -> None:
    row = _driven(platform)[COMMA]

    assert row["distance_m"] == pytest.approx(1011.82, rel=1e-3)
    assert row["odometer_distance_m"] == pytest.approx(1003.84, rel=1e-3)
    assert row["disagreement_ratio"] == pytest.approx(1003.84 / 1011.82 - 1, abs=1e-3)


@pytest.mark.parametrize("log_id", ARGOVERSE)
def test_argoverse_distance(platform: RunningPlatform, real_logs: Logs, log_id: str) -> None:
    poses = pl.read_ipc(data_path("argoverse2/sensor", log_id, "city_SE3_egovehicle.feather"))
    expected = _path_length_m(
        poses["timestamp_ns"].to_numpy() / 1e9, poses.select("tx_m", "ty_m").to_numpy()
    )

    assert _driven(platform)[log_id]["distance_m"] == pytest.approx(expected, rel=5e-3)


def test_robot_distance(platform: RunningPlatform, real_logs: Logs) -> None:
    samples = []
    with data_path("robot/nav2_turtlebot.mcap").open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        for *_, odometry in reader.iter_decoded_messages(topics=["/odom"]):
            stamp, position = odometry.header.stamp, odometry.pose.pose.position
            samples.append((stamp.sec + stamp.nanosec * 1e-9, position.x, position.y))
    recorded = np.array(samples)
    expected = _path_length_m(recorded[:, 0], recorded[:, 1:])

    assert _driven(platform)[ROBOT]["distance_m"] == pytest.approx(expected, rel=5e-3)


def test_logs_without_other_road_users_abstain_and_say_why(
    platform: RunningPlatform, real_logs: Logs
) -> None:
    rows = {row["log_id"]: row for row in platform.table("show", "time_to_collision")}

    assert {rows[log_id]["status"] for log_id in ARGOVERSE} == {"computed"}
    for log_id in (COMMA, ROBOT):
        assert rows[log_id]["status"] == "abstained"
        assert "no tracks" in rows[log_id]["reason"]


def test_read_from_python(platform: RunningPlatform, real_logs: Logs) -> None:
    script = """
        import polars as pl
        from metrics_platform.core.settings import load_settings
        from metrics_platform.store import Store

        with Store.open(load_settings()) as store:
            encounters = store.scan("closest_approach").collect()
            summary = store.summary("closest_approach").drop_nulls("distance_m")
        least = encounters.group_by("log_id").agg(pl.col("distance_m").min()).sort("log_id")
        assert (least["distance_m"] > 0).all()
        assert least.equals(summary.select("log_id", "distance_m").sort("log_id"))
        print(least["log_id"].to_list())
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(script)],
        env=environment(platform.home),
        check=True,
        capture_output=True,
        text=True,
    )
    assert all(log_id in done.stdout for log_id in ARGOVERSE)
