"""How a mission's time is spent: driving, stopped, waiting at a kerb."""

from collections.abc import Sequence

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.kernels.held_values import held
from metrics_platform.signals.mission_phases import KERB_WAIT, STOP

UNKNOWN_PHASE = "unknown"


class PhaseTimes(MetricFrame):
    """One row per log_id, phase: how long the mission was in it. Phases that didn't occur: none."""

    phase: str = Field(description="As in `mission_phases`; unknown before the first of them.")
    duration_s: float = Field(ge=0, description="All its visits together.")
    visits_count: int = Field(ge=1, description="How often it began.")
    longest_s: float = Field(ge=0, description="Its longest visit.")
    longest_start_ns: int = Field(description="When that began: where to look.")

    class Config:
        unique = ["log_id", "phase"]


def _in(phase: str, name: str) -> pl.Expr:
    return pl.col(name).filter(phase=phase)


@metric(
    version="1.0.0",
    rows=PhaseTimes,
    owner="delivery",
    summary={
        "duration_s": pl.col("duration_s").sum(),
        "stops": _in(STOP, "visits_count").sum(),
        "stopped_s": _in(STOP, "duration_s").sum(),
        "kerb_waits": _in(KERB_WAIT, "visits_count").sum(),
        "kerb_wait_s": _in(KERB_WAIT, "duration_s").sum(),
        "longest_kerb_wait_s": _in(KERB_WAIT, "longest_s").max(),
    },
)
def phase_times(mission_phases: pl.LazyFrame, recordings: pl.LazyFrame) -> pl.LazyFrame:
    """Sum up the time in each phase; one row per log_id, phase.

    All of the recording is divided up: before the first phase it is `unknown`, and the last phase
    lasts until the end of the recording. A phase that is recorded again while it lasts is one
    visit. Of visits of equal length the earliest is the longest. A phase that begins with the last
    sample has no duration, and no row.

    Formula: duration = Σ (end - start) over the visits of a phase.

    Source: none; the phases are those of the mission.

    Reference: none.

    Args:
        mission_phases: The phase from when on.
        recordings: When the log began and ended.
    """
    spans = recordings.select("log_id", first_ns="start_ns", last_ns="end_ns")
    visits = held(mission_phases, spans, "phase", before=UNKNOWN_PHASE).filter(
        pl.col("end_ns") > pl.col("start_ns")
    )
    seconds = (pl.col("end_ns") - pl.col("start_ns")) * 1e-9
    return (
        visits.with_columns(duration_s=seconds)
        .group_by("log_id", "phase")
        .agg(
            pl.col("duration_s").sum(),
            visits_count=pl.len().cast(pl.Int64),
            longest_s=pl.col("duration_s").max(),
            longest_start_ns=pl.col("start_ns").sort_by(-pl.col("duration_s"), "start_ns").first(),
        )
    )


def pooled(rows: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """Return time, visits and the longest visit per phase over several logs.

    Args:
        rows: Of this metric, and the columns of `by` beside them: a release, a vehicle, a place.
        by: What to tell apart besides the phase; everything is one fleet if empty.
    """
    return rows.group_by(*by, "phase").agg(
        pl.col("duration_s", "visits_count").sum(), pl.col("longest_s").max()
    )
