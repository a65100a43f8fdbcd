"""Changes of lanes, from crossings on paper and from a synthetic drive."""

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import shapely

from metrics_platform.metrics.lane_changes import lane_changes
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.maps import maps
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.conftest import RealLogs
from metrics_platform_tests.metrics.lanes import (
    STEP_NS,
    commonroad_drive,
    crossings_of,
    sumo_drives,
)


@pytest.mark.parametrize(
    ("moved", "side", "lanes"),
    [
        pytest.param(1, "left", 1, id="left"),
        pytest.param(-1, "right", 1, id="right"),
        pytest.param(-2, "right", 2, id="two_lanes"),
    ],
)
def test_a_crossing_that_moves_is_a_change(moved: int, side: str, lanes: int) -> None:
    # The first bound across it went may be the other one: what counts is where it came to.
    made = result_of(lane_changes, lane_crossings=crossings_of(1, lanes_moved_count=moved))
    assert made.rows.select("side", "lanes_count").rows() == [(side, lanes)]


def test_the_summary_counts_all_and_times_the_whole_ones() -> None:
    made = result_of(
        lane_changes,
        lane_crossings=crossings_of(
            5,
            lanes_moved_count=[1, 0, -1, 1, 1],
            duration_s=[3.0, 9.0, 5.0, 4.0, 0.5],
            whole=[True, True, True, True, False],
        ),
    )
    assert made.rows["start_ns"].to_list() == [0, 2 * STEP_NS, 3 * STEP_NS, 4 * STEP_NS]
    (summary,) = made.summary.drop("log_id").to_dicts()
    assert summary == {
        "lane_changes": 4,
        "lane_changes_to_the_left": 3,
        "lane_changes_to_the_right": 1,
        "min_lane_change_s": 3.0,
        "mean_lane_change_s": 4.0,
        "max_lane_change_s": 5.0,
    }


def test_a_synthetic_change_of_lanes() -> None:
    frames = scenario("turn", seconds=3.8, speed_mps=10.0, radius_m=200.0)
    made = compute_on(frames | maps(frames), "lane_changes")
    (row,) = made.rows.to_dicts()
    assert (row["from_lane_id"], row["to_lane_id"], row["side"]) == ("own_0", "left_1", "left")
    # The centre is on the line between the lanes when both sides are across it as far.
    assert row["y_m"] == pytest.approx(1.75, abs=0.15)
    assert made.summary["max_lane_change_s"].item() == pytest.approx(1.9)


def test_straight_on_is_none() -> None:
    frames = scenario("cruise", seconds=8)
    made = compute_on(frames | maps(frames), "lane_changes")
    assert compute_on(frames | maps(frames), "ego_lanes").rows["lane_id"].n_unique() == 4
    assert made.summary["lane_changes"].item() == 0


def test_a_real_drive_through_an_intersection_has_none(real_logs: RealLogs) -> None:
    made = compute_on(real_logs("3b3570b4"), "lane_changes")
    assert made.summary["lane_changes"].to_list() == [0]


def test_a_real_cut_in_against_shapely(tmp_path: Path) -> None:
    """A recorded car comes from the lane on the left, on which it drives against the direction."""
    frames = commonroad_drive(tmp_path, "OSC_CutIn-1_2_T-1", "4")
    (row,) = compute_on(frames, "lane_changes").rows.to_dicts()
    areas = {
        name: shapely.Polygon(
            np.vstack(
                [
                    lane.select("left_x_m", "left_y_m").to_numpy(),
                    lane.select("right_x_m", "right_y_m").to_numpy()[::-1],
                ]
            )
        )
        for (name,), lane in frames["lane_points"].group_by("lane_id")
    }
    within = []
    for state in compute_on(frames, "ego_states").rows.iter_rows(named=True):
        half_length, half_width = state["ego_length_m"] / 2, state["ego_width_m"] / 2
        cos, sin = math.cos(state["heading_rad"]), math.sin(state["heading_rad"])
        x, y = (state[f"{axis}_m"] + state["ego_center_offset_m"] * turned
                for axis, turned in (("x", cos), ("y", sin)))  # fmt: skip
        box = shapely.Polygon(
            [
                (x + a * half_length * cos - b * half_width * sin,
                 y + a * half_length * sin + b * half_width * cos)
                for a, b in ((1, 1), (-1, 1), (-1, -1), (1, -1))
            ]
        )  # fmt: skip
        of = [name for name, area in areas.items() if area.contains(box)]
        within.append((state["timestamp_ns"], of[0] if of else None))
    between = [time for time, lane in within if lane is None]
    assert row["start_ns"] == between[0]
    assert row["end_ns"] == between[-1] + STEP_NS
    assert (row["from_lane_id"], row["to_lane_id"]) == (within[0][1], within[-1][1])
    assert (row["side"], row["whole"]) == ("right", True)


def test_simulated_changes_of_lanes_are_those_of_sumo() -> None:
    """Its cars jump to the next lane at an instant: 100 times on the roads between junctions."""
    frames, seen = sumo_drives()
    made = compute_on(frames, "lane_changes").rows
    before = pl.col("lane_seen").shift(1).over("log_id")
    road = [lane.str.replace(r"_\d+$", "") for lane in (pl.col("before"), pl.col("lane_seen"))]
    changes = (
        seen.sort("log_id", "timestamp_ns")
        .with_columns(before=before)
        .filter(pl.col("before") != pl.col("lane_seen"), road[0] == road[1])
        .filter(~pl.col("lane_seen").str.starts_with(":"))
    )
    both = changes.join(
        made,
        left_on=["log_id", "timestamp_ns", "before", "lane_seen"],
        right_on=["log_id", "start_ns", "from_lane_id", "to_lane_id"],
    )
    # Of the others the front bumper has left the junction, or entered it, and the centre hasn't.
    assert (len(changes), len(made), len(both)) == (100, 97, 96)
    # SUMO counts lanes from the right.
    left = pl.col("lane_seen").str.tail(1) > pl.col("before").str.tail(1)
    assert both.select(((pl.col("side") == "left") == left).all()).item()
