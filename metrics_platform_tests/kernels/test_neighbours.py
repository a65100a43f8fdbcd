"""Pairs that are near, against looking at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.kernels.neighbours import near

points = st.lists(
    st.tuples(st.integers(0, 2), st.floats(-100, 100), st.floats(-100, 100), st.floats(0, 10)),
    max_size=12,
)


@pytest.mark.parametrize("away", [0.0, 1e6], ids=["here", "far_away"])
@given(points, st.floats(0, 60))
def test_all_that_are_near_and_no_others(
    away: float, places: list[tuple[int, float, float, float]], range_m: float
) -> None:
    table = np.array(sorted(places)).reshape(-1, 4)
    moment, x, y, reach = table[:, 0].astype(np.int64), table[:, 1] + away, table[:, 2], table[:, 3]
    found = {tuple(sorted(pair)) for pair in near(moment, x, y, reach, range_m).T.tolist()}
    assert len(found) == near(moment, x, y, reach, range_m).shape[1]
    for i in range(len(table)):
        for j in range(i + 1, len(table)):
            apart = np.hypot(x[j] - x[i], y[j] - y[i]) - reach[i] - reach[j] - range_m
            if moment[i] != moment[j] or apart > 1e-6:
                assert (i, j) not in found
            elif apart < -1e-6:
                assert (i, j) in found
