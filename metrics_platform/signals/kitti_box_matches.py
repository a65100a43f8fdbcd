"""Which annotated objects a detector found, by the rules of KITTI's 3-D object benchmark."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, signal
from metrics_platform.core.errors import UnknownNameError
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.box_matching import NOBODY, nearest_free
from metrics_platform.kernels.box_overlap import ground_iou, space_iou
from metrics_platform.kernels.smoothing import Integers

FOUND, FALSE, MISSED, IGNORED = "found", "false", "missed", "ignored"
VIEWS = ("ground", "space")
_FRAME = ("log_id", "source", "timestamp_ns")
_GROUND = ("x_m", "y_m", "length_m", "width_m", "heading_rad")
_SPACE = (*_GROUND, "z_m", "height_m")


@dataclass(frozen=True, kw_only=True)
class KittiRules:
    """What is judged, and what counts as found.

    Attributes:
        min_iou: A detection is right where it overlaps the object by more than this, by class.
        neighbours: Name that is easily taken for the class: finding one is neither right nor wrong.
        levels: By difficulty: least height in px; greatest occlusion; greatest truncation.
    """

    min_iou: Mapping[str, float]
    neighbours: Mapping[str, str]
    levels: Mapping[str, tuple[float, int, float]]


# evaluate_object.cpp of the development kit of 2017, which added the two views in space.
CONFIGURATIONS: Mapping[str, KittiRules] = {
    "kitti_2017": KittiRules(
        min_iou={"car": 0.7, "pedestrian": 0.5, "cyclist": 0.5},
        neighbours={"car": "van", "pedestrian": "person_sitting"},
        levels={"easy": (40, 0, 0.15), "moderate": (25, 1, 0.3), "hard": (25, 2, 0.5)},
    )
}


class KittiBoxMatches(MetricFrame):
    """One row per log_id, source, timestamp_ns, class_name, view, difficulty, annotated, track_id.

    Each is a box as one class, view and difficulty have it. KITTI matches anew for each confidence
    that it looks at, so what a detection adds to the counts, once detections of its confidence are
    looked at, isn't always one: `found_change_count` and `false_change_count`. Their sums over the
    detections of at least some confidence are the true and false positives there. `outcome` is that
    where all detections are looked at.
    """

    timestamp_ns: int = Field(description="Of the image, on the recording's clock.")
    source: str = Field(description="Whose detections are judged.")
    class_name: str = Field(nullable=True, description="car, pedestrian, cyclist; null if none.")
    view: str = Field(
        isin=VIEWS, nullable=True, description="Overlap of the areas on the ground, or in space."
    )
    difficulty: str = Field(nullable=True, description="easy, moderate or hard.")
    annotated: bool = Field(description="Whether the box is an annotation.")
    track_id: str = Field(description="Of the box itself.")
    category: str = Field(description="As the source names it.")
    outcome: str = Field(
        isin=[FOUND, FALSE, MISSED, IGNORED],
        description="ignored: too hard, too small, or of a neighbouring or no class.",
    )
    matched_id: str = Field(nullable=True, description="Of the other box, if they are matched.")
    score: float = Field(nullable=True, description="Of a detection; 1 where it has none.")
    recall_score: float = Field(
        nullable=True, description="Of an object: the confidence up to which it can be found."
    )
    truths_count: int = Field(ge=0, le=1, description="1 for an object that is to be found.")
    found_change_count: int = Field(description="True positives that a detection adds.")
    false_change_count: int = Field(description="False positives that a detection adds.")
    range_m: float = Field(ge=0, nullable=True, description="From the camera, along the ground.")
    occlusion_index: int = Field(ge=0, nullable=True, description="As annotated.")
    truncation_index: int = Field(ge=0, nullable=True, description="As annotated.")

    class Config:
        unique = [*_FRAME, "class_name", "view", "difficulty", "annotated", "track_id"]


_SCHEMA = polars_schema(KittiBoxMatches)
_PLACED = pl.all_horizontal(pl.col(name).is_not_null() for name in _SPACE)


@signal(version="1.0.0", rows=KittiBoxMatches, owner="perception")
def kitti_box_matches(
    image_boxes: pl.LazyFrame, *, configuration: str = "kitti_2017", truth: str = "annotation"
) -> Rows:
    """Match detections to annotations in space as KITTI's development kit does.

    Objects choose, in the order of their ids: each takes the detection of its class that overlaps
    it most among those that are left, if by more than the class wants. Objects that are too small,
    hidden or cut off for the difficulty, and neighbouring classes, may be found or not; so may
    detections whose box in the image is too small, of whatever class. To say which confidences are
    looked at, each object takes the most confident detection instead.

    Regions without annotation excuse nothing, as in the kit: they have no place in space. The
    tracking data gives truncation in levels; any but 0 is too much for every difficulty. An object
    whose occlusion or truncation nobody gave is taken for whole. A box without a heading has no
    place in space, and finds nothing. A source none of whose boxes has one is not judged, and a log
    abstains where there is no other, or no annotation has one.

    Args:
        image_boxes: Annotations and detections.
        configuration: Name of the rules, among `CONFIGURATIONS`.
        truth: Source that the others are judged by.
    """
    if configuration not in CONFIGURATIONS:
        raise UnknownNameError("configuration", configuration, CONFIGURATIONS)
    rules = CONFIGURATIONS[configuration]
    is_truth = pl.col("source") == truth
    logs = image_boxes.group_by("log_id").agg(
        truths=(is_truth & _PLACED).any(), detections=(~is_truth & _PLACED).any()
    )
    reasons = [
        logs.filter(~pl.col("truths")).with_columns(
            reason=pl.lit(f"no box of the source {truth!r} has a place in space")
        ),
        logs.filter("truths", ~pl.col("detections")).with_columns(
            reason=pl.lit(
                f"nothing to judge: no box of another source than {truth!r} has a place in space"
            )
        ),
    ]
    judged = logs.filter("truths", "detections").select("log_id")
    # A detector of boxes in images is not one that finds nothing in space.
    spatial = image_boxes.filter(_PLACED).select("log_id", "source").unique()
    rows = (
        image_boxes.join(judged, on="log_id")
        .join(spatial, on=["log_id", "source"])
        .filter(~pl.col("ignored"))
        .with_columns(
            annotated=is_truth,
            name=pl.col("category").str.to_lowercase(),
            range_m=(pl.col("x_m") ** 2 + pl.col("y_m") ** 2).sqrt(),
        )
        .map_batches(lambda frame: _judged(frame, rules), schema=_SCHEMA)
    )
    return Rows(rows, pl.concat([reason.select("log_id", "reason") for reason in reasons]))


def _judged(boxes: pl.DataFrame, rules: KittiRules) -> pl.DataFrame:
    detections = boxes.filter(~pl.col("annotated")).with_columns(pl.col("score").fill_null(1.0))
    sources = detections.select("log_id", "source").unique()
    truths = boxes.filter("annotated").drop("source", "score").join(sources, on="log_id")
    order = [*_FRAME, "track_id"]
    truths = truths.sort(order).with_row_index("truth")
    detections = detections.sort(order).with_row_index("detection")
    names = [*rules.min_iou, *rules.neighbours.values()]
    pairs = _pairs(truths.filter(pl.col("name").is_in(names)), detections)
    parts = [
        _as_seen(truths, detections, pairs, rules, class_name, view, difficulty)
        for class_name in rules.min_iou
        for view in VIEWS
        for difficulty in rules.levels
    ]
    strangers = pl.concat([truths, detections], how="diagonal_relaxed").filter(
        ~pl.col("name").is_in(names)
    )
    return pl.concat([*parts, _rows(strangers.with_columns(outcome=pl.lit(IGNORED)))])


def _pairs(truths: pl.DataFrame, detections: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs that overlap at all, by how much in each view."""
    own = truths.filter(_PLACED).select(*_FRAME, "truth", *_SPACE)
    others = detections.filter(_PLACED).select(
        *_FRAME, "detection", "score", *(pl.col(name).alias(f"{name}_other") for name in _SPACE)
    )
    reach = sum(
        (pl.col(f"length_m{end}") ** 2 + pl.col(f"width_m{end}") ** 2).sqrt() / 2
        for end in ("", "_other")
    )
    apart = [pl.col(name) - pl.col(f"{name}_other") for name in ("x_m", "y_m")]
    near = own.join(others, on=_FRAME).filter(apart[0] ** 2 + apart[1] ** 2 < reach**2)
    box = near.select(_SPACE).to_numpy()
    other = near.select(f"{name}_other" for name in _SPACE).to_numpy()
    return near.select(*_FRAME, "truth", "detection", "score").with_columns(
        ground=pl.Series(ground_iou(box[:, :5], other[:, :5]), dtype=pl.Float64),
        space=pl.Series(space_iou(box, other), dtype=pl.Float64),
    )


