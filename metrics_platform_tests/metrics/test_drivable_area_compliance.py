"""Corners off the area: on paper, against shapely, on synthetic and real drives."""

import math

import numpy as np
import polars as pl
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.core import Rows, Status
from metrics_platform.core.frames import polars_schema
from metrics_platform.metrics.drivable_area_compliance import drivable_area_compliance
from metrics_platform.signals.drivable_areas import DrivableAreas
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.maps import SHOULDER_M, maps
from metrics_platform.testing.scenarios import LANE_WIDTH_M
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import STEP_NS, result_of
from metrics_platform_tests.metrics.conftest import RealLogs
from metrics_platform_tests.signals.roads import HERE, Frame, Path, states

SQUARE = [(0.0, 0.0), (20.0, 0.0), (20.0, 10.0), (0.0, 10.0)]


def areas(*polygons: Path, frame: Frame = HERE) -> pl.DataFrame:
    rows = [
        {"log_id": "log", "area_id": str(number), "point_index": index, "x_m": x, "y_m": y}
        for number, polygon in enumerate(polygons)
        for index, (x, y) in enumerate(frame.place(np.array(polygon)))
    ]
    return pl.DataFrame(rows, polars_schema(DrivableAreas))


@pytest.mark.parametrize(
    ("place", "heading", "polygons", "outside_m", "corner"),
    [
        pytest.param((10, 5), 0.0, [SQUARE], None, None, id="inside"),
        pytest.param((10, 9.2), 0.0, [SQUARE], 0.2, "left", id="to_the_left"),
        pytest.param((10, 0.71), 0.0, [SQUARE], 0.29, "right", id="to_the_right"),
        pytest.param((19, 5), 0.0, [SQUARE], 1.0, "front", id="ahead"),
        pytest.param((10, 9.2), math.pi, [SQUARE], 0.2, "right", id="looking_back"),
        # Looking along y, its left side is the one towards the area's edge.
        pytest.param((0.5, 5), math.pi / 2, [SQUARE], 0.5, "left", id="turned"),
        pytest.param((-5, 14), 0.0, [SQUARE], math.hypot(7, 5), "rear_left", id="beyond_a_corner"),
        pytest.param(
            (20, 5), 0.0, [SQUARE, [(20, 0), (40, 0), (40, 10), (20, 10)]], None, None,
            id="half_in_one_and_half_in_the_other",
        ),
        pytest.param(
            (10, 11.5), 0.0, [SQUARE, [(0, 12), (30, 12), (30, 20), (0, 20)]], 0.5, "right",
            id="nearest_of_two",
        ),
    ],
)  # fmt: skip
def test_one_state(
    place: tuple[float, float],
    heading: float,
    polygons: list[Path],
    outside_m: float | None,
    corner: str | None,
) -> None:
    made = result_of(
        drivable_area_compliance,
        ego_states=states([place], heading),
        drivable_areas=areas(*polygons),
    )
    if outside_m is None:
        assert made.rows.is_empty()
        assert made.summary["drivable_area_score"].item() == 1.0
        return
    (row,) = made.rows.to_dicts()
    assert row["max_outside_m"] == pytest.approx(outside_m)
    # Two corners may be as far outside.
    assert corner is not None
    assert corner in row["corner"]
    assert made.summary["drivable_area_score"].item() == float(outside_m < 0.3)


def test_events() -> None:
    ego = states([(10, y) for y in (5, 9.1, 9.2, 8, 9.5, 9.6, 9.7)], 0.0)
    made = result_of(drivable_area_compliance, ego_states=ego, drivable_areas=areas(SQUARE))
    found = made.rows.select("start_ns", "duration_s", "max_outside_m", "worst_at_ns").rows()
    assert found == [
        (1 * STEP_NS, pytest.approx(0.2), pytest.approx(0.2), 2 * STEP_NS),
        (4 * STEP_NS, pytest.approx(0.3), pytest.approx(0.7), 6 * STEP_NS),
    ]
    assert made.rows["y_m"].to_list() == pytest.approx([10.2, 10.7])
    (summary,) = made.summary.drop("log_id").to_dicts()
    assert summary == {
        "drivable_area_score": 0.0,
        "off_area_events": 2,
        "off_area_s": pytest.approx(0.5),
        "max_outside_m": pytest.approx(0.7),
    }


