"""How well objects are detected, as the Argoverse 2 challenge scores it."""

import math
from collections.abc import Sequence

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.kernels.average_precision import greatest_from_here
from metrics_platform.signals.judged_curves import judged_curves, pooled_schema

# av2 0.3.6, DetectionCfg.
THRESHOLDS_M = (0.5, 1.0, 2.0, 4.0)
ERROR_THRESHOLD_M = 2.0
ALL_CLASSES = "all"
# What an error is divided by, and what it is where nothing is found.
WORST = {"translation_error_m": 2.0, "scale_error_ratio": 1.0, "heading_error_rad": math.pi}
_COLUMNS = {"translation_error_m": "distance_m"}
_AP = {reach: f"ap_within_{reach:g}_m_ratio".replace(".", "_") for reach in THRESHOLDS_M}


class Av2Detection(MetricFrame):
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
    translation_error_m: float = Field(ge=0, le=2, nullable=True, description="ATE.")
    scale_error_ratio: float = Field(ge=0, le=1, nullable=True, description="ASE.")
    heading_error_rad: float = Field(ge=0, le=math.pi, nullable=True, description="AOE.")
    composite_detection_score: float = Field(ge=0, le=1, nullable=True, description="CDS.")

    class Config:
        unique = ["log_id", "source", "class_name"]


_SCORES = (*_AP.values(), "average_precision_ratio", *WORST, "composite_detection_score")


def _of_all(column: str) -> pl.Expr:
    return pl.col(column).filter(pl.col("class_name") == ALL_CLASSES).min()


@metric(
    version="1.0.0",
    rows=Av2Detection,
    owner="perception",
    summary={
        "mean_ap": _of_all("average_precision_ratio"),
        "cds": _of_all("composite_detection_score"),
    },
    plausible={"mean_ap": (0.0, 1.0), "cds": (0.0, 1.0)},
)
def av2_detection(av2_box_matches: pl.LazyFrame) -> pl.LazyFrame:
    """Score detections by the rules of Argoverse 2; one row per log_id, source, class_name.

    Of several sources the summary tells the least. The score of a benchmark is over all its logs,
    and not the mean of theirs: `pooled` gives it.

    Formula: AP = mean over the recalls 0, .01, … 1 of the greatest precision at that recall or
    beyond, linear between detections, 0 beyond the greatest recall; errors = mean over the true
    positives at 2 m, and 2 m, 1 and pi where there are none; CDS = AP · mean of (1 - error / its
    worst), for each class.

    Source: Wilson et al., "Argoverse 2: Next Generation Datasets for Self-Driving Perception and
    Forecasting", NeurIPS Datasets and Benchmarks 2021.

    Reference: av2 0.3.6, equal to 1e-9 but that it rounds to three digits. Its averages count a
    class that nobody annotated as an AP and CDS of 0 with the worst errors; here a class without
    objects has none, and is in no mean. The official mean AP and CDS are the sums over the classes
    of `pooled` divided by 26. In the region of interest, which av2 draws on a raster, a real log
    has an AP of .4327 here and .4321 there, and a CDS of .3521 and .3516, since 9 of 5,171 boxes
    lie on its border. Headings are those in the fixed frame, in av2 those in the axes of the
    vehicle: the same on level ground, some mrad apart where the vehicle pitches or rolls. Two
    headings of pi and -pi are the same here, and opposite in av2, whose `wrap_angles` makes pi of a
    whole turn.

    Args:
        av2_box_matches: Boxes, judged.
    """
    return pooled(av2_box_matches, ["log_id", "source"])


def pooled(rows: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """Return the scores of all `rows` that agree in the columns `by`, whatever their log.

    Args:
        rows: Of `av2_box_matches`, all by the same configuration.
        by: Columns of them, such as `source`; none for one score of everything.
    """
    schema = pooled_schema(rows, by, Av2Detection)
    return rows.map_batches(
        lambda frame: _scores(frame, list(by)).select(schema.names()), schema=schema
    )


def _scores(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    judged = judged_curves(rows, by, later_first=False)
    curves = judged.curves
    (precision,) = curves.at_recalls([greatest_from_here(curves.precision, curves.group)])
    groups = judged.groups.with_columns(ap=precision.mean(axis=1))
    key, at = [*by, "class_name"], pl.col("threshold_m")
    right = rows.filter(pl.col("outcome") == "found", at == ERROR_THRESHOLD_M)
    errors = right.group_by(key).agg(
        pl.col(_COLUMNS.get(name, name)).mean().alias(name) for name in WORST
    )
    classes = (
        groups.group_by(key)
        .agg(
            pl.col("truths_count", "detections_count").first(),
            **{name: pl.col("ap").filter(at == reach).first() for reach, name in _AP.items()},
        )
        .join(errors, on=key, how="left", nulls_equal=True)
        .with_columns(pl.col(name).fill_null(worst) for name, worst in WORST.items())
    )
    mean_ap = sum(pl.col(name) for name in _AP.values()) / len(_AP)
    goodness = sum(1 - pl.col(name) / worst for name, worst in WORST.items()) / len(WORST)
    classes = classes.with_columns(
        average_precision_ratio=mean_ap, composite_detection_score=mean_ap * goodness
    ).with_columns(pl.when(pl.col("truths_count") > 0).then(name).alias(name) for name in _SCORES)
    means = classes.group_by(by or pl.lit(0).alias("_")).agg(
        pl.col("truths_count", "detections_count").sum(),
        pl.col(_SCORES).mean(),
        class_name=pl.lit(ALL_CLASSES),
    )
    return pl.concat([classes, means.select(classes.columns)])
