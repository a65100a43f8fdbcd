"""How closely the ego follows what is in front of it."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import metric
from metrics_platform.kernels.geometry import time_to_collision as swept
from metrics_platform.signals.actor_pairs import Encounter, box_pair, worst_moments

# The least time gap that adaptive cruise control may be set to (ISO 15622:2018).
SHORT_HEADWAY_S = 0.8


class TimeHeadway(Encounter):
    """One row per log_id, source, actor_id, other_id: the moment of least headway to it."""

    min_headway_s: float = Field(
        ge=0, description="Least time until the actor is where the road user in front is now."
    )
    headway_m: float = Field(ge=0, description="Bumper to bumper at that moment.")


@metric(
    version="2.0.0",
    rows=TimeHeadway,
    owner="planning",
    summary={
        "min_headway_s": pl.col("min_headway_s").min(),
        "short_headways": (pl.col("min_headway_s") < SHORT_HEADWAY_S).sum(),
    },
    plausible={"min_headway_s": (0.0, None)},
)
def time_headway(actor_pairs: pl.LazyFrame, *, standstill_mps: float = 0.005) -> pl.LazyFrame:
    """Find the least time headway to each in front; one row per log_id, source, actor_id, other_id.

    The distance headway is how far the ego can move straight ahead before it touches the road user
    where it is now; the time headway is that over the ego's forward speed. At each moment only the
    nearest in front counts, per source, whatever it is: a car that crosses too, a parked one too.

    Formula: min over t of headway(t) / v_forward(t).

    Source: Westhofen et al. (2023), "Criticality Metrics for Automated Driving" (HW, THW).

    Reference: CommonRoad-CriMe measures along the lane, and takes the time until the ego is there
    from the ego's recorded trajectory: longer than ours where it brakes.

    Args:
        actor_pairs: Road users near the ego.
        standstill_mps: Slower has no headway; nuplan-devkit's `stopped_speed_threshold`.
    """
    # The time in which a box that comes nearer at 1 m/s gets here is its distance.
    headway_m = swept(box_pair(), velocity_x=pl.lit(-1.0), velocity_y=pl.lit(0.0))
    forward = pl.col("actor_velocity_x_mps")
    ahead = (pl.col("relative_x_m") > 0) & (forward > standstill_mps)
    # Cheap to tell, and most aren't; a hair more than it takes, for rounding.
    heading = pl.col("relative_heading_rad")
    across = pl.col("other_length_m") * heading.sin().abs()
    across += pl.col("other_width_m") * heading.cos().abs()
    in_the_way = 2 * pl.col("relative_y_m").abs() <= pl.col("actor_width_m") + across + 1e-6
    moment = ("log_id", "source", "actor_id", "timestamp_ns")
    # Piece by piece, since intermediate values stay in the cache; row by row, and so repeatable.
    in_front = actor_pairs.filter(ahead & in_the_way).collect(engine="streaming")
    nearest = (
        in_front.lazy()
        .with_columns(headway_m=headway_m)
        .filter(pl.col("headway_m") == pl.col("headway_m").min().over(moment))
        .filter(pl.col("other_id") == pl.col("other_id").min().over(moment))
        .with_columns(min_headway_s=pl.col("headway_m") / forward)
    )
    return worst_moments(nearest, TimeHeadway, by="min_headway_s")
