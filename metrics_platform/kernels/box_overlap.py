"""How far two oriented boxes overlap, for many pairs at once.

Numpy, not Polars: what of an edge lies beside another rectangle takes some thirty steps.
"""

import numpy as np

from metrics_platform.kernels.smoothing import Floats


def intersection_area(boxes: Floats, others: Floats) -> Floats:
    """Return the area that two rectangles share, pair by pair.

    Exact: by Green's theorem it is the sum over the edges of one of the integral of x along y,
    where in the axes of the other, around its centre, x is held within its sides, and y cut off at
    its ends. Continuous in all arguments: edges that lie upon one another are no special case.

    Args:
        boxes: Shape (n, 5): x, y, length, width, heading.
        others: The same.
    """
    turn = boxes[:, 4] - others[:, 4]
    cos, sin = np.cos(others[:, 4]), np.sin(others[:, 4])
    dx, dy = boxes[:, 0] - others[:, 0], boxes[:, 1] - others[:, 1]
    centre_x, centre_y = cos * dx + sin * dy, cos * dy - sin * dx
    cos, sin = np.cos(turn), np.sin(turn)
    along_x, along_y = cos * boxes[:, 2] / 2, sin * boxes[:, 2] / 2
    across_x, across_y = -sin * boxes[:, 3] / 2, cos * boxes[:, 3] / 2
    corners = [
        (centre_x + ahead * along_x + left * across_x, centre_y + ahead * along_y + left * across_y)
        for ahead, left in ((1, 1), (-1, 1), (-1, -1), (1, -1))
    ]
    half_length, half_width = others[:, 2] / 2, others[:, 3] / 2
    area = np.zeros(len(boxes))
    for edge in range(4):
        start, end = corners[edge], corners[(edge + 1) % 4]
        area += _beside(*start, *end, half_length, half_width)
    return area.clip(min=0)


def ious(boxes: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Return what both share as a part of what they fill together: as areas, and as volumes.

    0 where they fill nothing.

    Args:
        boxes: Shape (n, 7): x, y, length, width, heading, z, height; upright, from their centres.
        others: The same.
    """
    shared = intersection_area(boxes[:, :5], others[:, :5])
    top = np.minimum(boxes[:, 5] + boxes[:, 6] / 2, others[:, 5] + others[:, 6] / 2)
    bottom = np.maximum(boxes[:, 5] - boxes[:, 6] / 2, others[:, 5] - others[:, 6] / 2)
    area, other_area = (columns[:, 2] * columns[:, 3] for columns in (boxes, others))
    common = shared * (top - bottom).clip(min=0)
    volumes = area * boxes[:, 6] + other_area * others[:, 6]
    return _ratio(shared, area + other_area - shared), _ratio(common, volumes - common)


def _beside(
    x: Floats, y: Floats, end_x: Floats, end_y: Floats, half_length: Floats, half_width: Floats
) -> Floats:
    """Return the integral along y, of edges, of x held within `half_length` either way.

    Only where y is within `half_width` either way.
    """
    height, width = end_y - y, end_x - x
    from_y, to_y = (np.clip(value, -half_width, half_width) for value in (y, end_y))
    whole = np.where(height == 0, 1.0, height)
    first, last = x + (from_y - y) / whole * width, x + (to_y - y) / whole * width
    low, high = np.minimum(first, last), np.maximum(first, last)
    held_low, held_high = (np.clip(value, -half_length, half_length) for value in (low, high))
    span = high - low
    some = span > 0
    over = np.where(some, span, 1.0)
    # Shares of the way that are within, and beyond the greater side; the rest is before the lesser.
    within = (held_high - held_low) / over
    beyond = (high - np.maximum(low, half_length)).clip(min=0) / over
    mean = (
        within * (held_low + held_high) / 2
        + beyond * half_length
        - (1 - within - beyond) * half_length
    )
    return (to_y - from_y) * np.where(some, mean, held_low)


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio = np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)
    return ratio.clip(0, 1)
