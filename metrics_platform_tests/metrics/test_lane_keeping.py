"""Offsets from the centre line: on paper, on a synthetic bend, in a real city."""

import math

import numpy as np
import polars as pl
import pytest

from metrics_platform.metrics.lane_keeping import lane_keeping
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.maps import maps
from metrics_platform.testing.scenarios import CAR
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.conftest import RealLogs
from metrics_platform_tests.metrics.lanes import STEP_NS, crossings_of, ego_lanes_of


def test_one_stay() -> None:
    offsets = [0.1, 0.3, -0.5, 0.3]
    states = ego_lanes_of(4, offset_m=offsets, x_m=[0, 1, 2, 3], right_margin_m=[1, 1, -0.1, 1])
    made = result_of(lane_keeping, ego_lanes=states)
    (row,) = made.rows.to_dicts()
    assert row["duration_s"] == pytest.approx(0.4)
    assert row["mean_offset_m"] == pytest.approx(0.05)
    assert row["offset_deviation_m"] == pytest.approx(np.std(offsets))
    assert (row["max_offset_m"], row["max_at_ns"], row["x_m"]) == (0.5, 2 * STEP_NS, 2)
    assert row["min_margin_m"] == -0.1


def test_the_summary_is_that_of_all_states_outside_of_intersections() -> None:
    offsets = [0.1, 0.3, 0.2, 5.0, 5.0, -0.6, -0.2]
    states = ego_lanes_of(
        7,
        offset_m=offsets,
        lane_id=["a", "a", "a", "x", "x", "b", "b"],
        in_intersection=[False] * 3 + [True] * 2 + [False] * 2,
    )
    made = result_of(lane_keeping, ego_lanes=states)
    assert made.rows["lane_id"].to_list() == ["a", "x", "b"]
    (summary,) = made.summary.to_dicts()
    outside = np.array(offsets)[[0, 1, 2, 5, 6]]
    assert summary["mean_offset_m"] == pytest.approx(outside.mean())
    assert summary["offset_deviation_m"] == pytest.approx(outside.std())
    assert summary["max_offset_m"] == pytest.approx(0.6)
    assert summary["in_lane_s"] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("columns", "stays"),
    [
        pytest.param({"lane_id": ["a", "a", None, "a"]}, [0.2, 0.1], id="off_the_lane_between"),
        pytest.param({"lane_id": ["a", "b", "b", "a"]}, [0.1, 0.2, 0.1], id="there_and_back"),
        pytest.param({"segment_index": [0, 0, 1, 1]}, [0.2, 0.2], id="gap"),
        pytest.param({"lane_id": None}, [], id="never_in_a_lane"),
    ],
)
def test_stays(columns: dict[str, object], stays: list[float]) -> None:
    made = result_of(lane_keeping, ego_lanes=ego_lanes_of(4, **columns))
    assert made.rows["duration_s"].to_list() == pytest.approx(stays)
    if not stays:
        (summary,) = made.summary.drop("log_id").to_dicts()
        assert summary.pop("in_lane_s") == 0
        assert set(summary.values()) == {None}


def test_one_state_is_a_stay_without_duration() -> None:
    made = result_of(lane_keeping, ego_lanes=ego_lanes_of(1, offset_m=0.3))
    (row,) = made.rows.to_dicts()
    assert (row["duration_s"], row["offset_deviation_m"], row["max_offset_m"]) == (0, 0, 0.3)
    (summary,) = made.summary.to_dicts()
    assert (summary["mean_offset_m"], summary["max_offset_m"]) == (None, 0.3)


def test_changes_of_lanes_do_not_count_and_departures_do() -> None:
    states = ego_lanes_of(6, lane_id=["a", "a", "a", "b", "b", "b"], offset_m=[0, 0, 1, -1, 0, 0])
    change = crossings_of(1, start_ns=2 * STEP_NS, end_ns=4 * STEP_NS, lanes_moved_count=1)
    made = result_of(lane_keeping, ego_lanes=states, lane_crossings=change)
    assert made.summary["max_offset_m"].to_list() == [0]
    assert made.rows["duration_s"].to_list() == pytest.approx([0.2, 0.2])
    back = change.with_columns(lanes_moved_count=pl.lit(0, pl.Int64))
    made = result_of(lane_keeping, ego_lanes=states, lane_crossings=back)
    assert made.summary["max_offset_m"].to_list() == [1]


def test_the_state_after_a_change_counts_where_steps_are_uneven_by_a_nanosecond() -> None:
    states = ego_lanes_of(4, timestamp_ns=[0, 66_666_667, 133_333_333, 200_000_000])
    # Its end is taken from the step before, which was longer.
    change = crossings_of(1, start_ns=66_666_667, end_ns=133_333_334, lanes_moved_count=1)
    made = result_of(lane_keeping, ego_lanes=states, lane_crossings=change)
    assert made.rows["start_ns"].to_list() == [0, 133_333_333]


def test_a_synthetic_bend_as_calculated() -> None:
    """1.1 s along a circle of 200 m: all within the first lane."""
    frames = scenario("turn", seconds=1.1, speed_mps=10.0, radius_m=200.0)
    made = compute_on(frames | maps(frames), "lane_keeping")
    turned = np.arange(12) * 0.1 * 10 / 200
    offsets = 200 * (1 - np.cos(turned)) + CAR.center_offset_m * np.sin(turned)
    (summary,) = made.summary.to_dicts()
    assert summary["mean_offset_m"] == pytest.approx(offsets.mean(), abs=1e-4)
    assert summary["offset_deviation_m"] == pytest.approx(offsets.std(), abs=1e-4)
    last = turned[-1]
    corner_m = offsets[-1] + CAR.length_m / 2 * math.sin(last) + CAR.width_m / 2 * math.cos(last)
    assert summary["min_margin_m"] == pytest.approx(1.75 - corner_m, abs=1e-4)


def test_a_real_drive(real_logs: RealLogs) -> None:
    frames = real_logs("3b3570b4")
    made = compute_on(frames, "lane_keeping")
    states = compute_on(frames, "ego_lanes").rows
    outside = states.filter(~pl.col("in_intersection"))["offset_m"].to_numpy()
    (summary,) = made.summary.to_dicts()
    # Steps are even: every state weighs the same.
    assert summary["mean_offset_m"] == pytest.approx(outside.mean(), abs=1e-6)
    assert summary["offset_deviation_m"] == pytest.approx(outside.std(), abs=1e-6)
    assert summary["min_margin_m"] > 0
    assert summary["in_lane_s"] == pytest.approx(16.05, abs=0.1)
