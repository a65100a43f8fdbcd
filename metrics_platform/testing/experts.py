"""An expert for synthetic logs, and an ego that plans to drive nearly as it did.

    frames = synthetic_logs(10)
    frames |= experts(frames)

What is known of them: the expert drives 2 m to the left of the ego throughout, and on for 8 s after
the log's end as fast as it was. Every second the planner takes the expert's next 8 s, but falls
behind by 0.5 m a second along the x axis of the fixed frame.
"""

import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.expert_poses import ExpertPoses
from metrics_platform.signals.predicted_trajectories import PredictedTrajectories
from metrics_platform.testing.synthetic_frames import POSES_HZ, Frames

PLANNER = "planner"
# To the left of the ego.
BESIDE_M = 2.0
BEHIND_MPS = 0.5
EXPERT_HZ = 10
# Between plans, between the steps of one, and how far it reaches.
EVERY_S = 1.0
STEP_S = 0.5
HORIZON_S = 8.0


def experts(frames: Frames, *, beside_m: float = BESIDE_M) -> Frames:
    """Return how an expert drove in the logs of `frames`, so far to the left of the ego."""
    poses = _expert(frames, beside_m)
    return {"expert_poses": poses.select(polars_schema(ExpertPoses).names()).collect()}


def ego_plans(
    frames: Frames, *, beside_m: float = BESIDE_M, behind_mps: float = BEHIND_MPS
) -> pl.DataFrame:
    """Return where the ego of `frames` planned to go, as rows of `predicted_trajectories`."""
    poses = _expert(frames, beside_m).with_columns(sample=pl.int_range(pl.len()).over("log_id"))
    steps = pl.LazyFrame({"step_index": range(round(HORIZON_S / STEP_S) + 1)})
    now = poses.filter(
        (pl.col("sample") % round(EVERY_S * EXPERT_HZ) == 0) & pl.col("recorded")
    ).select("log_id", "timestamp_ns", "sample")
    later = poses.rename({"timestamp_ns": "at_ns"}).drop("recorded")
    ahead_s = (pl.col("at_ns") - pl.col("timestamp_ns")) * 1e-9
    return (
        now.join(steps, how="cross")
        .with_columns(pl.col("sample") + pl.col("step_index") * round(STEP_S * EXPERT_HZ))
        .join(later, on=["log_id", "sample"])
        .with_columns(
            source=pl.lit(PLANNER),
            track_id=pl.lit("ego"),
            mode_index=pl.lit(0, pl.Int64),
            x_m=pl.col("x_m") - behind_mps * ahead_s,
            probability_ratio=pl.lit(1.0),
        )
        .select(polars_schema(PredictedTrajectories).names())
        .sort(PredictedTrajectories.to_schema().unique)
        .collect()
    )


def _expert(frames: Frames, beside_m: float) -> pl.LazyFrame:
    """Return the expert's poses, sorted, and whether the ego's are recorded at that time."""
    heading = pl.col("heading_rad")
    driven = (
        frames["ego_poses"]
        .lazy()
        .sort("log_id", "timestamp_ns")
        .filter(pl.int_range(pl.len()).over("log_id") % (POSES_HZ // EXPERT_HZ) == 0)
        .select(
            "log_id",
            "timestamp_ns",
            "heading_rad",
            x_m=pl.col("x_m") - beside_m * heading.sin(),
            y_m=pl.col("y_m") + beside_m * heading.cos(),
            recorded=pl.lit(value=True),
        )
    )
    period_ns = 1_000_000_000 // EXPERT_HZ
    moves = [
        (pl.col(name) - pl.col(name).shift(1)).last().fill_null(0.0) for name in ("x_m", "y_m")
    ]
    number = pl.int_ranges(1, round(HORIZON_S * EXPERT_HZ) + 1)
    onwards = (
        driven.group_by("log_id")
        .agg(
            pl.col("timestamp_ns", "heading_rad", "x_m", "y_m").last(),
            *[move.alias(name) for move, name in zip(moves, ("move_x", "move_y"), strict=True)],
        )
        .with_columns(number=number)
        .explode("number")
        .select(
            "log_id",
            "heading_rad",
            timestamp_ns=pl.col("timestamp_ns") + pl.col("number") * period_ns,
            x_m=pl.col("x_m") + pl.col("number") * pl.col("move_x"),
            y_m=pl.col("y_m") + pl.col("number") * pl.col("move_y"),
            recorded=pl.lit(value=False),
        )
    )
    return pl.concat([driven, onwards.select(driven.collect_schema().names())]).sort(
        "log_id", "timestamp_ns"
    )
