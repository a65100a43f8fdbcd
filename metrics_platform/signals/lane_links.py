"""Which lane leads into which."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class LaneLinks(MetricFrame):
    """One row per log_id, lane_id, next_lane_id: the end of a lane is the beginning of the next."""

    lane_id: str = Field(description="As in `lanes`.")
    next_lane_id: str = Field(description="As in `lanes`.")
    lane_length_m: float = Field(
        gt=0, description="Of `lane_id`, as positions along it are counted."
    )

    class Config:
        unique = ["log_id", "lane_id", "next_lane_id"]


lane_links = Signal(name="lane_links", version="1.0.0", rows=LaneLinks, owner="safety")
