"""How well objects are detected in space, as KITTI's object benchmark scores it."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.smoothing import Floats, Integers

# The kit's N_SAMPLE_PTS: recalls 0, 1/40, … 1.
SAMPLES = 41
# Every fourth of them is one of the eleven that PASCAL VOC 2007 looked at.
EVERY = 4
_CURVE = ("class_name", "view", "difficulty")


class KittiDetection(MetricFrame):
    """One row per log_id, source, class_name, view, difficulty: average precision."""

    source: str = Field(description="Whose detections are judged.")
    class_name: str = Field(description="car, pedestrian or cyclist.")
    view: str = Field(description="ground: areas from above, the kit's BEV; space: volumes, 3D.")
    difficulty: str = Field(description="easy, moderate or hard.")
    truths_count: int = Field(ge=0, description="Objects to be found, one per image.")
    found_count: int = Field(ge=0, description="Of them, found by a detection of any confidence.")
    ap_r40_ratio: float = Field(
        ge=0, le=1, nullable=True, description="At 40 recalls; null if nothing was to be found."
    )
    ap_r11_ratio: float = Field(
        ge=0, le=1, nullable=True, description="At 11 recalls, as until 2019; else the same."
    )

    class Config:
        unique = ["log_id", "source", "class_name", "view", "difficulty"]


def _moderate_cars(view: str) -> pl.Expr:
    row = (pl.col("class_name") == "car") & (pl.col("difficulty") == "moderate")
    return pl.col("ap_r40_ratio").filter(row & (pl.col("view") == view)).min()


@metric(
    version="1.0.0",
    rows=KittiDetection,
    owner="perception",
    summary={
        "moderate_car_ap_in_space": _moderate_cars("space"),
        "moderate_car_ap_on_ground": _moderate_cars("ground"),
    },
    plausible={"moderate_car_ap_in_space": (0.0, 1.0), "moderate_car_ap_on_ground": (0.0, 1.0)},
)
def kitti_detection(kitti_confidence_counts: pl.LazyFrame) -> pl.LazyFrame:
    """Score detections in space by KITTI; one row per log_id, source, class_name, view, difficulty.

    The summary tells the figure that KITTI ranks by, and of several sources the least. The score of
    a benchmark is over all its logs, and not the mean of theirs: `pooled` gives it. With fewer than
    40 objects most of the recalls are never reached, and the rest counts 0, as in the kit.

    Formula: confidences are those of the found objects at which recall comes nearest to 0, 1/40, …;
    precision there = TP / (TP + FP), then the greatest from there on; AP = mean of it at the
    recalls 1/40, … 1 (R40), or 0, .1, … 1 (R11).

    Source: Geiger, Lenz & Urtasun, "Are we ready for autonomous driving? The KITTI vision benchmark
    suite", CVPR 2012; 40 recalls after Simonelli et al., "Disentangling Monocular 3D Object
    Detection", ICCV 2019, as KITTI has it since.

    Reference: none that runs here. The rules are those of evaluate_object.cpp of 2017, written out
    a second time in the tests, object by object with shapely's areas: equal on real boxes.

    Args:
        kitti_confidence_counts: Boxes, judged and counted.
    """
    return pooled(kitti_confidence_counts, ["log_id", "source"])


def pooled(rows: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """Return the scores of all `rows` that agree in the columns `by`, whatever their log.

    Args:
        rows: Of `kitti_confidence_counts`, all by the same configuration.
        by: Columns of them, such as `source`; none for one score of everything.
    """
    given, made = rows.collect_schema(), polars_schema(KittiDetection)
    own = [name for name in made.names() if name not in ("log_id", "source")]
    schema = pl.Schema({name: given[name] for name in by} | {name: made[name] for name in own})
    return rows.map_batches(
        lambda frame: _scores(frame, list(by)).select(schema.names()), schema=schema
    )


def _scores(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    key = [*by, *_CURVE]
    groups = (
        rows.group_by(key)
        .agg(
            pl.col("truths_count").sum(),
            found_count=pl.col("found_change_count").sum(),
        )
        .sort(key)
        .with_row_index("group")
    )
    detections = (
        rows.filter(pl.col("score").is_not_null())
        .join(groups.select("group", *key), on=key, nulls_equal=True)
        .sort("group", "score", descending=[False, True])
    )
    found = detections.filter(pl.col("recalled_count") > 0).select(
        pl.col("group", "score").repeat_by("recalled_count").explode()
    )
    # Whole numbers in the order of the scores: groups can be searched in one go, to the last bit.
    scores = np.append(detections["score"].to_numpy(), found["score"].to_numpy())
    levels, level = np.unique(scores, return_inverse=True)
    counts = [
        np.append(0, np.cumsum(detections[name].to_numpy()))
        for name in ("found_change_count", "false_change_count")
    ]
    group = detections["group"].to_numpy().astype(np.int64)
    key_of = (group + 1) * len(levels) - level[: len(detections)]
    at, place, confidence = _thresholds(
        found["group"].to_numpy().astype(np.int64),
        level[len(detections) :],
        groups["truths_count"].to_numpy(),
    )
    # All detections of the group of at least that confidence.
    end = np.searchsorted(key_of, (at + 1) * len(levels) - confidence, side="right")
    begin = np.searchsorted(group, at, side="left")
    right, wrong = (count[end] - count[begin] for count in counts)
    precision = np.zeros((len(groups), SAMPLES))
    precision[at, place] = right / np.maximum(right + wrong, 1)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    known = pl.col("truths_count") > 0
    return groups.with_columns(
        ap_r40_ratio=pl.when(known).then(pl.Series(precision[:, 1:].mean(axis=1))),
        ap_r11_ratio=pl.when(known).then(pl.Series(precision[:, ::EVERY].mean(axis=1))),
    )


def _thresholds(
    group: Integers, level: Integers, truths: Integers
) -> tuple[Integers, Integers, Integers]:
    """Return the confidences to look at: number of the group, of the sample, and of the level.

    Args:
        group: Of each object that was found, ascending.
        level: Number of its confidence, descending in a group.
        truths: Objects of each group.
    """
    groups = np.arange(len(truths))
    begins = np.searchsorted(group, groups, side="left")
    sizes = np.searchsorted(group, groups, side="right") - begins
    count = np.maximum(truths, 1).astype(np.float64)
    following = np.zeros(len(truths), dtype=np.int64)
    recall = 0.0
    chosen = []
    for sample in range(SAMPLES):
        # The first whose recall is no farther from the sample than that of the next.
        index = np.maximum(np.floor(recall * count - 1.5).astype(np.int64) - 1, following)
        for _ in range(3):
            index += _next_is_nearer(index, recall, count)
        index = np.minimum(index, sizes - 1)
        left = following < sizes
        where = groups[left]
        chosen.append((where, np.full(len(where), sample), level[begins[left] + index[left]]))
        following = np.where(left, index + 1, following)
        recall += 1 / (SAMPLES - 1)
    at, place, confidence = (np.concatenate(part) for part in zip(*chosen, strict=True))
    return at, place, confidence


def _next_is_nearer(index: Integers, recall: float, count: Floats) -> Integers:
    nearer: Integers = ((index + 2) / count - recall < recall - (index + 1) / count).astype(
        np.int64
    )
    return nearer.astype(np.int64)
