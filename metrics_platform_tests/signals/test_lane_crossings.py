"""Across the bounds of a lane, and on to the next one."""

import math
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.signals.lane_crossings import lane_crossings
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.maps import maps
from metrics_platform.testing.scenarios import CAR
from metrics_platform.testing.synthetic import START_NS, scenario
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.conftest import read_real_log
from metrics_platform_tests.metrics.lanes import STEP_NS, ego_lanes_of

# lane, offset, left margin and right margin of a state in lanes of 3.5 m, of a box 2 m wide.
A_MIDDLE = ("a", 0.0, 0.75, 0.75)
A_OVER_LEFT = ("a", 1.25, -0.5, 2.0)
B_OVER_RIGHT = ("b", -1.25, 2.0, -0.5)
B_MIDDLE = ("b", 0.0, 0.75, 0.75)
A_OVER_RIGHT = ("a", -1.25, 2.0, -0.5)
NEXT_OVER_LEFT = ("a2", 1.25, -0.5, 2.0)
NEXT_MIDDLE = ("a2", 0.0, 0.75, 0.75)
ONCOMING = ("c", 1.25, -0.5, 2.0)
NONE = (None, 0.0, 0.0, 0.0)

State = tuple[str | None, float, float, float]

# Where the centre of each lane is; the oncoming one, c, has its left on our right.
PLACES = {"a": 0.0, "a2": 0.0, "b": 3.5, "c": 3.5, "d": 7.0}


def crossings(*states: State, **columns: object) -> list[dict[str, Any]]:
    ids, offsets, left, right = (list(column) for column in zip(*states, strict=True))
    made = ego_lanes_of(
        len(states),
        lane_id=ids,
        offset_m=offsets,
        left_margin_m=left,
        right_margin_m=right,
        beside_last_m=beside_last_m(states),
        against_direction=[lane == "c" for lane in ids],
        **columns,
    )
    return result_of(lane_crossings, ego_lanes=made).rows.to_dicts()


