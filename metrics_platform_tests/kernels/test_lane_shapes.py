"""Lanes as shapes: which hold a point, against shapely."""

import numpy as np
import polars as pl
import pytest
import shapely

from metrics_platform.kernels.lane_shapes import LaneShapes
from metrics_platform_tests.signals.roads import Frame, Lane, arc, road

LANES = (
    Lane("b", [(0, 0), (30, 0), (60, 5)]),
    Lane("a", arc(20, 2.0, points=12), width_m=4.0),
    Lane("c", [(0, 3.5), (60, 3.5)], width_m=3.0),
)


def polygon(points: pl.DataFrame) -> shapely.Polygon:
    left = points.select("left_x_m", "left_y_m").to_numpy()
    right = points.select("right_x_m", "right_y_m").to_numpy()
    return shapely.Polygon(np.vstack([left, right[::-1]]))


@pytest.mark.parametrize("reach", [0.0, 1.5])
def test_the_lanes_that_hold_a_point_or_those_within_reach(reach: float) -> None:
    frames = {"x": Frame(), "y": Frame(1e6, -1e6, 1.0)}
    points = pl.concat(
        [road(*LANES, frame=frame, log_id=log)["lane_points"] for log, frame in frames.items()]
    )
    shapes = LaneShapes.of(points.sample(fraction=1, shuffle=True, seed=1))
    assert shapes.names.rows() == [(log, lane) for log in "xy" for lane in "abc"]
    places = np.random.default_rng(3).uniform((-5, -5), (40, 30), (200, 2))
    for number, frame in enumerate(frames.values()):
        x, y = frame.place(places).T
        logs = np.full(len(x), number)
        point, lane, outside = shapes.holding(logs, x, y, reach)
        found = {(p, n): away for p, n, away in zip(point, lane, outside, strict=True)}
        areas = {
            3 * number + i: polygon(points.filter(log_id="xy"[number], lane_id=name))
            for i, name in enumerate("abc")
        }
        expected: dict[tuple[int, int], float] = {}
        for i, place in enumerate(zip(x, y, strict=True)):
            away = {n: area.distance(shapely.Point(place)) for n, area in areas.items()}
            inside = {n: 0.0 for n, distance in away.items() if distance == 0}
            within = {n: distance for n, distance in away.items() if distance <= reach}
            expected |= {(i, n): distance for n, distance in (inside or within).items()}
        assert found == {key: pytest.approx(value, abs=1e-6) for key, value in expected.items()}


def test_a_lane_of_one_point_is_left_out_and_no_lanes_are_fine() -> None:
    points = road(*LANES)["lane_points"]
    short = points.filter((pl.col("lane_id") != "c") | (pl.col("point_index") == 0))
    assert LaneShapes.of(short).names["lane_id"].to_list() == ["a", "b"]
    nothing = LaneShapes.of(points.clear())
    point, lane, outside = nothing.holding(np.array([0]), np.zeros(1), np.zeros(1), 5.0)
    assert (len(point), len(lane), len(outside)) == (0, 0, 0)
