"""Faster than allowed."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.stretches import stretches


class SpeedLimitCompliance(MetricFrame):
    """One row per log_id, start_ns: a stretch of driving faster than the lane's limit."""

    start_ns: int = Field(description="First state above the limit, on the recording's clock.")
    duration_s: float = Field(ge=0, description="From there to the end of its last state.")
    max_over_speed_mps: float = Field(gt=0, description="Greatest speed above the limit.")
    mean_over_speed_mps: float = Field(gt=0, description="Mean speed above the limit.")
    worst_at_ns: int = Field(description="When it was greatest.")
    lane_id: str = Field(description="The lane then.")
    speed_limit_mps: float = Field(gt=0, description="Of that lane.")
    x_m: float = Field(description="Centre of the ego's box then, in the fixed frame.")
    y_m: float = Field(description="Centre of the ego's box then, in the fixed frame.")
    over_speed_ratio: float = Field(
        ge=0, description="Its share of the time for which the limit is known."
    )
    loss_ratio: float = Field(ge=0, description="What it takes off the log's score.")

    class Config:
        unique = ["log_id", "start_ns"]


@metric(
    version="1.0.0",
    rows=SpeedLimitCompliance,
    owner="planning",
    summary={
        "over_speed_events": pl.len(),
        "max_over_speed_mps": pl.col("max_over_speed_mps").max(),
        "over_speed_ratio": pl.col("over_speed_ratio").sum(),
        "speed_limit_score": (1 - pl.col("loss_ratio").sum()).clip(lower_bound=0.0),
    },
    plausible={"max_over_speed_mps": (None, 40.0)},
)
def speed_limit_compliance(ego_lanes: pl.LazyFrame, *, max_over_speed_mps: float = 2.23) -> Rows:
    """Find the stretches above the speed limit; one row per log_id, start_ns.

    The limit is that of the lane the ego is in. States off all lanes, or in a lane whose limit the
    map doesn't say, don't count. A log without a single known limit abstains.

    Formula: over = max(0, v - limit); score = max(0, 1 - Σ(over · step) / (`max_over_speed_mps` ·
    (t_last - t_first))).

    Source: nuplan-devkit, `speed_limit_compliance` (Karnchanachari et al. 2024).

    Reference: nuplan-devkit's test scene `speed_limit_violation`, with a straight lane of 30 mph in
    place of its map, gives the same over-speeds (greatest 11.28, mean 8.91 m/s) and number. There a
    lane connector has the greatest limit of the lanes before and after it; here it has its own, or
    counts for nothing. Steps of the grid are summed, where nuPlan multiplies with the mean step.

    Args:
        ego_lanes: The ego in its lanes.
        max_over_speed_mps: Driven at all the time it makes the score 0; 5 mph, nuPlan's
            `max_overspeed_value_threshold`.
    """
    time = pl.col("timestamp_ns")
    segment = ("log_id", "segment_index")
    known = pl.col("speed_limit_mps").is_not_null()
    states = ego_lanes.sort("log_id", "timestamp_ns").with_columns(
        step_s=time.diff().backward_fill().over(segment).fill_null(0) * 1e-9,
        over_mps=pl.col("speed_mps") - pl.col("speed_limit_mps"),
    )
    lengths_s = ((time.max() - time.min()).over(segment) / pl.len().over(segment)) * 1e-9
    logs = states.with_columns(length_s=lengths_s).group_by("log_id").agg(
        recorded_s=pl.col("length_s").sum(),
        judged_s=pl.col("step_s").filter(known).sum(),
        any_known=known.any(),
    )  # fmt: skip
    over = pl.col("over_mps")
    worst = over.arg_max()
    found = stretches(
        states,
        over > 0,
        merge_gap_s=0.0,
        min_duration_s=0.0,
        max_over_speed_mps=over.max(),
        mean_over_speed_mps=over.mean(),
        over_speed_m=(over * pl.col("step_s")).sum(),
        worst_at_ns=time.get(worst),
        **{name: pl.col(name).get(worst) for name in ("lane_id", "speed_limit_mps", "x_m", "y_m")},
    )
    allowed_m = max_over_speed_mps * pl.col("recorded_s")
    rows = found.join(logs, on="log_id").with_columns(
        # A state by itself has no duration to take a share of.
        over_speed_ratio=_share(pl.col("duration_s"), pl.col("judged_s")),
        loss_ratio=_share(pl.col("over_speed_m"), allowed_m),
    )
    reason = pl.lit("the map says no speed limit where the ego drove")
    return Rows(
        rows.select(polars_schema(SpeedLimitCompliance).names()),
        logs.filter(~pl.col("any_known")).select("log_id", reason=reason),
    )


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole).otherwise(0.0)
