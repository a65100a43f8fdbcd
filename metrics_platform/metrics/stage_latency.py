"""How long the software takes, stage by stage and from end to end."""

from collections.abc import Sequence

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema

STAGE, END_TO_END = "stage", "end_to_end"
_WHAT = ("log_id", "scope", "stage")


class StageLatency(MetricFrame):
    """One row per log_id, scope, stage: durations of a stage's spans, or of whole traces."""

    scope: str = Field(isin=[STAGE, END_TO_END], description="One stage, or all of a trace.")
    stage: str = Field(description="Of the software; `first to last` from end to end.")
    spans_count: int = Field(ge=0, description="Spans, or traces, that finished.")
    unfinished_count: int = Field(ge=0, description="Begun and not finished, or lost on the way.")
    mean_s: float = Field(ge=0, nullable=True, description="Mean duration.")
    p50_s: float = Field(ge=0, nullable=True, description="Median duration.")
    p95_s: float = Field(ge=0, nullable=True, description="95th percentile of the duration.")
    p99_s: float = Field(ge=0, nullable=True, description="99th percentile of the duration.")
    max_s: float = Field(ge=0, nullable=True, description="Longest duration.")
    max_at_ns: int = Field(
        nullable=True, description="When the longest began, on the recording's clock."
    )
    jitter_s: float = Field(
        ge=0, nullable=True, description="Standard deviation of the duration; null for one span."
    )
    deadlines_count: int = Field(ge=0, description="Spans that had a deadline.")
    deadline_misses_count: int = Field(
        ge=0, description="Those of them that took longer, or never finished."
    )
    period_s: float = Field(
        ge=0, nullable=True, description="Median time from one start to the next."
    )
    period_jitter_s: float = Field(
        ge=0, nullable=True, description="Standard deviation of that time."
    )

    class Config:
        unique = ["log_id", "scope", "stage"]


def _most(column: str, scope: str) -> pl.Expr:
    return pl.col(column).filter(pl.col("scope") == scope).max()


@metric(
    version="1.0.0",
    rows=StageLatency,
    owner="platform",
    summary={
        "longest_stage_s": _most("max_s", STAGE),
        "worst_stage_p99_s": _most("p99_s", STAGE),
        "end_to_end_p50_s": _most("p50_s", END_TO_END),
        "end_to_end_p99_s": _most("p99_s", END_TO_END),
        "deadline_misses": pl.col("deadline_misses_count").sum(),
        "deadline_miss_ratio": (
            pl.col("deadline_misses_count").sum() / pl.col("deadlines_count").sum()
        ).fill_nan(None),
    },
    plausible={"deadline_miss_ratio": (0.0, 1.0)},
)
def stage_latency(spans: pl.LazyFrame, traces: pl.LazyFrame) -> pl.LazyFrame:
    """Take durations of stages and of whole traces together; one row per log_id, scope, stage.

    End to end is from when the first stage began to when the last one finished, over traces that
    got to the stage where they usually end; others are counted as unfinished, unless the recording
    ended meanwhile. Waiting between the stages is part of it. A span that never finished counts
    as one that missed its deadline.

    Formula: percentiles are interpolated linearly between the order statistics, at rank
    (n - 1) · q from 0, as numpy's default; standard deviations are those of a sample (n - 1).

    Source: Hyndman & Fan, "Sample Quantiles in Statistical Packages", The American Statistician
    50 (4), 1996, definition 7; Bédard et al., "Message Flow Analysis with Complex Causal Links for
    Distributed ROS 2 Systems", Robotics and Autonomous Systems 161, 2023, for what end to end is.

    Reference: `numpy.quantile` (method `linear`) and `numpy.std`, equal to rounding; the run times
    of an Autoware NDT localiser come out as published. RFC 3550's jitter, a running mean of the
    change from one packet to the next, is another one.

    Args:
        spans: Work of the stages.
        traces: Inputs on their way through the stages.
    """
    stages = spans.select(
        "log_id", "stage", "timestamp_ns", "duration_s", "deadline_s", scope=pl.lit(STAGE)
    )
    arrived = pl.col("complete")
    whole = traces.filter(arrived.is_not_null() & pl.col("usual_last_stage").is_not_null()).select(
        "log_id",
        stage=pl.format("{} to {}", "first_stage", "usual_last_stage"),
        timestamp_ns="start_ns",
        duration_s=pl.when(arrived).then("duration_s"),
        deadline_s=pl.lit(None, pl.Float64),
        scope=pl.lit(END_TO_END),
    )
    work = pl.concat([stages, whole], how="diagonal")
    # Periods are of one log: between two logs there is none to pool.
    period_s = pl.col("timestamp_ns").sort().diff() * 1e-9
    periods = work.group_by(_WHAT).agg(period_s=period_s.median(), period_jitter_s=period_s.std())
    return (
        pooled(work, _WHAT)
        .join(periods, on=_WHAT)
        .select(pl.col(name).cast(dtype) for name, dtype in polars_schema(StageLatency).items())
    )


def pooled(spans: pl.LazyFrame, by: Sequence[str] = ("stage",)) -> pl.LazyFrame:
    """Return the durations of spans of several logs, every span counting once.

    From the spans and not from the rows of `stage_latency`: a percentile of many logs is not to
    be had from theirs.

    Args:
        spans: Has `timestamp_ns`, `duration_s` and `deadline_s`, and the columns to group by.
        by: Columns to tell apart, such as stage.
    """
    duration_s, deadline_s = pl.col("duration_s"), pl.col("deadline_s")
    missed = (duration_s > deadline_s) | (duration_s.is_null() & deadline_s.is_not_null())
    longest = duration_s == duration_s.max()
    return spans.group_by(by).agg(
        spans_count=duration_s.count(),
        unfinished_count=duration_s.null_count(),
        mean_s=duration_s.mean(),
        p50_s=duration_s.quantile(0.50, "linear"),
        p95_s=duration_s.quantile(0.95, "linear"),
        p99_s=duration_s.quantile(0.99, "linear"),
        max_s=duration_s.max(),
        max_at_ns=pl.col("timestamp_ns").filter(longest).min(),
        jitter_s=duration_s.std(),
        deadlines_count=deadline_s.count(),
        deadline_misses_count=missed.sum(),
    )
