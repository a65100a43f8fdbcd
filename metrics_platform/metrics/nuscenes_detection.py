"""How well objects are detected, as the nuScenes benchmark scores it."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.kernels.average_precision import at_confidences, running_mean
from metrics_platform.kernels.smoothing import Floats
from metrics_platform.signals.judged_curves import JudgedCurves, judged_curves, pooled_schema

# nuscenes-devkit 1.2.0, detection_cvpr_2019.json.
THRESHOLDS_M = (0.5, 1.0, 2.0, 4.0)
ERROR_THRESHOLD_M = 2.0
MIN_RECALL = 0.1
MIN_PRECISION = 0.1
MEAN_AP_WEIGHT = 5
# Its detection/evaluate.py: errors that mean nothing for a class.
_MEANINGLESS = {
    "heading_error_rad": ("traffic_cone",),
    "velocity_error_mps": ("traffic_cone", "barrier"),
}
# Of a class of which too little is found, and of what nobody can know.
WORST = 1.0
ALL_CLASSES = "all"

# The devkit leaves out the least recall itself.
_FIRST = round(100 * MIN_RECALL) + 1

_ERRORS = {
    "translation_error_m": "distance_m",
    "scale_error_ratio": "scale_error_ratio",
    "heading_error_rad": "heading_error_rad",
    "velocity_error_mps": "velocity_error_mps",
}
_AP = {reach: f"ap_within_{reach:g}_m_ratio".replace(".", "_") for reach in THRESHOLDS_M}


class NuscenesDetection(MetricFrame):
    """One row per log_id, source, class_name: scores of one class, or of `all` of them.

    Of `all`, every number is the mean over the classes that were annotated.
    """

    source: str = Field(description="Whose detections are judged.")
    class_name: str = Field(description="Of the benchmark, or `all`.")
    truths_count: int = Field(ge=0, description="Annotated objects, one per frame.")
    detections_count: int = Field(ge=0, description="Judged detections.")
    ap_within_0_5_m_ratio: float = Field(ge=0, le=1, nullable=True, description="AP at 0.5 m.")
    ap_within_1_m_ratio: float = Field(ge=0, le=1, nullable=True, description="AP at 1 m.")
    ap_within_2_m_ratio: float = Field(ge=0, le=1, nullable=True, description="AP at 2 m.")
    ap_within_4_m_ratio: float = Field(ge=0, le=1, nullable=True, description="AP at 4 m.")
    average_precision_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Mean of the four; null if nothing was annotated."
    )
    translation_error_m: float = Field(ge=0, nullable=True, description="ATE.")
    scale_error_ratio: float = Field(ge=0, le=1, nullable=True, description="ASE.")
    heading_error_rad: float = Field(ge=0, nullable=True, description="AOE.")
    velocity_error_mps: float = Field(
        ge=0, nullable=True, description="AVE; null where no velocity is known."
    )
    nuscenes_detection_score: float = Field(
        ge=0, le=1, nullable=True, description="NDS, of `all` only."
    )

    class Config:
        unique = ["log_id", "source", "class_name"]


def _of_all(column: str) -> pl.Expr:
    return pl.col(column).filter(pl.col("class_name") == ALL_CLASSES).min()


@metric(
    version="1.0.0",
    rows=NuscenesDetection,
    owner="perception",
    summary={
        "mean_ap": _of_all("average_precision_ratio"),
        "nds": _of_all("nuscenes_detection_score"),
    },
    plausible={"mean_ap": (0.0, 1.0), "nds": (0.0, 1.0)},
)
def nuscenes_detection(nuscenes_box_matches: pl.LazyFrame) -> pl.LazyFrame:
    """Score detections by the rules of nuScenes; one row per log_id, source, class_name.

    Of several sources the summary tells the least. The score of a benchmark is over all its logs,
    and not the mean of theirs: `pooled` gives it.

    Formula: AP = mean over recalls .11, .12, … 1 of max(0, precision - .1) / .9, precision linear
    between detections and 0 beyond the greatest recall; a true positive's error = mean over the
    recalls from .11 to the greatest reached of the running mean of the error at that confidence,
    at 2 m, 1 where a recall of .11 isn't reached; NDS = (5 · mAP + Σ (1 - min(1, error))) / 10 over
    translation, scale, heading, velocity and attribute.

    Source: Caesar et al., "nuScenes: A multimodal dataset for autonomous driving", CVPR 2020.

    Reference: nuscenes-devkit 1.2.0, equal to 1e-9 class by class. The mean here is over the
    classes that are annotated, where the devkit counts others as an AP of 0 and errors of 1: with
    all ten annotated both are the same, else its mean AP is the sum over the classes of `pooled`
    divided by 10. A frame in which nothing at all is annotated is one that nobody looked at here,
    and one with false detections only in the devkit. Attributes (moving, parked, …) are not
    recorded: their error is 1, as in the devkit where annotations have none, so NDS is at most 0.9.
    An error of velocity that nobody can know is null here and counts as 1 in NDS; it is 1 in the
    devkit.

    Args:
        nuscenes_box_matches: Boxes, judged.
    """
    return pooled(nuscenes_box_matches, ["log_id", "source"])


def pooled(rows: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """Return the scores of all `rows` that agree in the columns `by`, whatever their log.

    Args:
        rows: Of `nuscenes_box_matches`, all by the same configuration.
        by: Columns of them, such as `source`; none for one score of everything.
    """
    schema = pooled_schema(rows, by, NuscenesDetection)
    return rows.map_batches(
        lambda frame: _scores(frame, list(by)).select(schema.names()), schema=schema
    )


def _scores(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    judged = judged_curves(rows, by, later_first=True)
    precision, confidence = judged.curves.at_recalls(
        [judged.curves.precision, judged.detections["score"].to_numpy()]
    )
    above = (precision[:, _FIRST:] - MIN_PRECISION).clip(min=0)
    # The mean of ones can come out as more than one.
    average = (above.mean(axis=1) / (1 - MIN_PRECISION)).clip(max=1)
    groups = judged.groups.with_columns(ap=average)
    groups = groups.hstack(_errors(judged, confidence))
    at = pl.col("threshold_m")
    classes = groups.group_by(*by, "class_name").agg(
        pl.col("truths_count", "detections_count").first(),
        **{name: pl.col("ap").filter(at == reach).first() for reach, name in _AP.items()},
        **{name: pl.col(name).filter(at == ERROR_THRESHOLD_M).first() for name in _ERRORS},
    )
    annotated = pl.col("truths_count") > 0
    classes = classes.with_columns(
        *(pl.when(annotated).then(name).alias(name) for name in (*_AP.values(), *_ERRORS)),
    ).with_columns(
        average_precision_ratio=sum(pl.col(name) for name in _AP.values()) / len(_AP),
        nuscenes_detection_score=pl.lit(None, pl.Float64),
    )
    return pl.concat([classes, _mean(classes, by).select(classes.columns)])


def _errors(judged: JudgedCurves, confidence: Floats) -> pl.DataFrame:
    """Return the errors of the detections that are right, one row for each group."""
    curves = judged.curves
    hits = judged.detections.filter(curves.hits)
    group, scores = curves.group[curves.hits], hits["score"].to_numpy()
    values = [
        hits[column].cast(pl.Float64).fill_null(np.nan).to_numpy() for column in _ERRORS.values()
    ]
    means = at_confidences(confidence, scores, [running_mean(v, group) for v in values], group)
    places = np.arange(confidence.shape[1])
    last = np.where(confidence != 0, places, 0).max(axis=1, initial=0)
    chosen = (places >= _FIRST) & (places <= last[:, None])
    # The devkit's error of a class of which too little is found.
    reached = chosen.any(axis=1) & (curves.hits_of_group > 0)
    errors = {}
    for name, value, mean in zip(_ERRORS, values, means, strict=True):
        known = np.bincount(group, weights=~np.isnan(value), minlength=len(curves.truths)) > 0
        total = np.mean(mean, axis=1, where=chosen | ~reached[:, None])
        error = pl.Series(np.where(reached, total, WORST))
        errors[name] = error.set(pl.Series((curves.hits_of_group > 0) & ~known), None)
    return judged.groups.with_columns(**errors).select(
        pl.when(~pl.col("class_name").is_in(_MEANINGLESS.get(name, ()))).then(name).alias(name)
        for name in _ERRORS
    )


def _mean(classes: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Return the means over the annotated classes, and the score made of them."""
    annotated = pl.col("truths_count") > 0
    meant = {
        name: annotated & ~pl.col("class_name").is_in(_MEANINGLESS.get(name, ()))
        for name in _ERRORS
    }
    error = {name: pl.col(name).fill_null(WORST).filter(meant[name]).mean() for name in _ERRORS}
    means = classes.group_by(by or pl.lit(0).alias("_")).agg(
        pl.col("truths_count", "detections_count").sum(),
        pl.col(*_AP.values(), "average_precision_ratio").mean(),
        **{
            name: pl.when(pl.col(name).is_not_null().any()).then(mean)
            for name, mean in error.items()
        },
        _scores=pl.sum_horizontal(1 - mean.fill_null(WORST).clip(0, 1) for mean in error.values()),
    )
    # The fifth error, that of attributes, scores nothing.
    score = (MEAN_AP_WEIGHT * pl.col("average_precision_ratio") + pl.col("_scores")) / (
        MEAN_AP_WEIGHT + len(_ERRORS) + 1
    )
    return means.with_columns(class_name=pl.lit(ALL_CLASSES), nuscenes_detection_score=score)
