"""Lanes matched on paper, against shapely, and in a real city."""

import math

import numpy as np
import polars as pl
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from metrics_platform.signals.ego_lanes import ego_lanes
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.maps import BEHIND_M, PIECE_M, maps
from metrics_platform.testing.scenarios import CAR, LANE_WIDTH_M
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.conftest import read_real_log
from metrics_platform_tests.metrics.lanes import sumo_drives
from metrics_platform_tests.signals.roads import HERE, Frame, Lane, arc, road, states

EAST = Lane("east", [(0, 0), (50, 0)], speed_limit_mps=13.9)
WEST = Lane("west", [(50, 3.5), (0, 3.5)])


def matched(ego_states: pl.DataFrame, *lanes: Lane, frame: Frame = HERE) -> pl.DataFrame:
    return compute_on({"ego_states": ego_states, **road(*lanes, frame=frame)}, "ego_lanes").rows


@pytest.mark.parametrize(
    ("place", "heading", "expected"),
    [
        pytest.param(
            (10, 0.5), 0.0,
            {"lane_id": "east", "along_m": 10, "offset_m": 0.5, "heading_rad": 0, "width_m": 3.5,
             "left_margin_m": 0.25, "right_margin_m": 1.25, "speed_limit_mps": 13.9},
            id="left_of_the_middle",
        ),
        pytest.param(
            (10, -1.0), 0.0,
            {"lane_id": "east", "offset_m": -1, "left_margin_m": 1.75, "right_margin_m": -0.25},
            id="across_the_right_bound",
        ),
        pytest.param(
            (10, 0), 0.3,
            {"lane_id": "east", "heading_rad": 0.3,
             "left_margin_m": 1.75 - 2 * math.sin(0.3) - math.cos(0.3)},
            id="at_an_angle_its_corner_counts",
        ),
        pytest.param(
            (10, 3.0), math.pi - 1e-9,
            {"lane_id": "west", "along_m": 40, "offset_m": 0.5, "against_direction": False},
            id="west_across_pi",
        ),
        pytest.param(
            (10, 3.0), 0.1,
            {"lane_id": "west", "offset_m": 0.5, "heading_rad": 0.1 - math.pi,
             "against_direction": True, "speed_limit_mps": None},
            id="in_the_lane_of_the_others",
        ),
        pytest.param(
            (10, -2.5), 0.0,
            {"lane_id": "east", "outside_m": 0.75, "offset_m": -2.5, "right_margin_m": -1.75},
            id="just_off_the_lane",
        ),
        pytest.param(
            (10, -2.8), 0.0,
            {"lane_id": None, "offset_m": None, "width_m": None, "against_direction": None},
            id="no_lane_near",
        ),
        # The front has gone beyond the end, where another lane's bounds would count.
        pytest.param(
            (49, 0.5), 0.0, {"lane_id": "east", "along_m": 49, "left_margin_m": 0.25}, id="at_end"
        ),
    ],
)  # fmt: skip
def test_one_state(place: tuple[float, float], heading: float, expected: dict[str, object]) -> None:
    (row,) = matched(states([place], heading), EAST, WEST).iter_rows(named=True)
    found = {name: row[name] for name in expected}
    assert found == {
        name: pytest.approx(value, abs=1e-8) if isinstance(value, float | int) else value
        for name, value in expected.items()
    }


@pytest.mark.parametrize(
    ("velocity", "along", "against"),
    [
        pytest.param(8.0, 8.0, False, id="forward"),
        pytest.param(-3.0, -3.0, False, id="reversing_does_not_look_against_it"),
        pytest.param(0.0, 0.0, False, id="standing"),
    ],
)
def test_velocity_along_the_lane(velocity: float, along: float, against: bool) -> None:
    ego = states([(10, 0)], 0.0, longitudinal_velocity_mps=velocity, speed_mps=abs(velocity))
    (row,) = matched(ego, EAST).iter_rows(named=True)
    assert (row["along_mps"], row["against_direction"]) == (along, against)


def test_a_box_before_the_origin_swings_sideways() -> None:
    """Turning at 0.5 rad/s with the centre 2 m ahead: 1 m/s to the left, here along the lane."""
    ego = states([(10, -2)], math.pi / 2, yaw_rate_radps=-0.5, ego_center_offset_m=2.0)
    (row,) = matched(ego, EAST).iter_rows(named=True)
    assert (row["x_m"], row["y_m"]) == (pytest.approx(10), pytest.approx(0))
    assert row["along_mps"] == pytest.approx(1.0)


