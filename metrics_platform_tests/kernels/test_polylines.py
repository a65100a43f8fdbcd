"""Distances and containment, against shapely."""

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from metrics_platform.kernels import polylines
from metrics_platform.kernels.polylines import Lines, inside, near, nearest

Points = list[tuple[float, float]]


def lines_of(*lines: Points) -> Lines:
    corners = np.array([corner for line in lines for corner in line], dtype=np.float64)
    starts = np.cumsum([0, *map(len, lines)]).astype(np.int64)
    return Lines(corners.reshape(-1, 2)[:, 0], corners.reshape(-1, 2)[:, 1], starts)


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def integers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


# Whole decimetres: neither shapely nor we can tell 1e-300 m from nothing.
PLACE = st.tuples(*[st.integers(-200, 200).map(lambda tenths: tenths / 10)] * 2)
LINE = st.lists(PLACE, min_size=2, max_size=8).filter(lambda line: len(set(line)) > 1)
ORIGIN = st.sampled_from([0.0, 1e6, -3e6])


@given(lines=st.lists(LINE, min_size=1, max_size=4), point=PLACE, origin=ORIGIN)
def test_the_nearest_place_is_that_of_shapely(
    lines: list[Points], point: tuple[float, float], origin: float
) -> None:
    moved = [[(x + origin, y - origin) for x, y in line] for line in lines]
    x, y = point[0] + origin, point[1] - origin
    count = len(moved)
    given_lines = lines_of(*moved)
    found = nearest(np.full(count, x), np.full(count, y), np.arange(count), given_lines)
    before = given_lines.lengths_before()
    for i, line in enumerate(moved):
        expected = shapely.LineString(line)
        at, share = found.segment[i], found.share[i]
        along = before[at] + share * (before[at + 1] - before[at])
        assert found.distance[i] == pytest.approx(expected.distance(shapely.Point(x, y)), abs=1e-8)
        # Of several places equally near, either is right.
        there = expected.interpolate(along)
        assert there.distance(shapely.Point(x, y)) == pytest.approx(found.distance[i], abs=1e-8)
        assert abs(found.offset[i]) <= found.distance[i] + 1e-8


@given(ring=st.lists(PLACE, min_size=3, max_size=9, unique=True), point=PLACE, origin=ORIGIN)
def test_inside_is_that_of_shapely(ring: Points, point: tuple[float, float], origin: float) -> None:
    polygon = shapely.Polygon(ring)
    assume(polygon.is_valid and polygon.exterior.distance(shapely.Point(point)) > 1e-6)
    given_ring = lines_of([(x + origin, y + origin) for x, y in ring]).closed()
    answer = inside(
        floats(point[0] + origin), floats(point[1] + origin), integers(0), given_ring
    )  # fmt: skip
    assert bool(answer[0]) is polygon.contains(shapely.Point(point))


@given(
    points=st.lists(st.tuples(st.integers(0, 2), PLACE), max_size=8),
    lines=st.lists(st.tuples(st.integers(0, 2), LINE), min_size=1, max_size=8),
    reach=st.sampled_from([0.0, 3.0, 40.0]),
    spread=st.sampled_from([1.0, 30.0]),
)
def test_near_finds_each_pair_whose_box_holds_the_point(
    points: list[tuple[int, tuple[float, float]]],
    lines: list[tuple[int, Points]],
    reach: float,
    spread: float,
) -> None:
    scaled = [[(x * spread, y * spread) for x, y in line] for _, line in lines]
    places = [(x * spread, y * spread) for _, (x, y) in points]
    point, line = near(
        integers(*(group for group, _ in points)),
        floats(*(x for x, _ in places)),
        floats(*(y for _, y in places)),
        integers(*(group for group, _ in lines)),
        lines_of(*scaled),
        reach=reach,
    )
    expected = []
    for i, (x, y) in enumerate(places):
        for j, corners in enumerate(scaled):
            xs, ys = zip(*corners, strict=True)
            in_box = (
                min(xs) - reach <= x <= max(xs) + reach and min(ys) - reach <= y <= max(ys) + reach
            )
            if points[i][0] == lines[j][0] and in_box:
                expected.append((i, j))
    assert list(zip(point.tolist(), line.tolist(), strict=True)) == expected


