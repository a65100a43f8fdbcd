"""How many times somebody had to step in for a delivery."""

from collections.abc import Sequence

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.pooling import aggregated
from metrics_platform.kernels.rates import CONFIDENCE, poisson_interval


class InterventionsPerDelivery(MetricFrame):
    """One row per log_id, delivery_id: interventions during a delivery that is over."""

    delivery_id: str = Field(description="As in `deliveries`.")
    start_ns: int = Field(description="When it began, on the recording's clock.")
    intervention_count: int = Field(ge=0, description="Of any kind, from beginning to end.")
    remote_assistance_count: int = Field(ge=0, description="Those of them from far away.")

    class Config:
        unique = ["log_id", "delivery_id"]


_DELIVERIES = pl.len()
_COUNT = pl.col("intervention_count").sum()


def _each() -> pl.Expr:
    return pl.when(_DELIVERIES > 0).then(_COUNT / _DELIVERIES)


@metric(
    version="1.0.0",
    rows=InterventionsPerDelivery,
    owner="delivery",
    summary={
        "deliveries": _DELIVERIES,
        "interventions": _COUNT,
        "interventions_per_delivery": _each(),
        "deliveries_without": (pl.col("intervention_count") == 0).sum(),
    },
)
def interventions_per_delivery(
    deliveries: pl.LazyFrame, interventions: pl.LazyFrame
) -> pl.LazyFrame:
    """Count the interventions during each delivery; one row per log_id, delivery_id.

    One that began at the first or the last moment of a delivery is part of it; one that began
    while several were under way is part of each. Deliveries that aren't over are left out: what
    is still to come would be missing. Whatever the outcome, a delivery counts.

    Formula: rate = n / deliveries; its interval in `pooled` is
    [χ²(0.025; 2n) / 2, χ²(0.975; 2n + 2) / 2] / deliveries.

    Source: Garwood (1936), "Fiducial limits for the Poisson distribution".

    Reference: none.

    Args:
        deliveries: As recorded.
        interventions: As recorded.
    """
    key = ["log_id", "delivery_id"]
    over = deliveries.filter(pl.col("end_ns") >= pl.col("timestamp_ns")).rename(
        {"timestamp_ns": "start_ns"}
    )
    during = over.join(interventions.select("log_id", "timestamp_ns", "kind"), on="log_id").filter(
        pl.col("timestamp_ns").is_between("start_ns", "end_ns")
    )
    counts = during.group_by(key).agg(
        intervention_count=pl.len().cast(pl.Int64),
        remote_assistance_count=(pl.col("kind") == "remote_assistance").sum().cast(pl.Int64),
    )
    return (
        over.join(counts, on=key, how="left")
        .with_columns(pl.col("intervention_count", "remote_assistance_count").fill_null(0))
        .select(polars_schema(InterventionsPerDelivery).names())
    )


def pooled(
    rows: pl.LazyFrame, by: Sequence[str], *, confidence: float = CONFIDENCE
) -> pl.LazyFrame:
    """Return deliveries, interventions, their rate and its interval over several logs.

    Args:
        rows: Of this metric, and the columns of `by` beside them: a release, a vehicle, a place.
        by: What to tell apart; everything is one fleet if empty.
        confidence: Of the interval.
    """
    low, high = poisson_interval("intervention_count", confidence)
    deliveries = pl.col("deliveries_count")
    return aggregated(
        rows,
        by,
        deliveries_count=_DELIVERIES.cast(pl.Int64),
        intervention_count=_COUNT,
        interventions_per_delivery=_each(),
    ).with_columns(
        low_per_delivery=pl.when(deliveries > 0).then(low / deliveries),
        high_per_delivery=pl.when(deliveries > 0).then(high / deliveries),
    )
