"""How far and how long each mode was driven: what rates of events are taken over."""

from collections.abc import Sequence

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.signals.drive_modes import AUTONOMOUS, DRIVE_MODES, UNKNOWN_MODE


class Exposure(MetricFrame):
    """One row per log_id, mode: how much was driven in it. Modes that didn't occur have no row."""

    mode: str = Field(isin=DRIVE_MODES, description="Who drove; unknown where nobody said.")
    distance_m: float = Field(ge=0, description="By pose; none across a gap.")
    duration_s: float = Field(ge=0, description="Standing time included; gaps are not.")
    stretches_count: int = Field(ge=1, description="How often the mode began.")

    class Config:
        unique = ["log_id", "mode"]


def _in(mode: str, name: str) -> pl.Expr:
    """Return the sum in one mode; null where no mode is known, since 0 would be a claim."""
    known = (pl.col("mode") != UNKNOWN_MODE).any()
    return pl.when(known).then(pl.col(name).filter(mode=mode).sum())


@metric(
    version="1.0.0",
    rows=Exposure,
    owner="safety",
    summary={
        "distance_m": pl.col("distance_m").sum(),
        "duration_s": pl.col("duration_s").sum(),
        "autonomous_distance_m": _in(AUTONOMOUS, "distance_m"),
        "autonomous_duration_s": _in(AUTONOMOUS, "duration_s"),
        "unknown_distance_m": pl.col("distance_m").filter(mode=UNKNOWN_MODE).sum(),
    },
)
def exposure(mode_stretches: pl.LazyFrame) -> pl.LazyFrame:
    """Sum up distance and time by drive mode; one row per log_id, mode.

    The modes together are the whole drive. A log without drive modes is computed, too: all of it
    is `unknown`, and `autonomous_distance_m` is null, not 0.

    Formula: distance = Σ |p(i+1) - p(i)| over the steps in the mode, a step in which the mode
    changes divided by time; duration = Σ Δt.

    Source: distance in autonomous mode is what California's annual reports are made of
    (13 CCR § 227.50); modes after SAE J3016 (2021).

    Reference: none; the modes together equal `distance_driven`.

    Args:
        mode_stretches: The drive, cut where the mode changes.
    """
    return pooled(mode_stretches.with_columns(stretches_count=pl.lit(1, pl.Int64)), ["log_id"])


def pooled(rows: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """Return distance, duration and stretches by mode over several logs.

    Args:
        rows: Of this metric, and the columns of `by` beside them: a release, a vehicle, a place.
        by: What to tell apart besides the mode; everything is one fleet if empty.
    """
    sums = ("distance_m", "duration_s", "stretches_count")
    return rows.group_by(*by, "mode").agg(pl.col(name).sum() for name in sums)
