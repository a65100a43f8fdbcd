"""Overlap of oriented boxes, against shapely and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely import Polygon

from metrics_platform.kernels.box_overlap import intersection_area, ious

Box = tuple[float, float, float, float, float]

half_metres = st.integers(-8, 8).map(lambda n: n / 2)
sizes = st.integers(0, 10).map(lambda n: n / 2)
# Right angles and small multiples: edges that lie upon one another.
headings = st.sampled_from([0.0, math.pi / 2, -math.pi, math.pi, math.pi / 4, 0.3, -2.5])
boxes = st.tuples(half_metres, half_metres, sizes, sizes, headings)


def rows(*drawn: tuple[float, ...]) -> NDArray[np.float64]:
    return np.array(drawn, dtype=np.float64)


def ground_iou(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = np.zeros((len(boxes), 2))
    return ious(np.hstack([boxes[:, :5], flat]), np.hstack([others[:, :5], flat]))[0]


def space_iou(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    return ious(boxes, others)[1]


def shape(box: Box) -> Polygon:
    x, y, length, width, heading = box
    cos, sin = math.cos(heading), math.sin(heading)
    corners = [(length, width), (-length, width), (-length, -width), (length, -width)]
    return Polygon([(x + (a * cos - b * sin) / 2, y + (a * sin + b * cos) / 2) for a, b in corners])


@given(st.lists(st.tuples(boxes, boxes), min_size=1, max_size=20))
def test_shared_area_is_shapelys(pairs: list[tuple[Box, Box]]) -> None:
    got = intersection_area(rows(*(a for a, _ in pairs)), rows(*(b for _, b in pairs)))
    for (box, other), area in zip(pairs, got, strict=True):
        assert area == pytest.approx(_shared(box, other), abs=1e-9)


def _shared(box: Box, other: Box) -> float:
    if min(*box[2:4], *other[2:4]) == 0:
        return 0.0
    return float(shape(box).intersection(shape(other)).area)


@given(boxes, boxes)
def test_it_is_the_same_both_ways_and_of_a_box_with_itself(box: Box, other: Box) -> None:
    there, back = ground_iou(rows(box, other), rows(other, box))
    assert there == pytest.approx(back, abs=1e-9)
    whole = 1.0 if box[2] * box[3] > 0 else 0.0
    assert ground_iou(rows(box), rows(box)) == pytest.approx(whole, abs=1e-9)


@pytest.mark.parametrize(
    ("box", "other", "ground", "space"),
    [
        pytest.param((0, 0, 4, 2, 0, 0, 2), (0, 0, 4, 2, math.pi, 0, 2), 1, 1, id="turned_round"),
        pytest.param((0, 0, 4, 2, 0, 0, 2), (2, 0, 4, 2, 0, 1, 2), 1 / 3, 1 / 7, id="shifted"),
        pytest.param((0, 0, 4, 2, 0, 0, 2), (4, 0, 4, 2, 0, 0, 2), 0, 0, id="they_touch"),
        pytest.param((0, 0, 4, 2, 0, 0, 2), (0, 0, 4, 2, 0, 2, 2), 1, 0, id="one_upon_the_other"),
        pytest.param((0, 0, 4, 2, 0, 0, 2), (0, 0, 2, 4, 0, 0, 2), 1 / 3, 1 / 3, id="crossed"),
        pytest.param((0, 0, 4, 2, 0, 0, 2), (0, 0, 2, 1, 0, 0, 1), 1 / 4, 1 / 8, id="within"),
        pytest.param((0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0), 0, 0, id="points"),
        pytest.param(
            (1e6, 1e6, 4, 2, 0, 0, 2), (1e6 + 2, 1e6, 4, 2, 0, 0, 2), 1 / 3, 1 / 3, id="far_away"
        ),
    ],
)
def test_by_hand(
    box: tuple[float, ...], other: tuple[float, ...], ground: float, space: float
) -> None:
    assert ground_iou(rows(box[:5]), rows(other[:5])) == pytest.approx(ground, abs=1e-12)
    assert space_iou(rows(box), rows(other)) == pytest.approx(space, abs=1e-12)


def test_no_pairs() -> None:
    assert len(ground_iou(np.empty((0, 5)), np.empty((0, 5)))) == 0
