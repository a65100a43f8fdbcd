"""How much of a drive leaned on somebody far away."""

from collections.abc import Sequence

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.kernels.pooling import aggregated

KIND = "remote_assistance"


class RemoteAssistance(MetricFrame):
    """One row per log_id: the remote assistance during its drive."""

    sessions_count: int = Field(ge=0, description="That began or went on during the drive.")
    endless_count: int = Field(ge=0, description="Those of them of which no end is recorded.")
    assisted_s: float = Field(
        ge=0, description="Time with at least one session of which both ends are known."
    )
    drive_s: float = Field(ge=0, description="From the first known state to the last.")
    assisted_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Of the drive; null where it has no duration."
    )

    class Config:
        unique = ["log_id"]


@metric(
    version="1.0.0",
    rows=RemoteAssistance,
    owner="delivery",
    summary={
        "sessions": pl.col("sessions_count").sum(),
        "endless_sessions": pl.col("endless_count").sum(),
        "assisted_s": pl.col("assisted_s").sum(),
        "assisted_ratio": pl.col("assisted_ratio").first(),
    },
)
def remote_assistance(interventions: pl.LazyFrame, ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Count and add up the sessions of remote assistance; one row per log_id.

    Sessions are cut to the recorded drive, and one that doesn't touch it is none of it. Where
    several go on at once, the time counts once. (Being driven from afar is the mode `remote`, and
    in `exposure`.)

    Formula: assisted = length of the union of [start, end] within the drive; ratio = assisted /
    (last state - first state).

    Source: remote assistance after SAE J3016 (2021): advice to a vehicle that goes on
    driving by itself.

    Reference: none.

    Args:
        interventions: Those of the kind remote_assistance count.
        ego_states: When the drive began and ended.
    """
    drives = ego_states.group_by("log_id").agg(
        first_ns=pl.col("timestamp_ns").min(), last_ns=pl.col("timestamp_ns").max()
    )
    ends = pl.when(pl.col("end_ns") >= pl.col("timestamp_ns")).then("end_ns")
    sessions = (
        interventions.filter(kind=KIND)
        .with_columns(ends_ns=ends)
        .join(drives, on="log_id")
        .filter(
            (pl.col("timestamp_ns") <= pl.col("last_ns"))
            & (pl.col("ends_ns").fill_null(pl.col("timestamp_ns")) >= pl.col("first_ns"))
        )
        .select(
            "log_id",
            "ends_ns",
            from_ns=pl.max_horizontal("timestamp_ns", "first_ns"),
            to_ns=pl.min_horizontal(pl.col("ends_ns"), pl.col("last_ns")),
        )
    )
    return (
        drives.join(_summed(sessions), on="log_id", how="left")
        .with_columns(
            pl.col("sessions_count", "endless_count").fill_null(0),
            pl.col("assisted_s").fill_null(0.0),
            drive_s=(pl.col("last_ns") - pl.col("first_ns")) * 1e-9,
        )
        .with_columns(assisted_ratio=_share())
        .select(
            "log_id", "sessions_count", "endless_count", "assisted_s", "drive_s", "assisted_ratio"
        )
    )


def pooled(rows: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """Return sessions, time and its share over several logs.

    Args:
        rows: Of this metric, and the columns of `by` beside them: a release, a vehicle, a place.
        by: What to tell apart; everything is one fleet if empty.
    """
    sums = ("sessions_count", "endless_count", "assisted_s", "drive_s")
    return aggregated(rows, by, **{name: pl.col(name).sum() for name in sums}).with_columns(
        assisted_ratio=_share()
    )


def _summed(sessions: pl.LazyFrame) -> pl.LazyFrame:
    """Count the sessions per log, and take the length of their union."""
    known = pl.col("ends_ns").is_not_null()
    # What an earlier session covers of this one counts there.
    covered_ns = pl.col("to_ns").filter(known).cum_max().shift(1)
    new_ns = pl.col("to_ns").filter(known) - pl.max_horizontal(
        pl.col("from_ns").filter(known), covered_ns
    )
    return (
        sessions.sort("log_id", "from_ns", "to_ns")
        .group_by("log_id")
        .agg(
            sessions_count=pl.len().cast(pl.Int64),
            endless_count=(~known).sum().cast(pl.Int64),
            assisted_s=new_ns.clip(0).sum() * 1e-9,
        )
    )


def _share() -> pl.Expr:
    # The two lengths are rounded apart from one another.
    share = (pl.col("assisted_s") / pl.col("drive_s")).clip(0, 1)
    return pl.when(pl.col("drive_s") > 0).then(share)
