"""Departures, from crossings on paper and from states in a lane."""

import pytest

from metrics_platform.core import Status
from metrics_platform.metrics.lane_departures import lane_departures
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.maps import maps
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.conftest import RealLogs
from metrics_platform_tests.metrics.lanes import STEP_NS, crossings_of, ego_lanes_of


def test_only_what_comes_back_is_a_departure() -> None:
    made = result_of(
        lane_departures,
        lane_crossings=crossings_of(
            4,
            lanes_moved_count=[0, 1, 0, 0],
            whole=[True, True, False, True],
            duration_s=[1.5, 4.0, 0.3, 2.0],
            depth_m=[0.4, 1.0, 0.9, 0.2],
            off_lanes_s=[0.5, 0.0, 0.0, 0.25],
        ),
    )
    assert made.rows["start_ns"].to_list() == [0, 3 * STEP_NS]
    (summary,) = made.summary.drop("log_id").to_dicts()
    assert summary == {
        "lane_departures": 2,
        "longest_lane_departure_s": 2.0,
        "deepest_lane_departure_m": 0.4,
        "off_lanes_s": 0.75,
    }


@pytest.mark.parametrize(("least_m", "count"), [(0.0, 2), (0.3, 1), (0.4, 0)])
def test_a_setting_leaves_out_shallow_ones(least_m: float, count: int) -> None:
    crossings = crossings_of(2, depth_m=[0.4, 0.2]).lazy()
    found = lane_departures(crossings, least_depth_m=least_m)
    assert len(found.lazy().collect()) == count  # type: ignore[union-attr]


def test_over_the_right_bound_and_back() -> None:
    right_m = [0.5, 0.1, -0.2, -0.3, -0.1, 0.2]
    states = ego_lanes_of(6, right_margin_m=right_m, left_margin_m=2.0, offset_m=-1.0)
    (row,) = compute_on({"ego_lanes": states}, "lane_departures").rows.to_dicts()
    assert row["start_ns"] == 2 * STEP_NS
    assert row["duration_s"] == pytest.approx(0.3)
    assert (row["side"], row["depth_m"], row["deepest_at_ns"]) == ("right", 0.3, 3 * STEP_NS)


@pytest.mark.parametrize("name", ["cruise", "standing", "sidewalk"])
def test_synthetic_drives_in_their_lane_have_none(name: str) -> None:
    frames = scenario(name)
    made = compute_on(frames | maps(frames), "lane_departures")
    assert made.summary["lane_departures"].to_list() == [0]


def test_real_logs(real_logs: RealLogs) -> None:
    assert compute_on(real_logs("3b3570b4"), "lane_departures").rows.is_empty()
    without_map = compute_on(real_logs("7fab2350"), "lane_departures")
    assert without_map.outcomes["7fab2350"].status is Status.ABSTAINED
