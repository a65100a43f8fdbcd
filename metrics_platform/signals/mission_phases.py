"""What a robot or a vehicle on a mission is at."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal

# Waiting at the kerb for a chance to cross.
KERB_WAIT = "kerb_wait"
# Stopped by something in the way, or for no reason that is told.
STOP = "stop"


class MissionPhases(MetricFrame):
    """One row per log_id, timestamp_ns: the phase from then on, until the next row.

    Names are free, so that every mission can have its own. Metrics know `stop` and `kerb_wait`;
    usual ones beside them are driving, crossing, loading, handover, charging and idle.
    """

    timestamp_ns: int = Field(description="From when it holds, on the recording's clock.")
    phase: str = Field(str_length={"min_value": 1}, description="driving, stop, kerb_wait, …")

    class Config:
        unique = ["log_id", "timestamp_ns"]


mission_phases = Signal(
    name="mission_phases", version="1.0.0", rows=MissionPhases, owner="delivery"
)
