"""Where a vehicle may drive at all."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class DrivableAreas(MetricFrame):
    """One row per log_id, area_id, point_index: a corner of a polygon, which closes by itself.

    In the fixed frame of the ego poses. Areas may overlap; drivable is what lies in any of them.
    """

    area_id: str = Field(description="As the map names it.")
    point_index: int = Field(ge=0, description="Around the polygon, from 0.")
    x_m: float = Field(description="In the fixed frame.")
    y_m: float = Field(description="In the fixed frame.")

    class Config:
        unique = ["log_id", "area_id", "point_index"]


drivable_areas = Signal(
    name="drivable_areas", version="1.0.0", rows=DrivableAreas, owner="platform"
)
