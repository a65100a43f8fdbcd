"""Filters over many groups give what scipy gives for each by itself."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from metrics_platform.kernels.smoothing import Floats, group_starts, savgol, unwrap


def groups(
    sizes: list[int], seed: int = 0
) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return np.random.default_rng(seed).normal(size=starts[-1]), starts


@pytest.mark.parametrize(
    ("window", "polyorder", "deriv"),
    [
        pytest.param(5, 2, 0, id="odd"),
        pytest.param(5, 2, 1, id="derivative"),
        pytest.param(8, 2, 0, id="even"),
        pytest.param(6, 3, 1, id="even_derivative"),
        pytest.param(15, 3, 2, id="second_derivative"),
        pytest.param(1, 0, 0, id="window_of_one"),
    ],
)
@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_each_group_is_filtered_as_scipy_does(
    window: int, polyorder: int, deriv: int, sizes: list[int], seed: int
) -> None:
    values, starts = groups(sizes, seed)
    step = np.random.default_rng(seed).uniform(0.05, 2, len(sizes))
    filtered = savgol(values, starts, window=window, polyorder=polyorder, deriv=deriv, step=step)
    for i, size in enumerate(sizes):
        if size <= polyorder:
            continue
        part = slice(starts[i], starts[i + 1])
        expected = savgol_filter(
            values[part], min(window, size), polyorder, deriv=deriv, delta=step[i]
        )
        np.testing.assert_allclose(
            filtered[part], expected, rtol=1e-12, atol=1e-12 / step[i] ** deriv
        )


@pytest.mark.parametrize(
    ("values", "deriv", "expected"),
    [
        pytest.param([3.0], 0, [3.0], id="one_value_stays"),
        pytest.param([3.0], 1, [np.nan], id="one_value_has_no_slope"),
        pytest.param([1.0, 3.0], 1, [2.0, 2.0], id="two_values_have_one_slope"),
        pytest.param([1.0, 3.0], 2, [np.nan, np.nan], id="two_values_have_no_curvature"),
    ],
)
def test_fewer_values_than_the_polynomial_has_coefficients(
    values: list[float], deriv: int, expected: list[float]
) -> None:
    filtered = savgol(
        np.array(values), np.array([0, len(values)]), window=5, polyorder=2, deriv=deriv
    )
    np.testing.assert_allclose(filtered, expected, atol=1e-12)


def test_a_group_is_the_same_to_the_last_bit_whatever_is_beside_it() -> None:
    values, starts = groups([3, 50, 7, 200, 11])
    together = savgol(values, starts, window=8, polyorder=2, deriv=1)
    for begin, end in pairwise(starts):
        alone = savgol(
            values[begin:end], np.array([0, end - begin]), window=8, polyorder=2, deriv=1
        )
        assert np.array_equal(together[begin:end], alone)


def test_nothing_in_nothing_out() -> None:
    starts = group_starts(np.array([], dtype=np.int64))
    assert len(savgol(np.array([]), starts, window=5, polyorder=2)) == 0
    assert len(unwrap(np.array([]), starts)) == 0


def test_a_group_ends_where_any_key_changes() -> None:
    logs, segments = np.array([1, 1, 1, 2, 2]), np.array([0, 0, 1, 1, 1])
    assert group_starts(logs, segments).tolist() == [0, 2, 3, 5]


def test_angles_are_unwrapped_within_a_group_only() -> None:
    angles = np.array([3.0, -3.0, 3.0, -3.0, -3.1])
    turn = 2 * np.pi
    unwrapped = unwrap(angles, np.array([0, 3, 5]))
    np.testing.assert_allclose(unwrapped, [3.0, turn - 3.0, 3.0, -3.0, -3.1])
