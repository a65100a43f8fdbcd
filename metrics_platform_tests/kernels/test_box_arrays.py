"""The distance of boxes in arrays is that of boxes in rows."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.kernels.box_arrays import Boxes, box_distances
from metrics_platform.kernels.geometry import BoxPair, box_distance, in_axes_of

place = st.floats(-15, 15)
box = st.tuples(place, place, st.floats(-7, 7), st.floats(0, 6), st.floats(0, 6))


def boxes_of(*values: tuple[float, ...]) -> Boxes:
    x, y, heading, length, width = np.array(values, dtype=float).T
    return Boxes(x=x, y=y, heading=heading, length=length, width=width)


def distance(one: tuple[float, ...], two: tuple[float, ...]) -> float:
    return float(box_distances(boxes_of(one, two), np.array([0]), np.array([1])).item())


@given(box, box)
def test_it_is_that_of_the_expressions(one: tuple[float, ...], two: tuple[float, ...]) -> None:
    x, y = in_axes_of(pl.lit(one[2]), pl.lit(two[0] - one[0]), pl.lit(two[1] - one[1]))
    pair = BoxPair(
        x=x, y=y, heading=pl.lit(two[2] - one[2]), length=pl.lit(one[3]), width=pl.lit(one[4]),
        other_length=pl.lit(two[3]), other_width=pl.lit(two[4]),
    )  # fmt: skip
    expected = pl.select(box_distance(pair)).item()
    assert distance(one, two) == pytest.approx(expected, abs=1e-6)
    assert distance(two, one) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("two", "expected"),
    [
        pytest.param((10, 0, 0, 4, 2), 6.0, id="ahead"),
        pytest.param((4, 0, 0, 4, 2), 0.0, id="touching"),
        pytest.param((0, 0, math.pi / 2, 4, 2), 0.0, id="cross_without_a_corner_inside"),
        pytest.param((5, 5, 0, 4, 2), math.hypot(1, 3), id="corner_to_corner"),
        pytest.param((9, 0, math.pi / 4, 4, 4), 7 - 4 / math.sqrt(2), id="corner_first"),
        pytest.param((3, 0, 1.0, 0, 0), 1.0, id="without_size"),
    ],
)
def test_by_hand(two: tuple[float, ...], expected: float) -> None:
    assert distance((0, 0, 0, 4, 2), two) == pytest.approx(expected, abs=1e-9)


def test_many_are_as_one() -> None:
    rng = np.random.default_rng(1)
    values = rng.uniform(-20, 20, (300, 5)) * (1, 1, 1, 0.1, 0.1)
    values[:, 3:] = np.abs(values[:, 3:])
    one, two = (index.ravel() for index in np.meshgrid(np.arange(300), np.arange(300)))
    together = box_distances(boxes_of(*values), one, two)
    for at in rng.integers(0, len(one), 50):
        alone = distance(tuple(values[one[at]]), tuple(values[two[at]]))
        assert together[at] == pytest.approx(alone, abs=1e-12)
