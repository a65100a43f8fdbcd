"""The road of synthetic logs lies where it says."""

import math

import polars as pl
import pytest

from metrics_platform.core.validation import validate
from metrics_platform.signals.drivable_areas import drivable_areas
from metrics_platform.signals.lane_points import lane_points
from metrics_platform.signals.lanes import lanes
from metrics_platform.testing.maps import BEHIND_M, PIECE_M, SPEED_LIMITS_MPS, maps
from metrics_platform.testing.scenarios import LANE_WIDTH_M
from metrics_platform.testing.synthetic import scenario, synthetic_logs


def test_each_log_has_a_road_along_its_first_pose() -> None:
    frames = synthetic_logs(12, seconds=4)
    made = maps(frames)
    for signal in (lanes, lane_points, drivable_areas):
        validate(signal, made[signal.name])
        assert made[signal.name]["log_id"].n_unique() == 12
    first = frames["ego_poses"].sort("timestamp_ns").group_by("log_id").first()
    points = made["lane_points"].filter(pl.col("lane_id") == "own_0", pl.col("point_index") == 0)
    for row in points.join(first, on="log_id", suffix="_ego").iter_rows(named=True):
        behind = row["x_m_ego"] - row["x_m"], row["y_m_ego"] - row["y_m"]
        assert math.hypot(*behind) == pytest.approx(BEHIND_M)
        assert math.remainder(math.atan2(behind[1], behind[0]) - row["heading_rad"], math.tau) == (
            pytest.approx(0, abs=1e-9)
        )


def test_pieces_follow_one_another_and_lanes_lie_side_by_side() -> None:
    points = maps(scenario("cruise", seconds=8))["lane_points"]
    places = {
        (lane, index): (x, y, left, right)
        for lane, index, x, y, left, right in points.select(
            "lane_id", "point_index", "x_m", "y_m", "left_y_m", "right_y_m"
        ).iter_rows()
    }
    half = LANE_WIDTH_M / 2
    assert places["own_0", 0] == (-BEHIND_M, 0, half, -half)
    assert places["own_0", 1] == places["own_1", 0] == (PIECE_M - BEHIND_M, 0, half, -half)
    assert places["left_0", 0] == (-BEHIND_M, 2 * half, 3 * half, half)
    # It comes the other way: its start is at the far end, its left is on our right.
    assert places["oncoming_0", 0] == (PIECE_M - BEHIND_M, 4 * half, 3 * half, 5 * half)


def test_one_piece_in_four_is_an_intersection() -> None:
    made = maps(scenario("cruise", seconds=12))["lanes"].filter(
        pl.col("lane_id").str.contains("own")
    )
    assert made["in_intersection"].to_list() == [False, False, True, False, False]


def test_neighbours_and_limits() -> None:
    made = maps(synthetic_logs(8, seconds=2))["lanes"]
    assert set(made["speed_limit_mps"]) == set(SPEED_LIMITS_MPS)
    beside = made.filter(pl.col("lane_id").str.ends_with("_1")).select(
        "lane_id", "left_lane_id", "right_lane_id"
    )
    assert set(beside.rows()) == {
        ("own_1", "left_1", None),
        ("left_1", None, "own_1"),
        ("oncoming_1", None, None),
    }


def test_a_log_has_the_same_map_in_any_company() -> None:
    frames = synthetic_logs(6, seconds=2)
    alone = {
        name: frame.filter(pl.col("log_id") == "synthetic_00003") for name, frame in frames.items()
    }
    for name, made in maps(alone).items():
        together = maps(frames)[name].filter(pl.col("log_id") == "synthetic_00003")
        assert made.equals(together)
