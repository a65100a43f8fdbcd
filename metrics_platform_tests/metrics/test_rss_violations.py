"""Dangerous situations by RSS, on paper and in real logs."""

import math
from typing import Any

import polars as pl
import pytest

from metrics_platform.metrics.rss_violations import rss_violations
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import STEP_NS, pairs_of, result_of
from metrics_platform_tests.metrics.conftest import RealLogs

# Both boxes are 4 m by 2 m, so bumpers are 4 m nearer than centres.
BUMPERS_M = 4.0
SIDES_M = 2.0
# Behind somebody at the same 10 m/s: 10 + 1.75 + 13.5²/8 - 100/16.
SAFE_BEHIND_M = 28.28125
# Of two that don't move sideways: (0.1 + 0.2²/1.6) of the actor, (0.4 + 0.4²/1.6) of the other.
SAFE_BESIDE_M = 0.1 + 0.125 + 0.5


def pairs(
    gap_m: float | list[float], *, lateral_m: float = 0.0, rows: int = 1, **columns: object
) -> pl.DataFrame:
    """Both drive 10 m/s, the other ahead by so much from bumper to bumper."""
    gaps = gap_m if isinstance(gap_m, list) else [gap_m] * rows
    usual = {
        "actor_velocity_x_mps": 10.0,
        "actor_speed_mps": 10.0,
        "other_velocity_x_mps": 10.0,
        "other_speed_mps": 10.0,
        "relative_x_m": [gap + BUMPERS_M if gap >= 0 else gap - BUMPERS_M for gap in gaps],
        "relative_y_m": lateral_m + math.copysign(SIDES_M, lateral_m) if lateral_m else 0.0,
    }
    return pairs_of(len(gaps), **{**usual, **columns})


@pytest.mark.parametrize(
    ("frame", "relation", "safe_m", "ratio"),
    [
        pytest.param(pairs(14.140625), "follows", SAFE_BEHIND_M, 0.5, id="half_of_it"),
        pytest.param(pairs(SAFE_BEHIND_M), "follows", SAFE_BEHIND_M, 1.0, id="not_more_than_safe"),
        # 20 + 7 + 17²/8 - 100/16
        pytest.param(pairs(-5.6875), "leads", 56.875, 0.1, id="followed_by_a_human"),
        # (10 + 1.75 + 13.5²/6) + (20 + 7 + 17²/8)
        pytest.param(pairs(52.625, other_velocity_x_mps=-10.0), "oncoming", 105.25, 0.5,
                     id="oncoming"),
        # 10 + 1.75 + 13.5²/8
        pytest.param(pairs(3.453125, other_velocity_x_mps=0.0, other_speed_mps=0.0),
                     "follows", 34.53125, 0.1, id="ahead_stands"),
        pytest.param(pairs(3.453125, other_velocity_x_mps=-0.1, other_speed_mps=0.1),
                     "follows", 34.53125 - 0.01 / 16, 0.1, id="ahead_trembles"),
        # Turned by a right angle a standing one is 1 m nearer.
        pytest.param(pairs(2.453125, other_velocity_x_mps=0.0, other_speed_mps=0.0,
                           relative_heading_rad=-math.pi / 2),
                     "follows", 34.53125, 0.1, id="stands_across"),
        pytest.param(pairs(-14.140625, actor_velocity_x_mps=-10.0, other_velocity_x_mps=-10.0),
                     "follows", SAFE_BEHIND_M, 0.5, id="both_reverse"),
        pytest.param(pairs(-105.25 * 0.5, actor_velocity_x_mps=-10.0),
                     "oncoming", 105.25, 0.5, id="reverses_towards_it"),
    ],
)  # fmt: skip
def test_in_line(frame: pl.DataFrame, relation: str, safe_m: float, ratio: float) -> None:
    made = result_of(rss_violations, actor_pairs=frame)
    row = made.rows.row(0, named=True)
    assert row["relation"] == relation
    assert row["safe_longitudinal_distance_m"] == pytest.approx(safe_m)
    assert row["margin_ratio"] == pytest.approx(ratio, rel=1e-4)
    assert (row["lateral_distance_m"], row["safe_lateral_distance_m"]) == (
        0.0,
        pytest.approx(SAFE_BESIDE_M),
    )
    own = int(relation in ("follows", "oncoming"))
    assert made.summary.row(0)[1:] == (1, own, 0.0, row["margin_ratio"])


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(pairs(SAFE_BEHIND_M + 0.001), id="far_enough"),
        pytest.param(pairs(1.0, lateral_m=SAFE_BESIDE_M + 0.001), id="next_lane_on_the_left"),
        pytest.param(pairs(1.0, lateral_m=-SAFE_BESIDE_M - 0.001), id="next_lane_on_the_right"),
        pytest.param(pairs(-1.0, other_velocity_x_mps=-10.0), id="parting"),
        pytest.param(pairs(1.0, other_velocity_x_mps=30.0, other_speed_mps=30.0), id="pulls_away"),
        pytest.param(pairs(1.0, other_velocity_y_mps=2.3, other_speed_mps=10.3), id="crosses"),
        pytest.param(
            pairs(1.0, other_velocity_y_mps=-2.3, other_speed_mps=10.3), id="crosses_to_the_right"
        ),
        pytest.param(
            pairs(1.0, other_velocity_x_mps=None, other_velocity_y_mps=None, other_speed_mps=None),
            id="unknown_velocity",
        ),
    ],
)
def test_safe(frame: pl.DataFrame) -> None:
    made = result_of(rss_violations, actor_pairs=frame)
    assert made.rows.is_empty()
    assert made.summary.row(0)[1:] == (0, 0, 0.0, None)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_swerving_in(side: float) -> None:
    frame = pairs(
        14.140625,
        lateral_m=side * 1.0,
        other_velocity_y_mps=-side * 1.0,
        actor_velocity_y_mps=-side * 0.5,
    )
    row = result_of(rss_violations, actor_pairs=frame).rows.row(0, named=True)
    # The other 2 + 0.4 + 1.4²/1.6 nearer, the actor 0.5 - 0.1 - nothing farther.
    assert row["safe_lateral_distance_m"] == pytest.approx(0.1 + 3.625 - 0.4)
    # The lateral distance is the lesser share, so the other one is the margin.
    assert row["margin_ratio"] == pytest.approx(0.5)
    assert row["bearing_rad"] * side > 0


