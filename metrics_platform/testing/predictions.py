"""A predictor for synthetic logs, whose errors are known."""

import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.forecast_targets import ForecastTargets
from metrics_platform.signals.predicted_trajectories import PredictedTrajectories
from metrics_platform.testing.experts import ego_plans
from metrics_platform.testing.synthetic_frames import TRACKS_HZ, Frames

PREDICTOR = "predictor"
# Between predictions, and between the steps of one.
EVERY_S = 1.0
STEP_S = 0.5
STEPS = 6
# Of each mode: how far its last step is off along the x axis, and its probability. The best one is
# not the most probable one.
FINAL_ERRORS_M = (0.5, 2.5, 5.0)
PROBABILITIES = (0.3, 0.6, 0.1)

_TRACK = ("log_id", "source", "track_id")


def predictions(frames: Frames) -> Frames:
    """Return what `futures` returns, with plans of the ego among the predictions."""
    made = futures(frames)
    parts = [made["predicted_trajectories"], ego_plans(frames)]
    key = PredictedTrajectories.to_schema().unique
    return {**made, "predicted_trajectories": pl.concat(parts).sort(key)}


def futures(frames: Frames) -> Frames:
    """Return predictions for the tracks of `frames`, and whose future is asked.

    Every second the predictor predicts every road user but the last of the log. Errors grow evenly
    along a mode, from the tracks of `frames` on. Where the log ends before the future does, it
    predicts a standstill. At the first moment everybody's future is asked for.
    """
    places = (
        frames["tracks"]
        .lazy()
        .sort(*_TRACK, "timestamp_ns")
        .select(
            *_TRACK,
            "timestamp_ns",
            "x_m",
            "y_m",
            "heading_rad",
            sample=pl.int_range(pl.len()).over(*_TRACK),
        )
    )
    now = places.filter(pl.col("sample") % round(EVERY_S * TRACKS_HZ) == 0)
    predicted = now.filter(pl.col("track_id") != pl.col("track_id").max().over("log_id"))
    steps = pl.LazyFrame({"step_index": range(STEPS)}, {"step_index": pl.Int64})
    later = places.select(
        *_TRACK, "sample", later_ns="timestamp_ns", later_x_m="x_m", later_y_m="y_m"
    )
    modes = pl.LazyFrame(
        {
            "mode_index": range(len(FINAL_ERRORS_M)),
            "final_error_m": FINAL_ERRORS_M,
            "probability_ratio": PROBABILITIES,
        }
    )
    number = pl.col("step_index") + 1
    at_ns = pl.col("timestamp_ns") + number * round(STEP_S * 1e9)
    trajectories = (
        predicted.join(steps, how="cross")
        .with_columns(sample=pl.col("sample") + number * round(STEP_S * TRACKS_HZ))
        .join(later, on=[*_TRACK, "sample"], how="left")
        .join(modes, how="cross")
        .with_columns(
            source=pl.lit(PREDICTOR),
            at_ns=pl.col("later_ns").fill_null(at_ns),
            x_m=pl.col("later_x_m").fill_null(pl.col("x_m"))
            + pl.col("final_error_m") * number / STEPS,
            y_m=pl.col("later_y_m").fill_null(pl.col("y_m")),
        )
    )
    first = pl.col("timestamp_ns") == pl.col("timestamp_ns").min().over("log_id")
    targets = now.filter(first).with_columns(
        focal=pl.col("track_id") == pl.col("track_id").min().over("log_id")
    )
    names = polars_schema(PredictedTrajectories).names()
    return {
        "predicted_trajectories": trajectories.select(names).collect(),
        "forecast_targets": targets.select(polars_schema(ForecastTargets).names())
        .sort(ForecastTargets.to_schema().unique)
        .collect(),
    }
