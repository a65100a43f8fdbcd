"""How soon the ego would hit each road user if both kept their velocity."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.core.geometry import BoxPair
from metrics_platform.core.geometry import time_to_collision as swept

# FHWA's Surrogate Safety Assessment Model counts a conflict from here (FHWA-HRT-08-051, 2008),
# after Hayward (1972) and van der Horst (1990).
CRITICAL_TTC_S = 1.5


class TimeToCollision(MetricFrame):
    """One row per log_id, source, track_id: the most critical moment with a road user.

    Only road users with whom the ego was on a collision course, within the horizon.
    """

    source: str = Field(description="Of the track: annotation, tracker, radar, …")
    track_id: str = Field(description="The road user.")
    category: str = Field(description="As the source names it.")
    min_ttc_s: float = Field(ge=0, description="0 where the boxes overlap.")
    at_ns: int = Field(description="That moment, on the recording's clock.")
    distance_m: float = Field(ge=0, description="Between the boxes at that moment.")
    bearing_rad: float = Field(description="Where the ego sees it; 0 is ahead, left is positive.")
    ego_speed_mps: float = Field(ge=0, description="At that moment.")
    track_speed_mps: float = Field(ge=0, description="At that moment.")

    class Config:
        unique = ["log_id", "source", "track_id"]


@metric(
    version="1.0.0",
    rows=TimeToCollision,
    owner="safety",
    summary={
        "min_ttc_s": pl.col("min_ttc_s").min(),
        "critical_encounters": (pl.col("min_ttc_s") < CRITICAL_TTC_S).sum(),
    },
    plausible={"min_ttc_s": (0.0, None)},
)
def time_to_collision(
    ego_track_pairs: pl.LazyFrame, *, horizon_s: float = 10.0, standstill_mps: float = 0.005
) -> pl.LazyFrame:
    """Find the least time to collision, box to box; one row per log_id, source, track_id.

    At each moment both boxes are moved on at constant velocity, without turning; the time is
    exact, for any direction of either. Of equal times the earliest counts. Moments at which the
    ego stands still are left out, unless the boxes overlap: it doesn't run into anybody then.

    Source: Hayward (1972), "Near-miss determination through use of a scale of danger". Differs
    from nuplan-devkit's `time_to_collision_within_bound`, which tries steps of 0.1 s up to a
    horizon (so gives the time rounded up), moves the ego along its heading, and looks only at
    road users ahead, or beside it at intersections, that it hasn't hit yet. Here whoever comes
    from behind counts too: `bearing_rad` tells them apart.

    Args:
        ego_track_pairs: Road users near the ego.
        horizon_s: A collision farther in the future is not foreseen: two cars at all but the same
            speed always have one. Twice the longest horizon in nuplan-devkit's cases.
        standstill_mps: Slower is standing; nuplan-devkit's `stopped_speed_threshold`.
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
    velocity_x = pl.col("track_velocity_x_mps") - pl.col("ego_velocity_x_mps")
    velocity_y = pl.col("track_velocity_y_mps") - pl.col("ego_velocity_y_mps")
    drives = (pl.col("ego_speed_mps") > standstill_mps) | (pl.col("distance_m") == 0)
    return (
        ego_track_pairs.filter(drives & pl.col("track_speed_mps").is_not_null())
        .with_columns(min_ttc_s=swept(pair, velocity_x, velocity_y))
        .filter(pl.col("min_ttc_s") <= horizon_s)
        .sort("min_ttc_s", "timestamp_ns")
        .unique(["log_id", "source", "track_id"], keep="first", maintain_order=True)
        .with_columns(bearing_rad=pl.arctan2("relative_y_m", "relative_x_m"))
        .rename({"timestamp_ns": "at_ns"})
        .select(polars_schema(TimeToCollision).names())
    )
