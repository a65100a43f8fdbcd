"""How far two oriented boxes overlap, for many pairs at once.

Numpy, not Polars: a rectangle is cut by the four edges of another one after the other, and each cut
changes how many corners are left.
"""

import numpy as np

from metrics_platform.kernels.smoothing import Floats


def intersection_area(boxes: Floats, others: Floats) -> Floats:
    """Return the area that two rectangles share, pair by pair.

    Exact: a rectangle is cut by the half-planes of the other's edges (Sutherland & Hodgman 1974).

    Args:
        boxes: Shape (n, 5): x, y, length, width, heading.
        others: The same.
    """
    # In the axes of the other, around its centre: coordinates are small there, and edges straight.
    turn = boxes[:, 4] - others[:, 4]
    cos, sin = np.cos(others[:, 4]), np.sin(others[:, 4])
    dx, dy = boxes[:, 0] - others[:, 0], boxes[:, 1] - others[:, 1]
    centre = np.stack([cos * dx + sin * dy, cos * dy - sin * dx], axis=-1)
    along = np.stack([np.cos(turn), np.sin(turn)], axis=-1) * boxes[:, 2:3] / 2
    across = np.stack([-np.sin(turn), np.cos(turn)], axis=-1) * boxes[:, 3:4] / 2
    corners = np.stack([along + across, across - along, -along - across, along - across], axis=1)
    polygon = centre[:, None] + corners
    for axis, half in ((0, others[:, 2] / 2), (1, others[:, 3] / 2)):
        for sign in (1.0, -1.0):
            polygon = _cut(polygon, half[:, None] - sign * polygon[..., axis])
    return _area(polygon)


def ground_iou(boxes: Floats, others: Floats) -> Floats:
    """Return the area that both share as a part of what they cover together; 0 if that is nothing.

    Args:
        boxes: Shape (n, 5): x, y, length, width, heading.
        others: The same.
    """
    shared = intersection_area(boxes, others)
    return _ratio(shared, boxes[:, 2] * boxes[:, 3] + others[:, 2] * others[:, 3] - shared)


def space_iou(boxes: Floats, others: Floats) -> Floats:
    """Return the volume that both share as a part of what they fill together; 0 if that is nothing.

    Args:
        boxes: Shape (n, 7): x, y, length, width, heading, z, height; upright, from their centres.
        others: The same.
    """
    top = np.minimum(boxes[:, 5] + boxes[:, 6] / 2, others[:, 5] + others[:, 6] / 2)
    bottom = np.maximum(boxes[:, 5] - boxes[:, 6] / 2, others[:, 5] - others[:, 6] / 2)
    shared = intersection_area(boxes[:, :5], others[:, :5]) * (top - bottom).clip(min=0)
    volume, other_volume = (np.prod(columns[:, [2, 3, 6]], axis=1) for columns in (boxes, others))
    return _ratio(shared, volume + other_volume - shared)


def _cut(polygon: Floats, inside: Floats) -> Floats:
    """Return what of convex polygons is where `inside`, of each corner, isn't negative.

    All come out with as many corners: where there are fewer, the first stands in for the rest.
    """
    after, inside_after = np.roll(polygon, -1, axis=1), np.roll(inside, -1, axis=1)
    crosses = (inside < 0) != (inside_after < 0)
    span = np.where(crosses, inside - inside_after, 1.0)
    crossing = polygon + (inside / span)[..., None] * (after - polygon)
    # Each corner and the crossing behind it, then those that are there before those that aren't.
    count = polygon.shape[1]
    points = np.stack([polygon, crossing], axis=2).reshape(len(polygon), 2 * count, 2)
    there = np.stack([inside >= 0, crosses], axis=2).reshape(len(polygon), 2 * count)
    # A convex polygon gains one corner by a cut.
    order = np.argsort(~there, axis=1, kind="stable")[:, : count + 1]
    kept = np.take_along_axis(points, order[..., None], axis=1)
    real = np.take_along_axis(there, order, axis=1)[..., None]
    # Where nothing is left, it is a point.
    return np.where(real, kept, kept[:, :1])


def _area(polygon: Floats) -> Floats:
    x, y = polygon[..., 0], polygon[..., 1]
    twice = np.sum(x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y, axis=1)
    area: Floats = np.abs(twice) / 2
    return area


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio = np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)
    return ratio.clip(0, 1)
