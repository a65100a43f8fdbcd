"""Changes of lanes, from crossings on paper and from a synthetic drive."""

import pytest

from metrics_platform.metrics.lane_changes import lane_changes
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.maps import maps
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.conftest import RealLogs
from metrics_platform_tests.metrics.lanes import STEP_NS, crossings_of


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
