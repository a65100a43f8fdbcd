"""Predictions of road users and what became of them, of which a test says only what it is about."""

from collections.abc import Sequence

import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.forecast_targets import ForecastTargets
from metrics_platform.signals.predicted_trajectories import PredictedTrajectories
from metrics_platform.signals.tracks import Tracks
from metrics_platform.testing.predictions import predictions
from metrics_platform.testing.synthetic import Frames, synthetic_logs
from metrics_platform_tests.metrics.builders import STEP_NS

Place = tuple[float, float]


def futures_of(
    modes: Sequence[Sequence[Place]],
    probabilities: Sequence[float | None] | None = None,
    *,
    log_id: str = "log",
    source: str = "predictor",
    track_id: str = "1",
    timestamp_ns: int = 0,
) -> pl.DataFrame:
    """Return the predicted places of each mode, 0.1 s apart, the first one 0.1 s ahead."""
    given = probabilities if probabilities is not None else [None] * len(modes)
    rows = [
        {
            "log_id": log_id,
            "timestamp_ns": timestamp_ns,
            "source": source,
            "track_id": track_id,
            "mode_index": mode,
            "step_index": step,
            "at_ns": timestamp_ns + (step + 1) * STEP_NS,
            "x_m": float(x),
            "y_m": float(y),
            "heading_rad": None,
            "probability_ratio": probability,
        }
        for mode, (places, probability) in enumerate(zip(modes, given, strict=True))
        for step, (x, y) in enumerate(places)
    ]
    return pl.DataFrame(rows, polars_schema(PredictedTrajectories))


def track_of(
    places: Sequence[Place | None],
    *,
    log_id: str = "log",
    source: str = "annotation",
    track_id: str = "1",
    start_ns: int = STEP_NS,
    category: str = "car",
) -> pl.DataFrame:
    """Return where the road user was, 0.1 s apart; None where nobody knows."""
    schema = polars_schema(Tracks)
    usual = dict.fromkeys(schema, 0.0) | {"points_count": None, "occlusion_ratio": None}
    names = {"log_id": log_id, "source": source, "track_id": track_id, "category": category}
    rows = [
        usual
        | names
        | {"timestamp_ns": start_ns + step * STEP_NS, "x_m": place[0], "y_m": place[1]}
        for step, place in enumerate(places)
        if place is not None
    ]
    return pl.DataFrame(rows, schema)


def targets_of(*track_ids: str, log_id: str = "log", timestamp_ns: int = 0) -> pl.DataFrame:
    """Return who was to be predicted; the first one is the focal one."""
    rows = [
        {"log_id": log_id, "timestamp_ns": timestamp_ns, "track_id": name, "focal": not number}
        for number, name in enumerate(track_ids)
    ]
    return pl.DataFrame(rows, polars_schema(ForecastTargets))


def predicted_fleet() -> Frames:
    """Return synthetic logs in which everything is as it was predicted, but for known errors."""
    frames = synthetic_logs(8, seconds=6)
    true = frames["tracks"].with_columns(source=pl.lit("annotation"))
    return {**frames, **predictions(frames), "tracks": true}
