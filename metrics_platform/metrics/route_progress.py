"""How much of the expert's way the ego has come."""

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.polylines import Lines, nearest
from metrics_platform.kernels.smoothing import group_starts


class RouteProgress(MetricFrame):
    """One row per log_id: the ego's progress along the expert's path."""

    expert_progress_m: float = Field(ge=0, description="Length of the expert's path.")
    ego_progress_m: float = Field(description="From the ego's first place along it to its last.")
    progress_ratio: float = Field(ge=0, le=1, description="The ego's as a share of the expert's.")
    max_aside_m: float = Field(ge=0, description="Greatest distance of the ego from the path.")
    farthest_aside_at_ns: int = Field(description="When that was, on the recording's clock.")
    x_m: float = Field(description="Origin of the ego then, in the fixed frame.")
    y_m: float = Field(description="Origin of the ego then, in the fixed frame.")

    class Config:
        unique = ["log_id"]


@metric(
    version="1.0.0",
    rows=RouteProgress,
    owner="planning",
    summary={
        name: pl.col(name).first()
        for name in ("expert_progress_m", "ego_progress_m", "progress_ratio", "max_aside_m")
    },
)
def route_progress(
    ego_states: pl.LazyFrame, expert_poses: pl.LazyFrame, *, threshold_m: float = 2.0
) -> pl.LazyFrame:
    """Compare the ego's progress with the expert's along its path; one row per log_id.

    The route is the path of the expert's poses, extended straight on at both ends; the ego is where
    the path is nearest to it. Driving back before its start makes the progress negative. Where the
    path crosses or touches itself, the ego can seem to be on the other branch. An expert that
    stands has no path: the ego's progress is then 0.

    Formula: progress = s(last) - s(first), with s the place along the path; ratio = min(1,
    max(progress, threshold) / max(expert's progress, threshold)), and 0 where progress <
    -threshold.

    Source: nuplan-devkit, `ego_progress_along_expert_route` (Karnchanachari et al. 2024).

    Reference: nuplan-devkit's test scenes: 42.00 and 41.04 m, ratio 0.98 (there 41.99, 41.04 and
    0.97); backwards -13.0 m and 0, as there. nuPlan goes along the centre lines of the lanes that
    the expert drove in, so that it takes a bend as wide as the lane does and needs a map, we along
    the path itself. It looks at the centre of the box, we at the origin of the vehicle, of which
    the expert's poses are.

    Args:
        ego_states: Motion of the ego.
        expert_poses: What a human driver did in its place.
        threshold_m: nuPlan's `score_progress_threshold`: less is standing.
    """
    states, poses = pl.collect_all([
        ego_states.sort("log_id", "timestamp_ns"),
        expert_poses.sort("log_id", "timestamp_ns"),
    ])  # fmt: skip
    placed = _along(states, poses).lazy()
    aside = pl.col("aside_m").arg_max()
    ego, expert = pl.col("ego_progress_m"), pl.col("expert_progress_m")
    ratio = (ego.clip(lower_bound=threshold_m) / expert.clip(lower_bound=threshold_m)).clip(
        upper_bound=1.0
    )
    return (
        placed.group_by("log_id")
        .agg(
            expert_progress_m=pl.col("length_m").first(),
            ego_progress_m=pl.col("along_m").last() - pl.col("along_m").first(),
            max_aside_m=pl.col("aside_m").max(),
            farthest_aside_at_ns=pl.col("timestamp_ns").get(aside),
            x_m=pl.col("x_m").get(aside),
            y_m=pl.col("y_m").get(aside),
        )
        .with_columns(progress_ratio=pl.when(ego < -threshold_m).then(0.0).otherwise(ratio))
        .select(polars_schema(RouteProgress).names())
    )


def _along(states: pl.DataFrame, poses: pl.DataFrame) -> pl.DataFrame:
    """Return the states with their place along the path of their log, and the path's length."""
    # A path needs a start and an end, if it be the same place.
    single = poses.filter(pl.len().over("log_id") == 1)
    poses = pl.concat([poses, single]).sort("log_id", "timestamp_ns")
    starts = group_starts(poses["log_id"].to_numpy())
    paths = poses[starts[:-1].tolist()].select("log_id").with_row_index("path")
    states = states.join(paths, on="log_id", maintain_order="left")
    path = states["path"].cast(pl.Int64).to_numpy()
    route = Lines(poses["x_m"].to_numpy(), poses["y_m"].to_numpy(), starts)
    before = route.lengths_before()
    x, y = states["x_m"].to_numpy(), states["y_m"].to_numpy()
    found = nearest(x, y, path, route)
    at, share = found.segment, found.share
    along = before[at] + share * (before[at + 1] - before[at]) + found.beyond
    length = before[starts[1:] - 1][path]
    to_start = np.hypot(x - route.x[starts[:-1]][path], y - route.y[starts[:-1]][path])
    stands = length == 0
    return states.select("log_id", "timestamp_ns", "x_m", "y_m").with_columns(
        along_m=np.where(stands, 0.0, along),
        # Beside the extended path, where it is beyond an end.
        aside_m=np.where(stands, to_start, np.abs(found.offset)),
        length_m=length,
    )
