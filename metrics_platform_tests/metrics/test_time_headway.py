"""Headway to what is in front, on paper and against CommonRoad-CriMe."""

import math

import polars as pl
import pytest

from metrics_platform.metrics.time_headway import time_headway
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import pairs_of, result_of
from metrics_platform_tests.metrics.conftest import RealLogs

DRIVES = {"actor_velocity_x_mps": 10.0, "actor_speed_mps": 10.0}


@pytest.mark.parametrize(
    ("columns", "headway_m"),
    [
        pytest.param({"relative_x_m": 14.0}, 10.0, id="straight_ahead"),
        pytest.param({"relative_x_m": 14.0, "relative_y_m": 1.9}, 10.0, id="sticks_into_the_way"),
        pytest.param({"relative_x_m": 14.0, "relative_y_m": 2.1}, None, id="next_lane"),
        pytest.param({"relative_x_m": -14.0}, None, id="behind"),
        pytest.param({"relative_x_m": 14.0, "relative_heading_rad": -math.pi}, 10.0, id="oncoming"),
        pytest.param(
            {"relative_x_m": 14.0, "relative_heading_rad": math.pi / 2}, 11.0, id="crosses"
        ),
        pytest.param(
            # Its nearest corner is beside the way; where its side enters it, at 1 m to the left,
            # is nearer than its centre by half its length along the slope, less half its width.
            {"relative_x_m": 14.0, "relative_y_m": 1.0, "relative_heading_rad": -math.pi / 4},
            12 - math.sqrt(2),
            id="corner_beside_the_way",
        ),
        pytest.param({"relative_x_m": 14.0, "actor_velocity_x_mps": -3.0}, None, id="reverses"),
        pytest.param({"relative_x_m": 14.0, "actor_velocity_x_mps": 0.001}, None, id="stands"),
    ],
)
def test_headway(columns: dict[str, float], headway_m: float | None) -> None:
    made = result_of(time_headway, actor_pairs=pairs_of(1, **{**DRIVES, **columns}))
    assert made.rows["headway_m"].to_list() == (
        [] if headway_m is None else [pytest.approx(headway_m)]
    )
    if headway_m is not None:
        assert made.rows["min_headway_s"].item() == pytest.approx(headway_m / 10)


def test_only_the_nearest_in_front_counts() -> None:
    near = pairs_of(1, relative_x_m=14.0, other_id="near", **DRIVES)
    far = pairs_of(1, relative_x_m=34.0, other_id="far", **DRIVES)
    made = result_of(time_headway, actor_pairs=pl.concat([far, near]))
    assert made.rows["other_id"].to_list() == ["near"]


def test_the_least_of_a_following() -> None:
    pairs = pairs_of(3, relative_x_m=[24.0, 12.0, 14.0], **DRIVES)
    made = result_of(time_headway, actor_pairs=pairs)
    assert made.rows.select("min_headway_s", "at_ns", "headway_m").row(0) == (0.8, 10**8, 8.0)
    assert made.summary["short_headways"].item() == 0


def test_a_synthetic_following() -> None:
    frames = scenario("follow", speed_mps=15.0, headway_s=0.7)
    made = compute_on(frames, "time_headway")
    assert made.rows["min_headway_s"].to_list() == pytest.approx([0.7])
    assert made.summary["short_headways"].item() == 1


def test_commonroad_crime(real_logs: RealLogs) -> None:
    frames = real_logs("ZAM_Urban-3_3_Repair")
    start = {**frames, "tracks": frames["tracks"].filter(pl.col("timestamp_ns") == 0)}
    made = compute_on(start, "time_headway").rows.filter(pl.col("actor_id") == "8")
    row = made.row(by_predicate=pl.col("other_id") == "6", named=True)
    # CriMe: 20.75 m along the lane, which the ego and the car stand on at an angle of 0.02 rad.
    # Along the ego's own axis the car is at 25 cos 0.02 - 1.06 sin 0.02, half lengths off.
    expected_m = 25 * math.cos(0.02) - 1.06 * math.sin(0.02) - 2 - 4.508 / 2
    assert row["headway_m"] == pytest.approx(expected_m, abs=0.03)
    assert row["headway_m"] == pytest.approx(20.75, abs=0.04)
    # At its speed now the ego is there in 2.3 s. CriMe: 2.4 s, when the front bumper of the ego,
    # which goes on to brake, is beyond the car's rear one.
    assert row["min_headway_s"] == pytest.approx(row["headway_m"] / 9)
    ego = frames["tracks"].filter(pl.col("track_id") == "8")
    gap_m = 85 - 2 - ego["x_m"] - 4.508 / 2
    assert gap_m[0] == pytest.approx(20.75, abs=0.005)
    there = ego.filter(gap_m < 0)["timestamp_ns"].min()
    assert there == 2_400_000_000
    # CriMe: infinite to the car in the next lane.
    assert made["other_id"].to_list() == ["6"]


def test_a_real_log(real_logs: RealLogs) -> None:
    made = compute_on(real_logs("3b3570b4"), "time_headway")
    nearest = made.rows.sort("min_headway_s").row(0, named=True)
    assert nearest["min_headway_s"] == pytest.approx(0.951, abs=0.001)
    assert nearest["other_category"] == "REGULAR_VEHICLE"
