"""Where the lanes of the map lie."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class LanePoints(MetricFrame):
    """One row per log_id, lane_id, point_index: a point of the lane's centre, and of both bounds.

    In the fixed frame of the ego poses and tracks, in the direction of travel. The three points of
    a row need not lie on one line across; where a map's bounds have different numbers of points,
    its reader puts more of them on their lines.
    """

    lane_id: str = Field(description="As in `lanes`.")
    point_index: int = Field(ge=0, description="In the direction of travel, from 0.")
    x_m: float = Field(description="Of the centre line.")
    y_m: float = Field(description="Of the centre line.")
    left_x_m: float = Field(description="Of the left bound.")
    left_y_m: float = Field(description="Of the left bound.")
    right_x_m: float = Field(description="Of the right bound.")
    right_y_m: float = Field(description="Of the right bound.")

    class Config:
        unique = ["log_id", "lane_id", "point_index"]


lane_points = Signal(name="lane_points", version="1.0.0", rows=LanePoints, owner="platform")
