"""Filters along time over many groups of rows at once.

Numpy, not Polars: a filter looks at neighbouring rows, and Polars would call it once per group.
Here the groups lie one behind another in one array, so that a thousand short logs cost as much as
one long log. Each output value comes from the same operations in the same order whatever other
groups are in the call, so a log's result doesn't depend on its batch, to the last bit.
"""

import math
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def group_starts(*keys: npt.NDArray[np.generic]) -> Integers:
    """Return the offsets at which a group of equal `keys` begins, and the number of rows.

    Args:
        keys: Columns, in which the rows of a group lie together.
    """
    rows = len(keys[0])
    if not rows:
        return np.zeros(1, dtype=np.int64)
    changed = np.zeros(rows, dtype=bool)
    changed[0] = True
    for key in keys:
        changed[1:] |= key[1:] != key[:-1]
    return np.append(np.flatnonzero(changed), rows).astype(np.int64)


def unwrap(angles: Floats, starts: Integers) -> Floats:
    """Return `angles` (radians) without jumps of a turn between neighbours in a group.

    The first angle of each group stays as it is.
    """
    turns = np.zeros(len(angles), dtype=np.int64)
    turns[1:] = np.rint(np.diff(angles) / (2 * math.pi)).astype(np.int64)
    total = np.cumsum(turns)
    # Whole turns are counted as integers: no rounding carries over from one group to the next.
    return angles - 2 * math.pi * (total - np.repeat(total[starts[:-1]], np.diff(starts)))


def savgol(
    values: Floats,
    starts: Integers,
    *,
    window: int,
    polyorder: int,
    deriv: int = 0,
    step: Floats | None = None,
) -> Floats:
    """Return the Savitzky-Golay filter of each group, as `scipy.signal.savgol_filter` gives it.

    The first and last half window come from the polynomial of the first and last whole window
    (scipy's `mode="interp"`). A group shorter than the window is filtered with a window of its
    own length, and a polynomial of at most one order less than that; a derivative of a higher
    order than the polynomial is unknown: NaN.

    Args:
        values: Evenly spaced within a group.
        starts: See `group_starts`.
        window: Number of samples, odd or even.
        polyorder: Order of the polynomial.
        deriv: Order of the derivative.
        step: Spacing of each group; 1 where None.

    Source: Savitzky & Golay (1964), Analytical Chemistry 36 (8).
    """
    sizes = np.diff(starts)
    result = np.empty_like(values)
    windows = np.minimum(sizes, window)
    for size in np.unique(windows):
        chosen = windows == size
        _filter(
            values, result, starts[:-1][chosen], starts[1:][chosen], int(size), polyorder, deriv
        )
    if deriv and step is not None:
        result /= np.repeat(step**deriv, sizes)
    return result


def _filter(
    values: Floats,
    result: Floats,
    begins: Integers,
    ends: Integers,
    window: int,
    polyorder: int,
    deriv: int,
) -> None:
    """Filter the groups from `begins` to `ends`, none of which is shorter than the window."""
    middle, first, last = _coefficients(window, min(polyorder, window - 1), deriv)
    half, before = window // 2, (window - 1) // 2
    # The centre of an even window lies between two samples; scipy replaces the one before it.
    inner = ends - begins - 2 * half
    at = np.repeat(begins + half - np.cumsum(inner) + inner, inner) + np.arange(inner.sum())
    result[at] = sum(weight * values[at + i - before] for i, weight in enumerate(middle))
    for edge, weights, window_begins in ((0, first, begins), (-half, last, ends - window)):
        origin = begins if edge == 0 else ends
        for place, row in enumerate(weights):
            fitted = sum(weight * values[window_begins + i] for i, weight in enumerate(row))
            result[origin + edge + place] = fitted


@cache
def _coefficients(window: int, polyorder: int, deriv: int) -> tuple[Floats, Floats, Floats]:
    """Return the weights of a window for its middle, its first half and its last half."""
    half = window // 2
    if deriv > polyorder:
        unknown = np.full((half, window), math.nan)
        return np.full(window, math.nan), unknown, unknown
    order = np.arange(polyorder + 1)

    def weights(place: float) -> Floats:
        # Of the polynomial fitted around `place`, the derivative there is one coefficient.
        powers = (np.arange(window)[:, None] - place) ** order
        return np.asarray(np.linalg.pinv(powers)[deriv] * math.factorial(deriv), dtype=np.float64)

    middle = weights((window - 1) / 2)
    first = np.array([weights(i) for i in range(half)]).reshape(half, window)
    last = np.array([weights(i) for i in range(window - half, window)]).reshape(half, window)
    return middle, first, last
