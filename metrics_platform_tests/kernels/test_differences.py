"""Derivatives by differences, against numpy's."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.kernels.differences import gradient


@settings(deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 100))
def test_as_numpy_gives_it_group_by_group(sizes: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    starts = np.cumsum([0, *sizes])
    values = random.normal(size=starts[-1])
    times = np.cumsum(random.uniform(0.05, 0.2, size=starts[-1]))
    got = gradient(values, times, starts)
    for begin, end in pairwise(starts):
        if end - begin == 1:
            assert np.isnan(got[begin])
        else:
            expected = np.gradient(values[begin:end], times[begin:end])
            assert got[begin:end] == pytest.approx(expected, abs=1e-9)


def test_no_rows() -> None:
    assert not len(gradient(np.empty(0), np.empty(0), np.zeros(1, np.int64)))
