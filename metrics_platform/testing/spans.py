"""The software of synthetic logs at work: stages, their times, and what they lose."""

import numpy as np
import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.spans import Spans
from metrics_platform.testing.synthetic_frames import Frames

# Stage to how long it usually takes; each begins when the one before has finished.
USUAL_S = {"detection": 0.030, "tracking": 0.010, "planning": 0.040}
DEADLINE_S = {"planning": 0.050}
PERIOD_S = 0.1
# Every so many frames, the sensor sends none, tracking loses one, or planning never finishes.
NO_FRAME = 40
LOST_FRAME = 25
UNFINISHED_FRAME = 33


def stage_spans(frames: Frames) -> Frames:
    """Return the spans of three stages at 10 Hz throughout the logs of `frames`.

    Which frames are lost depends on the log.
    """
    period_ns = round(PERIOD_S * 1e9)
    ticks = (
        frames["recordings"]
        .sort("log_id")
        .with_row_index("log")
        .select(
            "log_id",
            "log",
            timestamp_ns=pl.int_ranges("start_ns", pl.col("end_ns") + 1, period_ns),
        )
        .explode("timestamp_ns")
        .with_columns(frame=pl.int_range(pl.len()).over("log_id") + pl.col("log"))
        .filter(pl.col("frame") % NO_FRAME != NO_FRAME - 1)
        .with_columns(trace_id=pl.col("timestamp_ns").cast(pl.String))
    )
    rng = np.random.default_rng(0)
    parts = []
    begins = pl.col("timestamp_ns")
    for stage, usual_s in USUAL_S.items():
        duration_s = usual_s * rng.gamma(20.0, 1 / 20.0, len(ticks))
        spans = ticks.with_columns(
            timestamp_ns=begins,
            stage=pl.lit(stage),
            duration_s=pl.Series(duration_s, dtype=pl.Float64),
            deadline_s=pl.lit(DEADLINE_S.get(stage), pl.Float64),
        )
        ticks = ticks.with_columns(
            timestamp_ns=spans["timestamp_ns"] + (spans["duration_s"] * 1e9).round().cast(pl.Int64)
        )
        parts.append(spans)
    lost = (pl.col("frame") % LOST_FRAME == 0) & (pl.col("stage") != "detection")
    unfinished = (pl.col("frame") % UNFINISHED_FRAME == 0) & (pl.col("stage") == "planning")
    spans = (
        pl.concat(parts)
        .filter(~lost)
        .with_columns(duration_s=pl.when(~unfinished).then("duration_s"))
    )
    return {
        "spans": spans.select(polars_schema(Spans).names()).sort("log_id", "timestamp_ns", "stage")
    }
