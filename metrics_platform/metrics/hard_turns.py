"""Turning harder than passengers find comfortable."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.kernels.stretches import stretches


class HardTurns(MetricFrame):
    """One row per log_id, start_ns: a hard turn."""

    start_ns: int = Field(description="First state of the event, on the recording's clock.")
    duration_s: float = Field(gt=0, description="From there to the end of its last state.")
    peak_lateral_acceleration_mps2: float = Field(
        description="The one farthest from 0; to the left is positive."
    )
    peak_yaw_rate_radps: float = Field(
        description="The one farthest from 0; to the left is positive."
    )
    start_speed_mps: float = Field(ge=0, description="At its first moment.")
    x_m: float = Field(description="Of the vehicle's origin at its first moment.")
    y_m: float = Field(description="Of the vehicle's origin at its first moment.")

    class Config:
        unique = ["log_id", "start_ns"]


@metric(
    version="1.0.0",
    rows=HardTurns,
    owner="planning",
    summary={
        "hard_turns": pl.len(),
        "peak_lateral_acceleration_mps2": pl.col("peak_lateral_acceleration_mps2").abs().max(),
        "peak_yaw_rate_radps": pl.col("peak_yaw_rate_radps").abs().max(),
    },
    # A tyre holds 0.8 to 0.9 g on dry asphalt (Wong, Theory of Ground Vehicles); 12 leaves room.
    plausible={"peak_lateral_acceleration_mps2": (0.0, 12.0)},
)
def hard_turns(
    ego_states: pl.LazyFrame,
    *,
    threshold_mps2: float = 3.92,
    yaw_rate_threshold_radps: float = 0.95,
    merge_gap_s: float = 0.5,
    min_duration_s: float = 0.2,
) -> pl.LazyFrame:
    """Find the stretches of strong lateral acceleration or turning; one row per log_id, start_ns.

    Either threshold makes an event, so that a robot which turns on the spot has them too. A swerve
    to one side and back without a pause is one event. Events never go across a gap in the
    recording.

    Formula: an event is a longest stretch with |a_lateral| ≥ `threshold_mps2` or |yaw rate| ≥
    `yaw_rate_threshold_radps`.

    Source: 0.4 g of lateral acceleration is aggressive turning in Tesla's Safety Score, and 0.42 g
    hard cornering in DriveScore's; the yaw rate is the bound of nuplan-devkit's
    `ego_is_comfortable`.

    Reference: none.

    Args:
        ego_states: Motion on an even grid.
        threshold_mps2: Least lateral acceleration of an event: 0.4 g.
        yaw_rate_threshold_radps: Least yaw rate of an event; nuplan-devkit's `max_abs_yaw_rate`.
        merge_gap_s: A shorter dip below the thresholds doesn't end an event: the derivative in
            `ego_states` looks at half a second, and resolves nothing shorter.
        min_duration_s: Shorter events are left out: two states, since one by itself can be an
            error of the localisation.
    """
    lateral, yaw_rate = pl.col("lateral_acceleration_mps2"), pl.col("yaw_rate_radps")
    return stretches(
        ego_states.sort("log_id", "timestamp_ns"),
        (lateral.abs() >= threshold_mps2) | (yaw_rate.abs() >= yaw_rate_threshold_radps),
        merge_gap_s=merge_gap_s,
        min_duration_s=min_duration_s,
        peak_lateral_acceleration_mps2=_farthest(lateral),
        peak_yaw_rate_radps=_farthest(yaw_rate),
        start_speed_mps=pl.col("speed_mps").first(),
        x_m=pl.col("x_m").first(),
        y_m=pl.col("y_m").first(),
    )


def _farthest(value: pl.Expr) -> pl.Expr:
    """Return the value that is farthest from 0, with its sign."""
    most, least = value.max(), value.min()
    return pl.when(most >= -least).then(most).otherwise(least)
