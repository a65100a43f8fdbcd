"""When a tracker goes on with an object as if it were another."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.track_matches import IMAGE, SPACE


class IdentitySwitches(MetricFrame):
    """One row per log_id, view, source, truth_id, at_ns: an object goes on as another track."""

    view: str = Field(isin=[IMAGE, SPACE], description="Boxes in images, or tracks in space.")
    source: str = Field(description="The tracker.")
    truth_id: str = Field(description="The annotated object.")
    category: str = Field(description="Of the object, as annotated.")
    at_ns: int = Field(description="First box with the new id, on the recording's clock.")
    from_id: str = Field(description="Track that the object was matched to last.")
    to_id: str = Field(description="Track that it is matched to from now on.")
    last_ns: int = Field(description="Its last match before, on the recording's clock.")
    gap_s: float = Field(gt=0, description="From the last match to this one.")

    class Config:
        unique = ["log_id", "view", "source", "truth_id", "at_ns"]


@metric(
    version="1.0.0",
    rows=IdentitySwitches,
    owner="perception",
    summary={"identity_switches": pl.len(), "longest_gap_s": pl.col("gap_s").max()},
)
def identity_switches(track_matches: pl.LazyFrame) -> pl.LazyFrame:
    """Find identity switches; one row per log_id, view, source, truth_id, at_ns.

    In images they are those that `kitti_tracking` counts, in space those of the category `all` of
    `object_tracking`. A log abstains where there is nothing to compare in either.

    Formula: a match of CLEAR MOT whose track isn't that of the object's match before.

    Source: Bernardin & Stiefelhagen (2008), "Evaluating Multiple Object Tracking Performance: The
    CLEAR MOT Metrics", mismatch errors.

    Reference: TrackEval 1.3.0's IDSW in images, motmetrics 1.4.0's in space: as many.

    Args:
        track_matches: Whatever the tracker takes an object for.
    """
    now, before = pl.col("timestamp_ns"), pl.col("last_ns")
    return (
        track_matches.filter(pl.col("track_id") != pl.col("last_track_id"))
        .with_columns(
            at_ns=now, from_id="last_track_id", to_id="track_id", gap_s=(now - before) * 1e-9
        )
        .select(polars_schema(IdentitySwitches).names())
    )
