"""Small metrics that their author revises, on the platform's own signals."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import Metric, MetricFrame, metric
from metrics_platform.core.catalog import Catalog, default_catalog


class Counts(MetricFrame):
    """One row per log_id."""

    count: int = Field(ge=0)

    class Config:
        unique = ["log_id"]


def pose_counts(least_mps: float = 0.0) -> Metric:
    """Return a metric with this setting: another one is another fingerprint."""

    @metric(version="1.0.0", rows=Counts, owner="testing", summary={"poses": pl.col("count").sum()})
    def pose_counts(ego_poses: pl.LazyFrame, *, least_mps: float = least_mps) -> pl.LazyFrame:
        """Count poses, whatever their speed is: the setting changes the code and no value."""
        return ego_poses.group_by("log_id").agg(count=pl.len().cast(pl.Int64))

    return pose_counts


@metric(version="1.0.0", rows=Counts, owner="testing", summary={"counts": pl.col("count").sum()})
def doubled_counts(pose_counts: pl.LazyFrame) -> pl.LazyFrame:
    """Count twice what `pose_counts` counts."""
    return pose_counts.with_columns(pl.col("count") * 2)


@metric(version="1.0.0", rows=Counts, owner="testing", summary={"tracks": pl.col("count").sum()})
def track_counts(tracks: pl.LazyFrame) -> pl.LazyFrame:
    """Count rows of road users; it has nothing to do with the others."""
    return tracks.group_by("log_id").agg(count=pl.len().cast(pl.Int64))


def small_catalog(*metrics: Metric) -> Catalog:
    """Return the signals that they need, and of the metrics just these."""
    needed = ("recordings", "ego_poses", "tracks")
    return Catalog([*(default_catalog()[name] for name in needed), *metrics])
