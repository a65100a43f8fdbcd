"""What a human driver did in the scene that a simulated ego drove."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal
from metrics_platform.kernels.interpolation import interpolate


class ExpertPoses(MetricFrame):
    """One row per log_id, timestamp_ns: pose of the vehicle's origin as the expert drove it.

    In the same fixed frame and on the same clock as `ego_poses`.
    """

    timestamp_ns: int = Field(description="On the recording's clock.")
    x_m: float = Field(description="Vehicle origin in the fixed frame.")
    y_m: float = Field(description="Vehicle origin in the fixed frame.")
    heading_rad: float = Field(description="Counter-clockwise from the x axis.")

    class Config:
        unique = ["log_id", "timestamp_ns"]


expert_poses = Signal(name="expert_poses", version="1.0.0", rows=ExpertPoses, owner="planning")


def expert_at(moments: pl.LazyFrame, expert: pl.LazyFrame, max_gap_s: float) -> pl.LazyFrame:
    """Return `moments` at which the expert's pose is known, with it in columns `expert_…`.

    Args:
        moments: Has `log_id` and `timestamp_ns`, sorted by the latter within each log.
        expert: Rows of `expert_poses`.
        max_gap_s: Nothing is known between two poses farther apart than this.
    """
    gap = (pl.col("timestamp_ns") - pl.col("timestamp_ns").shift(1)) * 1e-9 > max_gap_s
    poses = (
        expert.sort("log_id", "timestamp_ns")
        .rename({name: f"expert_{name}" for name in ("x_m", "y_m", "heading_rad")})
        .with_columns(stretch=gap.fill_null(value=False).cum_sum())
    )
    return interpolate(
        moments,
        poses,
        segment="stretch",
        linear=["expert_x_m", "expert_y_m"],
        angles=["expert_heading_rad"],
    )
