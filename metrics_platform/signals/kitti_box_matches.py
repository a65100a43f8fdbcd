"""Which annotated objects a detector found, by the rules of KITTI's 3-D object benchmark."""

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, signal
from metrics_platform.core.errors import UnknownNameError
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.kitti_rules import VIEWS
from metrics_platform.kernels.smoothing import Integers
from metrics_platform.signals.kitti_pairing import kitti_rows
from metrics_platform.signals.kitti_pairs import Booleans, KittiPairs

FOUND, FALSE, MISSED, IGNORED = "found", "false", "missed", "ignored"
_OUTCOMES = [FOUND, FALSE, MISSED, IGNORED]


class KittiBoxMatches(MetricFrame):
    """One row per log_id, source, timestamp_ns, annotated, track_id: a box, judged in both views.

    The annotations are there once for each source of detections.
    """

    timestamp_ns: int = Field(description="Of the image, on the recording's clock.")
    source: str = Field(description="Whose detections are judged.")
    annotated: bool = Field(description="Whether the box is an annotation.")
    track_id: str = Field(description="Of the box itself.")
    class_name: str = Field(
        nullable=True, description="car, pedestrian, cyclist, or that of a neighbour; else null."
    )
    category: str = Field(description="As the source names it.")
    difficulty: str = Field(
        nullable=True,
        description="Least at which it is to be found, or counts; null if it never does.",
    )
    space_outcome: str = Field(
        isin=_OUTCOMES,
        description="By volume. ignored: too hard, too small, or of a neighbouring or no class.",
    )
    space_matched_id: str = Field(nullable=True, description="Of the other box, if matched.")
    ground_outcome: str = Field(isin=_OUTCOMES, description="The same by the area on the ground.")
    ground_matched_id: str = Field(nullable=True, description="Of the other box there.")
    score: float = Field(nullable=True, description="Of a detection; 1 where it has none.")
    range_m: float = Field(ge=0, nullable=True, description="From the camera, along the ground.")
    occlusion_index: int = Field(ge=0, nullable=True, description="As annotated.")
    truncation_index: int = Field(ge=0, nullable=True, description="As annotated.")

    class Config:
        unique = ["log_id", "source", "timestamp_ns", "annotated", "track_id"]


_SCHEMA = polars_schema(KittiBoxMatches)


@signal(version="2.0.0", rows=KittiBoxMatches, owner="perception")
def kitti_box_matches(
    image_boxes: pl.LazyFrame,
    *,
    configuration: str = "kitti_2017",
    difficulty: str = "hard",
    truth: str = "annotation",
) -> Rows:
    """Match detections to annotations in space as KITTI's development kit does.

    Objects choose, in the order of their ids: each takes the detection of its class that overlaps
    it most among those that are left, if by more than the class wants. Objects that are too small,
    hidden or cut off for the difficulty, and neighbouring classes, may be found or not; so may
    detections whose box in the image is too small, of whatever class. All detections are looked at,
    whatever their confidence.

    Regions without annotation excuse nothing, as in the kit: they have no place in space. The
    tracking data gives truncation in levels; any but 0 is too much for every difficulty. An object
    whose occlusion or truncation nobody gave is taken for whole. A box without a heading has no
    place in space, and finds nothing. A source none of whose boxes has one is not judged, and a log
    abstains where there is no other, or no annotation has one.

    Args:
        image_boxes: Annotations and detections.
        configuration: Name of the rules, in `kernels/kitti_rules.py`.
        difficulty: By which boxes are judged; `hard` judges most of them.
        truth: Source that the others are judged by.
    """
    return kitti_rows(
        image_boxes, configuration, truth, lambda pairs: _judged(pairs, difficulty), _SCHEMA
    )


def _judged(pairs: KittiPairs, difficulty: str) -> pl.DataFrame:
    levels = list(pairs.rules.levels)
    if difficulty not in levels:
        raise UnknownNameError("difficulty", difficulty, levels)
    level = levels.index(difficulty)
    found, told = pairs.detections, pairs.truths
    wanted, counts = pairs.wanted(level), pairs.counting(level)
    ids = [pairs.boxes["track_id"].gather(frame["row"]) for frame in (told, found)]
    found_columns: dict[str, pl.Series] = {}
    told_columns: dict[str, pl.Series] = {}
    for view in VIEWS:
        seen = pairs.seen(view, level)
        # An ignored detection is taken only where no other is left, the first of them.
        seen = seen.of(seen.chosen(np.where(seen.counts, -seen.iou, 1.0)))
        # A detection that is too small may be taken by objects of several classes, one of which
        # is noted.
        of_truth = _partner(seen.truth, seen.detection, len(told))
        of_detection = _partner(seen.detection, seen.truth, len(found))
        right = seen.of(seen.wanted & seen.counts)
        told_columns[f"{view}_outcome"] = _outcome(right.truth, wanted & (of_truth < 0), MISSED)
        found_columns[f"{view}_outcome"] = _outcome(
            right.detection, counts & (of_detection < 0), FALSE
        )
        told_columns[f"{view}_matched_id"] = _ids(ids[1], of_truth)
        found_columns[f"{view}_matched_id"] = _ids(ids[0], of_detection)
    parts = [
        _rows(pairs, told, told_columns).with_columns(score=pl.lit(None, pl.Float64)),
        _rows(pairs, found, found_columns),
    ]
    return pl.concat(parts)


def _rows(pairs: KittiPairs, frame: pl.DataFrame, columns: dict[str, pl.Series]) -> pl.DataFrame:
    """Return the boxes of `frame` with `columns`, and what else `KittiBoxMatches` has."""
    levels, names = pl.Series(list(pairs.rules.levels)), pl.Series(list(pairs.rules.min_iou))
    own = frame["class"].set(frame["class"] < 0, None)
    boxes = pairs.boxes.drop("log_id", "source")[frame["row"]]
    streams = pairs.streams.sort("stream")
    return (
        boxes.with_columns(
            pl.col("score").fill_null(1.0),
            streams["log_id"].gather(frame["stream"]),
            streams["source"].gather(frame["stream"]),
            names.gather(own).alias("class_name"),
            levels.gather(frame["level"]).alias("difficulty"),
            range_m=(pl.col("x_m") ** 2 + pl.col("y_m") ** 2).sqrt(),
        )
        .with_columns(**columns)
        .select(_SCHEMA.names())
    )


def _partner(boxes: Integers, others: Integers, count: int) -> Integers:
    partner = np.full(count, -1, dtype=np.int64)
    partner[boxes] = others
    return partner


def _outcome(right: Integers, wrong: Booleans, name: str) -> pl.Series:
    outcome = wrong.astype(np.int64)
    outcome[right] = 2
    return pl.Series([IGNORED, name, FOUND]).gather(outcome)


def _ids(ids: pl.Series, partner: Integers) -> pl.Series:
    row = pl.Series(partner)
    return ids.gather(row.set(row < 0, None))