def test_without_a_box_the_origin_is_matched_and_margins_are_unknown() -> None:
    ego = states(
        [(10, 0.5)], 0.0, ego_length_m=None, ego_width_m=None, ego_center_offset_m=None
    )  # fmt: skip
    (row,) = matched(ego, EAST).iter_rows(named=True)
    assert (row["offset_m"], row["left_margin_m"], row["right_margin_m"]) == (0.5, None, None)


STRAIGHT = Lane("straight", [(0, 0), (40, 0)], in_intersection=True)
LEFT = Lane("left", arc(15, math.pi / 2), in_intersection=True)


@pytest.mark.parametrize("goes", ["straight", "left"])
def test_of_lanes_that_part_it_is_the_one_taken_from_the_first(goes: str) -> None:
    if goes == "left":
        angles = np.linspace(0.02, 1.5, 40)
        places = [(15 * math.sin(a), 15 * (1 - math.cos(a))) for a in angles]
        ego = states(places, angles.tolist())
    else:
        ego = states([(x, 0) for x in np.linspace(0.5, 39, 40)], 0.0)
    assert matched(ego, STRAIGHT, LEFT)["lane_id"].unique().to_list() == [goes]


def test_a_lane_in_pieces_is_taken_though_it_stays_longer_in_one_that_it_leaves_sideways() -> None:
    bend = arc(15, math.pi / 2)
    first, second = Lane("left_1", bend[:12]), Lane("left_2", bend[11:])
    angles = np.linspace(0.02, 1.5, 60)
    places = [(15 * math.sin(a), 15 * (1 - math.cos(a))) for a in angles]
    wide = Lane("straight", [(0, 0), (40, 0)], width_m=9.0)
    rows = matched(states(places, angles.tolist()), first, second, wide)
    assert rows["lane_id"].rle().struct.field("value").to_list() == ["left_1", "left_2"]


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        pytest.param([(10, 1), (11, 2)], [None, 2.0], id="to_the_left"),
        pytest.param([(10, 2), (11, 1)], [None, -2.5], id="back_to_the_right"),
        pytest.param([(49, 0), (51, 0.25), (52, 0)], [None, 0.25, None], id="the_next_piece"),
        pytest.param([(49, 0), (51, -3.5)], [None, -3.5], id="aside_of_the_lane_extended"),
        pytest.param([(10, 0), (10, -20), (11, 2.5)], [None, None, 2.5], id="off_all_between"),
    ],
)
def test_how_far_it_is_beside_the_lane_before(
    places: list[tuple[float, float]], expected: list[float | None]
) -> None:
    lanes = (EAST, WEST, Lane("next", [(50, 0), (90, 0)]), Lane("aside", [(50, -3.5), (90, -3.5)]))
    assert matched(states(places, 0.0), *lanes)["beside_last_m"].to_list() == [
        None if value is None else pytest.approx(value) for value in expected
    ]
    apart = states(places, 0.0, segment_index=list(range(len(places))))
    assert matched(apart, *lanes)["beside_last_m"].null_count() == len(places)


def test_a_stop_where_lanes_overlap_changes_nothing() -> None:
    angles = [0.02] * 60 + np.linspace(0.02, 1.5, 20).tolist()
    places = [(15 * math.sin(a), 15 * (1 - math.cos(a))) for a in angles]
    rows = matched(states(places, angles), STRAIGHT, LEFT)
    assert rows["lane_id"].unique().to_list() == ["left"]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(Lane("a", [(10, -20), (10, 20)], 8.0), "east", id="crossing"),
        pytest.param(Lane("a", [(50, 0), (0, 0)]), "east", id="oncoming"),
        pytest.param(Lane("a", [(0, 0), (50, 0)], kind="bike"), "east", id="for_bicycles"),
        pytest.param(Lane("a", [(0, 0.1), (50, 0.1)]), "a", id="equal_so_first_by_name"),
        pytest.param(Lane("a", [(0, -1), (50, 2)], 6.0), "east", id="less_parallel"),
    ],
)
def test_of_lanes_in_one_place(other: Lane, expected: str) -> None:
    rows = matched(states([(x, 0) for x in range(5, 15)], 0.0), EAST, other)
    assert rows["lane_id"].unique().to_list() == [expected]


