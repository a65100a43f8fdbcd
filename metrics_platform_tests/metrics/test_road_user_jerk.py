"""Jerk of each road user, on paper and against CommonRoad-CriMe."""

import math

import numpy as np
import polars as pl
import pytest

from metrics_platform.kernels.differences import gradient
from metrics_platform.metrics.road_user_jerk import road_user_jerk
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import result_of, traffic_of
from metrics_platform_tests.metrics.conftest import COMMONROAD, RealLogs

TENTH_NS = 100_000_000
TENTHS = np.arange(11) / 10
JERKS = ("longitudinal_jerk_mps3", "lateral_jerk_mps3")


def driven(
    speeds: list[float], headings: list[float] | None = None, times_ns: list[int] | None = None
) -> pl.DataFrame:
    headings = headings or [0.0] * len(speeds)
    times_ns = times_ns or [i * TENTH_NS for i in range(len(speeds))]
    rows = [
        {
            "track_id": "1",
            "timestamp_ns": 1_790_000_000_000_000_000 + time_ns,
            "heading_rad": heading,
            "velocity_x_mps": speed * math.cos(heading),
            "velocity_y_mps": speed * math.sin(heading),
        }
        for speed, heading, time_ns in zip(speeds, headings, times_ns, strict=True)
    ]
    return traffic_of(*rows)["tracks"]


@pytest.mark.parametrize(
    ("tracks", "expected"),
    [
        pytest.param(driven([10.0] * 5), (0.0, 0.0), id="steady"),
        pytest.param(driven([0.0] * 3), (0.0, 0.0), id="stands"),
        # Inside, the slopes of 1.5 t² are exact; at the ends they are half a step late.
        pytest.param(driven((10 + 1.5 * TENTHS**2).tolist()), (3.0, 0.0), id="pushes_off"),
        pytest.param(driven((-10 - 1.5 * TENTHS**2).tolist()), (3.0, 0.0), id="reverses"),
        pytest.param(driven([10.0, 10.0]), None, id="seen_twice"),
        pytest.param(
            driven([10.0, 10.0, 0.0, 0.0], times_ns=[0, TENTH_NS, 10**10, 10**10 + TENTH_NS]),
            None,
            id="only_around_a_gap",
        ),
        pytest.param(
            # A steady turn to the left, across the jump of the angle.
            driven([10.0] * 41, [math.remainder(2 + 0.05 * i, 2 * math.pi) for i in range(41)]),
            (0.0, 0.0),
            id="turns",
        ),
    ],
)
def test_on_paper(tracks: pl.DataFrame, expected: tuple[float, float] | None) -> None:
    made = result_of(road_user_jerk, tracks=tracks)
    rows = made.rows.select(JERKS).rows()
    assert rows == ([] if expected is None else [pytest.approx(expected, abs=1e-6)])


def test_turning_in_ever_harder() -> None:
    # A yaw rate of 0.1 t at 10 m/s: t m/s² to the left, whichever way it drives.
    for speed in (10.0, -10.0):
        headings = [math.remainder(3.12 + 0.05 * t * t, 2 * math.pi) for t in TENTHS]
        tracks = driven([speed] * 11, headings)
        row = result_of(road_user_jerk, tracks=tracks).rows.row(0, named=True)
        assert row["lateral_jerk_mps3"] == pytest.approx(1.0, rel=0.01)
        assert row["longitudinal_jerk_mps3"] == pytest.approx(0.0, abs=0.01)


def test_the_moment_is_told() -> None:
    # Accelerations of 0, 0, 0, 10, 20, 20, … m/s²; jerks of 0, 0, 50, 100, 50, 0, …
    made = result_of(road_user_jerk, tracks=driven([10.0, 10.0, 10.0, 10.0, 12.0, 14.0, 16.0]))
    row = made.rows.row(0, named=True)
    assert row["longitudinal_jerk_mps3"] == pytest.approx(100.0)
    assert row["longitudinal_at_ns"] - 1_790_000_000_000_000_000 == 3 * TENTH_NS
    assert (row["lateral_jerk_mps3"], row["category"]) == (0.0, "car")
    assert made.summary.row(0) == ("log", pytest.approx(100.0), 0.0)


def test_without_recorded_velocities_it_abstains() -> None:
    tracks = driven([10.0] * 5).with_columns(velocity_x_mps=pl.lit(None, pl.Float64))
    outcome = result_of(road_user_jerk, tracks=tracks).outcomes["log"]
    assert outcome.reason == "no velocity of any road user is recorded"


def test_commonroad_crime(real_logs: RealLogs) -> None:
    frames = real_logs("ZAM_Zip-1_56_T-1")
    ego = frames["tracks"].filter(pl.col("track_id") == "2").sort("timestamp_ns")
    times = ego["timestamp_ns"].to_numpy() * 1e-9
    whole = np.array([0, len(ego)])
    heading = ego["heading_rad"].to_numpy()
    east, north = ego["velocity_x_mps"].to_numpy(), ego["velocity_y_mps"].to_numpy()
    acceleration = gradient(np.hypot(east, north), times, whole)
    jerk = gradient(acceleration, times, whole)
    # As published, of step 40: 1.71; at the start 0.0.
    assert abs(jerk[40]) == pytest.approx(1.71, abs=0.005)
    assert abs(jerk[0]) == pytest.approx(0.0, abs=0.005)
    # As published, "lateral": 0.01, the part of it across the x axis, by the angle of the lane.
    points = frames["lane_points"].filter(pl.col("lane_id") == "25").sort("point_index")
    (begin_x, begin_y), (end_x, end_y) = points.select("x_m", "y_m").rows()[1:3]
    assert begin_x < ego["x_m"][40] < end_x
    lane_rad = math.atan2(end_y - begin_y, end_x - begin_x)
    assert abs(jerk[40] * math.sin(lane_rad)) == pytest.approx(0.01, abs=0.005)
    left = np.cos(heading) * gradient(north, times, whole) - np.sin(heading) * gradient(
        east, times, whole
    )
    assert gradient(left, times, whole)[40] == pytest.approx(0.19, abs=0.005)
    row = compute_on(frames, "road_user_jerk").rows.row(
        by_predicate=pl.col("track_id") == "2", named=True
    )
    assert row["longitudinal_jerk_mps3"] == pytest.approx(np.abs(jerk).max())
    assert row["longitudinal_at_ns"] == np.abs(jerk).argmax() * TENTH_NS
    across = np.abs(gradient(left, times, whole))
    assert row["lateral_jerk_mps3"] == pytest.approx(across.max())
    assert row["lateral_at_ns"] == across.argmax() * TENTH_NS


@pytest.mark.parametrize("log", COMMONROAD)
def test_all_scenarios(real_logs: RealLogs, log: str) -> None:
    assert compute_on(real_logs(log), "road_user_jerk").outcomes[log].status == "computed"