def _as_seen(
    truths: pl.DataFrame,
    detections: pl.DataFrame,
    pairs: pl.DataFrame,
    rules: KittiRules,
    class_name: str,
    view: str,
    difficulty: str,
) -> pl.DataFrame:
    """Return the rows of one class, view and difficulty."""
    height_px, occlusion, truncation = rules.levels[difficulty]
    own, small = pl.col("name") == class_name, pl.col("height_px") < height_px
    easy = ~(
        small
        | (pl.col("occlusion_index").fill_null(0) > occlusion)
        | (pl.col("truncation_index").fill_null(0) > truncation)
    )
    related = own | (pl.col("name") == rules.neighbours.get(class_name, ""))
    truths = truths.filter(related).with_columns(wanted=own & easy)
    detections = detections.filter(own | small).with_columns(counts=own & ~small)
    pairs = (
        pairs.filter(pl.col(view) > rules.min_iou[class_name])
        .join(truths.select("truth", "wanted"), on="truth")
        .join(detections.select("detection", "counts"), on="detection")
        .sort("truth", "detection")
        .with_columns(iou=pl.col(view))
    )
    recalled = _chosen(pairs.sort("truth", -pl.col("score"), "detection"), pl.lit(0))
    recalled = recalled.filter("wanted", "counts").select("truth", recall_score="score")
    chosen, changes = _by_confidence(pairs)
    last = chosen.filter(pl.col("level") == pl.col("level").max().over(_FRAME))
    paired = pairs.select("detection").unique()
    seen = (
        detections.filter("counts")
        if pairs.is_empty()
        else detections.join(
            paired.with_columns(paired=pl.lit(value=True)), on="detection", how="left"
        ).filter(pl.col("counts") | pl.col("paired"))
    )
    matched = last.select("truth", "detection", right=pl.col("wanted") & pl.col("counts"))
    right = pl.col("right")
    objects = (
        truths.join(recalled, on="truth", how="left")
        .join(matched, on="truth", how="left")
        .join(detections.select("detection", matched_id="track_id"), on="detection", how="left")
        .with_columns(
            outcome=pl.when(right)
            .then(pl.lit(FOUND))
            .when(pl.col("wanted") & right.is_null())
            .then(pl.lit(MISSED))
            .otherwise(pl.lit(IGNORED)),
            truths_count=pl.col("wanted").cast(pl.Int64),
        )
    )
    found = (
        seen.join(matched, on="detection", how="left")
        .join(truths.select("truth", matched_id="track_id"), on="truth", how="left")
        .join(changes, on="detection", how="left")
        .join(paired.with_columns(competes=pl.lit(value=True)), on="detection", how="left")
        .with_columns(
            outcome=pl.when(right)
            .then(pl.lit(FOUND))
            .when(pl.col("counts") & right.is_null())
            .then(pl.lit(FALSE))
            .otherwise(pl.lit(IGNORED)),
            # Where nothing is near, it is false whatever the confidence.
            false_change_count=pl.when(pl.col("competes"))
            .then("false_change_count")
            .otherwise(pl.col("counts").cast(pl.Int64)),
        )
    )
    return pl.concat([_rows(objects), _rows(found)]).with_columns(
        class_name=pl.lit(class_name), view=pl.lit(view), difficulty=pl.lit(difficulty)
    )


