"""Objects in a camera's image, as annotated or as a detector or tracker saw them."""

import math

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class ImageBoxes(MetricFrame):
    """One row per log_id, timestamp_ns, source, track_id: box of one object in one image.

    Image benchmarks have no ego pose, so their three-dimensional boxes cannot be brought into a
    fixed frame, and are no `tracks`: two of them are comparable at the same moment only. They are
    given in the axes of the camera or vehicle at that moment, x forward, y left, z up, and null as
    far as the source has none. Regions in which nothing was annotated are rows as well, with
    `ignored`; so are detections without an identity, with an id of their own and not `tracked`.
    """

    timestamp_ns: int = Field(description="Of the image, on the recording's clock.")
    source: str = Field(description="annotation, or the name of the detector or tracker.")
    track_id: str = Field(description="The same for one object throughout, where `tracked`.")
    category: str = Field(description="As the source names it.")
    tracked: bool = Field(description="Whether the id tells the object again in other images.")
    ignored: bool = Field(description="Whether it counts neither for nor against anybody.")
    left_px: float = Field(description="Left edge, from the left edge of the image.")
    top_px: float = Field(description="Upper edge, downwards from that of the image.")
    width_px: float = Field(ge=0, description="To the right edge.")
    height_px: float = Field(ge=0, description="To the lower edge.")
    truncation_index: int = Field(
        ge=0, nullable=True, description="How far it leaves the image: KITTI's level, 0 to 2."
    )
    occlusion_index: int = Field(
        ge=0, nullable=True, description="How far it is hidden: KITTI's level, 0 to 3."
    )
    occlusion_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Hidden part, where the source says so."
    )
    score: float = Field(nullable=True, description="Confidence, where the source gives one.")
    x_m: float = Field(nullable=True, description="Centre of the box, forward.")
    y_m: float = Field(nullable=True, description="Centre of the box, to the left.")
    z_m: float = Field(nullable=True, description="Centre of the box, up.")
    heading_rad: float = Field(
        ge=-math.pi, le=math.pi, nullable=True, description="Counter-clockwise from forward."
    )
    length_m: float = Field(ge=0, nullable=True, description="Along its heading.")
    width_m: float = Field(ge=0, nullable=True, description="Across its heading.")
    height_m: float = Field(ge=0, nullable=True, description="Upwards.")

    class Config:
        unique = ["log_id", "timestamp_ns", "source", "track_id"]


image_boxes = Signal(name="image_boxes", version="1.0.0", rows=ImageBoxes, owner="perception")
