"""The lanes of the map that a log was driven on."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class Lanes(MetricFrame):
    """One row per log_id, lane_id: a piece of lane, as long as the map has it.

    Only lanes near the drive need be there. Its geometry is in `lane_points`.
    """

    lane_id: str = Field(description="As the map names it.")
    kind: str = Field(description="Whom it is for: vehicle, bus, bike, pedestrian, …")
    in_intersection: bool = Field(description="Whether it lies in an intersection.")
    speed_limit_mps: float = Field(gt=0, nullable=True, description="Where the map says one.")
    left_lane_id: str = Field(
        nullable=True, description="The next lane on the left in the same direction."
    )
    right_lane_id: str = Field(
        nullable=True, description="The next lane on the right in the same direction."
    )

    class Config:
        unique = ["log_id", "lane_id"]


lanes = Signal(name="lanes", version="1.0.0", rows=Lanes, owner="platform")
