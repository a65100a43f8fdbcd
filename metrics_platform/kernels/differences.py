"""Derivatives along time by differences of neighbours, over many groups of rows at once.

Numpy, not Polars: a difference looks at neighbouring rows, and Polars would call it once per group.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def gradient(values: Floats, times_s: Floats, starts: Integers) -> Floats:
    """Return the derivative of each group as `numpy.gradient` gives it; NaN in a group of one.

    Of second order inside, also where steps are uneven; at both ends the slope to the neighbour.

    Args:
        values: Any unit.
        times_s: Ascending within a group.
        starts: Where groups begin, and the number of rows; see `smoothing.group_starts`.
    """
    result = np.full(len(values), np.nan)
    first, last = starts[:-1], starts[1:] - 1
    inside = np.ones(len(values), dtype=bool)
    inside[first] = inside[last] = False
    at = np.flatnonzero(inside)
    before, after = times_s[at] - times_s[at - 1], times_s[at + 1] - times_s[at]
    left = (values[at] - values[at - 1]) / before
    right = (values[at + 1] - values[at]) / after
    result[at] = (after * left + before * right) / (before + after)
    longer = last > first
    for end, inner in ((first[longer], first[longer] + 1), (last[longer], last[longer] - 1)):
        result[end] = (values[inner] - values[end]) / (times_s[inner] - times_s[end])
    return result
