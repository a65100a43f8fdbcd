"""The lanes of many maps as polylines and polygons."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from metrics_platform.kernels.polylines import Lines, inside, near, nearest
from metrics_platform.kernels.smoothing import Floats, Integers, group_starts


@dataclass(frozen=True)
class LaneShapes:
    """All lanes of all logs, numbered in the order of their log and name.

    Attributes:
        names: `log_id`, `lane_id` of each.
        logs: Number of the log of each lane.
        log_ids: `log_id` and its number, `log`.
        centre: Their centre lines.
        left: Their left bounds, with as many corners.
        right: Their right bounds, the same.
        areas: What lies between the bounds.
    """

    names: pl.DataFrame
    logs: Integers
    log_ids: pl.DataFrame
    centre: Lines
    left: Lines
    right: Lines
    areas: Lines

    @classmethod
    def of(cls, lane_points: pl.DataFrame) -> "LaneShapes":
        """Return the lanes that have at least two points, from rows of `lane_points`."""
        # Numbered, because sorting by two names takes many times longer.
        keys = ["log_id", "lane_id"]
        names = lane_points.group_by(keys).len().filter(pl.col("len") > 1).sort(keys).drop("len")
        points = lane_points.join(names.with_row_index("line"), on=keys).sort("line", "point_index")
        starts = group_starts(points["line"].to_numpy())
        logs = names.select(pl.col("log_id").unique()).sort("log_id").with_row_index("log")
        logs = logs.cast({"log": pl.Int64})
        centre, left, right = (
            Lines(points[f"{side}x_m"].to_numpy(), points[f"{side}y_m"].to_numpy(), starts)
            for side in ("", "left_", "right_")
        )
        number = names.join(logs, on="log_id", maintain_order="left")["log"].to_numpy()
        return cls(names, number, logs, centre, left, right, _between(left, right))

    def holding(
        self, logs: Integers, x: Floats, y: Floats, reach: float
    ) -> tuple[Integers, Integers, Floats]:
        """Return the lanes that hold each point, or else all within reach of it.

        Args:
            logs: Number of the log of each point.
            x: Of the points.
            y: Of the points.
            reach: Greatest distance from a lane.

        Returns:
            Points, lanes, and the distance from the one to the other: 0 inside.
        """
        point, lane = near(logs, x, y, self.logs, self.areas, reach=reach)
        outside = np.where(inside(x[point], y[point], lane, self.areas), 0.0, np.inf)
        is_in = np.zeros(len(x), dtype=bool)
        is_in[point[outside == 0]] = True
        stray = ~is_in[point]
        outside[stray] = nearest(
            x[point[stray]], y[point[stray]], lane[stray], self.areas
        ).distance  # fmt: skip
        kept = outside <= reach
        return point[kept], lane[kept], outside[kept]


def _between(left: Lines, right: Lines) -> Lines:
    """Return the polygons along the left lines, and back along the right ones."""
    starts, corners = left.starts, len(left.x)
    lane = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    place = np.arange(corners) - starts[lane]
    forth = 2 * starts[lane] + place
    back = 2 * starts[lane + 1] - 1 - place
    x, y = np.empty(2 * corners), np.empty(2 * corners)
    x[forth], y[forth] = left.x, left.y
    x[back], y[back] = right.x, right.y
    return Lines(x, y, 2 * starts).closed()
