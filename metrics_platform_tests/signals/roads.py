"""Lanes drawn by their centre lines, and a vehicle that drives along a line."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.lane_points import LanePoints
from metrics_platform.signals.lanes import Lanes
from metrics_platform_tests.metrics.builders import ego_states_of

Path = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Lane:
    """A lane as wide everywhere; its bounds turn with its centre line."""

    lane_id: str
    centre: Path
    width_m: float = 3.5
    kind: str = "vehicle"
    in_intersection: bool = False
    speed_limit_mps: float | None = None


@dataclass(frozen=True)
class Frame:
    """Where a scene lies: turned first, then moved."""

    x_m: float = 0.0
    y_m: float = 0.0
    turn_rad: float = 0.0

    def place(self, points: np.ndarray) -> np.ndarray:
        cos, sin = math.cos(self.turn_rad), math.sin(self.turn_rad)
        turned = points @ np.array([[cos, sin], [-sin, cos]])
        return np.asarray(turned + np.array([self.x_m, self.y_m]))


HERE = Frame()


def road(*lanes: Lane, frame: Frame = HERE, log_id: str = "log") -> dict[str, pl.DataFrame]:
    """Return `lanes` and `lane_points`."""
    about = [
        {
            "log_id": log_id,
            "lane_id": lane.lane_id,
            "kind": lane.kind,
            "in_intersection": lane.in_intersection,
            "speed_limit_mps": lane.speed_limit_mps,
        }
        for lane in lanes
    ]
    return {
        "lanes": pl.DataFrame(about, polars_schema(Lanes)),
        "lane_points": pl.concat([_points(lane, frame, log_id) for lane in lanes]),
    }


def _points(lane: Lane, frame: Frame, log_id: str) -> pl.DataFrame:
    centre = np.array(lane.centre, dtype=np.float64)
    along = np.gradient(centre, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    left = np.column_stack([-along[:, 1], along[:, 0]]) * lane.width_m / 2
    lines = [frame.place(line) for line in (centre, centre + left, centre - left)]
    names = [name for name in polars_schema(LanePoints) if name.endswith("_m")]
    return pl.DataFrame(np.column_stack(lines), names).select(
        pl.lit(log_id).alias("log_id"),
        pl.lit(lane.lane_id).alias("lane_id"),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("point_index"),
        *names,
    )


def states(
    places: Path, headings: Sequence[float] | float, frame: Frame = HERE, **columns: object
) -> pl.DataFrame:
    """Return a state every 0.1 s; the box is 4 m by 2 m around the place."""
    x, y = frame.place(np.array(places, dtype=np.float64)).T
    given = [headings] * len(places) if isinstance(headings, float | int) else list(headings)
    turned = [heading + frame.turn_rad for heading in given]
    return ego_states_of(
        len(places),
        x_m=x.tolist(),
        y_m=y.tolist(),
        heading_rad=[(h + math.pi) % (2 * math.pi) - math.pi for h in turned],
        **columns,
    )


def arc(radius_m: float, angle_rad: float, points: int = 40) -> list[tuple[float, float]]:
    """Return a left bend from the origin, that begins along x."""
    turned = np.linspace(0, angle_rad, points)
    return [(radius_m * math.sin(a), radius_m * (1 - math.cos(a))) for a in turned]
