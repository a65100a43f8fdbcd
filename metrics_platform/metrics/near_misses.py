"""Encounters that nearly ended in a collision."""

from collections.abc import Mapping

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema

_PAIR = ("log_id", "source", "actor_id", "other_id")
# In the order in which they say which moment counts.
CRITERIA = ("ttc", "pet", "distance")


class NearMisses(MetricFrame):
    """One row per log_id, source, actor_id, other_id: an encounter without a collision."""

    source: str = Field(description="Of the track: annotation, tracker, radar, …")
    actor_id: str = Field(description="`ego`, or the road user from whose seat it is seen.")
    other_id: str = Field(description="The road user that it nearly hit, or that nearly hit it.")
    other_category: str = Field(description="As the source names it.")
    criterion: str = Field(isin=list(CRITERIA), description="The first one that is met.")
    at_ns: int = Field(description="When that was at its worst, on the recording's clock.")
    min_ttc_s: float = Field(ge=0, nullable=True, description="Null where never on such a course.")
    pet_s: float = Field(ge=0, nullable=True, description="Null where their paths don't cross.")
    min_distance_m: float = Field(ge=0, nullable=True, description="Between the boxes.")
    actor_speed_mps: float = Field(ge=0, description="At that moment.")
    other_speed_mps: float = Field(ge=0, nullable=True, description="At that moment.")

    class Config:
        unique = ["log_id", "source", "actor_id", "other_id"]


@metric(
    version="1.0.0",
    rows=NearMisses,
    owner="safety",
    optional=["time_to_collision", "post_encroachment_time"],
    summary={
        "near_misses": pl.len(),
        **{
            f"{criterion}_near_misses": (pl.col("criterion") == criterion).sum()
            for criterion in CRITERIA
        },
    },
)
def near_misses(
    closest_approach: pl.LazyFrame,
    collisions: pl.LazyFrame,
    time_to_collision: pl.LazyFrame,
    post_encroachment_time: pl.LazyFrame,
    *,
    ttc_s: float = 1.5,
    pet_s: float = 1.0,
    distance_m: float = 0.5,
    moving_mps: float = 0.1,
) -> pl.LazyFrame:
    """Find encounters in which little was missing; one row per log_id, source, actor_id, other_id.

    One of three is enough: a time to collision or a post-encroachment time below its threshold, or
    boxes nearer than `distance_m` while both move. Passing a parked car closely is none. Whoever
    collided in the log is left out: that is worse. The moment is that of the first criterion in the
    order of `CRITERIA`. In a recording of traffic both have a row of their own.

    Formula: no collision, and min TTC < `ttc_s` or PET < `pet_s` or least distance < `distance_m`
    with both speeds > `moving_mps` then.

    Source: a TTC below 1.5 s makes a conflict in FHWA's Surrogate Safety Assessment Model
    (FHWA-HRT-08-051, 2008); a PET of 1 s or less is possibly critical to Kraay & van der Horst
    (1985).

    Reference: none; SSAM takes a PET below 5 s as well, which alone is most of ordinary traffic.

    Args:
        closest_approach: Least distance of each encounter.
        collisions: Whom the actor touched.
        time_to_collision: Optional; least time to collision of each encounter.
        post_encroachment_time: Optional; the narrowest crossing of each encounter.
        ttc_s: SSAM's.
        pet_s: Kraay & van der Horst's.
        distance_m: What ISO 3691-4 has driverless trucks keep free beside them where people walk.
        moving_mps: Not faster is standing; the speed below which CARLA's `ActorBlockedTest` takes
            a vehicle to stand.
    """
    moving = (pl.col("actor_speed_mps") > moving_mps) & (pl.col("other_speed_mps") > moving_mps)
    values: Mapping[str, tuple[pl.LazyFrame, str]] = {
        "ttc": (time_to_collision, "min_ttc_s"),
        "pet": (post_encroachment_time, "pet_s"),
        "distance": (closest_approach.rename({"distance_m": "min_distance_m"}), "min_distance_m"),
    }
    met = {
        "ttc": pl.col("min_ttc_s") < ttc_s,
        "pet": pl.col("pet_s") < pet_s,
        "distance": (pl.col("min_distance_m") < distance_m) & moving,
    }
    shared = [*_PAIR, "other_category", "at_ns", "actor_speed_mps", "other_speed_mps"]
    found = pl.concat(
        [
            rows.filter(met[criterion]).select(*shared, rank=pl.lit(rank))
            for rank, (criterion, (rows, _)) in enumerate(values.items())
        ]
    )
    misses = (
        found.join(collisions, on=_PAIR, how="anti")
        .sort("rank")
        .unique(_PAIR, keep="first", maintain_order=True)
        .with_columns(
            criterion=pl.col("rank").replace_strict(dict(enumerate(values)), return_dtype=pl.String)
        )
    )
    for rows, value in values.values():
        misses = misses.join(rows.select(*_PAIR, value), on=_PAIR, how="left")
    return misses.select(polars_schema(NearMisses).names())
