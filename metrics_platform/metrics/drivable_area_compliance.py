"""Off the area on which vehicles may drive."""

import math

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.polylines import Lines, inside, near, nearest
from metrics_platform.kernels.smoothing import Floats, Integers, group_starts
from metrics_platform.kernels.stretches import stretches

# Beyond this a corner is too far off (nuplan-devkit's `max_violation_threshold`).
TOLERANCE_M = 0.3
# Forward and to the left, in halves of the box.
_CORNERS = {
    "front_left": (1, 1), "rear_left": (-1, 1), "rear_right": (-1, -1), "front_right": (1, -1),
}  # fmt: skip


class DrivableAreaCompliance(MetricFrame):
    """One row per log_id, start_ns: a stretch with a corner of the box off the drivable area."""

    start_ns: int = Field(description="First such state, on the recording's clock.")
    duration_s: float = Field(ge=0, description="From there to the end of its last state.")
    max_outside_m: float = Field(ge=0, description="Greatest distance of a corner from the area.")
    worst_at_ns: int = Field(description="When it was greatest.")
    corner: str = Field(isin=list(_CORNERS), description="Which one, then.")
    x_m: float = Field(description="Of that corner then, in the fixed frame.")
    y_m: float = Field(description="Of that corner then, in the fixed frame.")

    class Config:
        unique = ["log_id", "start_ns"]


_GREATEST = pl.col("max_outside_m").max()


@metric(
    version="1.0.0",
    rows=DrivableAreaCompliance,
    owner="planning",
    summary={
        "drivable_area_score": (_GREATEST.fill_null(0.0) < TOLERANCE_M).cast(pl.Float64),
        "off_area_events": pl.len(),
        "off_area_s": pl.col("duration_s").sum(),
        "max_outside_m": _GREATEST,
    },
)
def drivable_area_compliance(ego_states: pl.LazyFrame, drivable_areas: pl.LazyFrame) -> Rows:
    """Find where the ego's box was off the drivable area; one row per log_id, start_ns.

    A state counts where one of the four corners of the box is in no drivable area. The score is 1
    as long as none is farther than 0.3 m from the nearest one. Where the map ends, so does the area
    to drive on. A log abstains where the map has no area at all, or the size of the ego's box is
    unknown.

    Formula: outside(t) = max over corners of min over areas of the distance; score = 1 where
    max(outside) < 0.3 m, else 0.

    Source: nuplan-devkit, `drivable_area_compliance` (Karnchanachari et al. 2024).

    Reference: shapely, the same to 1e-6 m. nuplan-devkit was not run, since it needs nuPlan's maps;
    it also takes a corner in a lane, or within 0.3 m of the lane of the box's centre, for one on
    the drivable area. Here the map's areas alone say what is drivable.

    Args:
        ego_states: Motion of the ego.
        drivable_areas: Of the map.
    """
    states, areas = pl.collect_all([ego_states.sort("log_id", "timestamp_ns"), drivable_areas])
    no_area = states.select("log_id").unique().join(areas, on="log_id", how="anti")
    unknown = pl.any_horizontal(
        pl.col(f"ego_{name}_m").is_null() for name in ("length", "width", "center_offset")
    )
    no_box = states.filter(unknown).select("log_id").unique()
    abstained = pl.concat([
        no_area.with_columns(reason=pl.lit("the map has no drivable area")),
        no_box.with_columns(reason=pl.lit("the size of the ego's box or its place is unknown")),
    ])  # fmt: skip
    states = states.join(abstained, on="log_id", how="anti", maintain_order="left")
    worst = pl.col("outside_m").arg_max()
    found = stretches(
        _with_worst_corner(states, areas).lazy(),
        pl.col("outside_m").is_not_null(),
        merge_gap_s=0.0,
        min_duration_s=0.0,
        max_outside_m=pl.col("outside_m").max(),
        worst_at_ns=pl.col("timestamp_ns").get(worst),
        corner=pl.col("corner").get(worst),
        x_m=pl.col("corner_x_m").get(worst),
        y_m=pl.col("corner_y_m").get(worst),
    )
    return Rows(found.select(polars_schema(DrivableAreaCompliance).names()), abstained.lazy())


