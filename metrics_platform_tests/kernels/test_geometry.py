"""Distance and time to collision of boxes, against paper, shapely and plain sampling in time."""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry import Polygon
from shapely.geometry import box as shapely_box

from metrics_platform.kernels.geometry import (
    BoxPair,
    box_distance,
    in_axes_of,
    may_collide,
    time_to_collision,
    wrapped,
)

COLUMNS = ("x", "y", "heading", "length", "width", "other_length", "other_width")
PAIR = BoxPair(**{name: pl.col(name) for name in COLUMNS})
CAR = (4.0, 2.0)

coordinates = st.floats(-20, 20)
sides = st.floats(0.1, 6)
boxes = st.tuples(coordinates, coordinates, st.floats(-7, 7), sides, sides, sides, sides)
speeds = st.floats(-15, 15)


def distance(*values: float) -> float:
    frame = pl.DataFrame([values], schema=COLUMNS, orient="row")
    return float(frame.select(box_distance(PAIR)).item())


def collision(values: Sequence[float], velocity: tuple[float | None, float]) -> float | None:
    frame = pl.DataFrame([values], schema=COLUMNS, orient="row").with_columns(
        vx=pl.lit(velocity[0], dtype=pl.Float64), vy=pl.lit(velocity[1])
    )
    time: float | None = frame.select(time_to_collision(PAIR, pl.col("vx"), pl.col("vy"))).item()
    return time


def polygons(values: Sequence[float]) -> tuple[Polygon, Polygon]:
    x, y, heading, length, width, other_length, other_width = values

    def centred(along: float, across: float) -> Polygon:
        return shapely_box(-along / 2, -across / 2, along / 2, across / 2)

    turned = affinity.rotate(
        centred(other_length, other_width), heading, origin=(0, 0), use_radians=True
    )
    return centred(length, width), affinity.translate(turned, x, y)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param((10.0, 0.0, 0.0), 6.0, id="ahead"),
        pytest.param((0.0, -5.0, 0.0), 3.0, id="right"),
        pytest.param((7.0, 6.0, 0.0), 5.0, id="corner_to_corner"),
        pytest.param((10.0, 0.0, math.pi / 2), 7.0, id="across"),
        pytest.param((10.0, 0.0, math.pi), 6.0, id="oncoming"),
        pytest.param((0.0, 5.0, math.pi / 4), 4 - 3 / math.sqrt(2), id="corner_to_side"),
        pytest.param((4.0, 0.0, 0.0), 0.0, id="touching"),
        pytest.param((1.0, 0.5, 0.3), 0.0, id="overlapping"),
        pytest.param((0.0, 0.0, math.pi / 2), 0.0, id="crossing_without_corners_inside"),
    ],
)
def test_distance(place: tuple[float, float, float], expected: float) -> None:
    assert distance(*place, *CAR, *CAR) == pytest.approx(expected, abs=1e-12)


def test_a_box_around_the_other_is_at_no_distance() -> None:
    assert distance(0.2, 0.1, 0.4, 10.0, 10.0, 1.0, 1.0) == 0
    assert distance(0.2, 0.1, 0.4, 1.0, 1.0, 10.0, 10.0) == 0


@settings(max_examples=150, deadline=None)
@given(boxes)
def test_distance_is_that_of_shapely(values: tuple[float, ...]) -> None:
    own, other = polygons(values)
    assert distance(*values) == pytest.approx(own.distance(other), abs=1e-9)


@pytest.mark.parametrize(
    ("place", "velocity", "expected"),
    [
        pytest.param((10.0, 0.0, 0.0), (-3.0, 0.0), 2.0, id="closing"),
        pytest.param((10.0, 0.0, 0.0), (3.0, 0.0), None, id="opening"),
        pytest.param((10.0, 0.0, 0.0), (0.0, 0.0), None, id="same_velocity"),
        pytest.param((3.0, 1.0, 0.0), (0.0, 0.0), 0.0, id="overlapping_and_still"),
        pytest.param((3.0, 1.0, 0.0), (9.0, 2.0), 0.0, id="overlapping_and_opening"),
        pytest.param((10.0, 3.0, 0.0), (-3.0, 0.0), None, id="passes_beside"),
        pytest.param((10.0, 3.0, 0.0), (-3.0, -0.5), 2.0, id="drifts_over"),
        pytest.param((10.0, 20.0, 0.0), (-3.0, -0.5), None, id="too_late"),
        pytest.param((3.0, 10.0, math.pi / 2), (0.0, -2.0), 3.5, id="from_the_side"),
        pytest.param(
            (10.0, 0.0, math.pi / 4), (-1.0, 0.0), 8 - 3 / math.sqrt(2), id="corner_first"
        ),
    ],
)
def test_time_to_collision(
    place: tuple[float, float, float], velocity: tuple[float, float], expected: float | None
) -> None:
    assert collision((*place, *CAR, *CAR), velocity) == pytest.approx(expected, abs=1e-12)


