"""How closely the ego follows what is in front of it."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.core.geometry import BoxPair
from metrics_platform.core.geometry import time_to_collision as swept

# The least time gap that adaptive cruise control may be set to (ISO 15622:2018).
SHORT_HEADWAY_S = 0.8


class TimeHeadway(MetricFrame):
    """One row per log_id, source, track_id: the moment of least headway to a road user in front."""

    source: str = Field(description="Of the track: annotation, tracker, radar, …")
    track_id: str = Field(description="The road user.")
    category: str = Field(description="As the source names it.")
    min_headway_s: float = Field(
        ge=0, description="Least time until the ego is where the road user in front is now."
    )
    at_ns: int = Field(description="That moment, on the recording's clock.")
    headway_m: float = Field(ge=0, description="Bumper to bumper at that moment.")
    ego_speed_mps: float = Field(gt=0, description="At that moment.")
    track_speed_mps: float = Field(ge=0, nullable=True, description="At that moment.")

    class Config:
        unique = ["log_id", "source", "track_id"]


@metric(
    version="1.0.0",
    rows=TimeHeadway,
    owner="planning",
    summary={
        "min_headway_s": pl.col("min_headway_s").min(),
        "short_headways": (pl.col("min_headway_s") < SHORT_HEADWAY_S).sum(),
    },
    plausible={"min_headway_s": (0.0, None)},
)
def time_headway(ego_track_pairs: pl.LazyFrame, *, standstill_mps: float = 0.005) -> pl.LazyFrame:
    """Find the least time headway to each road user in front; one row per log_id, source, track_id.

    The distance headway is how far the ego can move straight ahead before it touches the road user
    where it is now; the time headway is that over the ego's forward speed. At each moment only the
    nearest in front counts, per source, whatever it is: a car that crosses too, a parked one too.

    Source: Westhofen et al. (2023), "Criticality Metrics for Automated Driving" (HW, THW).
    CommonRoad-CriMe measures along the lane, and takes the time until the ego is there from the
    ego's recorded trajectory: longer than ours where it brakes.

    Args:
        ego_track_pairs: Road users near the ego.
        standstill_mps: Slower has no headway; nuplan-devkit's `stopped_speed_threshold`.
    """
    pair = BoxPair(
        x=pl.col("relative_x_m"),
        y=pl.col("relative_y_m"),
        heading=pl.col("relative_heading_rad"),
        length=pl.col("ego_length_m"),
        width=pl.col("ego_width_m"),
        other_length=pl.col("track_length_m"),
        other_width=pl.col("track_width_m"),
    )
    # The time in which a box that comes nearer at 1 m/s gets here is its distance.
    headway_m = swept(pair, velocity_x=pl.lit(-1.0), velocity_y=pl.lit(0.0))
    forward = pl.col("ego_velocity_x_mps")
    ahead = (pl.col("relative_x_m") > 0) & (forward > standstill_mps)
    return (
        ego_track_pairs.filter(ahead)
        .with_columns(headway_m=headway_m)
        .filter(pl.col("headway_m").is_not_null())
        .sort("headway_m", "track_id")
        .unique(["log_id", "source", "timestamp_ns"], keep="first", maintain_order=True)
        .with_columns(min_headway_s=pl.col("headway_m") / forward)
        .sort("min_headway_s", "timestamp_ns")
        .unique(["log_id", "source", "track_id"], keep="first", maintain_order=True)
        .rename({"timestamp_ns": "at_ns"})
        .select(polars_schema(TimeHeadway).names())
    )
