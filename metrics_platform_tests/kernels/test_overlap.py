"""Overlap of upright boxes, by hand and against shapely."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from metrics_platform.kernels.overlap import image_coverage, image_iou

Box = tuple[float, float, float, float]


def overlap(own: Box, other: Box) -> tuple[float, float]:
    boxes, others = (np.array(values, dtype=np.float64)[:, None] for values in (own, other))
    return image_iou(boxes, others).item(), image_coverage(boxes, others).item()


@pytest.mark.parametrize(
    ("own", "other", "iou", "coverage"),
    [
        pytest.param((0, 0, 2, 2), (0, 0, 2, 2), 1, 1, id="same"),
        pytest.param((0, 0, 2, 2), (1, 0, 2, 2), 1 / 3, 1 / 2, id="half"),
        pytest.param((0, 0, 1, 1), (0, 0, 2, 2), 1 / 4, 1, id="within"),
        pytest.param((0, 0, 2, 2), (2, 0, 2, 2), 0, 0, id="touching"),
        pytest.param((0, 0, 2, 2), (1, 5, 2, 2), 0, 0, id="below"),
        pytest.param((1, 1, 0, 0), (0, 0, 2, 2), 0, 0, id="of_no_size"),
        pytest.param((1, 1, 0, 0), (1, 1, 0, 0), 0, 0, id="both_of_no_size"),
        pytest.param((1e6, 1e6, 2, 2), (1e6 + 1, 1e6, 2, 2), 1 / 3, 1 / 2, id="far_away"),
    ],
)
def test_overlap(own: Box, other: Box, iou: float, coverage: float) -> None:
    assert overlap(own, other) == pytest.approx((iou, coverage))


sides = st.tuples(*(st.integers(0, 20).map(float),) * 2, *(st.integers(1, 20).map(float),) * 2)


@given(sides, sides)
@settings(deadline=None)
def test_as_shapely(own: Box, other: Box) -> None:
    first, second = (box(x, y, x + width, y + height) for x, y, width, height in (own, other))
    shared = first.intersection(second).area
    expected = (shared / first.union(second).area, shared / first.area)
    assert overlap(own, other) == pytest.approx(expected)
    assert overlap(other, own)[0] == overlap(own, other)[0]
