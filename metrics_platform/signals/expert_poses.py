"""What a human driver did in the scene that a simulated ego drove."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class ExpertPoses(MetricFrame):
    """One row per log_id, timestamp_ns: pose of the vehicle's origin as the expert drove it.

    In the same fixed frame and on the same clock as `ego_poses`.
    """

    timestamp_ns: int = Field(description="On the recording's clock.")
    x_m: float = Field(description="Vehicle origin in the fixed frame.")
    y_m: float = Field(description="Vehicle origin in the fixed frame.")
    heading_rad: float = Field(description="Counter-clockwise from the x axis.")

    class Config:
        unique = ["log_id", "timestamp_ns"]


expert_poses = Signal(name="expert_poses", version="1.0.0", rows=ExpertPoses, owner="planning")