def _by_confidence(pairs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return who is matched at each confidence of a frame, and what its detections add there."""
    levels = (
        pairs.select(*_FRAME, level_score="score")
        .unique()
        .sort(*_FRAME, "level_score", descending=[False, False, False, True])
        .with_row_index("level")
    )
    looked_at = pairs.join(levels, on=_FRAME).filter(pl.col("score") >= pl.col("level_score"))
    # An ignored detection is taken only where no other is left, the first of them.
    preference = pl.when(pl.col("counts")).then(-pl.col("iou")).otherwise(1.0)
    chosen = _chosen(looked_at.sort("level", "truth", preference, "detection"), pl.col("level"))
    there = (
        looked_at.filter("counts")
        .group_by("level")
        .agg(there=pl.col("detection").n_unique().cast(pl.Int64))
    )
    taken = chosen.group_by("level").agg(
        found=(pl.col("wanted") & pl.col("counts")).sum().cast(pl.Int64),
        taken=pl.col("counts").sum().cast(pl.Int64),
    )
    counted = (
        levels.join(there, on="level", how="left")
        .join(taken, on="level", how="left")
        .with_columns(pl.col("there", "found", "taken").fill_null(0))
        .sort("level")
        .with_columns(false=pl.col("there") - pl.col("taken"))
    )
    before = {
        name: pl.col(name) - pl.col(name).shift(1).over(_FRAME).fill_null(0)
        for name in ("found", "false")
    }
    counted = counted.select(
        *_FRAME,
        "level",
        score="level_score",
        **{f"{name}_change_count": change for name, change in before.items()},
    )
    # Of equal scores the first stands for all.
    first = pairs.group_by(*_FRAME, "score").agg(pl.col("detection").min())
    changes = first.join(counted, on=[*_FRAME, "score"]).select(
        "detection", "found_change_count", "false_change_count"
    )
    return chosen, changes


def _chosen(pairs: pl.DataFrame, level: pl.Expr) -> pl.DataFrame:
    """Return the pairs that come about if objects choose in their order, from their first wish on.

    Args:
        pairs: In the order of level, object and wish.
        level: Every level is a matching of its own.
    """
    keys = pairs.select(level=level.cast(pl.Int64), truth="truth", detection="detection")
    chooser, targets = _numbered(keys, "truth"), _numbered(keys, "detection")
    count = (int(chooser.max(initial=NOBODY)) + 1, int(targets.max(initial=NOBODY)) + 1)
    matches = nearest_free(chooser, targets, *count)
    return pairs.filter(pl.Series(matches[chooser] == targets, dtype=pl.Boolean))


def _numbered(keys: pl.DataFrame, name: str) -> Integers:
    level, box = keys["level"].to_numpy(), keys[name].to_numpy().astype(np.int64)
    _, number = np.unique(level * (box.max(initial=0) + 1) + box, return_inverse=True)
    return number.astype(np.int64)


def _rows(boxes: pl.DataFrame) -> pl.DataFrame:
    """Return boxes with the columns of `KittiBoxMatches`; counts are 0 where they have none."""
    lacking = {
        name: pl.lit(0 if name.endswith("_count") else None, dtype)
        for name, dtype in _SCHEMA.items()
        if name not in boxes.columns
    }
    counts = [name for name in _SCHEMA if name.endswith("_count")]
    return (
        boxes.with_columns(**lacking)
        .with_columns(pl.col(counts).fill_null(0).cast(pl.Int64))
        .select(_SCHEMA.names())
        .cast(_SCHEMA)
    )
