"""How long the actor was where another drove too."""

import math

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema

_PAIR = ("log_id", "source", "actor_id", "other_id")


class EncroachmentTime(MetricFrame):
    """One row per log_id, source, actor_id, other_id: the crossing that the actor was in longest.

    Only crossings that the actor was seen to enter and to leave.
    """

    source: str = Field(description="As in `tracks`.")
    actor_id: str = Field(description="`ego`, or the road user from whose seat it is seen.")
    other_id: str = Field(description="The road user whose path it crosses.")
    other_category: str = Field(description="As the source names it.")
    at_ns: int = Field(description="When the actor entered the area that both need.")
    et_s: float = Field(ge=0, description="From then until it left the area.")
    actor_first: bool = Field(description="Whether the actor was there first.")
    x_m: float = Field(description="The crossing of the paths, in the fixed frame.")
    y_m: float = Field(description="The crossing of the paths, in the fixed frame.")
    crossing_angle_rad: float = Field(
        ge=0, le=math.pi / 2, description="Between the paths there, whichever way they are driven."
    )
    actor_speed_mps: float = Field(ge=0, description="When it was at the crossing.")

    class Config:
        unique = ["log_id", "source", "actor_id", "other_id"]


@metric(
    version="1.0.0",
    rows=EncroachmentTime,
    owner="safety",
    summary={"et_s": pl.col("et_s").max()},
    plausible={"et_s": (0.0, None)},
)
def encroachment_time(path_crossings: pl.LazyFrame) -> pl.LazyFrame:
    """Find the longest encroachment time; one row per log_id, source, actor_id, other_id.

    How long the actor's box was in the area across which the other drove, within the horizon of
    `path_crossings`: the longer, the more it lies in the other's way. Of equal times the earliest
    counts.

    Formula: max over crossings of t_leave - t_enter of the actor.

    Source: Allen, Shin & Cooper (1978), "Analysis of traffic conflicts and collisions".

    Reference: CommonRoad-CriMe 0.4.5 has 1.1 s for 1 and 5 in ZAM_Tjunction-1_97_T-1: from the last
    step of 0.1 s before the ego's box reaches into the area that two lanelets have in common, to
    the first after it. The one is the other's; for the second it takes any that the centres of both
    come across, here a third one. By the ego's own it would be 1.3 s. Our area is what the paths of
    both boxes have in common, 2 m wide rather than lanes of 4 m, and the times lie between samples:
    0.72 s.

    Args:
        path_crossings: Where paths cross, and when each was there.
    """
    seconds = (pl.col("actor_exit_ns") - pl.col("actor_entry_ns")) * 1e-9
    return (
        path_crossings.with_columns(et_s=seconds, at_ns="actor_entry_ns")
        .filter(pl.col("et_s").is_not_null())
        .sort(pl.col("et_s"), -pl.col("at_ns"), descending=True)
        .unique(_PAIR, keep="first", maintain_order=True)
        .select(polars_schema(EncroachmentTime).names())
    )
