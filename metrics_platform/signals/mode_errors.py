"""How far each predicted future was from what happened."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.interpolation import interpolate

_NAMES = ("log_id", "source", "track_id")
_PREDICTION = ("_who", "timestamp_ns")


class ModeErrors(MetricFrame):
    """One row per log_id, timestamp_ns, source, track_id, mode_index: a future, and its errors.

    Errors are distances in the plane between the predicted place and the true one, and null where
    the truth is unknown.
    """

    timestamp_ns: int = Field(description="When it was predicted, on the recording's clock.")
    source: str = Field(description="Who predicted.")
    track_id: str = Field(description="Whose future, as in `tracks`.")
    mode_index: int = Field(ge=0, description="As in `predicted_trajectories`.")
    rank_index: int = Field(ge=0, description="Among the modes, 0 for the most probable.")
    category: str = Field(nullable=True, description="Of the road user, as the truth names it.")
    probability_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Of the mode, as predicted."
    )
    horizon_s: float = Field(description="From the prediction to its last step.")
    steps_count: int = Field(ge=1, description="Steps of the mode within the horizon.")
    truth_steps_count: int = Field(ge=0, description="Those of them at which the truth is known.")
    ade_m: float = Field(
        ge=0, nullable=True, description="Mean error over the steps with a known truth."
    )
    fde_m: float = Field(
        ge=0,
        nullable=True,
        description="Error at the last step; null where other modes of the prediction go further.",
    )
    best: bool = Field(
        nullable=True, description="Whether its last step is the closest of all modes."
    )

    class Config:
        unique = ["log_id", "timestamp_ns", "source", "track_id", "mode_index"]


@signal(version="1.0.0", rows=ModeErrors, owner="prediction")
def mode_errors(
    predicted_trajectories: pl.LazyFrame,
    tracks: pl.LazyFrame,
    *,
    truth: str = "annotation",
    horizon_s: float | None = None,
    max_gap_s: float = 0.6,
) -> Rows:
    """Compare predicted futures with the tracks' own; one row per prediction and mode.

    The truth is interpolated at the moment that a step is for. Where the track has ended by then,
    or has a gap, that step is left out of the mean; without a truth at the last step there is no
    final error. Nor is there of a mode that ends before others of its prediction do: errors at
    different moments don't compare, and less time makes a lesser one. Modes are ranked by
    probability, and where that is the same or unknown by their index. Of equally close modes the
    more probable one is the best. Plans for the ego are not among them. A log without a single true
    track abstains.

    Args:
        predicted_trajectories: What was predicted.
        tracks: What happened.
        truth: Source of the tracks that are taken for the truth.
        horizon_s: Later steps don't count; all do if None. Argoverse 2 looks at 6 s, nuScenes
            too, the Waymo Open Motion Dataset at 3, 5 and 8 s.
        max_gap_s: Between samples further apart the truth is unknown. nuScenes annotates twice
            a second, which no other benchmark does as seldom.
    """
    futures = predicted_trajectories.filter(pl.col("track_id") != "ego")
    if horizon_s is not None:
        ahead_ns = pl.col("at_ns") - pl.col("timestamp_ns")
        futures = futures.filter(ahead_ns <= round(horizon_s * 1e9))
    known = tracks.filter(pl.col("source") == truth)
    abstained = (
        futures.select("log_id")
        .unique()
        .join(known.select("log_id").unique(), on="log_id", how="anti")
        .with_columns(reason=pl.lit(f"no tracks of the source {truth!r} to compare with"))
    )
    futures = futures.join(abstained, on="log_id", how="anti")
    # Numbered, because grouping by three names takes many times longer; sorted, because the query
    # may be run once for each use of it, and the order of `unique` is another one each time.
    names = futures.select(_NAMES).unique().sort(_NAMES).with_row_index("_who")
    steps = futures.join(names, on=_NAMES).select(
        *_PREDICTION, "mode_index", "step_index", "at_ns", "x_m", "y_m", "probability_ratio"
    )
    true = known.join(names.drop("source"), on=["log_id", "track_id"]).sort("_who", "timestamp_ns")
    modes = _compared(steps, _places(steps, true, max_gap_s))
    categories = true.group_by("_who").agg(pl.col("category").first())
    rows = (
        _ranked(modes)
        .join(categories, on="_who", how="left")
        .join(names, on="_who")
        .select(polars_schema(ModeErrors).names())
    )
    return Rows(rows, abstained)


def _places(steps: pl.LazyFrame, true: pl.LazyFrame, max_gap_s: float) -> pl.LazyFrame:
    """Return where everybody truly was at the moments of `steps`, as far as it is known."""
    since_ns = pl.col("timestamp_ns") - pl.col("timestamp_ns").shift(1)
    samples = true.select(
        "timestamp_ns",
        log_id="_who",
        true_x_m="x_m",
        true_y_m="y_m",
        segment_index=(since_ns > round(max_gap_s * 1e9)).fill_null(value=False).cum_sum(),
    )
    moments = steps.select(log_id="_who", timestamp_ns="at_ns").unique().sort("timestamp_ns")
    # Each track of each predictor stands where the kernel expects a log.
    return interpolate(
        moments, samples, segment="segment_index", linear=["true_x_m", "true_y_m"]
    ).rename({"log_id": "_who", "timestamp_ns": "at_ns"})


def _compared(steps: pl.LazyFrame, places: pl.LazyFrame) -> pl.LazyFrame:
    off_x, off_y = pl.col("x_m") - pl.col("true_x_m"), pl.col("y_m") - pl.col("true_y_m")
    error = pl.col("error_m")
    goes_farthest = pl.col("last_index") == pl.col("last_index").max().over(_PREDICTION)
    return (
        steps.join(places, on=["_who", "at_ns"], how="left")
        .with_columns(error_m=(off_x * off_x + off_y * off_y).sqrt())
        .group_by(*_PREDICTION, "mode_index")
        .agg(
            probability_ratio=pl.col("probability_ratio").max(),
            horizon_s=(pl.col("at_ns").max() - pl.col("timestamp_ns").first()) * 1e-9,
            steps_count=pl.len().cast(pl.Int64),
            truth_steps_count=error.count().cast(pl.Int64),
            # A list keeps the order of the steps: joined rows have none, and Polars would leave out
            # a sort before a mean, which rounds by that order.
            ade_m=error.sort_by("step_index").implode().list.mean(),
            fde_m=error.max_by("step_index"),
            last_index=pl.col("step_index").max(),
        )
        .with_columns(fde_m=pl.when(goes_farthest).then("fde_m"))
    )


def _ranked(modes: pl.LazyFrame) -> pl.LazyFrame:
    place = pl.int_range(pl.len(), dtype=pl.Int64).over(_PREDICTION)
    return (
        modes.sort(-pl.col("probability_ratio"), "mode_index", nulls_last=True)
        .with_columns(rank_index=place)
        .sort("fde_m", "rank_index", nulls_last=True)
        .with_columns(best=(place == 0) & pl.col("fde_m").is_not_null())
        .with_columns(best=pl.when(pl.col("best").any().over(_PREDICTION)).then("best"))
    )
