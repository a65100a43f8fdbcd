"""How far predictions of road users are off, and how many miss."""

from collections.abc import Sequence

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema

# Argoverse 2 and nuScenes rank by one mode and by six (nuScenes by five and ten, too).
TOP_K = (1, 6)
# Argoverse 2's `miss_threshold_m`.
MISS_THRESHOLD_M = 2.0
_PREDICTION = ("log_id", "timestamp_ns", "source", "track_id")


class PredictionErrors(MetricFrame):
    """One row per log_id, timestamp_ns, source, track_id, top_k_count: a prediction, judged.

    Two conventions exist for several modes, and both are here: errors of the mode that is closest
    at the end (`…best_fde…`, `brier_…`), and the least error of any mode (`min_…`).
    """

    timestamp_ns: int = Field(description="When it was predicted, on the recording's clock.")
    source: str = Field(description="Who predicted.")
    track_id: str = Field(description="Whose future, as in `tracks`.")
    top_k_count: int = Field(ge=1, description="So many of the most probable modes are judged.")
    category: str = Field(nullable=True, description="Of the road user, as the truth names it.")
    scored: bool = Field(
        description="Whether it counts: it was asked for, or nobody said what was."
    )
    focal: bool = Field(
        nullable=True, description="Whether the scenario was made for it; null where nobody said."
    )
    modes_count: int = Field(
        ge=0, description="Modes judged; 0 where it was asked for and not predicted."
    )
    horizon_s: float = Field(nullable=True, description="From the prediction to its last step.")
    truth_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Part of the steps with a known truth."
    )
    min_ade_m: float = Field(ge=0, nullable=True, description="Least mean error of a mode.")
    ade_of_best_fde_m: float = Field(
        ge=0, nullable=True, description="Mean error of the mode with the least final error."
    )
    min_fde_m: float = Field(ge=0, nullable=True, description="Least final error of a mode.")
    missed: bool = Field(nullable=True, description="Whether no mode ends near the truth.")
    probability_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Of the mode with the least final error."
    )
    brier_min_fde_m: float = Field(
        ge=0, nullable=True, description="Its final error, and its Brier score on top."
    )
    brier_min_ade_m: float = Field(
        ge=0, nullable=True, description="Its mean error, and its Brier score on top."
    )

    class Config:
        unique = ["log_id", "timestamp_ns", "source", "track_id", "top_k_count"]


def _means() -> dict[str, pl.Expr]:
    """Return how rows become one number: the mean over all predictions that have a value."""
    names = ("min_ade_m", "ade_of_best_fde_m", "min_fde_m", "brier_min_fde_m", "brier_min_ade_m")
    return {
        **{name: pl.col(name).mean() for name in names},
        "miss_rate_ratio": pl.col("missed").cast(pl.Float64).mean(),
    }


def _summary() -> dict[str, pl.Expr]:
    scored = pl.col("scored") & (pl.col("top_k_count") == pl.col("top_k_count").min())
    values = {
        "predictions": (scored & (pl.col("modes_count") > 0)).sum(),
        "unpredicted_targets": (scored & (pl.col("modes_count") == 0)).sum(),
    }
    for k in TOP_K:
        judged = pl.col("scored") & (pl.col("top_k_count") == k)
        for name in ("min_ade", "ade_of_best_fde", "min_fde", "brier_min_fde"):
            values[f"{name}_{k}_m"] = pl.col(f"{name}_m").filter(judged).mean()
        values[f"miss_rate_{k}"] = pl.col("missed").filter(judged).cast(pl.Float64).mean()
    return values


