"""Braking harder than passengers find comfortable."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.kernels.stretches import stretches


class HardBrakes(MetricFrame):
    """One row per log_id, start_ns: a hard-brake event."""

    start_ns: int = Field(description="First sample of the event, on the recording's clock.")
    duration_s: float = Field(gt=0, description="From there to the end of its last sample.")
    peak_deceleration_mps2: float = Field(ge=0, description="Greatest in the event.")
    start_speed_mps: float = Field(ge=0, description="At its first moment.")
    end_speed_mps: float = Field(ge=0, description="At its last moment.")

    class Config:
        unique = ["log_id", "start_ns"]


@metric(
    version="1.0.0",
    rows=HardBrakes,
    owner="planning",
    summary={
        "hard_brakes": pl.len(),
        "peak_deceleration_mps2": pl.col("peak_deceleration_mps2").max(),
    },
    # A tyre holds 0.8 to 0.9 g on dry asphalt (Wong, Theory of Ground Vehicles); 12 leaves room.
    plausible={"peak_deceleration_mps2": (0.0, 12.0)},
)
def hard_brakes(
    ego_states: pl.LazyFrame,
    *,
    threshold_mps2: float = 3.0,
    merge_gap_s: float = 0.5,
    min_duration_s: float = 0.2,
) -> pl.LazyFrame:
    """Find the stretches of braking at `threshold_mps2` or more; one row per log_id, start_ns.

    Braking is deceleration along the direction of travel, so also when reversing. An event lasts
    from its first to its last sample, each of which stands for one step of the grid. Events never
    go across a gap in the recording.

    Formula: deceleration = -a_longitudinal · sign(v_longitudinal); an event is a longest stretch
    with deceleration ≥ `threshold_mps2`.

    Source: 10 ft/s2 (3.05 m/s2) is the deceleration that ITE's guidelines for signal timing (2020)
    take to be comfortable.

    Reference: none.

    Args:
        ego_states: Motion on an even grid.
        threshold_mps2: Least deceleration of an event.
        merge_gap_s: A shorter dip below the threshold doesn't end an event: the derivative in
            `ego_states` looks at half a second, and resolves nothing shorter.
        min_duration_s: Shorter events are left out: two samples of the grid, since one by itself
            can be an error of the localisation.
    """
    states = ego_states.sort("log_id", "timestamp_ns").with_columns(
        deceleration_mps2=-pl.col("longitudinal_acceleration_mps2")
        * pl.col("longitudinal_velocity_mps").sign(),
    )
    return stretches(
        states,
        pl.col("deceleration_mps2") >= threshold_mps2,
        merge_gap_s=merge_gap_s,
        min_duration_s=min_duration_s,
        peak_deceleration_mps2=pl.col("deceleration_mps2").max(),
        start_speed_mps=pl.col("speed_mps").first(),
        end_speed_mps=pl.col("speed_mps").last(),
    )