@given(boxes, st.tuples(speeds, speeds))
def test_whatever_collides_may_collide(
    values: tuple[float, ...], velocity: tuple[float, float]
) -> None:
    frame = pl.DataFrame([values], schema=COLUMNS, orient="row")
    may = frame.select(may_collide(PAIR, *(pl.lit(speed) for speed in velocity))).item()
    if collision(values, velocity) is not None:
        assert may


@pytest.mark.parametrize(
    ("place", "velocity", "expected"),
    [
        pytest.param((20.0, 0.0, 0.0), (-1.0, 0.0), True, id="comes"),
        pytest.param((20.0, 0.0, 0.0), (1.0, 0.0), False, id="goes"),
        pytest.param((20.0, 6.0, 0.0), (-1.0, 0.0), False, id="passes"),
        pytest.param((20.0, 0.0, 0.0), (0.0, 0.0), False, id="stays"),
        pytest.param((3.0, 0.0, 0.0), (1.0, 0.0), True, id="near"),
    ],
)
def test_what_may_collide(
    place: tuple[float, float, float], velocity: tuple[float, float], expected: bool
) -> None:
    frame = pl.DataFrame([(*place, *CAR, *CAR)], schema=COLUMNS, orient="row")
    may = frame.select(may_collide(PAIR, *(pl.lit(speed) for speed in velocity)))
    assert may.item() is expected


def test_an_unknown_velocity_has_no_time_to_collision() -> None:
    assert collision((3.0, 1.0, 0.0, *CAR, *CAR), (None, 0.0)) is None


@settings(max_examples=150, deadline=None)
@given(boxes, speeds, speeds)
def test_boxes_touch_at_the_time_to_collision_and_not_before(
    values: tuple[float, ...], speed_x: float, speed_y: float
) -> None:
    time = collision(values, (speed_x, speed_y))
    # Rounding decides whether boxes that graze each other touch: smaller ones are apart.
    smaller = polygons((*values[:3], *(side - 1e-6 for side in values[3:])))
    latest = 60.0 if time is None else min(time - 1e-6, 60.0)
    for at in np.linspace(0, latest, 31) if latest >= 0 else ():
        moved = affinity.translate(smaller[1], speed_x * at, speed_y * at)
        assert not smaller[0].intersects(moved)
    if time is not None and time < 60:
        own, other = polygons(values)
        there = affinity.translate(other, speed_x * time, speed_y * time)
        assert own.distance(there) == pytest.approx(0, abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(boxes, speeds, speeds)
def test_it_does_not_matter_from_which_box_one_looks(
    values: tuple[float, ...], speed_x: float, speed_y: float
) -> None:
    x, y, heading, length, width, other_length, other_width = values
    cos, sin = math.cos(heading), math.sin(heading)
    there = (-cos * x - sin * y, sin * x - cos * y, -heading)
    swapped = (*there, other_length, other_width, length, width)
    velocity = (-cos * speed_x - sin * speed_y, sin * speed_x - cos * speed_y)
    assert distance(*swapped) == pytest.approx(distance(*values), abs=1e-9)
    here, from_there = collision(values, (speed_x, speed_y)), collision(swapped, velocity)
    # One that grazes may be a touch from one side only.
    if here is not None and from_there is not None and here < 60:
        assert from_there == pytest.approx(here, abs=1e-6)


@pytest.mark.parametrize(
    ("angle", "expected"),
    [(0.0, 0.0), (math.pi, -math.pi), (-math.pi, -math.pi), (4.0, 4.0 - 2 * math.pi)],
)
def test_wrapped(angle: float, expected: float) -> None:
    assert pl.select(wrapped(pl.lit(angle))).item() == pytest.approx(expected)


@given(st.floats(-1e6, 1e6))
@example(math.nextafter(math.pi, 0.0))
@example(math.nextafter(-math.pi, -9.0))
def test_wrapped_is_within_half_a_turn(angle: float) -> None:
    inside = pl.select(wrapped(pl.lit(angle))).item()
    assert -math.pi <= inside < math.pi
    assert math.cos(inside - angle) == pytest.approx(1)


def test_what_is_to_the_north_is_to_the_left_of_who_looks_east() -> None:
    x, y = in_axes_of(pl.lit(math.pi / 2), pl.lit(0.0), pl.lit(3.0))
    assert pl.select(x=x, y=y).row(0) == pytest.approx((3.0, 0.0))
