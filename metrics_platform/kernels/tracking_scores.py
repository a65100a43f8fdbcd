"""What tracking metrics give: sums that can be added up over logs, and the scores made of them."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.assignment import Floats, Integers
from metrics_platform.kernels.clear_mot import Convention, clear_statistics
from metrics_platform.kernels.tracked_boxes import Tracked
from metrics_platform.kernels.tracking import ALPHAS, hota_statistics, identity_statistics
from metrics_platform.kernels.tracking_ratios import clear_and_identity, hota

BY = ("log_id", "source", "category")


class TrackingScores(MetricFrame):
    """One row per log_id, source, category: how well a tracker followed the annotated objects.

    The first columns are sums, which `pooled` adds up over logs: scores of a benchmark are those
    of its sums, not means of the scores of its sequences. Lists have an entry for each of HOTA's 19
    thresholds of similarity, 0.05 to 0.95. A score is null where nothing says what it would be.
    """

    source: str = Field(description="The tracker.")
    category: str = Field(description="Of the objects.")
    truth_count: int = Field(ge=0, description="Boxes of annotated objects.")
    found_count: int = Field(ge=0, description="Boxes of the tracker that count.")
    true_positives_count: int = Field(ge=0, description="Matched boxes, TP of CLEAR MOT.")
    false_positives_count: int = Field(ge=0, description="Boxes of the tracker that match none.")
    misses_count: int = Field(ge=0, description="Boxes of objects that none matches, FN.")
    switches_count: int = Field(ge=0, description="IDSW: an object goes on as another track.")
    fragmentations_count: int = Field(ge=0, description="Frag: an object is found again.")
    mostly_tracked_count: int = Field(ge=0, description="MT: objects matched in 80 % of boxes.")
    partially_tracked_count: int = Field(ge=0, description="PT: objects between both.")
    mostly_lost_count: int = Field(ge=0, description="ML: objects matched in less than 20 %.")
    similarity_total_ratio: float = Field(ge=0, description="Sum over all matched boxes.")
    identity_true_positives_count: int = Field(
        ge=0, description="IDTP: boxes in which one-to-one matched whole tracks agree."
    )
    hota_true_positives_count: list[int] = Field(description="Matched boxes by HOTA's matching.")
    hota_association_ratio: list[float] = Field(
        description="Sum over matched boxes of A(c), how far both tracks agree elsewhere."
    )
    hota_association_recall_ratio: list[float] = Field(
        description="Sum over matched boxes of the agreeing part of the object's track."
    )
    hota_association_precision_ratio: list[float] = Field(
        description="Sum over matched boxes of the agreeing part of the tracker's track."
    )
    hota_similarity_ratio: list[float] = Field(description="Sum over matched boxes.")
    mota_ratio: float = Field(le=1, nullable=True, description="1 - (FN + FP + IDSW) / truth.")
    motp_similarity_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Mean similarity of matched boxes, as TrackEval."
    )
    motp_distance_ratio: float = Field(
        ge=0, le=1, nullable=True, description="1 - similarity, which motmetrics calls MOTP."
    )
    recall_ratio: float = Field(ge=0, le=1, nullable=True, description="TP / truth.")
    precision_ratio: float = Field(ge=0, le=1, nullable=True, description="TP / found.")
    idf1_ratio: float = Field(ge=0, le=1, nullable=True, description="2 IDTP / (truth + found).")
    idp_ratio: float = Field(ge=0, le=1, nullable=True, description="IDTP / found.")
    idr_ratio: float = Field(ge=0, le=1, nullable=True, description="IDTP / truth.")
    hota_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Mean over thresholds of sqrt(DetA · AssA)."
    )
    det_a_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Mean of TP / (TP + FN + FP)."
    )
    ass_a_ratio: float = Field(ge=0, le=1, nullable=True, description="Mean of mean A(c).")
    loc_a_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Mean of mean similarity; 1 where nothing matches."
    )
    det_re_ratio: float = Field(ge=0, le=1, nullable=True, description="Mean of TP / truth.")
    det_pr_ratio: float = Field(ge=0, le=1, nullable=True, description="Mean of TP / found.")
    ass_re_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Mean of the mean recall of association."
    )
    ass_pr_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Mean of the mean precision of association."
    )

    class Config:
        unique = ["log_id", "source", "category"]


_COLUMNS = polars_schema(TrackingScores)
_LISTS = [name for name in _COLUMNS if name.startswith("hota_") and name != "hota_ratio"]
_SUMS = [
    name for name in _COLUMNS
    if name not in _LISTS and name.endswith(("_count", "similarity_total_ratio"))
]  # fmt: skip


def pooled(rows: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """Return the scores of all rows together that have the same values in the columns `by`.

    As TrackEval and motmetrics combine sequences.

    Args:
        rows: Of a tracking metric; of its columns, the sums are enough.
        by: For example `["source", "category"]`, for all logs.
    """
    given = rows.select(*by, *_SUMS, *_LISTS)
    scores = {name: kind for name, kind in _COLUMNS.items() if name not in BY}
    return given.map_batches(
        lambda rows: _pooled(rows, by),
        predicate_pushdown=False,
        projection_pushdown=False,
        slice_pushdown=False,
        schema=pl.Schema({name: given.collect_schema()[name] for name in by} | scores),
    )


def _pooled(rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    groups = rows.select(by).with_row_index("_row").group_by(by, maintain_order=True).agg("_row")
    order = groups["_row"].explode(empty_as_null=False).to_numpy()
    lengths = groups["_row"].list.len().to_numpy().astype(np.int64)
    starts = np.cumsum(lengths) - lengths
    levels = pl.Array(pl.Float64, len(ALPHAS))
    values = {name: rows[name].to_numpy() for name in _SUMS}
    values |= {name: rows[name].cast(levels).to_numpy() for name in _LISTS}
    summed = {name: np.add.reduceat(value[order], starts) for name, value in values.items()}
    return _scores(groups.select(by), summed)


def _scores(names: pl.DataFrame, sums: Mapping[str, Floats | Integers]) -> pl.DataFrame:
    """Return the columns of `names`, the sums, and the scores that they give."""
    columns = {**sums, **clear_and_identity(sums), **hota(sums)}
    return names.hstack(
        [
            # An array of two dimensions becomes a column of arrays.
            pl.Series(name, columns[name], nan_to_null=True).cast(kind)
            for name, kind in _COLUMNS.items()
            if name not in BY
        ]
    )


def scores_of(
    boxes: pl.LazyFrame, compared: Callable[[pl.DataFrame], Tracked], convention: Convention
) -> pl.LazyFrame:
    """Return the rows of `TrackingScores` of what `compared` makes of the boxes of all logs."""
    return boxes.map_batches(
        lambda rows: scored(compared(rows), convention),
        predicate_pushdown=False,
        projection_pushdown=False,
        slice_pushdown=False,
        schema=_COLUMNS,
    )


def scored(tracked: Tracked, convention: Convention) -> pl.DataFrame:
    """Return the rows of `TrackingScores` of all that is compared."""
    sequences = tracked.sequences
    counted = {
        **clear_statistics(sequences, convention),
        **identity_statistics(sequences),
        **hota_statistics(sequences),
    }
    matched = counted["true_positives_count"]
    counted["false_positives_count"] = counted["found_count"] - matched
    counted["misses_count"] = counted["truth_count"] - matched
    return _scores(tracked.units.select(BY), counted)


def summary_of(category: str, prefix: str = "") -> dict[str, pl.Expr]:
    """Return the scalars per log of one category; the mean over trackers, where there are several.

    Args:
        category: Of the rows.
        prefix: Of the scalars' names.
    """
    scalars = ("mota_ratio", "motp_similarity_ratio", "idf1_ratio", "hota_ratio", "switches_count")
    rows = pl.col("category") == category
    return {
        prefix + name.removesuffix("_ratio").removesuffix("_similarity").removesuffix("_count"):
            pl.col(name).filter(rows).mean()
        for name in scalars
    }  # fmt: skip
