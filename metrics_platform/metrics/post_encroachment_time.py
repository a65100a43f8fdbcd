"""How narrowly two missed one another where their paths cross."""

import math

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema

# From here SUMO's SSM device counts a conflict, by default.
CRITICAL_PET_S = 2.0


class PostEncroachmentTime(MetricFrame):
    """One row per log_id, source, actor_id, other_id: the narrowest crossing of both."""

    source: str = Field(description="As in `tracks`.")
    actor_id: str = Field(description="`ego`, or the road user from whose seat it is seen.")
    other_id: str = Field(description="The road user whose path it crosses.")
    other_category: str = Field(description="As the source names it.")
    at_ns: int = Field(description="When the second one entered the area that both need.")
    pet_s: float = Field(ge=0, description="Since the first one left it; 0 where it hadn't yet.")
    actor_first: bool = Field(description="Whether the actor was there first.")
    x_m: float = Field(description="The crossing of the paths, in the fixed frame.")
    y_m: float = Field(description="The crossing of the paths, in the fixed frame.")
    crossing_angle_rad: float = Field(
        ge=0, le=math.pi / 2, description="Between the paths there, whichever way they are driven."
    )
    actor_speed_mps: float = Field(ge=0, description="When it was at the crossing.")
    other_speed_mps: float = Field(ge=0, description="When it was at the crossing.")

    class Config:
        unique = ["log_id", "source", "actor_id", "other_id"]


@metric(
    version="1.0.0",
    rows=PostEncroachmentTime,
    owner="safety",
    summary={
        "pet_s": pl.col("pet_s").min(),
        "critical_encounters": (pl.col("pet_s") < CRITICAL_PET_S).sum(),
    },
    plausible={"pet_s": (0.0, None)},
)
def post_encroachment_time(
    path_crossings: pl.LazyFrame, *, horizon_s: float = 10.0
) -> pl.LazyFrame:
    """Find the least post-encroachment time; one row per log_id, source, actor_id, other_id.

    Of all crossings of the paths of two, the one with the least time counts; of equal ones the
    earliest. Following and merging have none: `lane_headway` is theirs.

    Formula: min over crossings of t_enter(second) - t_leave(first), at least 0, where the common
    area reaches, along the path of each, half the width of the other before and behind the
    crossing.

    Source: Allen, Shin & Cooper (1978), "Analysis of traffic conflicts and collisions".

    Reference: the SSM device of SUMO 1.28, encounter type 17: with its areas (`path_crossings`,
    configuration `sumo_1_28`) 65 of 66 values of the reference simulation agree within 0.05 s. Its
    area begins earlier than ours, for a car that turns left at the place where it may have to wait
    within the junction, so its values are up to 1.9 s smaller. CommonRoad-CriMe 0.4.5 takes what
    two lanelets have in common, in whole steps of 0.1 s more, as in `encroachment_time`: 3.2 s for
    1 and 5 in ZAM_Tjunction-1_97_T-1 with 5 as the ego, where the second lanelet is a third one
    that merges with that of 1, and 4.7 s with 1 as the ego. By the lanelets of both it would be
    4.4 s. The boxes need less of the way, and have 4.81 s from either seat.

    Args:
        path_crossings: Where paths cross, and when each was there.
        horizon_s: Whoever comes later has nothing to do with the first; at most that of
            `path_crossings`.
    """
    narrow = path_crossings.filter(pl.col("between_s") <= horizon_s).with_columns(
        pet_s=pl.col("between_s").clip(lower_bound=0.0)
    )
    return (
        narrow.sort("pet_s", "at_ns")
        .unique(["log_id", "source", "actor_id", "other_id"], keep="first", maintain_order=True)
        .select(polars_schema(PostEncroachmentTime).names())
    )
