"""Road users near one another at a moment, each seen from the seat of the other.

Numpy, not Polars: there are many times more pairs than rows. What two share is computed once, what
belongs to one before it is paired, and columns block by block, so that intermediate values stay in
the processor's cache.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from metrics_platform.kernels.box_arrays import Boxes, box_distances
from metrics_platform.kernels.neighbours import near
from metrics_platform.kernels.smoothing import Floats, Integers

_BLOCK = 1 << 14


@dataclass(frozen=True, kw_only=True)
class TrafficPairs:
    """Ordered pairs, sorted by actor, then by other.

    Attributes:
        actor: Row of the one that sees.
        other: Row of the one that is seen.
        columns: The numbers of `ActorPairs` by name; NaN where a velocity is unknown.
    """

    actor: Integers
    other: Integers
    columns: Mapping[str, Floats]


def traffic_pairs(
    moment: Integers, boxes: Boxes, velocity_x: Floats, velocity_y: Floats, range_m: float
) -> TrafficPairs:
    """Return all pairs of a moment whose boxes are within range; an actor's velocity is known.

    Args:
        moment: Number of the moment, sorted.
        boxes: Of all road users at all moments.
        velocity_x: Of each over ground, in the fixed frame; NaN where unknown.
        velocity_y: The same, along its other axis.
        range_m: Greatest distance between two boxes.
    """
    half_diagonal = np.hypot(boxes.length, boxes.width) / 2
    one, two = near(moment, boxes.x, boxes.y, half_diagonal, range_m)
    distance = box_distances(boxes, one, two)
    kept = distance <= range_m
    one, two, distance = one[kept], two[kept], distance[kept]
    actor, other, pair = _from_both_seats(one, two, len(moment))
    knows = np.isfinite(velocity_x) & np.isfinite(velocity_y)
    if not knows.all():
        chosen = knows[actor]
        actor, other, pair = actor[chosen], other[chosen], pair[chosen]
    columns = _seen(boxes, velocity_x, velocity_y, actor, other)
    return TrafficPairs(actor=actor, other=other, columns={**columns, "distance_m": distance[pair]})


def _from_both_seats(
    one: Integers, two: Integers, rows: int
) -> tuple[Integers, Integers, Integers]:
    """Return actor, other and number of the pair, each pair twice, sorted by actor and other."""
    number = np.arange(len(one), dtype=np.int32)
    # A sparse matrix in the order of its rows is that, in a third of the time of sorting: rows are
    # counted, and of each the few columns sorted.
    ends = np.concatenate([one, two]), np.concatenate([two, one])
    twice = np.concatenate([number, number])
    matrix = scipy.sparse.coo_array((twice, ends), shape=(rows, rows)).tocsr()
    actor = np.repeat(np.arange(rows), np.diff(matrix.indptr))
    return actor, matrix.indices.astype(np.int64), matrix.data


def _seen(
    boxes: Boxes, velocity_x: Floats, velocity_y: Floats, actor: Integers, other: Integers
) -> dict[str, Floats]:
    cos, sin = np.cos(boxes.heading), np.sin(boxes.heading)
    speed = np.hypot(velocity_x, velocity_y)
    own_x, own_y = cos * velocity_x + sin * velocity_y, cos * velocity_y - sin * velocity_x
    columns = {name: np.empty(len(actor)) for name in _SEEN}
    for start in range(0, len(actor), _BLOCK):
        block = slice(start, start + _BLOCK)
        i, j = actor[block], other[block]
        ahead, left = cos[i], sin[i]
        away_x, away_y = boxes.x[j] - boxes.x[i], boxes.y[j] - boxes.y[i]
        there_x, there_y = velocity_x[j], velocity_y[j]
        values = (
            ahead * away_x + left * away_y,
            ahead * away_y - left * away_x,
            _wrapped(boxes.heading[j] - boxes.heading[i]),
            boxes.length[j],
            boxes.width[j],
            ahead * there_x + left * there_y,
            ahead * there_y - left * there_x,
            speed[j],
            boxes.length[i],
            boxes.width[i],
            own_x[i],
            own_y[i],
            speed[i],
        )
        for name, value in zip(_SEEN, values, strict=True):
            columns[name][block] = value
    return columns


_SEEN = (
    "relative_x_m", "relative_y_m", "relative_heading_rad", "other_length_m", "other_width_m",
    "other_velocity_x_mps", "other_velocity_y_mps", "other_speed_mps", "actor_length_m",
    "actor_width_m", "actor_velocity_x_mps", "actor_velocity_y_mps", "actor_speed_mps",
)  # fmt: skip


def _wrapped(angle: Floats) -> Floats:
    """Return `angle` in [-pi, pi) radians, as `geometry.wrapped`."""
    turn = 2 * math.pi
    inside = angle - turn * np.floor((angle + math.pi) / turn)
    return np.where(np.abs(inside) >= math.pi, -math.pi, inside)
