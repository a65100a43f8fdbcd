"""How far detections are off, by class and range."""

import math
from collections.abc import Sequence

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema

_ERRORS = {
    "translation_error_m": "distance_m",
    "scale_error_ratio": "scale_error_ratio",
    "heading_error_rad": "heading_error_rad",
    "velocity_error_mps": "velocity_error_mps",
}


class MatchedBoxErrors(MetricFrame):
    """One row per log_id, source, class_name, from_range_m: errors of what was found in a band."""

    source: str = Field(description="Whose detections are judged.")
    class_name: str = Field(description="Of the benchmark.")
    from_range_m: float = Field(
        ge=0, nullable=True, description="Nearest of the band; null where the range is unknown."
    )
    truths_count: int = Field(ge=0, description="Annotated objects, one per frame.")
    found_count: int = Field(ge=0, description="Of them, found.")
    false_count: int = Field(ge=0, description="Detections in the band that found nothing.")
    recall_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Of the objects, how many were found."
    )
    translation_error_m: float = Field(ge=0, nullable=True, description="Mean, of the centres.")
    scale_error_ratio: float = Field(ge=0, le=1, nullable=True, description="Mean.")
    heading_error_rad: float = Field(ge=0, le=math.pi, nullable=True, description="Mean.")
    flipped_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Of those found, more than a right angle off."
    )
    velocity_error_mps: float = Field(
        ge=0, nullable=True, description="Mean, where both velocities are known."
    )
    velocities_count: int = Field(ge=0, description="Found objects of which they are.")

    class Config:
        unique = ["log_id", "source", "class_name", "from_range_m"]


def _over_found(error: str, weight: str = "found_count") -> pl.Expr:
    known = pl.col(error).is_not_null()
    total = (pl.col(error) * pl.col(weight)).filter(known).sum()
    count = pl.col(weight).filter(known).sum()
    return pl.when(count > 0).then(total / count)


@metric(
    version="1.0.0",
    rows=MatchedBoxErrors,
    owner="perception",
    summary={
        "heading_error_rad": _over_found("heading_error_rad"),
        "velocity_error_mps": _over_found("velocity_error_mps", "velocities_count"),
        "flipped_ratio": _over_found("flipped_ratio"),
    },
    plausible={"heading_error_rad": (0.0, math.pi)},
)
def matched_box_errors(
    nuscenes_box_matches: pl.LazyFrame,
    *,
    threshold_m: float = 2.0,
    bands_m: tuple[float, ...] = (0.0, 30.0, 50.0),
) -> pl.LazyFrame:
    """Average the errors of found objects; one row per log_id, source, class_name, from_range_m.

    An object belongs to the band that it is in, whatever the range of its detection; a detection
    that found nothing to its own. Unlike the errors of a benchmark these are plain means, so that
    bands, classes and logs can be added up with `pooled`, and compared.

    Formula: mean over the found objects of a band of the distance of the centres on the ground, of
    1 - IoU of the boxes laid upon one another, of the difference of the headings, and of the length
    of the difference of the velocities.

    Source: Caesar et al., "nuScenes: A multimodal dataset for autonomous driving", CVPR 2020, for
    the errors; Sun et al., "Scalability in perception for autonomous driving: Waymo Open Dataset",
    CVPR 2020, for the bands.

    Reference: none.

    Args:
        nuscenes_box_matches: Boxes, judged.
        threshold_m: Of the matching, among those of nuScenes: that of its true positive errors.
        bands_m: Nearest range of each band, ascending; those of the Waymo Open Dataset.
    """
    return pooled(
        nuscenes_box_matches, ["log_id", "source"], threshold_m=threshold_m, bands_m=bands_m
    )


def pooled(
    rows: pl.LazyFrame,
    by: Sequence[str],
    *,
    threshold_m: float = 2.0,
    bands_m: tuple[float, ...] = (0.0, 30.0, 50.0),
) -> pl.LazyFrame:
    """Return the errors of all `rows` that agree in the columns `by`, whatever their log.

    Args:
        rows: Of `nuscenes_box_matches`.
        by: Columns of them, such as `source`; none for those of everything.
        threshold_m: As `matched_box_errors` has it.
        bands_m: As `matched_box_errors` has them.
    """
    band = pl.lit(None, pl.Float64)
    for start in bands_m:
        band = pl.when(pl.col("range_m") >= start).then(start).otherwise(band)
    found = pl.col("outcome") == "found"
    truths, hits = (pl.col("outcome") != "false").sum(), found.sum()
    names = [name for name in polars_schema(MatchedBoxErrors) if name not in ("log_id", "source")]
    return (
        rows.filter(pl.col("threshold_m") == threshold_m)
        .with_columns(from_range_m=band)
        .group_by(*by, "class_name", "from_range_m")
        .agg(
            truths_count=truths.cast(pl.Int64),
            found_count=hits.cast(pl.Int64),
            false_count=(pl.col("outcome") == "false").sum().cast(pl.Int64),
            recall_ratio=pl.when(truths > 0).then(hits / truths),
            flipped_ratio=(pl.col("heading_error_rad") > math.pi / 2).filter(found).mean(),
            velocities_count=pl.col("velocity_error_mps").filter(found).count().cast(pl.Int64),
            **{name: pl.col(column).filter(found).mean() for name, column in _ERRORS.items()},
        )
        .select(*by, *names)
    )
