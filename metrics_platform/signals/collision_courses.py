"""Who would run into whom, and how soon: the geometry that many safety measures share."""

import math

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.geometry import may_collide, time_to_collision
from metrics_platform.signals.actor_pairs import box_pair


class CollisionCourses(MetricFrame):
    """One row per log_id, timestamp_ns, source, actor_id, other_id: the two are to collide.

    That is, their boxes would touch within the horizon if both kept their velocity and neither
    turned. Everything is seen from the actor as in `actor_pairs`; each pair of a recording of
    traffic is there from both seats.
    """

    timestamp_ns: int = Field(description="On the recording's clock.")
    source: str = Field(description="Of the track: annotation, tracker, radar, …")
    actor_id: str = Field(description="`ego`, or the road user from whose seat it is seen.")
    other_id: str = Field(description="The road user that is looked at.")
    other_category: str = Field(description="As the source names it.")
    ttc_s: float = Field(ge=0, description="Until the boxes touch; 0 where they overlap.")
    closing_x_mps: float = Field(
        description="Of the actor along its heading, less that of the other along the same."
    )
    closing_y_mps: float = Field(description="The same, to the actor's left.")
    relative_x_m: float = Field(description="Its centre, ahead of the centre of the actor's.")
    relative_y_m: float = Field(description="Its centre, to the left of the centre of the actor's.")
    relative_heading_rad: float = Field(
        ge=-math.pi, lt=math.pi, description="Its heading less the actor's."
    )
    side_by_side_m: float = Field(
        ge=0, description="From centre to centre across the actor's heading, where both just pass."
    )
    actor_speed_mps: float = Field(ge=0, description="Over ground.")
    other_speed_mps: float = Field(ge=0, description="Over ground.")
    distance_m: float = Field(ge=0, description="Between the boxes; 0 where they overlap.")

    class Config:
        unique = ["log_id", "timestamp_ns", "source", "actor_id", "other_id"]


@signal(version="1.0.0", rows=CollisionCourses, owner="safety")
def collision_courses(
    actor_pairs: pl.LazyFrame, *, horizon_s: float = 10.0, standstill_mps: float = 0.005
) -> pl.LazyFrame:
    """Find the moments at which an actor would run into a road user; one row per moment and pair.

    Both boxes are moved on at constant velocity, without turning; the time is exact, for any
    direction of either. Moments at which the actor stands still are left out, unless the boxes
    overlap: it doesn't run into anybody then. So are road users of unknown velocity.

    Args:
        actor_pairs: Road users near each actor.
        horizon_s: A collision farther in the future is not foreseen: two cars at all but the same
            speed always have one. Twice the longest horizon in nuplan-devkit's cases.
        standstill_mps: Slower is standing; nuplan-devkit's `stopped_speed_threshold`.
    """
    closing_x, closing_y = (
        pl.col(f"actor_velocity_{axis}_mps") - pl.col(f"other_velocity_{axis}_mps") for axis in "xy"
    )
    velocity_x, velocity_y = -closing_x, -closing_y
    drives = (pl.col("actor_speed_mps") > standstill_mps) | (pl.col("distance_m") == 0)
    # A little more than it takes: rounding must not lose a collision at the horizon.
    speed = (velocity_x * velocity_x + velocity_y * velocity_y).sqrt()
    reach_m = horizon_s * speed * (1 + 1e-9) + 1e-9
    heading = pl.col("relative_heading_rad")
    across_m = pl.col("other_length_m") * heading.sin().abs()
    across_m += pl.col("other_width_m") * heading.cos().abs()
    # Most are too far apart or never come near: that takes a fraction of the time to find out. In
    # one filter: each one copies all columns of what is left. And piece by piece, in half of the
    # time, since intermediate values stay in the cache; it is row by row, and so repeatable.
    near = actor_pairs.filter(
        drives
        & pl.col("other_speed_mps").is_not_null()
        & (pl.col("distance_m") <= reach_m)
        & may_collide(box_pair(), velocity_x, velocity_y)
    ).collect(engine="streaming")
    return (
        near.lazy()
        .with_columns(closing_x_mps=closing_x, closing_y_mps=closing_y)
        .with_columns(
            ttc_s=time_to_collision(box_pair(), velocity_x, velocity_y),
            side_by_side_m=(pl.col("actor_width_m") + across_m) / 2,
        )
        .filter(pl.col("ttc_s") <= horizon_s)
        .select(polars_schema(CollisionCourses).names())
    )