def test_where_no_lane_goes_its_way_that_of_the_oncoming_comes_before_one_that_crosses() -> None:
    crossing = Lane("across", [(10, -20), (10, 20)], 8.0)
    rows = matched(states([(10, 3.5)], 0.0), WEST, crossing)
    assert rows["lane_id"].item() == "west"


BENT = Lane("bent", arc(20, 2.5))
FRAMES = st.builds(
    Frame,
    x_m=st.sampled_from([0.0, 1e6, -2.5e6]),
    y_m=st.sampled_from([0.0, -1e6, 4e6]),
    turn_rad=st.floats(-math.pi, math.pi),
)


@given(frame=FRAMES)
@settings(max_examples=25, deadline=None)
def test_it_is_the_same_wherever_the_road_lies(frame: Frame) -> None:
    angles = np.linspace(0.05, 2.45, 30)
    places = [(19.5 * math.sin(a), 20 - 19.5 * math.cos(a)) for a in angles]
    lanes = (BENT, Lane("side", [(0, -3.5), (60, -3.5)]), STRAIGHT)
    here = matched(states(places, (angles - 0.1).tolist()), *lanes)
    there = matched(states(places, (angles - 0.1).tolist(), frame), *lanes, frame=frame)
    fixed = ["x_m", "y_m"]
    # A float has 1e-9 m left at 4,000 km.
    assert_frame_equal(here.drop(fixed), there.drop(fixed), abs_tol=1e-6)
    assert here["lane_id"].unique().to_list() == ["bent"]
    # Straight pieces of 1.3 m: the arc is up to 1 cm outside of them.
    np.testing.assert_allclose(here["offset_m"].to_numpy(), 0.5, atol=0.012)
    np.testing.assert_allclose(here["heading_rad"].to_numpy(), -0.1, atol=0.04)


def test_a_synthetic_turn_goes_through_the_lanes_as_calculated() -> None:
    frames = scenario("turn", seconds=6, speed_mps=10.0, radius_m=60.0)
    rows = compute_on(frames | maps(frames), "ego_lanes").rows
    turned = np.arange(len(rows)) * 0.1 * 10 / 60
    x = 60 * np.sin(turned) + CAR.center_offset_m * np.cos(turned)
    y = 60 * (1 - np.cos(turned)) + CAR.center_offset_m * np.sin(turned)
    lane = np.floor(y / LANE_WIDTH_M + 0.5)
    piece = np.floor((x + BEHIND_M) / PIECE_M)
    names = np.array(["own", "left", "oncoming", "-", "-", "-", "-", "-", "-", "-", "-", "-"])
    expected = [
        f"{names[int(of)]}_{int(number)}" if of < 3 else None
        for of, number in zip(lane, piece, strict=True)
    ]
    found = rows["lane_id"].to_list()
    off_road = y - 2.5 * LANE_WIDTH_M
    for i, name in enumerate(expected):
        if name is None and off_road[i] < 1:
            # Within reach of the last lane.
            assert rows["outside_m"][i] == pytest.approx(off_road[i], abs=1e-3)
        else:
            assert found[i] == name
    inside = np.array([name is not None for name in expected])
    assert inside.sum() > 20
    sign = np.where(lane == 2, -1, 1)
    offsets = rows["offset_m"].to_numpy()[inside]
    np.testing.assert_allclose(offsets, (sign * (y - lane * LANE_WIDTH_M))[inside], atol=1e-3)
    assert rows.filter(pl.col("lane_id").str.starts_with("onc"))["against_direction"].any()


