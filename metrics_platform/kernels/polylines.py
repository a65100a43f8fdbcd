"""Points against polylines and polygons: which are near, how near, and on which side.

Numpy, not Polars: each point looks at all segments of the few lines near it, and the rows for that
would be many times the input. They are made in blocks, so that memory stays bounded. A result
depends on its own point and line alone, to the last bit, whatever else is in the call. Differences
are taken before anything else: coordinates can be millions of metres from their origin.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from metrics_platform.kernels.smoothing import Floats, Integers

Booleans = npt.NDArray[np.bool_]

# Segments that are looked at together: a few arrays of 256 kB, which stay in the processor's cache.
# It takes half the time of arrays of 8 MB.
_BLOCK = 1 << 15
# Side of a cell. Lanes and the steps between states are some 10 m long: one or a few cells each.
_CELL_M = 25.0


@dataclass(frozen=True)
class Lines:
    """Polylines, the corners of which lie one behind another.

    Attributes:
        x: Of the corners.
        y: Of the corners.
        starts: Where each line begins, and the number of corners (`smoothing.group_starts`).
    """

    x: Floats
    y: Floats
    starts: Integers

    def closed(self) -> "Lines":
        """Return them with the first corner of each once more at its end, as polygons need it."""
        ends = self.starts[1:]
        return Lines(
            np.insert(self.x, ends, self.x[self.starts[:-1]]),
            np.insert(self.y, ends, self.y[self.starts[:-1]]),
            self.starts + np.arange(len(self.starts)),
        )

    def lengths_before(self) -> Floats:
        """Return how far each corner is along its line."""
        line = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        step = np.hypot(np.diff(self.x, prepend=0.0), np.diff(self.y, prepend=0.0))
        step[self.starts[:-1]] = 0.0
        # Summed up line by line: a sum over all would round by what stands before.
        frame = pl.DataFrame({"line": line, "step": step})
        return frame.select(pl.col("step").cum_sum().over("line")).to_series().to_numpy()

    def boxes(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the least x and y, and the greatest x and y, of each line."""
        first = self.starts[:-1]
        return (
            np.minimum.reduceat(self.x, first), np.minimum.reduceat(self.y, first),
            np.maximum.reduceat(self.x, first), np.maximum.reduceat(self.y, first),
        )  # fmt: skip


@dataclass(frozen=True)
class Nearest:
    """The place on a line that is nearest to a point.

    Attributes:
        segment: Index of the corner at which the segment begins that it lies on.
        share: Where on that segment, from 0 to 1.
        distance: To the point.
        offset: Of the point to the left of the line; where it lies before the line's start or
            beyond its end, that to the left of the first or last segment, extended. NaN where the
            line has no length, and so no side.
        beyond: How far the point lies beyond the line's end, in its direction; negative how far
            before its start; 0 between.
        heading: Of the segment.
    """

    segment: Integers
    share: Floats
    distance: Floats
    offset: Floats
    beyond: Floats
    heading: Floats


def near(
    point_groups: Integers,
    x: Floats,
    y: Floats,
    line_groups: Integers,
    lines: Lines,
    *,
    reach: float = 0.0,
) -> tuple[Integers, Integers]:
    """Return the indices of points and lines of which the point is in the line's bounding box.

    By cells of a grid: only what shares a cell is compared. Pairs are in the order of the points.

    Args:
        point_groups: Number of the log of each point.
        x: Of the points.
        y: Of the points.
        line_groups: Number of the log of each line.
        lines: Each with at least one corner.
        reach: The boxes are larger by this on all sides.
    """
    points = (
        pl.DataFrame({"group": point_groups, "x": x, "y": y})
        .with_row_index("point")
        .with_columns((pl.col(c) / _CELL_M).floor().cast(pl.Int64).alias(f"cell_{c}") for c in "xy")
    )
    bounds = [pl.col(f"cell_{c}").min().alias(f"least_{c}") for c in "xy"]
    bounds += [pl.col(f"cell_{c}").max().alias(f"greatest_{c}") for c in "xy"]
    names = ("min_x", "min_y", "max_x", "max_y")
    by_box = zip(names, lines.boxes() if len(line_groups) else (x[:0],) * 4, strict=True)
    boxes = (
        pl.DataFrame({"group": line_groups, **dict(by_box)})
        .with_row_index("line")
        .with_columns(pl.col("min_x", "min_y") - reach, pl.col("max_x", "max_y") + reach)
        # However far a line goes, it takes no more cells than the log does.
        .join(points.group_by("group").agg(bounds), on="group")
    )
    for c in "xy":
        first, last = (
            (pl.col(f"{m}_{c}") / _CELL_M).floor().cast(pl.Int64) for m in ("min", "max")
        )
        boxes = (
            boxes.with_columns(
                first=pl.max_horizontal(first, f"least_{c}"),
                last=pl.min_horizontal(last, f"greatest_{c}"),
            )
            .filter(pl.col("first") <= pl.col("last"))
            .with_columns(pl.int_ranges("first", pl.col("last") + 1).alias(f"cell_{c}"))
            .explode(f"cell_{c}")
        )
    pairs = (
        points.join(boxes, on=["group", "cell_x", "cell_y"])
        .filter(pl.col("x").is_between("min_x", "max_x") & pl.col("y").is_between("min_y", "max_y"))
        .select(pl.col("point", "line").cast(pl.Int64))
        .sort("point", "line")
    )
    return pairs["point"].to_numpy(), pairs["line"].to_numpy()


