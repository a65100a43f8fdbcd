"""Where along which lane road users are."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class LanePositions(MetricFrame):
    """One row per log_id, timestamp_ns, source, track_id: place of one road user along its lane.

    Of the middle of its front bumper, as a traffic simulation has it: its rear may still be in a
    lane behind. Of a log with an ego, the ego's own rows have the track `ego`.
    """

    timestamp_ns: int = Field(description="On the recording's clock.")
    source: str = Field(description="As in `tracks`.")
    track_id: str = Field(description="As in `tracks`.")
    lane_id: str = Field(description="As in `lanes`.")
    position_m: float = Field(description="Of the front bumper, from the beginning of the lane.")

    class Config:
        unique = ["log_id", "timestamp_ns", "source", "track_id"]


lane_positions = Signal(name="lane_positions", version="1.0.0", rows=LanePositions, owner="safety")