def beside_last_m(states: Sequence[State]) -> list[float | None]:
    found: list[float | None] = []
    last: str | None = None
    for lane, offset, _, _ in states:
        aside = None
        if lane is not None:
            y = PLACES[lane] + (-offset if lane == "c" else offset)
            if last not in (None, lane):
                aside = y - PLACES[last]
            last = lane
        found.append(aside)
    return found


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param(
            [A_MIDDLE, A_OVER_LEFT, A_OVER_LEFT, B_OVER_RIGHT, B_MIDDLE],
            {"from_lane_id": "a", "to_lane_id": "b", "side": "left", "lanes_moved_count": 1,
             "duration_s": 0.3, "depth_m": 0.5, "whole": True, "off_lanes_s": 0},
            id="to_the_left",
        ),
        pytest.param(
            [B_MIDDLE, B_OVER_RIGHT, A_OVER_LEFT, A_MIDDLE],
            {"from_lane_id": "b", "to_lane_id": "a", "side": "right", "lanes_moved_count": -1},
            id="to_the_right",
        ),
        pytest.param(
            [A_MIDDLE, A_OVER_LEFT, B_OVER_RIGHT, A_OVER_LEFT, A_MIDDLE],
            {"from_lane_id": "a", "to_lane_id": "a", "side": "left", "lanes_moved_count": 0},
            id="there_and_back",
        ),
        pytest.param(
            [A_MIDDLE, A_OVER_RIGHT, A_MIDDLE],
            {"side": "right", "lanes_moved_count": 0, "duration_s": 0.1, "depth_m": 0.5},
            id="a_moment",
        ),
        pytest.param(
            [A_MIDDLE, A_OVER_LEFT, NEXT_OVER_LEFT, NEXT_MIDDLE],
            {"to_lane_id": "a2", "lanes_moved_count": 0},
            id="the_next_piece_is_no_other_lane",
        ),
        pytest.param(
            [A_MIDDLE, A_OVER_LEFT, B_OVER_RIGHT, ("b", 1.25, -0.5, 2.0), ("d", -1.25, 2.0, -0.5),
             ("d", 0.0, 0.75, 0.75)],
            {"from_lane_id": "a", "to_lane_id": "d", "lanes_moved_count": 2},
            id="two_lanes_in_one_go",
        ),
        pytest.param(
            [A_MIDDLE, A_OVER_RIGHT, NONE, NONE, A_OVER_RIGHT, A_MIDDLE],
            {"to_lane_id": "a", "lanes_moved_count": 0, "off_lanes_s": 0.2, "duration_s": 0.4},
            id="off_the_road",
        ),
        pytest.param(
            [A_MIDDLE, A_OVER_LEFT, NONE, B_OVER_RIGHT, B_MIDDLE],
            {"to_lane_id": "b", "lanes_moved_count": 1, "off_lanes_s": 0.1},
            id="over_a_gap_between_lanes",
        ),
        pytest.param(
            [A_MIDDLE, A_OVER_LEFT, *[NONE] * 10, B_OVER_RIGHT, B_MIDDLE],
            {"to_lane_id": "b", "lanes_moved_count": 0, "off_lanes_s": 1.0},
            id="after_long_off_lanes_nobody_knows",
        ),
        pytest.param(
            [A_MIDDLE, B_MIDDLE, B_MIDDLE],
            {"from_lane_id": "a", "to_lane_id": "b", "side": "left", "lanes_moved_count": 1,
             "duration_s": 0.1, "start_ns": STEP_NS},
            id="a_simulated_car_that_jumps_to_the_next_lane",
        ),
        pytest.param(
            [("d", 0.0, 0.75, 0.75), A_MIDDLE, A_MIDDLE],
            {"side": "right", "lanes_moved_count": -2}, id="jumps_over_a_lane",
        ),
        pytest.param(
            [A_MIDDLE, ("a", 1.7, 0.05, 3.4), ("b", -1.7, 3.4, 0.05), B_MIDDLE],
            {"from_lane_id": "a", "to_lane_id": "b", "side": "left", "lanes_moved_count": 1,
             "duration_s": 0.1, "depth_m": 0},
            id="a_narrow_box_between_two_states",
        ),
        pytest.param(
            [A_OVER_LEFT, B_OVER_RIGHT, B_MIDDLE],
            {"lanes_moved_count": 1, "whole": False, "start_ns": 0}, id="from_the_start",
        ),
        pytest.param(
            [A_MIDDLE, A_OVER_LEFT, B_OVER_RIGHT],
            {"lanes_moved_count": 1, "whole": False, "end_ns": 3 * STEP_NS}, id="to_the_end",
        ),
    ],
)  # fmt: skip
def test_one_crossing(states: list[State], expected: dict[str, object]) -> None:
    (row,) = crossings(*states)
    found = {name: row[name] for name in expected}
    assert found == {
        name: pytest.approx(value) if isinstance(value, float) else value
        for name, value in expected.items()
    }


def test_into_the_lane_of_the_oncoming_traffic() -> None:
    """Its offset and sides are turned: what the driver has on the right is on the lane's left."""
    states = [A_MIDDLE, A_OVER_LEFT, ONCOMING, ("c", 0.0, 0.75, 0.75)]
    (row,) = crossings(*states)
    assert (row["side"], row["lanes_moved_count"]) == ("left", 1)
    back = [("c", 0.0, 0.75, 0.75), ONCOMING, A_OVER_LEFT, A_MIDDLE]
    (row,) = crossings(*back)
    assert (row["side"], row["lanes_moved_count"]) == ("right", -1)


def test_an_intersection_has_no_bounds_to_cross_and_cuts_a_crossing_off() -> None:
    inside = [False, False, True, True]
    (row,) = crossings(A_MIDDLE, A_OVER_LEFT, A_OVER_LEFT, A_MIDDLE, in_intersection=inside)
    assert (row["duration_s"], row["whole"]) == (pytest.approx(0.1), False)
    assert not crossings(A_MIDDLE, A_OVER_LEFT, A_MIDDLE, in_intersection=True)


def test_a_crossing_does_not_go_over_a_gap_in_the_recording() -> None:
    rows = crossings(
        A_MIDDLE, A_OVER_LEFT, B_OVER_RIGHT, B_MIDDLE, segment_index=[0, 0, 1, 1]
    )  # fmt: skip
    assert [(row["lanes_moved_count"], row["whole"]) for row in rows] == [(0, False), (0, False)]


