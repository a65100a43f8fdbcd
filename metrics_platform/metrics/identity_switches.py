"""When a tracker goes on with an object as if it were another."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.clear_mot import Convention, clear_matches, switches
from metrics_platform.kernels.tracked_boxes import Tracked
from metrics_platform.kernels.tracked_views import IMAGE, SPACE, in_views, judged_in_neither


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
    optional=["image_boxes", "tracks"],
)
def identity_switches(
    recordings: pl.LazyFrame,
    image_boxes: pl.LazyFrame,
    tracks: pl.LazyFrame,
    *,
    configuration: str = "trackeval_kitti_2d_box",
    max_distance_m: float = 2.0,
    both_sides: bool = True,
) -> Rows:
    """Find identity switches; one row per log_id, view, source, truth_id, at_ns.

    In images they are those that `kitti_tracking` counts, in space those of the category `all` of
    `object_tracking`: whatever the tracker takes an object for. A log abstains where there is
    nothing to compare in either.

    Formula: a match of CLEAR MOT whose track isn't that of the object's match before.

    Source: Bernardin & Stiefelhagen (2008), "Evaluating Multiple Object Tracking Performance: The
    CLEAR MOT Metrics", mismatch errors.

    Reference: TrackEval 1.3.0's IDSW in images, motmetrics 1.4.0's in space: as many.

    Args:
        recordings: Which logs there are.
        image_boxes: Of the annotation and of the trackers.
        tracks: Annotated and tracked road users.
        configuration: Rules in images; see `kitti_tracking`.
        max_distance_m: Greatest distance in space; see `object_tracking`.
        both_sides: Which moments count in space; see `object_tracking`.
    """
    rows = in_views(
        image_boxes,
        tracks,
        _switches,
        polars_schema(IdentitySwitches),
        configuration=configuration,
        max_distance_m=max_distance_m,
        both_sides=both_sides,
    )
    return Rows(rows, judged_in_neither(recordings, image_boxes, tracks, both_sides))


def _switches(
    view: str, boxes: pl.DataFrame, tracked: Tracked, convention: Convention
) -> pl.DataFrame:
    sequences = tracked.sequences()
    matches = clear_matches(sequences, convention)
    pairs = tracked.pairs[matches]
    objects = tracked.truth[pairs["truth"]].select(
        "unit", at_ns="timestamp_ns", truth_id="track_id", category="named"
    )
    tracks = tracked.found[pairs["found"]].select(to_id="track_id")
    return (
        # Sorted by object and time, so a match has the one before it above it.
        pl.concat([objects, tracks], how="horizontal")
        .with_columns(
            view=pl.lit(view), from_id=pl.col("to_id").shift(1), last_ns=pl.col("at_ns").shift(1)
        )
        .filter(switches(sequences, matches))
        .join(tracked.units.select("unit", "log_id", "source"), on="unit")
        .with_columns(gap_s=(pl.col("at_ns") - pl.col("last_ns")) * 1e-9)
        .select(polars_schema(IdentitySwitches).names())
    )
