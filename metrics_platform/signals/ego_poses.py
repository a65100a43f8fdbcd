"""The vehicle's pose as recorded."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class EgoPoses(MetricFrame):
    """One row per log_id, timestamp_ns: pose of the vehicle's origin in a fixed frame, as recorded.

    Sampled as the recorder did: unevenly, and densely enough at times that differentiating it
    gives nonsense. `ego_states` is the resampled form. Axes after ISO 8855: x forward, y left,
    z up; heading is counter-clockwise from the x axis of the fixed frame. Velocities are in the
    vehicle's own axes, and null where the recording has none.
    """

    timestamp_ns: int = Field(description="Of the measurement, on the recording's clock.")
    x_m: float = Field(description="In the fixed frame.")
    y_m: float = Field(description="In the fixed frame.")
    z_m: float = Field(description="In the fixed frame, up.")
    heading_rad: float = Field(description="Counter-clockwise from the x axis.")
    longitudinal_velocity_mps: float = Field(nullable=True, description="Forward, as recorded.")
    lateral_velocity_mps: float = Field(nullable=True, description="To the left, as recorded.")
    yaw_rate_radps: float = Field(nullable=True, description="To the left, as recorded.")

    class Config:
        unique = ["log_id", "timestamp_ns"]


ego_poses = Signal(name="ego_poses", version="1.0.0", rows=EgoPoses, owner="platform")
