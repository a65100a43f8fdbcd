"""Against the direction of travel."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.stretches import stretches

# Metres against the direction within a second: from the first on nuPlan takes half the score, from
# the second on all of it (`driving_direction_compliance_threshold`, `…_violation_threshold`).
COMPLIANCE_M, VIOLATION_M = 2.0, 6.0


class DrivingDirection(MetricFrame):
    """One row per log_id, start_ns: a stretch of driving against the lane's direction."""

    start_ns: int = Field(description="First state of it, on the recording's clock.")
    duration_s: float = Field(ge=0, description="From there to the end of its last state.")
    min_progress_m: float = Field(
        lt=0, description="Least way along the lane within the window before a state."
    )
    worst_at_ns: int = Field(description="When it was least: the end of that window.")
    lane_id: str = Field(nullable=True, description="The lane then.")
    x_m: float = Field(description="Centre of the ego's box then, in the fixed frame.")
    y_m: float = Field(description="Centre of the ego's box then, in the fixed frame.")

    class Config:
        unique = ["log_id", "start_ns"]


_LEAST = pl.col("min_progress_m").min().fill_null(0.0)


@metric(
    version="1.0.0",
    rows=DrivingDirection,
    owner="planning",
    summary={
        "driving_direction_score": pl.when(-_LEAST < COMPLIANCE_M)
        .then(1.0)
        .when(-_LEAST < VIOLATION_M)
        .then(0.5)
        .otherwise(0.0),
        "min_progress_m": _LEAST,
        "against_direction_events": pl.len(),
    },
)
def driving_direction(
    ego_lanes: pl.LazyFrame, *, window_s: float = 1.0, noise_m: float = 0.1
) -> Rows:
    """Find where the ego drove against the direction of travel; one row per log_id, start_ns.

    The way along the lane within the last `window_s`, in its direction; negative when driving
    against it, in reverse too. Off all lanes there is no direction and no way. A log that is in no
    lane at all abstains.

    Formula: progress(t) = Σ over the states in [t - `window_s`, t] of the change of the place along
    the lane since the state before; score = 1 where -min(progress) < 2 m, 0.5 where < 6 m, else 0.

    Source: nuplan-devkit, `driving_direction_compliance` (Karnchanachari et al. 2024).

    Reference: nuplan-devkit's test scenes, with a straight lane in place of its map, come out the
    same: -12.99 m and 0, 0 m and 1. It drops the first two steps after the ego enters a lane; here
    the velocity along the lane stands for the step at which the lane changes.

    Args:
        ego_lanes: The ego in its lanes.
        window_s: nuPlan's `time_horizon`. As there, the step that ends at its start counts.
        noise_m: A standing vehicle seems to move by the noise of its localisation: less is no
            event. It takes 2 m to change the score.
    """
    time, along = pl.col("timestamp_ns"), pl.col("along_m")
    segment = ("log_id", "segment_index")
    same = pl.col("lane_id") == pl.col("lane_id").shift(1).over(segment)
    step_s = time.diff().over(segment) * 1e-9
    progress = (
        pl.when(same)
        .then(along - along.shift(1).over(segment))
        .otherwise(pl.col("along_mps") * step_s)
        .fill_null(0.0)
    )
    window = f"{round(window_s * 1e9)}i"
    states = (
        ego_lanes.sort("log_id", "timestamp_ns")
        .with_columns(progress_m=progress)
        .with_columns(
            progress_m=pl.col("progress_m")
            .rolling_sum_by("timestamp_ns", window, closed="both")
            .over(segment)
        )
    )
    worst = pl.col("progress_m").arg_min()
    rows = stretches(
        states,
        pl.col("progress_m") < -noise_m,
        merge_gap_s=0.0,
        min_duration_s=0.0,
        min_progress_m=pl.col("progress_m").min(),
        worst_at_ns=time.get(worst),
        **{name: pl.col(name).get(worst) for name in ("lane_id", "x_m", "y_m")},
    )
    off_lanes = ego_lanes.group_by("log_id").agg(pl.col("lane_id").count()).filter(
        pl.col("lane_id") == 0
    )  # fmt: skip
    return Rows(
        rows.select(polars_schema(DrivingDirection).names()),
        off_lanes.select("log_id", reason=pl.lit("the ego was in no lane of the map")),
    )
