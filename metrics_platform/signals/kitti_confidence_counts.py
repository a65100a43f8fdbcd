"""How many objects a detector found, confidence by confidence, by the rules of KITTI."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.kitti_rules import VIEWS
from metrics_platform.kernels.smoothing import Floats, Integers
from metrics_platform.signals.kitti_pairing import kitti_rows
from metrics_platform.signals.kitti_pairs import KittiPairs, SeenPairs, integers


class KittiConfidenceCounts(MetricFrame):
    """One row per log_id, source, class_name, view, difficulty, score: what its detections add.

    KITTI matches anew for each confidence that it looks at. The sums of `found_change_count` and
    `false_change_count` over all rows of at least some confidence are its true and false positives
    there. So what detections of a confidence add isn't always how many there are.
    """

    source: str = Field(description="Whose detections are judged.")
    class_name: str = Field(description="car, pedestrian or cyclist.")
    view: str = Field(isin=VIEWS, description="ground: areas from above; space: volumes.")
    difficulty: str = Field(description="easy, moderate or hard.")
    score: float = Field(
        nullable=True, description="Of the detections; null in the row that counts the objects."
    )
    truths_count: int = Field(
        ge=0, description="Objects that are to be found, where score is null."
    )
    found_change_count: int = Field(description="True positives that they add.")
    false_change_count: int = Field(description="False positives that they add.")
    recalled_count: int = Field(
        ge=0, description="Objects that find one of them, if objects take the most confident."
    )

    class Config:
        unique = ["log_id", "source", "class_name", "view", "difficulty", "score"]


_SCHEMA = polars_schema(KittiConfidenceCounts)
# Detections, their confidence, and what they add.
_Changes = tuple[Integers, Floats, Mapping[str, Integers | int]]
_COUNTS = tuple(name for name in _SCHEMA if name.endswith("_count"))


@signal(version="1.0.0", rows=KittiConfidenceCounts, owner="perception")
def kitti_confidence_counts(
    image_boxes: pl.LazyFrame, *, configuration: str = "kitti_2017", truth: str = "annotation"
) -> Rows:
    """Count by confidence what `kitti_box_matches` tells box by box where all are looked at.

    To say which confidences are looked at, each object takes the most confident detection that
    overlaps it enough, instead of that which overlaps it most. What is judged, and when a log
    abstains, is as it is there.

    Args:
        image_boxes: Annotations and detections.
        configuration: Name of the rules, in `kernels/kitti_rules.py`.
        truth: Source that the others are judged by.
    """
    return kitti_rows(image_boxes, configuration, truth, _counted, _SCHEMA)


def _counted(pairs: KittiPairs) -> pl.DataFrame:
    names = pl.DataFrame({"class_name": list(pairs.rules.min_iou)}).with_row_index("class")
    names = names.cast({"class": pl.Int64})
    both = pl.concat(
        [frame.select("stream", "class") for frame in (pairs.truths, pairs.detections)]
    )
    groups = (
        both.unique()
        .join(names, on="class")
        .join(pairs.streams, on="stream")
        .select("log_id", "source", "class_name", group=_group(len(names)))
    )
    parts = [
        _of_view(pairs, view, level, groups.select("group")).with_columns(
            view=pl.lit(view), difficulty=pl.lit(difficulty)
        )
        for view in VIEWS
        for level, difficulty in enumerate(pairs.rules.levels)
    ]
    return pl.concat(parts).join(groups, on="group")


def _of_view(pairs: KittiPairs, view: str, level: int, groups: pl.DataFrame) -> pl.DataFrame:
    """Return the counts of each group, which is a class of one source and log, by confidence."""
    classes = len(pairs.rules.min_iou)
    of_truth, of_detection = (
        frame.select(_group(classes)).to_series().to_numpy()
        for frame in (pairs.truths, pairs.detections)
    )
    seen = pairs.seen(view, level)
    recalled = seen.of(seen.chosen(-seen.score))
    recalled = recalled.of(recalled.wanted & recalled.counts)
    # Ignored detections are taken where no other is left: they change nothing about the others.
    seen = seen.of(seen.counts)
    frame, number = (integers(pairs.detections, name) for name in ("frame", "class"))
    scene = (frame * classes + number)[seen.detection]
    crowded = np.isin(scene, scene[_repeated(seen.claim)])
    alone = pairs.counting(level)
    alone[seen.detection] = False
    at = np.flatnonzero(alone)
    changes: list[_Changes] = [
        (recalled.detection, recalled.score, {"recalled_count": 1}),
        (at, pairs.detections["score"].to_numpy()[at], {"false_change_count": 1}),
        _of_lone_objects(seen.of(~crowded)),
        _of_crowds(seen.of(crowded), scene[crowded]),
    ]
    usual = dict.fromkeys(_COUNTS, 0)
    schema = {"group": pl.Int64, "score": pl.Float64, **dict.fromkeys(_COUNTS, pl.Int64)}
    by_score = pl.concat(
        pl.DataFrame({"group": of_detection[rows], "score": score, **usual, **counts}, schema)
        for rows, score, counts in changes
    )
    wanted = pl.Series("group", of_truth[pairs.wanted(level)]).value_counts(name="truths_count")
    objects = groups.join(wanted, on="group", how="left").with_columns(
        pl.col("truths_count").fill_null(0), score=pl.lit(None, pl.Float64)
    )
    return pl.concat(
        [by_score.group_by("group", "score").agg(pl.all().sum()), objects], how="diagonal_relaxed"
    ).with_columns(pl.col(_COUNTS).fill_null(0).cast(pl.Int64))


def _of_lone_objects(seen: SeenPairs) -> _Changes:
    """Return what detections add that overlap one object: the first finds it, the rest is false."""
    order = np.lexsort((-seen.score, seen.truth))
    seen = seen.of(order)
    later = np.zeros(len(seen.truth), dtype=bool)
    later[1:] = seen.truth[1:] == seen.truth[:-1]
    counts = {"found_change_count": ~later & seen.wanted, "false_change_count": later}
    return (
        seen.detection,
        seen.score,
        {name: values.astype(np.int64) for name, values in counts.items()},
    )


def _of_crowds(seen: SeenPairs, scene: Integers) -> _Changes:
    """Return what each confidence adds where a detection could find several objects.

    Args:
        seen: Pairs, all those of each scene.
        scene: Number of the frame and class of each pair.
    """
    pairs = pl.DataFrame({"scene": scene, "score": seen.score, "detection": seen.detection})
    levels = (
        pairs.group_by("scene", "score")
        .agg(pl.col("detection").min())
        .sort("scene", "score", descending=[False, True])
        .with_row_index("level")
    )
    there = (
        levels.select("scene", "level", least="score")
        .join(pairs.with_row_index("pair"), on="scene")
        .filter(pl.col("score") >= pl.col("least"))
    )
    level = there["level"].to_numpy().astype(np.int64)
    looked_at = seen.of(there["pair"].to_numpy().astype(np.int64))
    chosen = looked_at.chosen(-looked_at.iou, matching=level)
    count = len(levels)
    found = np.bincount(level[chosen], weights=looked_at.wanted[chosen], minlength=count)
    distinct = there.select("level", "detection").unique()["level"].to_numpy()
    false = np.bincount(distinct, minlength=count) - np.bincount(level[chosen], minlength=count)
    before = pl.col("found", "false").shift(1).over("scene").fill_null(0)
    changes = levels.with_columns(
        found=pl.Series(found, dtype=pl.Int64), false=pl.Series(false, dtype=pl.Int64)
    ).with_columns(pl.col("found", "false") - before)
    return (
        changes["detection"].to_numpy(),
        changes["score"].to_numpy(),
        {f"{name}_change_count": changes[name].to_numpy() for name in ("found", "false")},
    )


def _group(classes: int) -> pl.Expr:
    return pl.col("stream").cast(pl.Int64) * classes + pl.col("class")


def _repeated(values: Integers) -> Integers:
    """Return where a value stands that is there more than once."""
    _, number, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.flatnonzero(count[number] > 1)