def nearest(x: Floats, y: Floats, line: Integers, lines: Lines) -> Nearest:
    """Return for each point the nearest place on the line that stands beside it; exact.

    Of places equally near, that with the least way along the line counts.

    Args:
        x: Of the points.
        y: Of the points.
        line: Index of the line to compare each with.
        lines: Each with at least two corners.
    """
    segment = np.empty(len(x), dtype=np.int64)
    share, squared = np.empty(len(x)), np.empty(len(x))
    for pairs, corner, starts, repeated in _blocks(line, lines):
        to_x, to_y = x[pairs][repeated] - lines.x[corner], y[pairs][repeated] - lines.y[corner]
        along_x = lines.x[corner + 1] - lines.x[corner]
        along_y = lines.y[corner + 1] - lines.y[corner]
        length = along_x * along_x + along_y * along_y
        some = length > 0
        at = ((to_x * along_x + to_y * along_y) / np.where(some, length, 1.0)).clip(0.0, 1.0)
        apart_x, apart_y = to_x - at * along_x, to_y - at * along_y
        # A corner that is there twice makes a segment without a direction.
        apart = np.where(some, apart_x * apart_x + apart_y * apart_y, np.inf)
        least = np.minimum.reduceat(apart, starts)
        found = np.flatnonzero(apart == least[repeated])
        first = found[np.searchsorted(found, starts)]
        segment[pairs], share[pairs], squared[pairs] = corner[first], at[first], least
    point = np.isinf(squared)
    distance = np.where(
        point, np.hypot(x - lines.x[segment], y - lines.y[segment]), np.sqrt(squared)
    )  # fmt: skip
    place = _sided(x, y, line, lines, segment, share, distance)
    place.offset[point] = np.nan
    return place


def _sided(
    x: Floats, y: Floats, line: Integers, lines: Lines,
    segment: Integers, share: Floats, distance: Floats,
) -> Nearest:  # fmt: skip
    along_x = lines.x[segment + 1] - lines.x[segment]
    along_y = lines.y[segment + 1] - lines.y[segment]
    length = np.hypot(along_x, along_y)
    length[length == 0] = 1.0
    unit_x, unit_y = along_x / length, along_y / length
    to_x = x - lines.x[segment] - share * along_x
    to_y = y - lines.y[segment] - share * along_y
    left = unit_x * to_y - unit_y * to_x
    forward = unit_x * to_x + unit_y * to_y
    first, last = lines.starts[line], lines.starts[line + 1] - 1
    # By place, since the first and the last corner may be there twice.
    at_start = (share == 0) & _same_place(lines, segment, first)
    at_end = (share == 1) & _same_place(lines, segment + 1, last)
    # Where the line turns by more than a right angle at the nearest corner, a point outside of the
    # turn can be to the left of one of its segments and to the right of the other.
    for corner, step in (((share == 1) & (segment + 1 < last), 1),
                         ((share == 0) & (segment > first), -1)):  # fmt: skip
        at = segment[corner]
        next_x = lines.x[at + step + 1] - lines.x[at + step]
        next_y = lines.y[at + step + 1] - lines.y[at + step]
        differs = left[corner] * (next_x * to_y[corner] - next_y * to_x[corner]) < 0
        turn = step * (along_x[corner] * next_y - along_y[corner] * next_x)
        left[corner] = np.where(differs, -turn, left[corner])
    return Nearest(
        segment=segment,
        share=share,
        distance=distance,
        offset=np.where(at_start | at_end, left, np.copysign(distance, left)),
        beyond=np.where(
            at_start, np.minimum(forward, 0), np.where(at_end, np.maximum(forward, 0), 0)
        ),
        heading=np.arctan2(along_y, along_x),
    )


def _same_place(lines: Lines, corner: Integers, other: Integers) -> Booleans:
    return np.asarray((lines.x[corner] == lines.x[other]) & (lines.y[corner] == lines.y[other]))


def inside(x: Floats, y: Floats, polygon: Integers, polygons: Lines) -> Booleans:
    """Say for each point whether it is in the polygon that stands beside it.

    By the even-odd rule (Shimrat 1962). A point on the edge may count either way.

    Args:
        x: Of the points.
        y: Of the points.
        polygon: Index of the polygon to look at for each.
        polygons: Closed: each ends where it begins.
    """
    result = np.zeros(len(x), dtype=bool)
    for pairs, corner, starts, repeated in _blocks(polygon, polygons):
        at_x, at_y = x[pairs][repeated], y[pairs][repeated]
        from_x, from_y = polygons.x[corner] - at_x, polygons.y[corner] - at_y
        to_x, to_y = polygons.x[corner + 1] - at_x, polygons.y[corner + 1] - at_y
        # The edge passes the height of the point, to the right of it.
        passes = (from_y > 0) != (to_y > 0)
        right = (from_x * to_y - to_x * from_y > 0) == (to_y > from_y)
        result[pairs] = np.logical_xor.reduceat(passes & right, starts)
    return result


def _blocks(line: Integers, lines: Lines) -> Iterator[tuple[slice, Integers, Integers, Integers]]:
    """Yield blocks of pairs: which, and of their segments, pair by pair, where each begins.

    Per block: the pairs; the corner at which each segment begins; where the segments of each pair
    begin; and the pair of each segment, from 0.
    """
    counts = np.diff(lines.starts)[line] - 1
    until = np.cumsum(counts)
    at = 0
    while at < len(line):
        before = until[at] - counts[at]
        # At least one pair, however many segments its line has.
        end = max(at + 1, int(np.searchsorted(until, before + _BLOCK, side="right")))
        pairs = slice(at, end)
        starts = until[pairs] - counts[pairs] - before
        repeated = np.repeat(np.arange(end - at), counts[pairs])
        corner = lines.starts[line[pairs]][repeated] + np.arange(len(repeated)) - starts[repeated]
        yield pairs, corner, starts, repeated
        at = end
