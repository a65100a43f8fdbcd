"""How much of the expert's way the ego has come."""

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.interpolation import interpolate
from metrics_platform.kernels.polylines import Lines, nearest
from metrics_platform.kernels.smoothing import group_starts


class RouteProgress(MetricFrame):
    """One row per log_id: the ego's progress along the expert's path."""

    expert_progress_m: float = Field(
        ge=0, description="Way of the expert while the ego's motion is known."
    )
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
) -> Rows:
    """Compare the ego's progress with the expert's along its path; one row per log_id.

    The route is the path of the expert's poses, extended straight on at both ends; the ego is where
    the path is nearest to it. Driving back before its start makes the progress negative. The
    expert's progress is that from the ego's first state to its last, so a path that goes on after
    the log only says where to. Where the path crosses or touches itself, the ego can seem to be on
    the other branch. The expert's way is that of its poses as they are: their noise while it
    stands lengthens it. An expert that only stands has no path: the ego's progress is then 0. A log
    abstains whose expert has no pose, or only ones at another time.

    Formula: progress = s(last) - s(first), with s the place along the path; ratio = min(1,
    max(progress, threshold) / max(expert's progress, threshold)), and 0 where progress <
    -threshold.

    Source: nuplan-devkit, `ego_progress_along_expert_route` (Karnchanachari et al. 2024).

    Reference: nuplan-devkit's test scenes: 42.00 and 41.03 m, ratio 0.977 (there 41.99, 41.04 and
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
    route, paths = _routes(poses)
    placed = _along(states, route, paths)
    aside, along = pl.col("aside_m").arg_max(), pl.col("along_m")
    ego = placed.group_by("log_id").agg(
        ego_progress_m=along.last() - along.first(),
        max_aside_m=pl.col("aside_m").max(),
        farthest_aside_at_ns=pl.col("timestamp_ns").get(aside),
        x_m=pl.col("x_m").get(aside),
        y_m=pl.col("y_m").get(aside),
    )
    ways = poses.select("log_id", "timestamp_ns", way_m=route.lengths_before())
    expert = _expert_progress(ways, states)
    progress, whole = pl.col("ego_progress_m"), pl.col("expert_progress_m")
    ratio = progress.clip(lower_bound=threshold_m) / whole.clip(lower_bound=threshold_m)
    rows = ego.join(expert, on="log_id").with_columns(
        progress_ratio=pl.when(progress < -threshold_m)
        .then(0.0)
        .otherwise(ratio.clip(upper_bound=1.0))
    )
    at_another_time = pl.col("log_id").is_in(ego["log_id"].implode())
    abstained = (
        states.select("log_id")
        .unique()
        .join(expert, on="log_id", how="anti")
        .select(
            "log_id",
            reason=pl.when(at_another_time)
            .then(pl.lit("the expert drove at another time than the ego"))
            .otherwise(pl.lit("the expert has not a single pose")),
        )
    )
    return Rows(rows.select(polars_schema(RouteProgress).names()).lazy(), abstained.lazy())


def _routes(poses: pl.DataFrame) -> tuple[Lines, pl.DataFrame]:
    """Return the experts' paths, and whose is which."""
    starts = group_starts(poses["log_id"].rle_id().to_numpy())
    route = Lines(poses["x_m"].to_numpy(), poses["y_m"].to_numpy(), starts)
    paths = poses[starts[:-1].tolist()].select("log_id").with_row_index("path")
    return route, paths.cast({"path": pl.Int64})


def _expert_progress(ways: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """Return how far each expert came while the ego's motion is known."""
    time = pl.col("timestamp_ns")
    spans = [
        frame.group_by("log_id").agg(first=time.min(), last=time.max()) for frame in (ways, states)
    ]
    both = (
        spans[0]
        .join(spans[1], on="log_id", suffix="_ego")
        .select(
            "log_id",
            first=pl.max_horizontal("first", "first_ego"),
            last=pl.min_horizontal("last", "last_ego"),
        )
        .filter(pl.col("first") <= pl.col("last"))
    )
    moments = pl.concat([both.select("log_id", timestamp_ns=end) for end in ("first", "last")])
    there = interpolate(
        moments.lazy().sort("log_id", "timestamp_ns"),
        ways.lazy().with_columns(segment=0),
        segment="segment",
        linear=["way_m"],
    )
    way = pl.col("way_m")
    return there.group_by("log_id").agg(expert_progress_m=way.max() - way.min()).collect()


def _along(states: pl.DataFrame, route: Lines, paths: pl.DataFrame) -> pl.DataFrame:
    """Return the states with their place along the path of their log, and that beside it."""
    states = states.join(paths, on="log_id", maintain_order="left")
    path, x, y = (states[name].to_numpy() for name in ("path", "x_m", "y_m"))
    before = route.lengths_before()
    first, last = route.starts[:-1][path], route.starts[1:][path] - 1
    moves = before[last] > 0
    along_m = np.zeros(len(path))
    # From where the expert stands, if it only stands.
    aside_m = np.hypot(x - route.x[first], y - route.y[first])
    found = nearest(x[moves], y[moves], path[moves], route)
    at, share = found.segment, found.share
    along_m[moves] = before[at] + share * (before[at + 1] - before[at]) + found.beyond
    # Where it is beyond an end, that to the side of the extended path.
    aside_m[moves] = np.abs(found.offset)
    return states.select("log_id", "timestamp_ns", "x_m", "y_m").with_columns(
        along_m=along_m, aside_m=aside_m
    )
