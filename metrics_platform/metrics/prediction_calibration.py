"""Whether a mode said to be likely is the one that happens."""

from collections.abc import Sequence

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, metric
from metrics_platform.core.frames import polars_schema

_BIN = ("bin_index", "lower_ratio", "upper_ratio")


class PredictionCalibration(MetricFrame):
    """One row per log_id, source, bin_index: modes of about the same probability.

    Counts and means over the same modes: rows of several logs can be pooled.
    """

    source: str = Field(description="Who predicted.")
    bin_index: int = Field(ge=0, description="From the least probable modes to the most.")
    lower_ratio: float = Field(ge=0, le=1, description="Probabilities are above it.")
    upper_ratio: float = Field(ge=0, le=1, description="Probabilities are up to it.")
    modes_count: int = Field(ge=1, description="Modes in the bin.")
    best_count: int = Field(ge=0, description="Those of them that came closest to the truth.")
    mean_probability_ratio: float = Field(ge=0, le=1, description="As predicted.")
    best_ratio: float = Field(ge=0, le=1, description="As it happened.")

    class Config:
        unique = ["log_id", "source", "bin_index"]


def _errors() -> dict[str, pl.Expr]:
    off = (pl.col("best_ratio") - pl.col("mean_probability_ratio")).abs()
    count = pl.col("modes_count")
    return {
        "expected_calibration_error": (off * count).sum() / count.sum(),
        "max_calibration_error": off.max(),
    }


@metric(
    version="1.0.0",
    rows=PredictionCalibration,
    owner="prediction",
    summary={
        "calibrated_modes": pl.col("modes_count").sum(),
        # Without a mode there is no error: 0 / 0 is none.
        **{name: error.fill_nan(None) for name, error in _errors().items()},
    },
    plausible={"expected_calibration_error": (0.0, 1.0)},
)
def prediction_calibration(mode_errors: pl.LazyFrame, *, bins: int = 10) -> Rows:
    """Compare probabilities of modes with how often they are the best; one row per log_id, bin.

    Every mode of every prediction is one case: it happens if it ends closest to the truth. So the
    cases that happen are as many as the predictions, and a predictor that spreads its probability
    evenly over its modes is calibrated if all are best equally often. Being the closest doesn't
    mean being close: `prediction_errors` says how close. Modes without a probability or a truth
    at their last step don't count. A log without any probability abstains. The summary takes the
    predictors of a log together.

    Formula: expected calibration error = Σ n_b / n · |best_b / n_b - mean p_b| over the bins b;
    the greatest of |…| is the max calibration error. Bin i of n is (i / n, (i + 1) / n], the first
    one with 0.

    Source: Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI
    2015; Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, for the bins' ends.
    No forecasting benchmark scores calibration.

    Reference: none.

    Args:
        mode_errors: Errors and probabilities of every mode.
        bins: Of equal width; 10 as in Naeini et al. Rows of other widths don't pool.
    """
    cases = mode_errors.filter(pl.col("probability_ratio").is_not_null())
    abstained = (
        mode_errors.select("log_id")
        .unique()
        .join(cases.select("log_id").unique(), on="log_id", how="anti")
        .with_columns(reason=pl.lit("no predictor gives its modes a probability"))
    )
    index = (pl.col("probability_ratio") * bins).ceil().cast(pl.Int64).clip(1, bins) - 1
    judged = pl.col("best").is_not_null() & pl.col("fde_m").is_not_null()
    binned = cases.filter(judged).select(
        "log_id",
        "source",
        bin_index=index,
        lower_ratio=index / bins,
        upper_ratio=(index + 1) / bins,
        modes_count=pl.lit(1, pl.Int64),
        best_count=pl.col("best").cast(pl.Int64),
        mean_probability_ratio="probability_ratio",
    )
    rows = _pooled_bins(binned, ["log_id", "source"])
    return Rows(rows.select(polars_schema(PredictionCalibration).names()), abstained)


def pooled(rows: pl.LazyFrame, by: Sequence[str] = ("source",)) -> pl.LazyFrame:
    """Return the calibration errors over several logs, every mode counting once.

    Args:
        rows: Of `prediction_calibration`.
        by: Columns to tell apart, such as source.
    """
    bins = _pooled_bins(rows, by)
    return bins.group_by(by).agg(calibrated_modes_count=pl.col("modes_count").sum(), **_errors())


def _pooled_bins(rows: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    count = pl.col("modes_count")
    return (
        rows.group_by(*by, *_BIN)
        .agg(
            count.sum(),
            pl.col("best_count").sum(),
            mean_probability_ratio=(pl.col("mean_probability_ratio") * count).sum() / count.sum(),
        )
        # A sum of many probabilities of 1 may exceed their number by its rounding.
        .with_columns(
            pl.col("mean_probability_ratio").clip(0, 1),
            best_ratio=pl.col("best_count") / count,
        )
    )
