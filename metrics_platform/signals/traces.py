"""What became of an input on its way through the software."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, signal
from metrics_platform.core.frames import polars_schema

_TRACE = ("log_id", "trace_id")
_WAY = ("log_id", "first_stage")


class Traces(MetricFrame):
    """One row per log_id, trace_id: an input, from the first stage to the last that finished.

    Inputs that enter at the same stage usually leave at the same one: that is how far a trace has
    to get.
    """

    trace_id: str = Field(description="As in `spans`.")
    start_ns: int = Field(description="When its first span began.")
    first_stage: str = Field(description="Of the span that began first.")
    last_stage: str = Field(
        nullable=True, description="Of the span that finished last; null where none did."
    )
    usual_last_stage: str = Field(
        nullable=True,
        description="Where most traces from the first stage end; null if none leaves that stage.",
    )
    duration_s: float = Field(
        ge=0,
        nullable=True,
        description="From its start to when it finished there; of one that didn't, to when its "
        "last span finished.",
    )
    complete: bool = Field(
        nullable=True,
        description="Whether it got there; null where the recording ends too soon to tell.",
    )

    class Config:
        unique = ["log_id", "trace_id"]


@signal(version="1.0.0", rows=Traces, owner="platform")
def traces(spans: pl.LazyFrame) -> pl.LazyFrame:
    """Put the spans of each trace together; one row per trace.

    Where traces usually end is the most frequent last stage of those that leave their first one,
    in this log; of equally frequent ones that which takes longer. A trace is complete if that stage
    finished, even if another one beside it did so later. One that didn't get there, and began so
    late that a complete one could still be on its way when the recording ended, is neither complete
    nor lost.

    Work without a duration, such as the arrival of an input, comes before what begins at the same
    instant; and of stages that finish at the same instant the one that began last is the last.

    Args:
        spans: Work of the stages.
    """
    ended = pl.col("timestamp_ns") + (pl.col("duration_s") * 1e9).round().cast(pl.Int64)
    work = spans.with_columns(end_ns=ended)
    over = work.group_by("log_id").agg(
        over_ns=pl.max_horizontal("timestamp_ns", "end_ns").max(),
    )
    takes_time = (pl.col("end_ns") > pl.col("timestamp_ns")).fill_null(value=True)
    linked = work.filter(pl.col("trace_id").is_not_null()).sort("timestamp_ns", takes_time, "stage")
    stage, end_ns = pl.col("stage"), pl.col("end_ns")
    ways = linked.group_by(_TRACE).agg(
        start_ns=pl.col("timestamp_ns").first(),
        first_stage=stage.first(),
        # Nulls are first: the last one finished, if any did.
        last_stage=pl.when(end_ns.count() > 0).then(
            stage.sort_by("end_ns", "timestamp_ns", "stage").last()
        ),
        duration_s=(end_ns.max() - pl.col("timestamp_ns").first()) * 1e-9,
    )
    ends = linked.group_by(*_TRACE, usual_last_stage="stage").agg(there_ns=end_ns.max())
    usual = (
        ways.filter(pl.col("last_stage") != pl.col("first_stage"))
        .group_by(*_WAY, usual_last_stage="last_stage")
        .agg(frequency=pl.len(), longest_s=pl.col("duration_s").max())
        .sort("frequency", "longest_s", "usual_last_stage", descending=True)
        .group_by(_WAY)
        .agg(pl.col("usual_last_stage", "longest_s").first())
    )
    arrived = pl.col("there_ns").is_not_null()
    there_s = (pl.col("there_ns") - pl.col("start_ns")) * 1e-9
    could_have = (pl.col("over_ns") - pl.col("start_ns")) * 1e-9 >= pl.col("longest_s")
    return (
        ways.join(usual, on=_WAY, how="left")
        .join(ends, on=[*_TRACE, "usual_last_stage"], how="left")
        .join(over, on="log_id")
        .with_columns(duration_s=pl.coalesce(there_s, "duration_s"))
        .with_columns(complete=pl.when(arrived | could_have).then(arrived))
        .select(polars_schema(Traces).names())
    )
