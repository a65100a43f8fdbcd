"""How soon the actor would hit each road user if both kept their velocity."""

import math

import polars as pl
from pandera.polars import Field

from metrics_platform.core import metric
from metrics_platform.signals.actor_pairs import Encounter, worst_moments

# FHWA's Surrogate Safety Assessment Model counts a conflict from here (FHWA-HRT-08-051, 2008),
# after Hayward (1972) and van der Horst (1990).
CRITICAL_TTC_S = 1.5
# Its types of conflict, by the angle between both headings.
REAR_END_BELOW_RAD = math.radians(30)
CROSSING_ABOVE_RAD = math.radians(85)


class TimeToCollision(Encounter):
    """One row per log_id, source, actor_id, other_id: the most critical moment of the two.

    Only road users with whom the actor was on a collision course, within the horizon.
    """

    min_ttc_s: float = Field(ge=0, description="0 where the boxes overlap.")
    conflict_type: str = Field(
        isin=["rear_end", "lane_change", "crossing"],
        description="By the angle between the headings; head-on is crossing too.",
    )


@metric(
    version="2.1.0",
    rows=TimeToCollision,
    owner="safety",
    summary={
        "min_ttc_s": pl.col("min_ttc_s").min(),
        "critical_encounters": (pl.col("min_ttc_s") < CRITICAL_TTC_S).sum(),
    },
    plausible={"min_ttc_s": (0.0, None)},
)
def time_to_collision(collision_courses: pl.LazyFrame) -> pl.LazyFrame:
    """Find the least time to collision, box to box; one row per log_id, source, actor_id, other_id.

    At each moment both boxes are moved on at constant velocity, without turning; the time is
    exact, for any direction of either. Of equal times the earliest counts.

    Formula: the least t ≥ 0 at which box(p + v·t) of both overlap.

    Source: Hayward (1972), "Near-miss determination through use of a scale of danger". Types of
    conflict: FHWA-HRT-08-051, rear end below 30°, crossing above 85°, else a change of lanes.

    Reference: nuplan-devkit's case comes out as 1.6425 s, which its steps make 1.7. Differs from
    its `time_to_collision_within_bound`, which tries steps of 0.1 s up to a horizon (so gives the
    time rounded up), moves the ego along its heading, and looks only at road users ahead, or beside
    it at intersections, that it hasn't hit yet. Here whoever comes from behind counts too:
    `bearing_rad` tells them apart. CommonRoad-CriMe's TTC is along the lane, with the acceleration
    of the moment: 2.31 s at the start of ZAM_Urban-3_3_Repair, where ours is 2.30 s.

    Args:
        collision_courses: Who would run into whom.
    """
    angle = pl.col("relative_heading_rad").abs()
    kind = (
        pl.when(angle < REAR_END_BELOW_RAD)
        .then(pl.lit("rear_end"))
        .when(angle > CROSSING_ABOVE_RAD)
        .then(pl.lit("crossing"))
        .otherwise(pl.lit("lane_change"))
    )
    courses = collision_courses.with_columns(min_ttc_s="ttc_s", conflict_type=kind)
    return worst_moments(courses, TimeToCollision, by="min_ttc_s")