def test_near_without_lines_or_points() -> None:
    nothing = Lines(floats(), floats(), integers(0))
    for found in (
        near(integers(1), floats(0), floats(0), integers(), nothing),
        near(integers(), floats(), floats(), integers(1), lines_of([(0, 0), (1, 0)])),
    ):
        assert [len(indices) for indices in found] == [0, 0]


@pytest.mark.parametrize(
    ("point", "offset", "along", "beyond"),
    [
        pytest.param((5, 2), 2, 5, 0, id="left"),
        pytest.param((5, -2), -2, 5, 0, id="right"),
        pytest.param((-3, 4), 4, 0, -3, id="before_the_start"),
        pytest.param((14, 12), -4, 20, 2, id="beyond_the_end"),
        # Outside of a left bend the corner is nearest: as far away, on the right.
        pytest.param((13, -4), -5, 10, 0, id="outside_of_a_corner"),
        pytest.param((0, 0), 0, 0, 0, id="on_the_line"),
    ],
)
def test_sides_and_ends(
    point: tuple[float, float], offset: float, along: float, beyond: float
) -> None:
    line = lines_of([(0, 0), (0, 0), (10, 0), (10, 0), (10, 10), (10, 10)])
    found = nearest(floats(point[0]), floats(point[1]), integers(0), line)
    before = line.lengths_before()
    at, share = found.segment[0], found.share[0]
    assert found.offset[0] == pytest.approx(offset)
    assert before[at] + share * (before[at + 1] - before[at]) == pytest.approx(along)
    assert found.beyond[0] == pytest.approx(beyond)


@pytest.mark.parametrize("sign", [1, -1], ids=["left", "right"])
@pytest.mark.parametrize("back", [False, True], ids=["forth", "back"])
@pytest.mark.parametrize("point", [(11, 0.2), (11, -0.2), (11, 0.9), (10.2, 1.0), (9.9, -3)])
def test_outside_of_a_turn_by_more_than_a_right_angle(
    sign: int, back: bool, point: tuple[float, float]
) -> None:
    """The line turns by 135 degrees; from either of its parts some of the points seem inside."""
    corners = [(0.0, 0.0), (10.0, 0.0), (5.0, sign * 5.0)]
    x, y = (np.array(axis) for axis in zip(*(corners[::-1] if back else corners), strict=True))
    lines = Lines(x, y, np.array([0, 3]))
    at = np.array([float(point[0])]), np.array([float(sign * point[1])])
    offset = nearest(*at, np.array([0]), lines).offset
    assert np.sign(offset).tolist() == [sign if back else -sign]


def test_a_line_without_length_has_a_distance_and_no_side() -> None:
    found = nearest(floats(3), floats(5), integers(0), lines_of([(0, 1), (0, 1), (0, 1)]))
    assert found.distance[0] == 5
    assert found.beyond[0] == 0
    assert np.isnan(found.offset[0])


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    rings = [[(float(x), float(y)) for x, y in rng.uniform(-9, 9, (n, 2))] for n in (3, 40, 5, 9)]
    lines = lines_of(*rings).closed()
    x, y = rng.uniform(-9, 9, (2, 50))
    line = rng.integers(0, 4, 50)
    whole = nearest(x, y, line, lines), inside(x, y, line, lines)
    monkeypatch.setattr(polylines, "_BLOCK", 7)
    parts = nearest(x, y, line, lines), inside(x, y, line, lines)
    for name in ("segment", "share", "distance", "offset", "beyond", "heading"):
        np.testing.assert_array_equal(getattr(whole[0], name), getattr(parts[0], name))
    np.testing.assert_array_equal(whole[1], parts[1])
