"""Other road users, as annotated or as a tracker saw them."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class Tracks(MetricFrame):
    """One row per log_id, timestamp_ns, source, track_id: box of one road user in the fixed frame.

    x, y and z are the centre of the box, in the same fixed frame as the ego pose; heading is
    counter-clockwise from its x axis. Velocities are along the axes of the fixed frame, null
    where the source gives none. The ego vehicle is not among them.
    """

    timestamp_ns: int = Field(description="Of the box, on the recording's clock.")
    source: str = Field(description="annotation, tracker, radar, simulation, …")
    track_id: str = Field(description="The same for one road user throughout the log.")
    category: str = Field(description="As the source names it.")
    x_m: float = Field(description="Centre of the box in the fixed frame.")
    y_m: float = Field(description="Centre of the box in the fixed frame.")
    z_m: float = Field(description="Centre of the box in the fixed frame, up.")
    heading_rad: float = Field(description="Counter-clockwise from the x axis.")
    length_m: float = Field(ge=0, description="Along its heading.")
    width_m: float = Field(ge=0, description="Across its heading.")
    height_m: float = Field(ge=0, description="Upwards.")
    velocity_x_mps: float = Field(nullable=True, description="Along the x axis of the fixed frame.")
    velocity_y_mps: float = Field(nullable=True, description="Along the y axis of the fixed frame.")
    acceleration_mps2: float = Field(nullable=True, description="Along its heading, as recorded.")
    score: float = Field(nullable=True, description="Confidence, where the source gives one.")
    occlusion_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Hidden part, where the source says so."
    )
    points_count: int = Field(
        ge=0, nullable=True, description="Lidar and radar points in the box, where known."
    )

    class Config:
        unique = ["log_id", "timestamp_ns", "source", "track_id"]


tracks = Signal(name="tracks", version="2.0.0", rows=Tracks, owner="platform")
