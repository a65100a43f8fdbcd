"""When somebody or something stepped in while the vehicle drove itself."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal

# disengagement       the autonomous mode was switched off: by the system, or by whoever watches it
# takeover            a person took the controls, of which no report says that it disengaged
# remote_assistance   somebody far away gave advice or permission, and the vehicle kept driving
# emergency_stop      a person or a monitor stopped the vehicle
INTERVENTION_KINDS = ("disengagement", "takeover", "remote_assistance", "emergency_stop")


class Interventions(MetricFrame):
    """One row per log_id, intervention_id: one intervention, as it was recorded or reported.

    A log with this signal and no row of it is one in which nobody stepped in; a log without the
    signal is one of which that isn't known.
    """

    timestamp_ns: int = Field(description="When it began, on the recording's clock.")
    intervention_id: str = Field(description="Tells the interventions of a log apart.")
    kind: str = Field(isin=INTERVENTION_KINDS, description="What was done.")
    initiator: str = Field(
        nullable=True,
        description="Who: system, driver, remote_operator, passenger, or as the source says.",
    )
    cause: str = Field(nullable=True, description="Why, in the words of the source.")
    end_ns: int = Field(nullable=True, description="When it was over, where that is recorded.")
    place: str = Field(nullable=True, description="Kind of road or name of the place.")
    vehicle: str = Field(nullable=True, description="Which one, where a log is of several.")
    operator: str = Field(nullable=True, description="Whose vehicle, where a log is of several.")

    class Config:
        unique = ["log_id", "intervention_id"]


interventions = Signal(name="interventions", version="1.0.0", rows=Interventions, owner="safety")