@given(
    ring=st.lists(st.tuples(*[st.integers(-12, 12)] * 2), min_size=3, max_size=7, unique=True),
    other=st.lists(st.tuples(*[st.integers(-12, 12)] * 2), min_size=3, max_size=5, unique=True),
    place=st.tuples(*[st.floats(-15, 15)] * 2),
    heading=st.floats(-3.1, 3.1),
    frame=st.sampled_from([HERE, Frame(1e6, -2e6, 2.0), Frame(-3e6, 0.0, -3.0)]),
)
@settings(max_examples=60, deadline=None)
def test_against_shapely(
    ring: Path, other: Path, place: tuple[float, float], heading: float, frame: Frame
) -> None:
    polygons = [p for p in (ring, other) if shapely.Polygon(p).is_valid]
    if not polygons:
        return
    made = result_of(
        drivable_area_compliance,
        ego_states=states([place], heading, frame, ego_center_offset_m=1.0),
        drivable_areas=areas(*polygons, frame=frame),
    )
    cos, sin = math.cos(heading), math.sin(heading)
    expected = max(
        min(shapely.Polygon(p).distance(shapely.Point(corner)) for p in polygons)
        for corner in (
            (place[0] + cos * ahead - sin * aside, place[1] + sin * ahead + cos * aside)
            for ahead in (3.0, -1.0)
            for aside in (1.0, -1.0)
        )
    )
    found = made.rows["max_outside_m"].to_list() or [0.0]
    assert found == [pytest.approx(expected, abs=1e-6)]


def test_without_a_box_it_abstains() -> None:
    ego = states([(10, 5)] * 3, 0.0, ego_length_m=None)
    made = result_of(drivable_area_compliance, ego_states=ego, drivable_areas=areas(SQUARE))
    assert made.outcomes["log"].status is Status.ABSTAINED


def test_a_map_without_any_area_says_nothing() -> None:
    """It is read, and has lanes perhaps: nobody was off what isn't there, nor on it."""
    both = pl.concat([states([(10, 5)], 0.0).with_columns(log_id=pl.lit(i)) for i in ("log", "no")])
    made = drivable_area_compliance(both.lazy(), areas(SQUARE).lazy())
    assert isinstance(made, Rows)
    assert made.abstained.collect().rows() == [("no", "the map has no drivable area")]


@pytest.mark.parametrize("name", ["cruise", "standing", "hard_brake", "sidewalk"])
def test_synthetic_drives_on_the_road(name: str) -> None:
    frames = scenario(name)
    made = compute_on(frames | maps(frames), "drivable_area_compliance")
    assert made.rows.is_empty()
    assert made.outcomes[name].status is Status.COMPUTED


def test_a_synthetic_drive_off_the_road_as_calculated() -> None:
    """It has turned by 1 rad after 6 s: the front left corner is the farthest beyond the road."""
    frames = scenario("turn", seconds=6, speed_mps=10.0, radius_m=60.0)
    made = compute_on(frames | maps(frames), "drivable_area_compliance")
    (row,) = made.rows.to_dicts()
    y = 60 * (1 - math.cos(1)) + (1.4 + 2.3) * math.sin(1) + 0.95 * math.cos(1)
    road_m = 2.5 * LANE_WIDTH_M + SHOULDER_M
    assert row["max_outside_m"] == pytest.approx(y - road_m, abs=1e-3)
    assert row["corner"] == "front_left"
    assert made.summary["drivable_area_score"].item() == 0.0


def test_a_real_drive_against_shapely(real_logs: RealLogs) -> None:
    frames = real_logs("3b3570b4")
    made = compute_on(frames, "drivable_area_compliance")
    drivable = shapely.unary_union(
        [
            shapely.Polygon(area.sort("point_index").select("x_m", "y_m").to_numpy())
            for _, area in frames["drivable_areas"].group_by("area_id")
        ]
    )
    outside = 0
    for state in compute_on(frames, "ego_states").rows.iter_rows(named=True):
        cos, sin = math.cos(state["heading_rad"]), math.sin(state["heading_rad"])
        half, offset = state["ego_length_m"] / 2, state["ego_center_offset_m"]
        for ahead in (offset + half, offset - half):
            for aside in (state["ego_width_m"] / 2, -state["ego_width_m"] / 2):
                corner = (
                    state["x_m"] + cos * ahead - sin * aside,
                    state["y_m"] + sin * ahead + cos * aside,
                )
                outside += not drivable.contains(shapely.Point(corner))
    assert outside == 0
    assert made.rows.is_empty()
    assert made.summary["drivable_area_score"].to_list() == [1.0]
