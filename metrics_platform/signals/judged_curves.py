"""From judged boxes to curves of precision: what scores of detection have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from metrics_platform.core import MetricFrame
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.average_precision import Curves
from metrics_platform.signals.box_matches import FALSE, FOUND, MISSED, NOT_JUDGED

# By which detections of equal scores are told apart.
_TIES = ("log_id", "timestamp_ns", "track_id")
_ERRORS = ("distance_m", "scale_error_ratio", "heading_error_rad", "velocity_error_mps")


@dataclass(frozen=True, kw_only=True)
class JudgedCurves:
    """The detections of all curves that can be drawn: one for each class and threshold.

    Attributes:
        groups: One row per class and threshold, with `truths_count` and `detections_count`. Where
            the former is 0 the curve is there, of one object that is never found.
        detections: Confidence and errors, in the order of `curves`.
        curves: The same in numbers.
    """

    groups: pl.DataFrame
    detections: pl.DataFrame
    curves: Curves


def judged_curves(rows: pl.DataFrame, by: Sequence[str], *, later_first: bool) -> JudgedCurves:
    """Return the detections of each class and threshold of those `rows` that agree in `by`.

    Args:
        rows: Of `BoxMatches`.
        by: Columns of them.
        later_first: Which of equal scores counts as more confident, as `DetectionRules` has it.
    """
    key = [*by, "class_name", "threshold_m"]
    needed = dict.fromkeys([*key, *_TIES, "outcome", "score", *_ERRORS])
    judged = rows.select(*needed).filter(pl.col("outcome") != NOT_JUDGED)
    groups = (
        judged.group_by(key)
        .agg(
            truths_count=(pl.col("outcome") != FALSE).sum().cast(pl.Int64),
            detections_count=(pl.col("outcome") != MISSED).sum().cast(pl.Int64),
        )
        .sort(key)
        .with_row_index("group")
    )
    detections = _by_confidence(
        judged.filter(pl.col("outcome") != MISSED).join(
            groups.select(*key, "group"), on=key, nulls_equal=True
        ),
        later_first=later_first,
    )
    curves = Curves(
        hits=(detections["outcome"] == FOUND).to_numpy(),
        starts=np.append(0, groups["detections_count"].cum_sum().to_numpy()),
        truths=groups["truths_count"].clip(lower_bound=1).to_numpy(),
    )
    return JudgedCurves(groups=groups.drop("group"), detections=detections, curves=curves)


def _by_confidence(detections: pl.DataFrame, *, later_first: bool) -> pl.DataFrame:
    """Sort by group and falling score; names are compared only where scores are equal.

    Comparing them throughout would take most of the time of scoring.
    """
    rows = detections.select("group", "score").with_row_index("row")
    rows = rows.sort("group", "score", descending=[False, True])
    same = (pl.col("group") == pl.col("group").shift(1)) & (
        pl.col("score") == pl.col("score").shift(1)
    )
    repeats = rows.select(same.fill_null(value=False)).to_series().to_numpy()
    order = rows["row"].to_numpy().copy()
    repeated = np.append(repeats, False)[1:]
    tied = np.flatnonzero(repeats | repeated)
    among = detections[order[tied]].select("group", "score", *_TIES)
    order[tied] = (
        among.with_columns(row=pl.Series(order[tied]))
        .sort(
            "group", "score", *_TIES, descending=[False, True] + len(_TIES) * [later_first]
        )["row"]
        .to_numpy()
    )  # fmt: skip
    return detections.select("outcome", "score", *_ERRORS)[order]


def pooled_schema(rows: pl.LazyFrame, by: Sequence[str], model: type[MetricFrame]) -> pl.Schema:
    """Return the schema of scores by other columns than `model` has them by."""
    given, made = rows.collect_schema(), polars_schema(model)
    own = [name for name in made.names() if name not in ("log_id", "source")]
    return pl.Schema({name: given[name] for name in by} | {name: made[name] for name in own})
