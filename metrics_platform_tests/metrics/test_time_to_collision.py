"""Least time to collision with each road user, on paper, against nuPlan and in real logs."""

import math

import polars as pl
import pytest

from metrics_platform.metrics.time_to_collision import time_to_collision
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import START_NS, scenario
from metrics_platform_tests.metrics.builders import approaching, result_of, traffic_of
from metrics_platform_tests.metrics.conftest import COMMONROAD, RealLogs
from metrics_platform_tests.metrics.nuplan import scene

NUPLAN_STEP_S = 0.1
# `least_min_ttc`
NUPLAN_LEAST_TTC_S = 0.95
# `is_agent_ahead`
NUPLAN_AHEAD_RAD = math.radians(30)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        pytest.param(approaching([50.0, 20.0, 30.0]), (2.0, 1, 20.0), id="least"),
        pytest.param(approaching([20.0, 20.0]), (2.0, 0, 20.0), id="earliest_of_equal_ones"),
        pytest.param(approaching([101.0]), None, id="beyond_the_horizon"),
        pytest.param(approaching([20.0], other_velocity_x_mps=10.0), None, id="same_speed"),
        pytest.param(
            approaching([20.0], other_velocity_x_mps=-10.0, other_speed_mps=10.0),
            (1.0, 0, 20.0),
            id="oncoming",
        ),
        pytest.param(approaching([20.0], relative_y_m=2.5), None, id="next_lane"),
        pytest.param(
            approaching([20.0], other_velocity_x_mps=[None], other_speed_mps=[None]),
            None,
            id="unknown_velocity",
        ),
        pytest.param(
            approaching(
                [20.0], actor_velocity_x_mps=0.0, actor_speed_mps=0.0, other_velocity_x_mps=-9.0
            ),
            None,
            id="ego_stands",
        ),
        pytest.param(
            approaching([0.0], actor_velocity_x_mps=0.0, actor_speed_mps=0.0),
            (0.0, 0, 0.0),
            id="ego_stands_and_is_hit",
        ),
    ],
)
def test_least_time(pairs: pl.DataFrame, expected: tuple[float, int, float] | None) -> None:
    made = result_of(time_to_collision, actor_pairs=pairs)
    if expected is None:
        assert made.rows.is_empty()
        assert made.summary.row(0) == ("log", None, 0)
        return
    time_s, step, distance_m = expected
    row = made.rows.row(0, named=True)
    assert row["min_ttc_s"] == pytest.approx(time_s)
    assert (row["at_ns"], row["distance_m"]) == (step * 100_000_000, distance_m)
    assert made.summary["critical_encounters"].item() == int(time_s < 1.5)


def test_each_road_user_has_a_row() -> None:
    near, far = approaching([10.0], other_id="near"), approaching([30.0], other_id="far")
    made = result_of(time_to_collision, actor_pairs=pl.concat([far, near]))
    assert made.rows.select("other_id", "min_ttc_s").rows() == [("far", 3.0), ("near", 1.0)]
    assert made.summary.row(0) == ("log", 1.0, 1)


def test_a_synthetic_cut_in() -> None:
    frames = scenario("cut_in", gap_m=12.0, closing_mps=4.0, in_lane_at_s=5.0)
    row = compute_on(frames, "time_to_collision").rows.row(0, named=True)
    assert row["min_ttc_s"] == pytest.approx(3.0, rel=0.02)
    assert (row["at_ns"] - START_NS) * 1e-9 == pytest.approx(5.0, abs=0.3)


@pytest.mark.parametrize(
    "name", ["ego_stopped", "no_collisions", "time_to_collision_above_threshold"]
)
def test_nuplan_scenes(name: str) -> None:
    case = scene(f"time_to_collision_within_bound-{name}")
    frames = {"ego_states": case.ego_states, "tracks": case.tracks}
    made = compute_on(frames, "time_to_collision").rows
    # In two of the scenes a car is about to run into the ego from behind, which nuPlan ignores.
    found = made.filter(pl.col("bearing_rad").abs() < NUPLAN_AHEAD_RAD)["min_ttc_s"].min()
    expected = case.statistics["MIN"]
    if math.isinf(expected):
        assert found is None
        assert case.statistics["BOOLEAN"] is True
    else:
        # nuPlan tries every 0.1 s, so it finds ours rounded up.
        assert isinstance(found, float)
        assert case.statistics["BOOLEAN"] is (found >= NUPLAN_LEAST_TTC_S)
        assert found == pytest.approx(1.6425, abs=0.0005)
        assert math.ceil(found / NUPLAN_STEP_S) * NUPLAN_STEP_S == pytest.approx(expected)


