"""How near the ego came to each road user."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema


class ClosestApproach(MetricFrame):
    """One row per log_id, source, track_id: the moment the ego was nearest to a road user."""

    source: str = Field(description="Of the track: annotation, tracker, radar, …")
    track_id: str = Field(description="The road user.")
    category: str = Field(description="As the source names it.")
    distance_m: float = Field(ge=0, description="Between the boxes; 0 where they overlap.")
    at_ns: int = Field(description="That moment, on the recording's clock.")
    bearing_rad: float = Field(description="Where the ego sees it; 0 is ahead, left is positive.")
    ego_speed_mps: float = Field(ge=0, description="At that moment.")
    track_speed_mps: float = Field(ge=0, nullable=True, description="At that moment.")

    class Config:
        unique = ["log_id", "source", "track_id"]


@metric(
    version="1.0.0",
    rows=ClosestApproach,
    owner="safety",
    summary={
        "distance_m": pl.col("distance_m").min(),
        "encounters": pl.len(),
        "overlaps": (pl.col("distance_m") == 0).sum(),
    },
    plausible={"distance_m": (0.0, None)},
)
def closest_approach(ego_track_pairs: pl.LazyFrame) -> pl.LazyFrame:
    """Find the least distance between the boxes; one row per log_id, source, track_id.

    Of equal distances the earliest counts. Road users that never come within the range of
    `ego_track_pairs` have no row.

    Source: the distance of closest encounter of Westhofen et al. (2023), "Criticality Metrics for
    Automated Driving", between the boxes in the plane rather than the positions.
    """
    encounter = ["log_id", "source", "track_id"]
    nearest = ego_track_pairs.filter(
        pl.col("distance_m") == pl.col("distance_m").min().over(encounter)
    )
    return (
        nearest.sort("timestamp_ns")
        .unique(encounter, keep="first", maintain_order=True)
        .with_columns(bearing_rad=pl.arctan2("relative_y_m", "relative_x_m"))
        .rename({"timestamp_ns": "at_ns"})
        .select(polars_schema(ClosestApproach).names())
    )
