"""How long tracks last, where they have gaps, and how far they cover what they are of."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.clear_mot import Convention, clear_matches
from metrics_platform.kernels.tracked_boxes import Tracked
from metrics_platform.kernels.tracked_views import IMAGE, SPACE, in_views

_TRACK = ("log_id", "source", "track_id")


class TrackLifetimes(MetricFrame):
    """One row per log_id, view, source, track_id: when a track is there, and of what it is.

    Tracks of the annotation have a row too. What is compared are boxes of a tracker that count for
    `kitti_tracking` or `object_tracking`; the object is the one that the track is matched to most.
    """

    view: str = Field(isin=[IMAGE, SPACE], description="Boxes in images, or tracks in space.")
    source: str = Field(description="annotation, or the tracker.")
    track_id: str = Field(description="Of the source.")
    category: str = Field(description="As the source names it, at its first box.")
    start_ns: int = Field(description="First box, on the recording's clock.")
    duration_s: float = Field(ge=0, description="From the first box to the last.")
    boxes_count: int = Field(ge=1, description="Of the track.")
    gaps_count: int = Field(ge=0, description="Stretches of moments of the source without a box.")
    missed_count: int = Field(ge=0, description="Moments in these gaps.")
    longest_gap_s: float = Field(
        gt=0, nullable=True, description="From the last box before a gap to the first after it."
    )
    compared_count: int = Field(ge=0, description="Boxes that are compared with the annotation.")
    matched_count: int = Field(ge=0, description="Boxes that are matched to the object.")
    truth_id: str = Field(nullable=True, description="The object; null if it is matched to none.")
    purity_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Matched part of the compared boxes."
    )
    coverage_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Part of the object's boxes that it is matched to."
    )

    class Config:
        unique = ["log_id", "view", "source", "track_id"]


_TRACKERS = pl.col("source") != "annotation"


@metric(
    version="1.0.0",
    rows=TrackLifetimes,
    owner="perception",
    summary={
        "tracks": _TRACKERS.sum(),
        "median_duration_s": pl.col("duration_s").filter(_TRACKERS).median(),
        "gaps": pl.col("gaps_count").filter(_TRACKERS).sum(),
        "mean_coverage": pl.col("coverage_ratio").mean(),
    },
    optional=["image_boxes", "tracks"],
)
def track_lifetimes(
    recordings: pl.LazyFrame,
    image_boxes: pl.LazyFrame,
    tracks: pl.LazyFrame,
    *,
    configuration: str = "trackeval_kitti_2d_box",
    max_distance_m: float = 2.0,
    both_sides: bool = True,
) -> Rows:
    """Say how long each track lasts, and of what it is; one row per log_id, view, source, track_id.

    A gap is a stretch of moments, at which the source has boxes of others, between two boxes of the
    track. The summary is about trackers, not about the annotation. A log abstains if it has neither
    tracks nor tracked boxes in images.

    Formula: coverage = matches of the track with the object / boxes of the object; purity = the
    same / compared boxes of the track. Of objects with equally many matches the first one counts.

    Source: coverage and purity are the association recall and precision of HOTA (Luiten et al.
    2020) of one track, with the matches of CLEAR MOT (Bernardin & Stiefelhagen 2008).

    Reference: none.

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
        _lifetimes,
        polars_schema(TrackLifetimes),
        configuration=configuration,
        max_distance_m=max_distance_m,
        both_sides=both_sides,
    )
    abstained = (
        recordings.select("log_id")
        .join(image_boxes.filter("tracked"), on="log_id", how="anti")
        .join(tracks, on="log_id", how="anti")
        .with_columns(reason=pl.lit("it has neither tracks nor tracked boxes in images"))
    )
    return Rows(rows, abstained)


def _lifetimes(
    view: str, boxes: pl.DataFrame, tracked: Tracked, convention: Convention
) -> pl.DataFrame:
    matched = pl.col("matched_count")
    return (
        _spans(boxes)
        .join(_objects(tracked, convention), on=_TRACK, how="left")
        .with_columns(pl.col("compared_count", "matched_count").fill_null(0))
        .with_columns(
            view=pl.lit(view),
            purity_ratio=pl.when(pl.col("compared_count") > 0).then(
                matched / pl.col("compared_count")
            ),
        )
        .select(polars_schema(TrackLifetimes).names())
        .cast(polars_schema(TrackLifetimes))
    )


def _spans(boxes: pl.DataFrame) -> pl.DataFrame:
    """Return when each track is there and when it isn't."""
    moments = (
        boxes.select("log_id", "source", "timestamp_ns")
        .unique()
        .sort("log_id", "source", "timestamp_ns")
        .with_columns(_moment=pl.int_range(pl.len()))
    )
    tracks = boxes.select(_TRACK).unique().with_columns(_track=pl.int_range(pl.len()))
    time, moment, track = pl.col("timestamp_ns"), pl.col("_moment"), pl.col("_track")
    goes_on = track == track.shift(1)
    return (
        boxes.join(moments, on=["log_id", "source", "timestamp_ns"])
        .join(tracks, on=_TRACK)
        .select(*_TRACK, "category", "timestamp_ns", "_moment", "_track")
        .sort("_track", "_moment")
        .with_columns(_missed=pl.when(goes_on).then(moment - moment.shift(1) - 1))
        .with_columns(_gap_s=pl.when(pl.col("_missed") > 0).then((time - time.shift(1)) * 1e-9))
        .group_by("_track", maintain_order=True)
        .agg(
            pl.col(*_TRACK, "category").first(),
            start_ns=time.first(),
            duration_s=(time.last() - time.first()) * 1e-9,
            boxes_count=pl.len(),
            gaps_count=pl.col("_gap_s").count(),
            missed_count=pl.col("_missed").sum(),
            longest_gap_s=pl.col("_gap_s").max(),
        )
        .drop("_track")
    )


def _objects(tracked: Tracked, convention: Convention) -> pl.DataFrame:
    """Return what each compared track is matched to most."""
    on = ["log_id", "source"]
    pairs = tracked.pairs[clear_matches(tracked.sequences(), convention)]
    found, truth = (
        side.join(tracked.units.select("unit", *on), on="unit", maintain_order="left")
        for side in (tracked.found, tracked.truth)
    )
    sizes = truth.group_by(*on, truth_id="track_id").agg(_size=pl.len())
    best = (
        pl.concat(
            [
                found[pairs["found"]].select(*_TRACK),
                truth[pairs["truth"]].select("timestamp_ns", truth_id="track_id"),
            ],
            how="horizontal",
        )
        .group_by(*_TRACK, "truth_id")
        .agg(matched_count=pl.len(), _first=pl.col("timestamp_ns").min())
        .sort("matched_count", "_first", "truth_id", descending=[True, False, False])
        .unique(_TRACK, keep="first", maintain_order=True)
        .join(sizes, on=[*on, "truth_id"])
        .with_columns(coverage_ratio=pl.col("matched_count") / pl.col("_size"))
        .drop("_first", "_size")
    )
    return found.group_by(_TRACK).agg(compared_count=pl.len()).join(best, on=_TRACK, how="left")
