"""Upright boxes in an image, and how far they share their area.

Numpy, not Polars: the boxes of a pair stand in different rows. A box is left, top, width, height,
in the rows of an array.
"""

import numpy as np

from metrics_platform.kernels.assignment import Floats


def image_iou(boxes: Floats, others: Floats) -> Floats:
    """Return the area that both boxes share, as a part of what they cover together.

    0 where they don't overlap, and where one of them has no area.

    Args:
        boxes: Of shape (4, pairs).
        others: The same.

    Source: Jaccard (1912); as in Everingham et al. (2010), "The PASCAL Visual Object Classes".
    """
    shared = _shared(boxes, others)
    return _part(shared, boxes[2] * boxes[3] + others[2] * others[3] - shared)


def image_coverage(boxes: Floats, others: Floats) -> Floats:
    """Return which part of the first box lies within the other; 0 where it has no area."""
    return _part(_shared(boxes, others), boxes[2] * boxes[3])


def _part(shared: Floats, whole: Floats) -> Floats:
    return np.divide(shared, whole, out=np.zeros_like(shared), where=shared > 0)


def _shared(boxes: Floats, others: Floats) -> Floats:
    ends = np.minimum(boxes[:2] + boxes[2:], others[:2] + others[2:])
    width, height = np.maximum(ends - np.maximum(boxes[:2], others[:2]), 0.0)
    shared: Floats = width * height
    return shared
