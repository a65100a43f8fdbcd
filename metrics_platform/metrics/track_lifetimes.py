"""How long tracks last, where they have gaps, and how far they cover what they are of."""

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.assignment import Integers
from metrics_platform.kernels.smoothing import group_starts
from metrics_platform.kernels.tracked_boxes import numbered
from metrics_platform.signals.track_matches import IMAGE, SPACE

_TRACK = ("log_id", "view", "source", "track_id")


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


_BOX = ("log_id", "source", "track_id", "category", "timestamp_ns")
_SPANS = pl.Schema(
    {
        name: kind
        for name, kind in polars_schema(TrackLifetimes).items()
        if name in (
            "log_id", "source", "track_id", "category", "start_ns", "duration_s", "boxes_count",
            "gaps_count", "missed_count", "longest_gap_s",
        )
    }
)  # fmt: skip
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
    optional=["image_boxes", "tracks", "track_matches"],
)
def track_lifetimes(
    recordings: pl.LazyFrame,
    image_boxes: pl.LazyFrame,
    tracks: pl.LazyFrame,
    track_matches: pl.LazyFrame,
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
        track_matches: Of what each box of a tracker is.
    """
    matched, compared = pl.col("matched_count"), pl.col("compared_count")
    spans = [
        boxes.select(*_BOX)
        .map_batches(
            _spans,
            predicate_pushdown=False,
            projection_pushdown=False,
            slice_pushdown=False,
            schema=_SPANS,
        )
        .with_columns(view=pl.lit(view))
        for view, boxes in ((IMAGE, image_boxes.filter("tracked")), (SPACE, tracks))
    ]
    rows = (
        pl.concat(spans)
        .join(_objects(track_matches), on=_TRACK, how="left")
        .with_columns(pl.col("compared_count", "matched_count").fill_null(0))
        .with_columns(purity_ratio=pl.when(compared > 0).then(matched / compared))
        .select(polars_schema(TrackLifetimes).names())
        .cast(polars_schema(TrackLifetimes))
    )
    abstained = (
        recordings.select("log_id")
        .join(image_boxes.filter("tracked"), on="log_id", how="anti")
        .join(tracks, on="log_id", how="anti")
        .with_columns(reason=pl.lit("it has neither tracks nor tracked boxes in images"))
    )
    return Rows(rows, abstained)


def _spans(boxes: pl.DataFrame) -> pl.DataFrame:
    """Return when each track is there and when it isn't.

    By numbers in numpy: columns of strings take many times as long to sort by.
    """
    known = numbered(boxes)
    of_source = known.of_source(np.arange(len(boxes)))
    moment = _moments(of_source, known.image)
    order = np.lexsort((moment, known.track, of_source))
    starts = group_starts(of_source[order], known.track[order])
    first, last = order[starts[:-1]], order[starts[1:] - 1][: len(starts) - 1]
    time = boxes["timestamp_ns"].to_numpy()
    # What lies between a box and the one before it in the same track; the first has none.
    missed, since = (np.diff(values[order], prepend=0) for values in (moment, time))
    missed -= 1
    missed[starts[:-1]] = 0
    longest_ns = _of_each(np.maximum, np.where(missed > 0, since, 0), starts)
    return boxes.select("log_id", "source", "track_id", "category")[first].with_columns(
        start_ns=time[first],
        duration_s=(time[last] - time[first]) * 1e-9,
        boxes_count=np.diff(starts),
        gaps_count=_of_each(np.add, (missed > 0).astype(np.int64), starts),
        missed_count=_of_each(np.add, missed, starts),
        longest_gap_s=pl.Series(np.where(longest_ns, longest_ns, np.nan) * 1e-9, nan_to_null=True),
    )


def _of_each(combine: np.ufunc, values: Integers, starts: Integers) -> Integers:
    return combine.reduceat(values, starts[:-1]) if len(values) else values


def _moments(source: Integers, image: Integers) -> Integers:
    """Return the number of each box's moment among those at which its source has a box."""
    order = np.lexsort((image, source))
    counts = np.diff(group_starts(source[order], image[order]))
    moment = np.empty(len(order), dtype=np.int64)
    moment[order] = np.repeat(np.arange(len(counts)), counts)
    return moment


def _objects(matches: pl.LazyFrame) -> pl.LazyFrame:
    """Return what each compared track is matched to most."""
    source = ["log_id", "view", "source"]
    on = [*source, "truth_id"]
    counts = matches.group_by(*_TRACK, "truth_id").agg(
        _count=pl.len(), _first=pl.col("timestamp_ns").min()
    )
    sizes = counts.filter(pl.col("truth_id").is_not_null()).group_by(on).agg(
        _size=pl.col("_count").sum()
    )  # fmt: skip
    of_tracks = counts.filter(pl.col("track_id").is_not_null())
    best = (
        of_tracks.filter(pl.col("truth_id").is_not_null())
        .sort("_count", "_first", "truth_id", descending=[True, False, False])
        .unique(_TRACK, keep="first", maintain_order=True)
        .join(sizes, on=on)
        .select(
            *_TRACK,
            "truth_id",
            matched_count="_count",
            coverage_ratio=pl.col("_count") / pl.col("_size"),
        )
    )
    compared = of_tracks.group_by(_TRACK).agg(compared_count=pl.col("_count").sum())
    return compared.join(best, on=_TRACK, how="left")
