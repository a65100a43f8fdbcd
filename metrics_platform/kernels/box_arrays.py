"""The distance of many pairs of boxes at once, for what has far more pairs than rows.

The same as `geometry.box_distance`, in numpy: half a million pairs take a tenth of the time, since
intermediate values stay in the processor's cache, block by block.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics_platform.kernels.smoothing import Floats, Integers

# Sixteen thousand numbers of eight bytes, a dozen at a time, fit the second level of a cache.
_BLOCK = 1 << 14


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """Oriented boxes in the plane: centre, heading and size of each."""

    x: Floats
    y: Floats
    heading: Floats
    length: Floats
    width: Floats


def box_distances(boxes: Boxes, one: Integers, two: Integers) -> Floats:
    """Return the shortest distance of each pair of boxes in metres, 0 where they overlap or touch.

    Args:
        boxes: All boxes.
        one: Index of the first of each pair.
        two: Index of the second of each pair.
    """
    cos, sin = np.cos(boxes.heading), np.sin(boxes.heading)
    half_length, half_width = boxes.length / 2, boxes.width / 2
    distance = np.empty(len(one))
    for start in range(0, len(one), _BLOCK):
        i, j = one[start : start + _BLOCK], two[start : start + _BLOCK]
        away_x, away_y = boxes.x[j] - boxes.x[i], boxes.y[j] - boxes.y[i]
        # Where each box is in the axes of the other, and how these are turned against one another.
        along = cos[i] * cos[j] + sin[i] * sin[j]
        across = cos[i] * sin[j] - sin[i] * cos[j]
        squared_1, apart_1 = _squared_to_box(
            cos[i] * away_x + sin[i] * away_y,
            cos[i] * away_y - sin[i] * away_x,
            along, across, half_length[i], half_width[i], half_length[j], half_width[j],
        )  # fmt: skip
        squared_2, apart_2 = _squared_to_box(
            -cos[j] * away_x - sin[j] * away_y,
            sin[j] * away_x - cos[j] * away_y,
            along, -across, half_length[j], half_width[j], half_length[i], half_width[i],
        )  # fmt: skip
        apart = apart_1 | apart_2
        distance[start : start + _BLOCK] = np.sqrt(np.minimum(squared_1, squared_2)) * apart
    return distance


def _squared_to_box(
    x: Floats, y: Floats, cos: Floats, sin: Floats,
    length: Floats, width: Floats, other_length: Floats, other_width: Floats,
) -> tuple[Floats, npt.NDArray[np.bool_]]:  # fmt: skip
    """Return that of the other's nearest corner to a box at the origin, and if an edge parts them.

    Sizes are halves. `cos` and `sin` are of the other's heading.
    """
    length_x, length_y = other_length * cos, other_length * sin
    width_x, width_y = other_width * sin, other_width * cos
    least: Floats | None = None
    for forward, left in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        outside_x = np.abs(x + forward * length_x - left * width_x) - length
        outside_y = np.abs(y + forward * length_y + left * width_y) - width
        np.maximum(outside_x, 0.0, out=outside_x)
        np.maximum(outside_y, 0.0, out=outside_y)
        squared = outside_x * outside_x + outside_y * outside_y
        least = squared if least is None else np.minimum(least, squared)
    assert least is not None
    # Two convex shapes are apart exactly if they are along the normal of one of their edges.
    apart = (np.abs(x) > length + np.abs(length_x) + np.abs(width_x)) | (
        np.abs(y) > width + np.abs(length_y) + np.abs(width_y)
    )
    return least, apart
