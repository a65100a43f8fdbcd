"""The speed that the vehicle itself reports."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class VehicleSpeeds(MetricFrame):
    """One row per log_id, timestamp_ns: speed from the wheels (CAN bus), as recorded.

    Signed: negative when reversing, where the vehicle says so. Independent of the pose, which
    makes it a check on it; the wheels' radius makes it wrong by a constant factor.
    """

    timestamp_ns: int = Field(description="Of the measurement, on the recording's clock.")
    speed_mps: float = Field(description="From the wheels; negative in reverse.")

    class Config:
        unique = ["log_id", "timestamp_ns"]


vehicle_speeds = Signal(
    name="vehicle_speeds", version="1.0.0", rows=VehicleSpeeds, owner="platform"
)
