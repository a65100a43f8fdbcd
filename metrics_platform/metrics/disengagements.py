"""Each time the autonomous mode was switched off: why, by whom, and where to look."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.drive_modes import DRIVE_MODES

DISENGAGING = ("disengagement", "takeover")
BY_SYSTEM = "system"


class Disengagements(MetricFrame):
    """One row per log_id, intervention_id: a disengagement or a takeover."""

    intervention_id: str = Field(description="As in `interventions`.")
    at_ns: int = Field(description="Its first moment, on the recording's clock.")
    kind: str = Field(isin=DISENGAGING, description="What was done.")
    initiator: str = Field(nullable=True, description="Who: system, driver, remote_operator, …")
    cause: str = Field(nullable=True, description="Why, in the words of the source.")
    mode_before: str = Field(isin=DRIVE_MODES, description="Who drove until then.")
    within_drive: bool = Field(nullable=True, description="Null where no drive is recorded.")
    speed_mps: float = Field(ge=0, nullable=True, description="At that moment, where known.")
    x_m: float = Field(nullable=True, description="Vehicle origin in the fixed frame.")
    y_m: float = Field(nullable=True, description="Vehicle origin in the fixed frame.")
    place: str = Field(nullable=True, description="Kind of road or name of the place.")
    vehicle: str = Field(nullable=True, description="Which one, where a log is of several.")
    operator: str = Field(nullable=True, description="Whose, where a log is of several.")

    class Config:
        unique = ["log_id", "intervention_id"]


@metric(
    version="1.0.0",
    rows=Disengagements,
    owner="safety",
    summary={
        "disengagements": pl.len(),
        "by_system": (pl.col("initiator") == BY_SYSTEM).sum(),
        "without_cause": pl.col("cause").null_count(),
        "max_speed_mps": pl.col("speed_mps").max(),
    },
)
def disengagements(intervention_moments: pl.LazyFrame) -> pl.LazyFrame:
    """List the disengagements and takeovers of a log; one row per log_id, intervention_id.

    Only what was recorded as an intervention: a change of the mode by itself is none, since a
    handover at the end of a trip looks the same. (All changes are in `mode_stretches`.) Those
    that began in another mode, or outside the recorded drive, are listed as well and say so; only
    `interventions_per_distance` leaves them out.

    Formula: the interventions of the kinds disengagement and takeover.

    Source: 13 CCR § 227.50 (California's annual report): the autonomous mode is deactivated since
    its technology failed or the safe operation of the vehicle required it.

    Reference: the 1,773 disengagements of California's report of 2024.

    Args:
        intervention_moments: Interventions, and the vehicle at their first moments.
    """
    return (
        intervention_moments.filter(pl.col("kind").is_in(DISENGAGING))
        .rename({"timestamp_ns": "at_ns"})
        .select(polars_schema(Disengagements).names())
    )
