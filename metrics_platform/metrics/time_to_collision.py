"""How soon the ego would hit each road user if both kept their velocity."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import metric
from metrics_platform.kernels.geometry import time_to_collision as swept
from metrics_platform.signals.actor_pairs import Encounter, box_pair, worst_moments

# FHWA's Surrogate Safety Assessment Model counts a conflict from here (FHWA-HRT-08-051, 2008),
# after Hayward (1972) and van der Horst (1990).
CRITICAL_TTC_S = 1.5


class TimeToCollision(Encounter):
    """One row per log_id, source, actor_id, other_id: the most critical moment of the two.

    Only road users with whom the actor was on a collision course, within the horizon.
    """

    min_ttc_s: float = Field(ge=0, description="0 where the boxes overlap.")


@metric(
    version="2.0.0",
    rows=TimeToCollision,
    owner="safety",
    summary={
        "min_ttc_s": pl.col("min_ttc_s").min(),
        "critical_encounters": (pl.col("min_ttc_s") < CRITICAL_TTC_S).sum(),
    },
    plausible={"min_ttc_s": (0.0, None)},
)
def time_to_collision(
    actor_pairs: pl.LazyFrame, *, horizon_s: float = 10.0, standstill_mps: float = 0.005
) -> pl.LazyFrame:
    """Find the least time to collision, box to box; one row per log_id, source, track_id.

    At each moment both boxes are moved on at constant velocity, without turning; the time is
    exact, for any direction of either. Of equal times the earliest counts. Moments at which the
    ego stands still are left out, unless the boxes overlap: it doesn't run into anybody then.

    Formula: the least t ≥ 0 at which box(p + v·t) of both overlap.

    Source: Hayward (1972), "Near-miss determination through use of a scale of danger".

    Reference: nuplan-devkit's case comes out as 1.6425 s, which its steps make 1.7. Differs from
    its `time_to_collision_within_bound`, which tries steps of 0.1 s up to a
    horizon (so gives the time rounded up), moves the ego along its heading, and looks only at
    road users ahead, or beside it at intersections, that it hasn't hit yet. Here whoever comes
    from behind counts too: `bearing_rad` tells them apart.

    Args:
        actor_pairs: Road users near the ego.
        horizon_s: A collision farther in the future is not foreseen: two cars at all but the same
            speed always have one. Twice the longest horizon in nuplan-devkit's cases.
        standstill_mps: Slower is standing; nuplan-devkit's `stopped_speed_threshold`.
    """
    velocity_x = pl.col("other_velocity_x_mps") - pl.col("actor_velocity_x_mps")
    velocity_y = pl.col("other_velocity_y_mps") - pl.col("actor_velocity_y_mps")
    drives = (pl.col("actor_speed_mps") > standstill_mps) | (pl.col("distance_m") == 0)
    courses = (
        actor_pairs.filter(drives & pl.col("other_speed_mps").is_not_null())
        .with_columns(min_ttc_s=swept(box_pair(), velocity_x, velocity_y))
        .filter(pl.col("min_ttc_s") <= horizon_s)
    )
    return worst_moments(courses, TimeToCollision, by="min_ttc_s")