@metric(
    version="1.0.0",
    rows=PredictionErrors,
    owner="prediction",
    summary=_summary(),
    # Six seconds at 40 m/s: a car on the motorway, taken for a parked one.
    plausible={f"min_fde_{k}_m": (0.0, 240.0) for k in TOP_K},
    optional=["forecast_targets"],
)
def prediction_errors(
    mode_errors: pl.LazyFrame,
    forecast_targets: pl.LazyFrame,
    *,
    top_k: tuple[int, ...] = TOP_K,
    miss_threshold_m: float = MISS_THRESHOLD_M,
) -> pl.LazyFrame:
    """Judge predictions by their best modes; one row per log_id, timestamp_ns, track_id and K.

    Of every prediction the K most probable modes count, or all where it has fewer; one with fewer
    steps than another of them is none of least error, since errors grow with time. A prediction
    without a truth at any step has no row; one whose last step has no truth has mean errors over
    the steps that have, and no final error. Where the recording says whose future was asked for,
    the others are not `scored`; who was asked for and not predicted, by a predictor that predicted
    others in that log, has a row without errors. The summary has means over what is scored.

    Formula: ADE = mean over the steps of |predicted - true|; FDE = |predicted - true| at the last
    step; min over K modes; missed = min FDE > `miss_threshold_m`; brier min FDE = min FDE +
    (1 - p)², p the probability of the mode with the least FDE; the same with its ADE.

    Source: Wilson et al., "Argoverse 2", NeurIPS Datasets and Benchmarks 2021: its minADE is the
    ADE of the mode with the least FDE (`ade_of_best_fde_m`). nuScenes' MinADEK and the Waymo Open
    Motion Dataset's minADE are the least ADE (`min_ade_m`).

    Reference: av2's `compute_ade`, `compute_fde`, `compute_is_missed_prediction`,
    `compute_brier_fde` and `compute_brier_ade` (0.3.6): equal to 1e-14 m on random predictions.
    They take a whole truth; where it ends early, the mean over the steps that have one is Waymo's
    rule. Of modes equally close, ours takes the more probable one. nuScenes' miss rate looks at
    the greatest error along the way, Waymo's at one along and one across the heading that grow
    with speed: neither is this one.

    Args:
        mode_errors: Errors of every mode.
        forecast_targets: Whose future was asked for.
        top_k: How many modes count, each with rows of its own. The summary knows the usual ones.
        miss_threshold_m: A final error up to it is a hit, as in Argoverse 2.
    """
    judged = mode_errors.filter(pl.col("truth_steps_count") > 0)
    rows = pl.concat([_judged(judged, k, miss_threshold_m) for k in top_k])
    focal = forecast_targets.select("log_id", "timestamp_ns", "track_id", "focal")
    asked = forecast_targets.select("log_id").unique().with_columns(_asked=pl.lit(True))
    judged_rows = (
        rows.join(focal, on=["log_id", "timestamp_ns", "track_id"], how="left")
        .join(asked, on="log_id", how="left")
        .with_columns(scored=pl.col("focal").is_not_null() | pl.col("_asked").is_null())
    )
    return pl.concat(
        [judged_rows.drop("_asked"), _unpredicted(mode_errors, forecast_targets, top_k)],
        how="diagonal_relaxed",
    ).select(pl.col(name).cast(dtype) for name, dtype in polars_schema(PredictionErrors).items())


def pooled(rows: pl.LazyFrame, by: Sequence[str] = ("source",)) -> pl.LazyFrame:
    """Return the means over all scored predictions of several logs, each counting once.

    Args:
        rows: Of `prediction_errors`.
        by: Columns to tell apart beside `top_k_count`, such as source, category or focal.
    """
    keys = list(dict.fromkeys([*by, "top_k_count"]))
    predicted = rows.filter(pl.col("scored") & (pl.col("modes_count") > 0))
    return predicted.group_by(keys).agg(predictions_count=pl.len().cast(pl.Int64), **_means())


def _judged(modes: pl.LazyFrame, k: int, miss_threshold_m: float) -> pl.LazyFrame:
    ended = pl.col("fde_m").is_not_null()
    whole = pl.col("steps_count") == pl.col("steps_count").max()
    probability = pl.col("probability_ratio")
    brier = (1 - probability) * (1 - probability)
    best = (
        modes.filter(pl.col("rank_index") < k)
        .sort("fde_m", "rank_index", nulls_last=True)
        .group_by(_PREDICTION)
        .agg(
            pl.col("category", "horizon_s").first(),
            (pl.col("truth_steps_count") / pl.col("steps_count")).first().alias("truth_ratio"),
            modes_count=pl.len().cast(pl.Int64),
            min_ade_m=pl.col("ade_m").filter(whole).min(),
            ade_of_best_fde_m=pl.col("ade_m").filter(ended).first(),
            min_fde_m=pl.col("fde_m").first(),
            probability_ratio=probability.filter(ended).first(),
            brier=brier.filter(ended).first(),
        )
    )
    return best.with_columns(
        top_k_count=pl.lit(k, pl.Int64),
        missed=pl.col("min_fde_m") > miss_threshold_m,
        brier_min_fde_m=pl.col("min_fde_m") + pl.col("brier"),
        brier_min_ade_m=pl.col("ade_of_best_fde_m") + pl.col("brier"),
    ).drop("brier")


def _unpredicted(
    modes: pl.LazyFrame, targets: pl.LazyFrame, top_k: tuple[int, ...]
) -> pl.LazyFrame:
    """Return a row for each target that a predictor of its log left out.

    But the ego, whose plans are no predictions.
    """
    predictors = modes.select("log_id", "source").unique()
    return (
        targets.filter(pl.col("track_id") != "ego")
        .join(predictors, on="log_id")
        .join(modes.select(_PREDICTION).unique(), on=_PREDICTION, how="anti")
        .join(pl.LazyFrame({"top_k_count": top_k}, {"top_k_count": pl.Int64}), how="cross")
        .with_columns(scored=pl.lit(True), modes_count=pl.lit(0, pl.Int64))
    )
