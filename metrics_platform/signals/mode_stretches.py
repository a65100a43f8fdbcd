"""The drive, cut where the mode changes."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.held_values import held
from metrics_platform.kernels.ways import driven, driven_at
from metrics_platform.signals.drive_modes import DRIVE_MODES, UNKNOWN_MODE


class ModeStretches(MetricFrame):
    """One row per log_id, start_ns: a stretch of the drive in one mode.

    Together the stretches of a log are all of the drive, from its first known state to its last;
    neighbours differ in their mode.
    """

    start_ns: int = Field(description="When the mode began, or the drive.")
    end_ns: int = Field(description="When it changed, or the drive ended.")
    mode: str = Field(isin=DRIVE_MODES, description="Who drove; unknown where nobody said.")
    previous_mode: str = Field(
        nullable=True, isin=DRIVE_MODES, description="Of the stretch before; null at the start."
    )
    distance_m: float = Field(ge=0, description="By pose; none across a gap.")
    duration_s: float = Field(ge=0, description="Time over which the pose is known.")

    class Config:
        unique = ["log_id", "start_ns"]


@signal(version="1.0.0", rows=ModeStretches, owner="safety", optional=["drive_modes"])
def mode_stretches(
    ego_states: pl.LazyFrame, drive_modes: pl.LazyFrame, *, standstill_mps: float = 0.005
) -> pl.LazyFrame:
    """Cut the drive where the mode changes; one row per log_id, start_ns.

    The mode is `unknown` before the first that is recorded, and throughout where none is: what was
    driven then is counted, and told apart. A change between two states divides the way between
    them by time. Repeated modes are one stretch.

    Args:
        ego_states: Motion on an even grid.
        drive_modes: Optional; who drives from when on.
        standstill_mps: Slower is standing; nuplan-devkit's `stopped_speed_threshold`.
    """
    way = driven(ego_states, standstill_mps)
    spans = ego_states.group_by("log_id").agg(
        first_ns=pl.col("timestamp_ns").min(), last_ns=pl.col("timestamp_ns").max()
    )
    found = held(drive_modes, spans, "mode", before=UNKNOWN_MODE)
    starts = driven_at(found, way, "start_ns").rename({"way_m": "_from_m", "known_s": "_from_s"})
    return (
        driven_at(starts, way, "end_ns")
        .with_columns(
            distance_m=pl.col("way_m") - pl.col("_from_m"),
            duration_s=pl.col("known_s") - pl.col("_from_s"),
        )
        .select(polars_schema(ModeStretches).names())
    )
