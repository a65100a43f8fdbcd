"""How closely each follows the one in front of it in its lane."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import metric
from metrics_platform.signals.actor_pairs import Encounter, worst_moments

# The least time gap that adaptive cruise control may be set to (ISO 15622:2018).
SHORT_HEADWAY_S = 0.8


class LaneHeadway(Encounter):
    """One row per log_id, source, actor_id, other_id: the moment of least time headway.

    Only of those that were next in front of an actor that drove.
    """

    min_headway_s: float = Field(
        ge=0, description="Least time to where the other's rear bumper is now, along the lane."
    )
    gap_m: float = Field(ge=0, description="Bumper to bumper at that moment.")
    along: str = Field(
        isin=["lane", "heading"], description="What the gap is along: lanes, or straight ahead."
    )
    min_gap_m: float = Field(ge=0, description="The least at any moment at which the actor drove.")


@metric(
    version="1.0.0",
    rows=LaneHeadway,
    owner="safety",
    summary={
        "min_headway_s": pl.col("min_headway_s").min(),
        "min_gap_m": pl.col("min_gap_m").min(),
        "short_headways": (pl.col("min_headway_s") < SHORT_HEADWAY_S).sum(),
    },
    plausible={"min_headway_s": (0.0, None), "min_gap_m": (0.0, None)},
)
def lane_headway(lead_vehicles: pl.LazyFrame, *, standstill_mps: float = 0.005) -> pl.LazyFrame:
    """Find the least headway to the next in front; one row per log_id, source, actor_id, other_id.

    Along the lane, however it bends; where nobody recorded lanes, straight ahead to who heads the
    same way (`along`). `time_headway` is the one in the plane, straight ahead of the actor, to
    whatever is there. Of equal times the earliest counts; where both overlap, it is 0.

    Formula: min over t of gap / v_actor.

    Source: Westhofen et al. (2023), "Criticality Metrics for Automated Driving" (HW, THW).

    Reference: SUMO 1.28's `TGAP` and `SGAP`, of the same definition, are its leader's gap over the
    speed, and the gap. CommonRoad-CriMe takes the time until the actor is there from its recorded
    trajectory: longer than ours where it brakes.

    Args:
        lead_vehicles: Who is in front of whom.
        standstill_mps: Slower has no headway; nuplan-devkit's `stopped_speed_threshold`.
    """
    speed = pl.col("actor_speed_mps")
    gap = pl.col("gap_m").clip(lower_bound=0.0)
    following = lead_vehicles.filter(
        (pl.col("lead_index") == 0) & (speed > standstill_mps)
    ).with_columns(gap_m=gap, min_headway_s=gap / speed)
    least = following.group_by("log_id", "source", "actor_id", "other_id").agg(
        min_gap_m=pl.col("gap_m").min()
    )
    return worst_moments(
        following.join(least, on=["log_id", "source", "actor_id", "other_id"]),
        LaneHeadway,
        by="min_headway_s",
    )
