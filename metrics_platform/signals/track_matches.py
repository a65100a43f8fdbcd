"""Which boxes of a tracker are which annotated objects: what its errors are made of."""

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.assignment import Integers
from metrics_platform.kernels.clear_mot import Convention, clear_matches
from metrics_platform.kernels.tracked_boxes import Tracked, unjudged
from metrics_platform.kernels.tracked_images import image_rules, judged_boxes, tracked_images
from metrics_platform.kernels.tracked_objects import CONVENTION, tracked_objects

IMAGE, SPACE = "image", "space"


class TrackMatches(MetricFrame):
    """One row per log_id, view, source, timestamp_ns, truth_id, track_id: a match, or half of one.

    An object that was missed has no track, and a box of the tracker that is of no object no truth.
    Only boxes that count are here. In the row of a match stands the match before it of the same
    object, so that a switch of identities is a row whose tracks differ.
    """

    view: str = Field(isin=[IMAGE, SPACE], description="Boxes in images, or tracks in space.")
    source: str = Field(description="The tracker.")
    timestamp_ns: int = Field(description="Of the box, on the recording's clock.")
    truth_id: str = Field(nullable=True, description="The annotated object.")
    track_id: str = Field(nullable=True, description="The track of the tracker.")
    category: str = Field(description="Of the object; of the tracker's box where it is of none.")
    similarity_ratio: float = Field(
        gt=0, le=1, nullable=True,
        description="Overlap in images; in space 1 - distance / (2 · greatest distance).",
    )  # fmt: skip
    last_track_id: str = Field(nullable=True, description="Track of the object's match before.")
    last_ns: int = Field(nullable=True, description="When that match was.")

    class Config:
        unique = ["log_id", "view", "source", "timestamp_ns", "truth_id", "track_id"]


_SCHEMA = polars_schema(TrackMatches)
_NONE = -1


@signal(
    version="1.0.0", rows=TrackMatches, owner="perception", optional=["image_boxes", "tracks"]
)  # fmt: skip
def track_matches(
    recordings: pl.LazyFrame,
    image_boxes: pl.LazyFrame,
    tracks: pl.LazyFrame,
    *,
    configuration: str = "trackeval_kitti_2d_box",
    max_distance_m: float = 2.0,
    both_sides: bool = True,
) -> Rows:
    """Match boxes of trackers to annotated objects as CLEAR MOT does, in images and in space.

    In images as `kitti_tracking` does, with every class by itself; in space as `object_tracking`
    does for the category `all`: whatever either side calls an object. A log abstains where there is
    nothing to compare in either.

    Args:
        recordings: Which logs there are.
        image_boxes: Of the annotation and of the trackers.
        tracks: Annotated and tracked road users.
        configuration: Rules in images; see `kitti_tracking`.
        max_distance_m: Greatest distance in space; see `object_tracking`.
        both_sides: Which moments count in space; see `object_tracking`.
    """
    rules = image_rules(configuration)

    def in_images(boxes: pl.DataFrame) -> pl.DataFrame:
        return _matches(IMAGE, boxes, tracked_images(boxes, rules), rules.convention)

    def in_space(boxes: pl.DataFrame) -> pl.DataFrame:
        compared = tracked_objects(boxes, max_distance_m, both=both_sides, by_category=False)
        return _matches(SPACE, boxes, compared, CONVENTION)

    rows = pl.concat(
        boxes.map_batches(
            function,
            predicate_pushdown=False,
            projection_pushdown=False,
            slice_pushdown=False,
            schema=_SCHEMA,
        )
        for boxes, function in ((image_boxes, in_images), (tracks, in_space))
    )
    return Rows(rows, _judged_in_neither(recordings, image_boxes, tracks, both_sides))


def _matches(
    view: str, boxes: pl.DataFrame, tracked: Tracked, convention: Convention
) -> pl.DataFrame:
    sequences = tracked.sequences
    matches = clear_matches(sequences, convention)
    pairs = sequences.pairs
    truth, found = pairs.truth[matches], pairs.found[matches]
    missed = np.delete(np.arange(len(tracked.truth_row)), truth)
    false = np.delete(np.arange(len(tracked.found_row)), found)
    no_truth, no_found = np.full(len(false), _NONE), np.full(len(missed), _NONE)
    # Matches are sorted by object and time, so each has the one before it above it.
    objects, found_row = sequences.truth.track[truth], tracked.found_row[found]
    goes_on = np.diff(objects, prepend=-1) == 0
    last = np.where(goes_on, np.roll(found_row, 1), _NONE)
    of_truth = np.concatenate([tracked.truth_row[truth], tracked.truth_row[missed], no_truth])
    of_found = np.concatenate([found_row, no_found, tracked.found_row[false]])
    unit = np.concatenate(
        [sequences.truth.unit[truth], sequences.truth.unit[missed], sequences.found.unit[false]]
    )
    at = np.where(of_truth == _NONE, of_found, of_truth)
    similarity = pl.Series(pairs.similarity[matches])
    rows = {
        "log_id": tracked.units["log_id"][unit],
        "source": tracked.units["source"][unit],
        "timestamp_ns": boxes["timestamp_ns"][at],
        "truth_id": _some(boxes["track_id"], of_truth),
        "track_id": _some(boxes["track_id"], of_found),
        "category": boxes["category"][at],
        "similarity_ratio": similarity.extend_constant(None, len(at) - len(matches)),
        "last_track_id": _some(boxes["track_id"], last, len(at)),
        "last_ns": _some(boxes["timestamp_ns"], last, len(at)),
    }
    return pl.DataFrame(rows).with_columns(view=pl.lit(view)).select(_SCHEMA.names())


def _some(values: pl.Series, rows: Integers, length: int | None = None) -> pl.Series:
    """Return the values in these rows, null where there is none, and nulls up to `length`."""
    places = pl.Series(rows)
    taken = values.gather(places.set(places == _NONE, None))
    return taken.extend_constant(None, (length or len(rows)) - len(rows))


def _judged_in_neither(
    recordings: pl.LazyFrame, image_boxes: pl.LazyFrame, tracks: pl.LazyFrame, both_sides: bool
) -> pl.LazyFrame:
    """Return `log_id` and `reason` of the logs without anything to compare in either view."""
    boxes = judged_boxes(image_boxes)
    reasons = [
        (unjudged(view, both=both).with_columns(pl.format(name + ": {}", "reason")), view)
        for name, view, both in (("images", boxes, False), ("tracks", tracks, both_sides))
    ]
    neither = recordings.select("log_id")
    for reason, view in reasons:
        judged = view.select("log_id").unique().join(reason, on="log_id", how="anti")
        neither = neither.join(judged, on="log_id", how="anti")
    told = pl.concat([reason for reason, _ in reasons]).group_by("log_id").agg(
        pl.col("reason").sort().str.join("; ")
    )  # fmt: skip
    return neither.join(told, on="log_id", how="left").with_columns(
        pl.col("reason").fill_null("it has neither tracks nor boxes in images")
    )