@pytest.mark.parametrize(
    ("reach_m", "box"),
    [
        pytest.param(3.0, {"other_length_m": 0.2, "other_width_m": 6.0}, id="wide"),
        pytest.param(3 / math.sqrt(2), {"relative_heading_rad": math.pi / 4}, id="turned"),
    ],
)
def test_a_box_beside_is_as_large_as_it_reaches(reach_m: float, box: dict[str, Any]) -> None:
    frame = pairs(1.0, relative_y_m=1.0 + reach_m + 0.2, **box)
    row = result_of(rss_violations, actor_pairs=frame).rows.row(0, named=True)
    assert row["lateral_distance_m"] == pytest.approx(0.2)


def test_overlapping_boxes_have_no_margin() -> None:
    frame = pairs(1.0, relative_x_m=1.0, relative_y_m=0.5, distance_m=0.0)
    row = result_of(rss_violations, actor_pairs=frame).rows.row(0, named=True)
    assert (row["margin_ratio"], row["longitudinal_distance_m"], row["lateral_distance_m"]) == (
        0.0,
        0.0,
        0.0,
    )


def test_worst_moment_and_time_in_danger() -> None:
    gaps = [99.0, 20.0, 10.0, 10.0, 99.0, 20.0, 99.0, 20.0]
    steps = [0, 1, 2, 3, 4, 5, 20, 21]
    frame = pairs(gaps, timestamp_ns=[step * STEP_NS for step in steps])
    row = result_of(rss_violations, actor_pairs=frame).rows.row(0, named=True)
    assert (row["start_ns"], row["at_ns"]) == (STEP_NS, 2 * STEP_NS)
    # From 0.1 to 0.5 s; 1.6 s later there is one moment by itself.
    assert row["duration_s"] == pytest.approx(0.4)


def test_each_encounter_has_a_row() -> None:
    near, far = pairs(5.0, other_id="near"), pairs(25.0, other_id="far")
    made = result_of(rss_violations, actor_pairs=pl.concat([far, near]))
    assert made.rows["other_id"].to_list() == ["far", "near"]
    assert made.summary["min_margin_ratio"].item() == pytest.approx(5 / SAFE_BEHIND_M)


@pytest.mark.parametrize(("headway_s", "violations"), [(3.0, 1), (3.1, 0)])
def test_a_synthetic_follower(headway_s: float, violations: int) -> None:
    # At 15 m/s 15 + 1.75 + 18.5²/8 - 225/16 are safe, 45.47 m.
    made = compute_on(scenario("follow", headway_s=headway_s), "rss_violations")
    assert made.summary["rss_violations"].item() == violations


@pytest.mark.parametrize(
    ("log", "violations", "own"),
    [
        pytest.param("3b3570b4", 8, 4, id="argoverse_3b35"),
        pytest.param("adcf7d18", 4, 1, id="argoverse_adcf"),
    ],
)
def test_real_logs(real_logs: RealLogs, log: str, violations: int, own: int) -> None:
    made = compute_on(real_logs(log), "rss_violations")
    assert made.summary.row(0)[1:3] == (violations, own)
