"""Where the vehicle was, what it did and who drove when somebody stepped in."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.interpolation import interpolate
from metrics_platform.signals.drive_modes import AUTONOMOUS, DRIVE_MODES, UNKNOWN_MODE
from metrics_platform.signals.interventions import Interventions

_THERE = ("x_m", "y_m", "speed_mps")


class InterventionMoments(Interventions):
    """One row per log_id, intervention_id: an intervention, and the vehicle at its first moment."""

    mode_before: str = Field(
        isin=DRIVE_MODES, description="Who drove until then; unknown where nobody said."
    )
    within_drive: bool = Field(
        nullable=True,
        description="Whether it began during the recorded drive; null where no drive is recorded.",
    )
    speed_mps: float = Field(ge=0, nullable=True, description="Null where the pose is unknown.")
    x_m: float = Field(nullable=True, description="Vehicle origin in the fixed frame.")
    y_m: float = Field(nullable=True, description="Vehicle origin in the fixed frame.")

    class Config:
        unique = ["log_id", "intervention_id"]


@signal(
    version="1.0.0",
    rows=InterventionMoments,
    owner="safety",
    optional=["mode_stretches", "ego_states"],
)
def intervention_moments(
    interventions: pl.LazyFrame,
    mode_stretches: pl.LazyFrame,
    ego_states: pl.LazyFrame,
    *,
    settle_s: float = 1.0,
) -> pl.LazyFrame:
    """Look up what is known at the first moment of each intervention.

    One row per log_id, intervention_id. The change of the mode and the record of the intervention
    that brought it about come by different ways, either may be first: the mode before is
    autonomous also where that mode ended at that moment or up to `settle_s` earlier. For the same
    reason, and since many recorders stop at a takeover, the drive is taken to last `settle_s`
    longer than it is recorded.

    Args:
        interventions: As recorded.
        mode_stretches: Optional; who drove.
        ego_states: Optional; where and how fast.
        settle_s: Longer than a message is under way, shorter than a person's hesitation.
    """
    settle_ns = round(settle_s * 1e9)
    events = interventions.sort("log_id", "timestamp_ns")
    stretches = mode_stretches.sort("log_id", "start_ns").select(
        "log_id", "start_ns", "mode", "previous_mode"
    )
    spans = mode_stretches.group_by("log_id").agg(
        first_ns=pl.col("start_ns").min(), last_ns=pl.col("end_ns").max()
    )
    there = interpolate(
        events.select("log_id", "intervention_id", "timestamp_ns"),
        ego_states.sort("log_id", "timestamp_ns"),
        segment="segment_index",
        linear=_THERE,
    ).drop("timestamp_ns")
    # An autonomous drive that ended just now: the intervention is what ended it.
    just_ended = (pl.col("timestamp_ns") - pl.col("start_ns") <= settle_ns) & (
        pl.col("previous_mode") == AUTONOMOUS
    )
    before = pl.when(just_ended).then("previous_mode").otherwise("mode")
    time = pl.col("timestamp_ns")
    return (
        events.join_asof(
            stretches,
            left_on="timestamp_ns",
            right_on="start_ns",
            by="log_id",
            check_sortedness=False,
        )
        .join(spans, on="log_id", how="left")
        .join(there, on=["log_id", "intervention_id"], how="left")
        .with_columns(
            within_drive=(time >= pl.col("first_ns")) & (time <= pl.col("last_ns") + settle_ns)
        )
        .with_columns(mode_before=pl.when("within_drive").then(before).fill_null(UNKNOWN_MODE))
        .select(polars_schema(InterventionMoments).names())
    )
