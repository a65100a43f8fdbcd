"""Oriented boxes in the plane, as Polars expressions over rows.

All functions look at two boxes in the axes of the first: it lies at the origin with heading 0, and
`x`, `y`, `heading` say where the other is. `in_axes_of` brings coordinates there.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

_INFINITY = pl.lit(math.inf)


@dataclass(frozen=True, kw_only=True)
class BoxPair:
    """Two boxes, seen from the first.

    Attributes:
        x: Of the other's centre, forward from the centre of the first, in metres.
        y: The same, to the left.
        heading: Of the other against the first, counter-clockwise, in radians.
        length: Of the first, along its x axis, in metres.
        width: Of the first, along its y axis, in metres.
        other_length: Of the other, along its own x axis.
        other_width: Of the other, along its own y axis.
    """

    x: pl.Expr
    y: pl.Expr
    heading: pl.Expr
    length: pl.Expr
    width: pl.Expr
    other_length: pl.Expr
    other_width: pl.Expr

    def _axes(self) -> Iterator[tuple[pl.Expr, pl.Expr, pl.Expr]]:
        """Yield the separating axes: direction (x, y) and the sum of both boxes' reaches on it.

        Two convex shapes are apart exactly if they are apart along the normal of one of their
        edges; two rectangles have four such normals (Gottschalk, Lin & Manocha 1996).
        """
        cos, sin = self.heading.cos(), self.heading.sin()
        length, width = self.length / 2, self.width / 2
        other_length, other_width = self.other_length / 2, self.other_width / 2
        along, across = cos.abs(), sin.abs()
        yield pl.lit(1.0), pl.lit(0.0), length + other_length * along + other_width * across
        yield pl.lit(0.0), pl.lit(1.0), width + other_length * across + other_width * along
        yield cos, sin, other_length + length * along + width * across
        yield -sin, cos, other_width + length * across + width * along


def in_axes_of(heading: pl.Expr, x: pl.Expr, y: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Return the vector (`x`, `y`) of the fixed frame in axes turned by `heading` radians."""
    cos, sin = heading.cos(), heading.sin()
    return cos * x + sin * y, cos * y - sin * x


def wrapped(angle: pl.Expr) -> pl.Expr:
    """Return `angle` in [-pi, pi) radians."""
    turn = 2 * math.pi
    inside = angle - turn * ((angle + math.pi) / turn).floor()
    # Just below -pi the sum rounds to pi itself, and just below pi it comes out a bit below -pi.
    return pl.when(inside.abs() >= math.pi).then(-math.pi).otherwise(inside)


def box_distance(pair: BoxPair) -> pl.Expr:
    """Return the shortest distance between the boxes in metres, 0 where they overlap or touch.

    Exact: the shortest way between two rectangles that are apart starts at a corner of one.
    """
    apart = pl.any_horizontal(
        [(pair.x * x + pair.y * y).abs() > reach for x, y, reach in pair._axes()]
    )
    cos, sin = pair.heading.cos(), pair.heading.sin()
    length, width = pair.length / 2, pair.width / 2
    other_length, other_width = pair.other_length / 2, pair.other_width / 2
    squared = []
    for forward, left in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        corner_x = pair.x + forward * other_length * cos - left * other_width * sin
        corner_y = pair.y + forward * other_length * sin + left * other_width * cos
        squared.append(_squared_distance_to_box(corner_x, corner_y, length, width))
        own_x, own_y = in_axes_of(pair.heading, forward * length - pair.x, left * width - pair.y)
        squared.append(_squared_distance_to_box(own_x, own_y, other_length, other_width))
    return pl.when(apart).then(pl.min_horizontal(squared).sqrt()).otherwise(0.0)


def may_collide(pair: BoxPair, velocity_x: pl.Expr, velocity_y: pl.Expr) -> pl.Expr:
    """Say whether the circles around the boxes touch, now or later, if neither turns.

    Where they don't, nor do the boxes: a cheap look before `time_to_collision`. Never null where
    the velocity is known.

    Args:
        pair: The boxes now.
        velocity_x: Of the other against the first, along the x axis of the first, in m/s.
        velocity_y: The same, along its y axis.
    """
    reach = _half_diagonal(pair.length, pair.width) + _half_diagonal(
        pair.other_length, pair.other_width
    )
    # A little more than it takes: rounding must not lose a collision.
    reach = reach * (1 + 1e-9) + 1e-9
    speed_2 = velocity_x * velocity_x + velocity_y * velocity_y
    aside = pair.x * velocity_y - pair.y * velocity_x
    coming = pair.x * velocity_x + pair.y * velocity_y < 0
    near = pair.x * pair.x + pair.y * pair.y <= reach * reach
    return near | (coming & (aside * aside <= reach * reach * speed_2))


def _half_diagonal(length: pl.Expr, width: pl.Expr) -> pl.Expr:
    return (length * length + width * width).sqrt() / 2


def time_to_collision(pair: BoxPair, velocity_x: pl.Expr, velocity_y: pl.Expr) -> pl.Expr:
    """Return when the boxes first touch if neither turns, in seconds; null if they never do.

    Exact: along each separating axis the boxes overlap during one interval of time, and they
    touch when all intervals have begun and none has ended. 0 where they overlap already.

    Args:
        pair: The boxes now.
        velocity_x: Of the other against the first, along the x axis of the first, in m/s.
        velocity_y: The same, along its y axis.
    """
    entries, exits = [], []
    for x, y, reach in pair._axes():
        place, speed = pair.x * x + pair.y * y, velocity_x * x + velocity_y * y
        ends = ((-reach - place) / speed, (reach - place) / speed)
        still, near = speed == 0, place.abs() <= reach
        always = pl.when(near).then(-_INFINITY).otherwise(_INFINITY)
        entries.append(pl.when(still).then(always).otherwise(pl.min_horizontal(ends)))
        exits.append(pl.when(still).then(-always).otherwise(pl.max_horizontal(ends)))
    entry, leave = pl.max_horizontal(entries), pl.min_horizontal(exits)
    known = velocity_x.is_not_null() & velocity_y.is_not_null()
    collide = known & (entry <= leave) & (leave >= 0)
    return pl.when(collide).then(entry.clip(lower_bound=0.0))


def _squared_distance_to_box(x: pl.Expr, y: pl.Expr, length: pl.Expr, width: pl.Expr) -> pl.Expr:
    """Return that of a point to a box at the origin with these half sides."""
    outside_x = (x.abs() - length).clip(lower_bound=0.0)
    outside_y = (y.abs() - width).clip(lower_bound=0.0)
    return outside_x * outside_x + outside_y * outside_y