def test_commonroad_crime(real_logs: RealLogs) -> None:
    frames = real_logs("ZAM_Urban-3_3_Repair")
    start = {**frames, "tracks": frames["tracks"].filter(pl.col("timestamp_ns") == 0)}
    made = compute_on(start, "time_to_collision").rows.filter(pl.col("actor_id") == "8")
    # CriMe's TTC, along the lane: 2.31 s, and none to the car in the next lane.
    assert made["other_id"].to_list() == ["6"]
    assert made["min_ttc_s"].item() == pytest.approx(20.72 / 9, abs=0.001)


def test_commonroad_crime_in_a_straight_lane(real_logs: RealLogs) -> None:
    frames = real_logs("DEU_Gar-1_1_T-1")
    start = {**frames, "tracks": frames["tracks"].filter(pl.col("timestamp_ns") == 0)}
    row = compute_on(start, "time_to_collision").rows.row(
        by_predicate=(pl.col("actor_id") == "200") & (pl.col("other_id") == "202"), named=True
    )
    # CriMe: 3.70 s, of 22.16 m at 6 m/s; its gap takes half of the lengths off both coordinates.
    assert row["min_ttc_s"] == pytest.approx(3.7118, abs=0.0001)
    assert row["min_ttc_s"] == pytest.approx(3.70, abs=0.02)
    assert row["conflict_type"] == "rear_end"


@pytest.mark.parametrize("log", COMMONROAD)
def test_all_scenarios(real_logs: RealLogs, log: str) -> None:
    assert compute_on(real_logs(log), "time_to_collision").outcomes[log].status == "computed"


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        (0, "rear_end"),
        (-29, "rear_end"),
        (31, "lane_change"),
        (-84, "lane_change"),
        (86, "crossing"),
        (-180, "crossing"),
    ],
)
def test_types_of_conflict(degrees: float, expected: str) -> None:
    pairs = approaching([20.0], relative_heading_rad=math.radians(degrees))
    assert result_of(time_to_collision, actor_pairs=pairs).rows["conflict_type"].item() == expected


def test_far_from_the_origin_across_the_jump_of_the_angle() -> None:
    # Both drive along -x, one with a heading of pi, the other of just more than -pi.
    frames = traffic_of(
        {"track_id": "behind", "x_m": 1e6 + 24, "y_m": -1e6, "velocity_x_mps": -10.0,
         "heading_rad": math.pi},
        {"track_id": "front", "x_m": 1e6, "y_m": -1e6, "velocity_x_mps": -5.0,
         "heading_rad": -math.pi + 1e-9},
    )  # fmt: skip
    made = compute_on(frames, "time_to_collision").rows
    assert made.select("actor_id", "other_id", "conflict_type").rows() == [
        ("behind", "front", "rear_end"),
        ("front", "behind", "rear_end"),
    ]
    assert made["min_ttc_s"].to_list() == pytest.approx([4.0, 4.0])


@pytest.mark.parametrize(
    ("log", "min_ttc_s", "critical"),
    [
        pytest.param("3b3570b4", 1.040, 1, id="argoverse_3b35"),
        pytest.param("7fab2350", 1.335, 1, id="argoverse_7fab"),
        pytest.param("adcf7d18", 2.239, 0, id="argoverse_adcf"),
    ],
)
def test_real_logs(real_logs: RealLogs, log: str, min_ttc_s: float, critical: int) -> None:
    made = compute_on(real_logs(log), "time_to_collision")
    assert made.summary["min_ttc_s"].item() == pytest.approx(min_ttc_s, abs=0.001)
    assert made.summary["critical_encounters"].item() == critical


def test_it_abstains_where_there_are_no_boxes(real_logs: RealLogs) -> None:
    outcome = compute_on(real_logs("robot"), "time_to_collision").outcomes["robot"]
    assert (outcome.status, outcome.reason) == (
        "abstained",
        "no collision_courses: no actor_pairs: no tracks: the recording has no tracks",
    )
