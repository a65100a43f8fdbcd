"""Inputs that the software never got, gave up, or lost on the way."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema

MISSING, UNFINISHED, LOST = "missing", "unfinished", "lost"


class DroppedFrames(MetricFrame):
    """One row per log_id, kind, stage, at_ns, trace_id: where frames were dropped."""

    kind: str = Field(
        isin=[MISSING, UNFINISHED, LOST],
        description="Never begun at its time; begun and not finished; gone before the last stage.",
    )
    stage: str = Field(description="Where it is missing; of a lost one, the stage it should reach.")
    at_ns: int = Field(
        description="Start of the frame before, of the span, or of the trace; recording's clock."
    )
    trace_id: str = Field(nullable=True, description="Of what was dropped, where it has one.")
    frames_count: int = Field(ge=1, description="Frames dropped there.")
    gap_s: float = Field(
        gt=0, nullable=True, description="Where frames are missing, from one start to the next."
    )
    reached_stage: str = Field(
        nullable=True, description="Of a lost one, the last stage that finished."
    )

    class Config:
        unique = ["log_id", "kind", "stage", "at_ns", "trace_id"]


@metric(
    version="1.0.0",
    rows=DroppedFrames,
    owner="platform",
    summary={
        f"{kind}_frames": pl.col("frames_count").filter(pl.col("kind") == kind).sum()
        for kind in (MISSING, UNFINISHED, LOST)
    }
    | {"longest_gap_s": pl.col("gap_s").max()},
)
def dropped_frames(
    spans: pl.LazyFrame, traces: pl.LazyFrame, *, late_ratio: float = 1.5, min_periods: int = 3
) -> pl.LazyFrame:
    """Find frames that a stage should have had; one row per log_id, kind, stage, at_ns, trace_id.

    Three ways to drop one, counted apart, since one frame may be found in more than one of them:
    a stage that works at a steady rate had no frame where one was due (`missing`); it began and
    never finished (`unfinished`); a trace never finished at the stage where traces from its first
    stage usually end (`lost`). What happens before a stage's first span or after its last is not
    seen. A stage that works on demand has no rate, and its pauses come out as missing frames.

    Formula: with T the median of the times from one start to the next of a stage, a time d of
    `late_ratio` · T or more is missing ⌊d / T + 1/2⌋ - 1 frames.

    Source: none: ROS 2's topic statistics record the periods between messages, and leave it to
    people to tell what is too long.

    Reference: none.

    Args:
        spans: Work of the stages.
        traces: Inputs on their way through the stages.
        late_ratio: In median periods; from 1.5 on, another frame would have been nearer in time.
        min_periods: A stage with fewer has no rate yet: of two periods nobody can tell which is
            the unusual one.
    """
    unfinished = spans.filter(pl.col("duration_s").is_null()).select(
        "log_id",
        "stage",
        "trace_id",
        kind=pl.lit(UNFINISHED),
        at_ns="timestamp_ns",
        frames_count=pl.lit(1, pl.Int64),
    )
    lost = traces.filter(~pl.col("complete")).select(
        "log_id",
        "trace_id",
        kind=pl.lit(LOST),
        stage="usual_last_stage",
        at_ns="start_ns",
        frames_count=pl.lit(1, pl.Int64),
        reached_stage="last_stage",
    )
    events = [_missing(spans, late_ratio, min_periods), unfinished, lost]
    return pl.concat(events, how="diagonal").select(
        pl.col(name).cast(dtype) for name, dtype in polars_schema(DroppedFrames).items()
    )


def _missing(spans: pl.LazyFrame, late_ratio: float, min_periods: int) -> pl.LazyFrame:
    start = pl.col("timestamp_ns").unique().sort()
    gaps = (
        spans.group_by("log_id", "stage")
        .agg(at_ns=start.slice(0, start.len() - 1), gap_ns=start.diff().slice(1))
        .filter(pl.col("gap_ns").list.len() >= min_periods)
        .with_columns(period_ns=pl.col("gap_ns").list.median())
        .explode("at_ns", "gap_ns")
    )
    periods = pl.col("gap_ns") / pl.col("period_ns")
    return gaps.filter(periods >= late_ratio).select(
        "log_id",
        "stage",
        "at_ns",
        kind=pl.lit(MISSING),
        frames_count=((periods + 0.5).floor().cast(pl.Int64) - 1).clip(lower_bound=1),
        gap_s=pl.col("gap_ns") * 1e-9,
    )
