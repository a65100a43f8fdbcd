"""Where the vehicle stood, how long, and whether it was stuck there."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.kernels.stretches import stretches


class Stops(MetricFrame):
    """One row per log_id, start_ns: a time of standing still."""

    start_ns: int = Field(description="First state of the stop, on the recording's clock.")
    duration_s: float = Field(gt=0, description="From there to the end of its last state.")
    x_m: float = Field(description="Of the vehicle's origin where it stood, in the fixed frame.")
    y_m: float = Field(description="Of the vehicle's origin where it stood, in the fixed frame.")
    from_start: bool = Field(description="It stood there when the recording began.")
    until_end: bool = Field(description="It stood there when the recording ended.")
    stuck_s: float = Field(
        ge=0, description="All of the stop where it was stuck, else 0; see the metric."
    )

    class Config:
        unique = ["log_id", "start_ns"]


@metric(
    version="1.0.0",
    rows=Stops,
    owner="planning",
    summary={
        "stops": pl.len(),
        "stopped_s": pl.col("duration_s").sum(),
        "longest_stop_s": pl.col("duration_s").max(),
        "stuck_s": pl.col("stuck_s").sum(),
    },
)
def stops(
    ego_states: pl.LazyFrame,
    *,
    standstill_mps: float = 0.1,
    min_duration_s: float = 1.0,
    merge_gap_s: float = 0.5,
    stuck_after_s: float = 180.0,
) -> pl.LazyFrame:
    """Find the stretches of standing still; one row per log_id, start_ns.

    A stop lasts from its first to its last state, each of which stands for one step of the grid. It
    never goes across a gap in the recording. A robot that turns on the spot stands.

    The vehicle is stuck in a stop that outlasts `stuck_after_s`, from its beginning on, if the
    recording shows it arrive and drive on: at the beginning and the end of a recording, and on both
    sides of a gap in it, nobody can tell a vehicle that is stuck from a parked one or one that has
    arrived. `until_end` finds those.

    Formula: a stop is a longest stretch with |v| ≤ `standstill_mps`; stuck = its duration where
    that is ≥ `stuck_after_s`, with states before and after it in the same segment, else 0.

    Source: CARLA's leaderboard ends a run as `Agent got blocked` once the vehicle has been slower
    than 0.1 m/s for 180 s (`ActorBlockedTest`).

    Reference: none; CARLA counts the blocked agent once, and at the end of a run as well.

    Args:
        ego_states: Motion on an even grid.
        standstill_mps: Not faster is standing; CARLA's.
        min_duration_s: Shorter stops are left out: below that a halt is part of a manoeuvre, such
            as the change from reverse to forward.
        merge_gap_s: A shorter movement doesn't end a stop: the derivative in `ego_states` looks at
            half a second, and resolves nothing shorter.
        stuck_after_s: CARLA's.
    """
    states = ego_states.sort("log_id", "timestamp_ns").with_columns(
        first=_differs("log_id", 1),
        last=_differs("log_id", -1),
        cut_off=pl.any_horizontal(
            _differs(name, rows) for name in ("log_id", "segment_index") for rows in (1, -1)
        ),
    )
    found = stretches(
        states,
        pl.col("speed_mps") <= standstill_mps,
        merge_gap_s=merge_gap_s,
        min_duration_s=min_duration_s,
        x_m=pl.col("x_m").first(),
        y_m=pl.col("y_m").first(),
        from_start=pl.col("first").any(),
        until_end=pl.col("last").any(),
        cut_off=pl.col("cut_off").any(),
    )
    # Steps are a few nanoseconds off where the grid does not divide evenly.
    outlasts = pl.col("duration_s") >= stuck_after_s - 1e-6
    stuck_s = pl.when(outlasts & ~pl.col("cut_off")).then("duration_s").otherwise(0.0)
    return found.with_columns(stuck_s=stuck_s).drop("cut_off")


def _differs(name: str, rows: int) -> pl.Expr:
    """Return whether the value so many rows before is another one, or there is no such row."""
    return (pl.col(name) != pl.col(name).shift(rows)).fill_null(value=True)