def test_a_real_drive_against_shapely() -> None:
    frames = read_real_log("3b3570b4")
    rows = compute_on(frames, "ego_lanes").rows
    lanes = {key[0]: lane for key, lane in frames["lane_points"].group_by("lane_id")}
    areas, centres = {}, {}
    for name, lane in lanes.items():
        points = lane.sort("point_index")
        left = points.select("left_x_m", "left_y_m").to_numpy()
        right = points.select("right_x_m", "right_y_m").to_numpy()
        areas[name] = shapely.Polygon(np.vstack([left, right[::-1]]))
        centres[name] = shapely.LineString(points.select("x_m", "y_m").to_numpy())
    assert len(rows) == 161
    for row in rows.iter_rows(named=True):
        point = shapely.Point(row["x_m"], row["y_m"])
        holding = {name for name, area in areas.items() if area.contains(point)}
        assert row["lane_id"] in holding
        centre = centres[row["lane_id"]]
        assert abs(row["offset_m"]) == pytest.approx(centre.distance(point), abs=1e-6)
        assert row["along_m"] == pytest.approx(centre.project(point), abs=1e-6)
        assert abs(row["heading_rad"]) < 0.35
    # It drives up to a crossing, waits, and drives on straight.
    assert rows["lane_id"].rle().struct.field("value").to_list() == [
        "37986497", "37983125", "37984536",
    ]  # fmt: skip
    assert np.abs(rows["offset_m"].to_numpy()).mean() < 0.4
    assert rows["width_m"].to_numpy().min() > 2.9
    assert rows["along_mps"].to_numpy().min() > -0.05
    assert not rows["against_direction"].any()
    assert rows["speed_limit_mps"].null_count() == len(rows)


def test_simulated_drives_are_in_the_lanes_that_sumo_drove_them_in() -> None:
    frames, seen = sumo_drives()
    rows = compute_on(frames, "ego_lanes").rows.join(seen, on=["log_id", "timestamp_ns"])
    # SUMO looks at the front bumper, we at the centre, 2.5 m behind: past that it is one lane.
    rows = rows.filter(pl.col("position_m") > 2.6)
    same = pl.col("lane_id") == pl.col("lane_seen")
    assert len(rows) == 129_667
    assert rows.select(same.mean()).item() > 0.9997
    behind = rows.filter(same, ~pl.col("in_intersection"))
    along = behind["position_m"].to_numpy() - 2.5 - behind["along_m"].to_numpy()
    # Just round a corner a car is not straight in its lane yet.
    assert np.quantile(np.abs(along), 0.99) < 0.01
    assert rows["lane_id"].null_count() == 0


def test_a_lane_around_a_point_is_as_wide_as_the_way_from_it() -> None:
    """A turning circle: the left bound is the same point all along."""
    frames = road(Lane("round", arc(5, math.pi), width_m=10.0))
    pivot = frames["lane_points"].with_columns(left_x_m=pl.lit(0.0), left_y_m=pl.lit(5.0))
    ego = states([(4, 5)], math.pi / 2)
    made = compute_on({"ego_states": ego, **frames, "lane_points": pivot}, "ego_lanes")
    (row,) = made.rows.to_dicts()
    assert row["lane_id"] == "round"
    assert row["width_m"] == pytest.approx(10, abs=0.05)
    # Its left side is 3 m from the point, its right one 5 m, and the right bound is at 10 m.
    assert row["left_margin_m"] == pytest.approx(3, abs=0.05)
    assert row["right_margin_m"] == pytest.approx(10 - math.hypot(5, 2), abs=0.05)


def test_a_lane_whose_centre_has_no_length_is_none() -> None:
    frames = road(EAST)
    still = frames["lane_points"].with_columns(x_m=pl.lit(5.0), y_m=pl.lit(0.0))
    ego = states([(10, 0)] * 2, 0.0)
    made = compute_on({"ego_states": ego, **frames, "lane_points": still}, "ego_lanes")
    assert made.rows["lane_id"].to_list() == [None, None]


def test_a_lane_of_one_point_is_none() -> None:
    frames = road(EAST)
    point = frames["lane_points"].filter(pl.col("point_index") == 0)
    made = compute_on(
        {"ego_states": states([(0.5, 0)], 0.0), **frames, "lane_points": point}, "ego_lanes"
    )
    assert made.rows["lane_id"].to_list() == [None]


def test_points_of_a_lane_that_the_map_does_not_tell_of_are_no_lane() -> None:
    frames = road(EAST, WEST)
    known = frames["lanes"].filter(pl.col("lane_id") == "west")
    ego = states([(10, 0), (10, 3.5)], 0.0)
    made = compute_on({"ego_states": ego, **frames, "lanes": known}, "ego_lanes")
    assert made.rows["lane_id"].to_list() == [None, "west"]


def test_a_setting_says_how_far_off_a_lane_counts() -> None:
    ego = states([(10, -2.8)], 0.0)
    frames = road(EAST)
    rows = ego_lanes(ego.lazy(), frames["lanes"].lazy(), frames["lane_points"].lazy(), reach_m=2.0)
    assert isinstance(rows, pl.LazyFrame)
    assert rows.collect()["lane_id"].to_list() == ["east"]
