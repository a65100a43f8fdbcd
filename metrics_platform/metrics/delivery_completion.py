"""What became of the deliveries, and how long they took."""

from collections.abc import Sequence

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.pooling import aggregated
from metrics_platform.kernels.rates import CONFIDENCE, binomial_interval
from metrics_platform.kernels.ways import driven, driven_at
from metrics_platform.signals.deliveries import DELIVERY_OUTCOMES


class DeliveryCompletion(MetricFrame):
    """One row per log_id, delivery_id: what became of it."""

    delivery_id: str = Field(description="As in `deliveries`.")
    start_ns: int = Field(description="When it began, on the recording's clock.")
    end_ns: int = Field(nullable=True, description="When it was over; null while under way.")
    outcome: str = Field(isin=DELIVERY_OUTCOMES, nullable=True, description="Null where unknown.")
    reason: str = Field(nullable=True, description="Why it failed, in the words of the source.")
    duration_s: float = Field(ge=0, nullable=True, description="Null while under way.")
    distance_m: float = Field(
        ge=0, nullable=True, description="Driven for it; null beyond the recorded drive."
    )

    class Config:
        unique = ["log_id", "delivery_id"]


def _with(outcome: str) -> pl.Expr:
    return (pl.col("outcome") == outcome).sum()


def _completed_ratio() -> pl.Expr:
    decided = _with("completed") + _with("failed")
    return pl.when(decided > 0).then(_with("completed") / decided)


@metric(
    version="1.0.0",
    rows=DeliveryCompletion,
    owner="delivery",
    summary={
        "deliveries": pl.len(),
        "completed": _with("completed"),
        "failed": _with("failed"),
        "cancelled": _with("cancelled"),
        "completed_ratio": _completed_ratio(),
        "median_duration_s": pl.col("duration_s").filter(outcome="completed").median(),
    },
    optional=["ego_states"],
)
def delivery_completion(
    deliveries: pl.LazyFrame,
    ego_states: pl.LazyFrame,
    *,
    standstill_mps: float = 0.005,
    settle_s: float = 1.0,
) -> pl.LazyFrame:
    """List the deliveries of a log; one row per log_id, delivery_id.

    A delivery that the customer cancelled, and one whose outcome isn't known, says nothing about
    the robot: neither counts in `completed_ratio`. An end before the beginning is no end.

    Formula: completed_ratio = completed / (completed + failed); its interval in `pooled` is that
    of a binomial share.

    Source: Clopper & Pearson (1934) for the interval; the share is the usual one of missions.

    Reference: none.

    Args:
        deliveries: As recorded.
        ego_states: Optional; without it `distance_m` is null.
        standstill_mps: Slower is standing; nuplan-devkit's `stopped_speed_threshold`.
        settle_s: The drive is taken to begin and end by so much earlier and later than the pose
            is known: the first message of a mission and the first pose don't come together.
    """
    settle_ns = round(settle_s * 1e9)
    way = driven(ego_states, standstill_mps)
    spans = ego_states.group_by("log_id").agg(
        first_ns=pl.col("timestamp_ns").min(), last_ns=pl.col("timestamp_ns").max()
    )
    over = deliveries.with_columns(
        end_ns=pl.when(pl.col("end_ns") >= pl.col("timestamp_ns")).then("end_ns")
    ).rename({"timestamp_ns": "start_ns"})
    within = (pl.col("start_ns") >= pl.col("first_ns") - settle_ns) & (
        pl.col("end_ns") <= pl.col("last_ns") + settle_ns
    )
    recorded = over.join(spans, on="log_id").filter(within)
    starts = driven_at(recorded, way, "start_ns").drop("known_s").rename({"way_m": "_from_m"})
    ways = driven_at(starts, way, "end_ns").select(
        "log_id", "delivery_id", distance_m=pl.col("way_m") - pl.col("_from_m")
    )
    return (
        over.join(ways, on=["log_id", "delivery_id"], how="left")
        .with_columns(duration_s=(pl.col("end_ns") - pl.col("start_ns")) * 1e-9)
        .select(polars_schema(DeliveryCompletion).names())
    )


def pooled(
    rows: pl.LazyFrame, by: Sequence[str], *, confidence: float = CONFIDENCE
) -> pl.LazyFrame:
    """Return counts by outcome, the share completed and its interval over several logs.

    Args:
        rows: Of this metric, and the columns of `by` beside them: a release, a vehicle, a place.
        by: What to tell apart; everything is one fleet if empty.
        confidence: Of the interval; it is from 0 to 1 where no delivery was decided.
    """
    low, high = binomial_interval("completed_count", "decided_count", confidence)
    counts = {f"{outcome}_count": _with(outcome).cast(pl.Int64) for outcome in DELIVERY_OUTCOMES}
    return aggregated(
        rows,
        by,
        deliveries_count=pl.len().cast(pl.Int64),
        decided_count=(_with("completed") + _with("failed")).cast(pl.Int64),
        **counts,
        median_duration_s=pl.col("duration_s").filter(outcome="completed").median(),
        completed_ratio=_completed_ratio(),
    ).with_columns(completed_low_ratio=low, completed_high_ratio=high)
