"""Out of the lane, and back into it."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema


class LaneDepartures(MetricFrame):
    """One row per log_id, start_ns: the box left its lane in part, and came back."""

    start_ns: int = Field(description="First moment across the bound, on the recording's clock.")
    duration_s: float = Field(ge=0, description="Until all of it was back in the lane.")
    side: str = Field(isin=["left", "right"], description="Of the bound, as the driver sees it.")
    from_lane_id: str = Field(description="The lane that it left.")
    off_lanes_s: float = Field(ge=0, description="Part of it with the centre off all lanes.")
    depth_m: float = Field(ge=0, description="Greatest reach across the bound.")
    deepest_at_ns: int = Field(description="When that was.")
    x_m: float = Field(description="Centre of the ego's box then, in the fixed frame.")
    y_m: float = Field(description="Centre of the ego's box then, in the fixed frame.")

    class Config:
        unique = ["log_id", "start_ns"]


@metric(
    version="1.0.0",
    rows=LaneDepartures,
    owner="planning",
    summary={
        "lane_departures": pl.len(),
        "longest_lane_departure_s": pl.col("duration_s").max(),
        "deepest_lane_departure_m": pl.col("depth_m").max(),
        "off_lanes_s": pl.col("off_lanes_s").sum(),
    },
)
def lane_departures(lane_crossings: pl.LazyFrame, *, least_depth_m: float = 0.0) -> pl.LazyFrame:
    """List the departures from the lane; one row per log_id, start_ns.

    The box reaches across a bound of its lane, without the centre moving to a lane beside. Only
    whole ones: of one that is cut off by the end of the recording or by an intersection nobody
    knows whether it would have been a change of lanes.

    Formula: a crossing with lanes_moved = 0 and depth > `least_depth_m`.

    Source: "lane departure", SAE J2944 (2015); of its readings, that of any part of the vehicle.

    Reference: none.

    Args:
        lane_crossings: Stretches across a bound.
        least_depth_m: Shallower ones are left out. 0 leaves out none; the errors of localisation
            and map are some reason for more.
    """
    return lane_crossings.filter(
        pl.col("whole") & (pl.col("lanes_moved_count") == 0) & (pl.col("depth_m") > least_depth_m)
    ).select(polars_schema(LaneDepartures).names())