def _with_worst_corner(states: pl.DataFrame, areas: pl.DataFrame) -> pl.DataFrame:
    """Add the corner that is farthest outside, and how far; null where all of them are inside."""
    # Numbered, because sorting by two names takes many times longer.
    heads = areas.select("log_id", "area_id").unique().sort("log_id", "area_id")
    heads = heads.with_row_index("area")
    areas = areas.join(heads, on=["log_id", "area_id"]).sort("area", "point_index")
    starts = group_starts(areas["area"].to_numpy())
    logs = heads.select(pl.col("log_id").unique()).sort("log_id").with_row_index("log")
    polygons = Lines(areas["x_m"].to_numpy(), areas["y_m"].to_numpy(), starts).closed()

    def numbered(frame: pl.DataFrame) -> Integers:
        ids = frame.select("log_id").join(logs, on="log_id", how="left", maintain_order="left")
        return ids["log"].cast(pl.Int64).fill_null(-1).to_numpy()

    polygon_logs = numbered(heads)
    x, y = _corners(states)
    corner_logs = np.repeat(numbered(states), len(_CORNERS))
    point, polygon = near(corner_logs, x, y, polygon_logs, polygons)
    is_inside = np.zeros(len(x), dtype=bool)
    is_inside[point[inside(x[point], y[point], polygon, polygons)]] = True
    outside_m = _distances(np.flatnonzero(~is_inside), x, y, corner_logs, polygon_logs, polygons)
    per_state = outside_m.reshape(-1, len(_CORNERS))
    farthest = per_state.argmax(axis=1) if len(per_state) else np.zeros(0, dtype=np.int64)
    at = farthest + np.arange(len(states)) * len(_CORNERS)
    off = outside_m[at] >= 0
    return states.select("log_id", "timestamp_ns", "segment_index").with_columns(
        outside_m=pl.Series(np.where(off, outside_m[at], math.nan), nan_to_null=True),
        corner=pl.Series(list(_CORNERS)).gather(farthest),
        corner_x_m=x[at],
        corner_y_m=y[at],
    )


def _corners(states: pl.DataFrame) -> tuple[Floats, Floats]:
    """Return those of each state, one state behind another."""
    heading, offset = states["heading_rad"].to_numpy(), states["ego_center_offset_m"].to_numpy()
    length, width = states["ego_length_m"].to_numpy() / 2, states["ego_width_m"].to_numpy() / 2
    cos, sin = np.cos(heading), np.sin(heading)
    ahead = [offset + forward * length for forward, _ in _CORNERS.values()]
    aside = [left * width for _, left in _CORNERS.values()]
    x = [cos * a - sin * b for a, b in zip(ahead, aside, strict=True)]
    y = [sin * a + cos * b for a, b in zip(ahead, aside, strict=True)]
    return (
        (states["x_m"].to_numpy()[:, None] + np.column_stack(x)).ravel(),
        (states["y_m"].to_numpy()[:, None] + np.column_stack(y)).ravel(),
    )


def _distances(
    point: Integers, x: Floats, y: Floats, logs: Integers, polygon_logs: Integers, polygons: Lines
) -> Floats:
    """Return how far the chosen points are from the nearest polygon of their log; else -1."""
    result = np.full(len(x), -1.0)
    pairs = (
        pl.DataFrame({"point": point, "log": logs[point]})
        .join(
            pl.DataFrame({"log": polygon_logs, "polygon": np.arange(len(polygon_logs))}), on="log"
        )
        .sort("point")
    )
    at, polygon = pairs["point"].to_numpy(), pairs["polygon"].to_numpy()
    distance = nearest(x[at], y[at], polygon, polygons).distance
    starts = group_starts(at)
    if len(at):
        result[at[starts[:-1]]] = np.minimum.reduceat(distance, starts[:-1])
    return result
