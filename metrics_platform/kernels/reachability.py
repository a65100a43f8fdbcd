"""When two bodies that may accelerate in any direction can meet at the earliest.

Numpy, not Polars: each row takes a few steps of an iteration, and most of them end before the last.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Steps are of second order: five do for traffic; what takes more is cut off, from below.
_STEPS = 50
_CLOSE_S = 1e-9
# Two points that meet have no direction from one to the other.
_TINY_M = 1e-12


def earliest_contact(
    x: Floats,
    y: Floats,
    velocity_x: Floats,
    velocity_y: Floats,
    *,
    reach: Floats,
    acceleration: Floats,
) -> Floats:
    """Return the least time at which two circles can touch, in seconds; 0 where they overlap.

    The least t ≥ 0 with |p + v·t| = reach + acceleration·t²/2, a quartic equation. The distance on
    the left is convex in t, so its tangent lies below it, and the root of the tangent is never
    beyond the least root: the iteration comes from the left and cannot miss it.

    Args:
        x: Of one centre against the other, in metres.
        y: The same, along the other axis.
        velocity_x: Of one against the other, in m/s.
        velocity_y: The same, along the other axis.
        reach: Sum of both radii, in metres.
        acceleration: Sum of both greatest accelerations, in m/s²; greater than 0.
    """
    time = np.zeros_like(x)
    going = np.flatnonzero(x * x + y * y > reach * reach)
    for _ in range(_STEPS):
        if not len(going):
            break
        t, push = time[going], acceleration[going]
        there_x = x[going] + velocity_x[going] * t
        there_y = y[going] + velocity_y[going] * t
        distance = np.hypot(there_x, there_y)
        approach = -(there_x * velocity_x[going] + there_y * velocity_y[going])
        rate = approach / np.maximum(distance, _TINY_M) + push * t
        left = np.maximum(distance - reach[going] - push * t * t / 2, 0.0)
        # The root of left - rate·s - push·s²/2, in the form that loses no digits.
        root = np.sqrt(rate * rate + 2 * push * left)
        above = np.where(rate > 0, 2 * left, root - rate)
        step = above / np.where(rate > 0, root + rate, push)
        time[going] = t + step
        going = going[step > _CLOSE_S]
    return time
