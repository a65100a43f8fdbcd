"""The vector map that comes with Argoverse 2 logs and scenarios: lanes and drivable areas.

Source: Wilson et al., "Argoverse 2: Next Generation Datasets for Self-Driving Perception and
Forecasting", NeurIPS Datasets and Benchmarks 2021; keys after argoverse/av2-api, `av2.map`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers._poses import Array

# av2 infers a centre line from so many points of each bound (`NUM_CENTERLINE_INTERP_PTS`).
_CENTRE_POINTS = 10


def map_signals(file: Path) -> dict[str, pl.DataFrame]:
    """Return `lanes`, `lane_points` and `drivable_areas` of a map archive, in the city frame.

    Bounds keep every corner that the map gives them. The centre line is the map's own, as in
    forecasting scenarios, or else the one that av2 infers: midpoints of ten points spread evenly
    by length (in space) over each bound. All three get the points of one another, by their share
    of the length, so that they have the same number of them and the same course as before.

    Raises:
        UnreadableLogError: It is not JSON, or lacks what a map has.
    """
    try:
        content = json.loads(file.read_bytes())
        lanes = [_Lane(entry) for entry in content["lane_segments"].values()]
        areas = [
            (str(entry["id"]), _points(entry["area_boundary"])[:, :2])
            for entry in content["drivable_areas"].values()
        ]
    except (ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise UnreadableLogError(
            f"{file.name} is no map as Argoverse 2 has them: {type(error).__name__}: {error}"
        ) from error
    by_id = {lane.lane_id: lane for lane in lanes}
    return {
        "lanes": pl.DataFrame([lane.row(by_id) for lane in lanes], _LANES),
        "lane_points": _frame(
            ((lane.lane_id, lane.points()) for lane in lanes), "lane_id", _LANE_POINTS
        ),
        "drivable_areas": _frame(areas, "area_id", ("x_m", "y_m")),
    }


class _Lane:
    """A lane segment, with its lines as corners and their shares of the line's length."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.lane_id = str(entry["id"])
        self.kind = str(entry["lane_type"]).lower()
        self.in_intersection = bool(entry["is_intersection"])
        self.beside = {side: entry[f"{side}_neighbor_id"] for side in ("left", "right")}
        self.left = _Line(_points(entry["left_lane_boundary"]))
        self.right = _Line(_points(entry["right_lane_boundary"]))
        if "centerline" in entry:
            self.centre = _Line(_points(entry["centerline"]))
        else:
            self.centre = _between(self.left, self.right)

    def row(self, lanes: Mapping[str, "_Lane"]) -> dict[str, object]:
        beside = {side: lanes.get(str(lane_id)) for side, lane_id in self.beside.items()}
        return {
            "lane_id": self.lane_id,
            "kind": self.kind,
            "in_intersection": self.in_intersection,
            "speed_limit_mps": None,
            # The map also calls the lane of the oncoming traffic a neighbour.
            **{
                f"{side}_lane_id": lane.lane_id if lane and self._along(lane) else None
                for side, lane in beside.items()
            },
        }

    def points(self) -> Array:
        lines = (self.centre, self.left, self.right)
        shares = np.unique(np.concatenate([line.shares for line in lines]).round(9))
        return np.column_stack([line.at(shares)[:, :2] for line in lines])

    def _along(self, other: "_Lane") -> bool:
        """Say whether another lane begins where this one does, rather than where it ends."""
        (start, end), (other_start, other_end) = self.centre.ends, other.centre.ends
        return bool(
            np.hypot(*(start - other_start)) + np.hypot(*(end - other_end))
            < np.hypot(*(start - other_end)) + np.hypot(*(end - other_start))
        )


class _Line:
    def __init__(self, corners: Array, shares: Array | None = None) -> None:
        lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
        along = np.concatenate([[0.0], np.cumsum(lengths)])
        self.corners = corners
        # A bound of a single point, as inside a turning circle, has no length.
        self.shares = along / along[-1] if along[-1] > 0 else np.linspace(0, 1, len(corners))
        if shares is not None:
            self.shares = shares

    @property
    def ends(self) -> tuple[Array, Array]:
        return self.corners[0, :2], self.corners[-1, :2]

    def at(self, shares: Array) -> Array:
        # Shares are rounded to 1e-9: a corner is off by micrometres at most.
        return np.column_stack([np.interp(shares, self.shares, axis) for axis in self.corners.T])


def _between(left: _Line, right: _Line) -> _Line:
    """Return the centre line; its points stand at the shares of the bounds that they are from."""
    if min(len(left.corners), len(right.corners)) == 1:
        longer = max(left, right, key=lambda line: len(line.corners))
        shares = longer.shares
    else:
        shares = np.linspace(0, 1, _CENTRE_POINTS)
    return _Line((left.at(shares) + right.at(shares)) / 2, shares)


def _points(entries: Sequence[Mapping[str, float]]) -> Array:
    points = np.array([[point["x"], point["y"], point["z"]] for point in entries], np.float64)
    if not points.size:
        raise ValueError("a line without a single point")
    return points


_LANES = {
    "lane_id": pl.String,
    "kind": pl.String,
    "in_intersection": pl.Boolean,
    "speed_limit_mps": pl.Float64,
    "left_lane_id": pl.String,
    "right_lane_id": pl.String,
}
_LANE_POINTS = ("x_m", "y_m", "left_x_m", "left_y_m", "right_x_m", "right_y_m")


def _frame(shapes: Iterable[tuple[str, Array]], name: str, columns: Sequence[str]) -> pl.DataFrame:
    schema = pl.Schema(
        {name: pl.String(), "point_index": pl.Int64(), **dict.fromkeys(columns, pl.Float64())}
    )
    parts = [
        pl.DataFrame({name: [shape] * len(points), "point_index": range(len(points))}).hstack(
            pl.DataFrame(points, columns)
        )
        for shape, points in shapes
    ]
    return pl.concat([schema.to_frame(), *(part.cast(schema) for part in parts)])
