"""Which points of a moment are near one another.

Numpy, not Polars: a join of all with all at each moment makes many times the pairs that are near.
Here the points of a moment are sorted along x, and only those within reach along it are paired.
"""

import numpy as np

from metrics_platform.kernels.lane_paths import ranges
from metrics_platform.kernels.smoothing import Floats, Integers, group_starts


def near(moment: Integers, x: Floats, y: Floats, reach: Floats, range_m: float) -> Integers:
    """Return each two points of a moment that are near enough once, as indices of shape (2, n).

    Args:
        moment: Number of the moment, sorted.
        x: Of each point in metres.
        y: Of each point in metres.
        reach: Two points may be farther apart by the sum of both their reaches.
        range_m: Greatest distance beyond these.
    """
    if not len(moment):
        return np.zeros((2, 0), dtype=np.int64)
    starts = group_starts(moment)
    least = np.repeat(np.minimum.reduceat(x, starts[:-1]), np.diff(starts))
    # Moments lie one behind another, farther apart than any two points of one can be near.
    farthest = range_m + 2 * reach.max()
    along = x - least
    number = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    place = along + number * (along.max() + 2 * farthest)
    order = np.argsort(place)
    sorted_place = place[order]
    until = np.searchsorted(sorted_place, sorted_place + farthest, side="right")
    here = np.arange(len(order))
    counts = until - here - 1
    one, two = order[np.repeat(here, counts)], order[ranges(here + 1, counts)]
    far = range_m + reach[one] + reach[two]
    kept = (x[two] - x[one]) ** 2 + (y[two] - y[one]) ** 2 <= far * far
    return np.stack([one[kept], two[kept]])