def test_the_place_of_the_deepest_reach() -> None:
    deeper = ("a", 1.5, -0.75, 2.25)
    (row,) = crossings(
        A_MIDDLE, A_OVER_LEFT, deeper, A_MIDDLE, x_m=[0, 1, 2, 3], y_m=[5, 6, 7, 8]
    )  # fmt: skip
    assert (row["depth_m"], row["deepest_at_ns"], row["x_m"], row["y_m"]) == (
        0.75,
        2 * STEP_NS,
        2,
        7,
    )


def test_off_all_lanes_without_crossing_a_bound_is_none() -> None:
    assert not crossings(NONE, NONE, A_MIDDLE)


def test_without_a_box_it_abstains() -> None:
    made = result_of(
        lane_crossings, ego_lanes=ego_lanes_of(3, left_margin_m=None, right_margin_m=None)
    )
    assert made.outcomes["log"].status is Status.ABSTAINED
    assert "box" in (made.outcomes["log"].reason or "")


def test_in_no_lane_at_all_it_abstains() -> None:
    """No crossing would be said of a log of which nobody knows where the lanes are."""
    off = ego_lanes_of(3, lane_id=None).with_columns(log_id=pl.lit("off"))
    made = result_of(lane_crossings, ego_lanes=pl.concat([ego_lanes_of(3), off]))
    assert made.outcomes["log"].status is Status.COMPUTED
    assert made.outcomes["off"].status is Status.ABSTAINED
    assert made.outcomes["off"].reason == "the ego was in no lane of the map"


@pytest.mark.parametrize(
    ("width_m", "moved"),
    [
        pytest.param([0.1, 3.5, 3.5], 1, id="out_of_one_that_ends"),
        pytest.param([0.0, 3.5, 3.5], 1, id="at_its_very_end"),
        pytest.param([0.0, 0.0, 3.5], 1, id="from_end_to_end"),
        pytest.param([3.5, 0.1, 3.5], 1, id="into_one_that_begins"),
    ],
)
def test_a_lane_that_narrows_to_nothing_is_one_lane(width_m: list[float], moved: int) -> None:
    states = ego_lanes_of(
        3, lane_id=["a", "b", "b"], width_m=width_m, beside_last_m=[None, 1.9, None]
    )
    made = result_of(lane_crossings, ego_lanes=states)
    assert made.rows["lanes_moved_count"].to_list() == [moved]


def test_a_synthetic_change_of_lanes_as_calculated() -> None:
    """Along a circle of 200 m at 10 m/s: from the first corner over the line to the last one."""
    frames = scenario("turn", seconds=3.8, speed_mps=10.0, radius_m=200.0)
    (row,) = compute_on(frames | maps(frames), "lane_crossings").rows.to_dicts()
    half_length, half_width = CAR.length_m / 2, CAR.width_m / 2

    def corner_y(t: float, forward: int, left: int) -> float:
        turned = t * 10 / 200
        ahead = CAR.center_offset_m + forward * half_length
        y = 200 * (1 - math.cos(turned)) + ahead * math.sin(turned)
        return y + left * half_width * math.cos(turned)

    begins = next(t / 10 for t in range(40) if corner_y(t / 10, 1, 1) > 1.75)
    ends = next(t / 10 for t in range(40) if corner_y(t / 10, -1, -1) > 1.75)
    assert (row["start_ns"] - START_NS) * 1e-9 == pytest.approx(begins, abs=1e-6)
    assert row["duration_s"] == pytest.approx(ends - begins, abs=1e-6)
    assert (row["from_lane_id"], row["to_lane_id"]) == ("own_0", "left_1")
    assert (row["lanes_moved_count"], row["whole"]) == (1, True)


def test_a_real_drive_keeps_to_its_lanes() -> None:
    rows = compute_on(read_real_log("3b3570b4"), "lane_crossings").rows
    assert rows.is_empty()


def test_a_setting_bounds_how_long_it_may_be_off_all_lanes() -> None:
    states = ego_lanes_of(
        5,
        lane_id=["a", None, None, "b", "b"],
        offset_m=[1.25, None, None, -1.25, 0.0],
        left_margin_m=[-0.5, None, None, 2.0, 0.75],
        beside_last_m=[None, None, None, 2.25, None],
    )
    moved = []
    for longest_s in (0.2, 0.4):
        made = lane_crossings(states.lazy(), max_off_lanes_s=longest_s)
        assert not isinstance(made, pl.LazyFrame)
        moved.append(made.rows.collect()["lanes_moved_count"].sum())
    assert moved == [0, 1]
