"""Other road users, as annotated or as a tracker saw them."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class Tracks(MetricFrame):
    """One row per log_id, timestamp_ns, source, track_id: box of one road user in the fixed frame.

    x, y and z are the centre of the box, in the same fixed frame as the ego pose; heading is
    counter-clockwise from its x axis. Velocities are along the axes of the fixed frame, null
    where the source gives none. The ego vehicle is not among them.
    """

    timestamp_ns: int
    source: str = Field(description="annotation, tracker, radar, simulation, …")
    track_id: str
    category: str = Field(description="As the source names it.")
    x_m: float
    y_m: float
    z_m: float
    heading_rad: float
    length_m: float = Field(ge=0)
    width_m: float = Field(ge=0)
    height_m: float = Field(ge=0)
    velocity_x_mps: float = Field(nullable=True)
    velocity_y_mps: float = Field(nullable=True)
    score: float = Field(nullable=True, description="Confidence, where the source gives one.")

    class Config:
        unique = ["log_id", "timestamp_ns", "source", "track_id"]


tracks = Signal(name="tracks", version="1.0.0", rows=Tracks, owner="platform")
