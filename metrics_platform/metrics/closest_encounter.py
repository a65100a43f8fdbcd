"""What an encounter held in store from its first moment on: how near, and how soon."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.actor_pairs import PAIR, Encounter

# Whoever passes a parked car in line with it is as near for a while; by rounding alone, which is up
# to 1e-9 m at coordinates of 1e6 m, any of these moments would be the nearest.
EQUAL_M = 1e-6


class ClosestEncounter(Encounter):
    """One row per log_id, source, actor_id, other_id: its first moment, and how near it became."""

    dce_m: float = Field(ge=0, description="Distance of closest encounter; 0 where they touch.")
    ttce_s: float = Field(ge=0, description="From the first moment until then.")


@metric(
    version="1.0.0",
    rows=ClosestEncounter,
    owner="safety",
    summary={
        "dce_m": pl.col("dce_m").min(),
        "ttce_s": pl.col("ttce_s").filter(pl.col("dce_m") == pl.col("dce_m").min()).min(),
    },
    plausible={"dce_m": (0.0, None)},
)
def closest_encounter(actor_pairs: pl.LazyFrame) -> pl.LazyFrame:
    """Find how near both come from the first moment on; one row per log_id, source, actor, other.

    What is seen from the moment at which the two come within range of one another, with the future
    that was recorded: the columns of the moment are those of the first one, and `dce_m` and
    `ttce_s` say what is to come. `closest_approach` is the other way round: there the moment is
    that of the least distance. Of distances equal to a micrometre the earliest counts.

    Formula: DCE = min over t of the distance between the boxes, TTCE = (its earliest t) - t_first.

    Source: Eggert (2014), "Predictive risk estimation for intelligent ADAS functions"; with the
    recorded future in the place of a predicted one, as CommonRoad-CriMe has it.

    Reference: CommonRoad-CriMe 0.4.5, equal where both are within range from its time step on; it
    stops at the end of the ego's trajectory less one step. Distances equal shapely's.

    Args:
        actor_pairs: Road users near each actor.
    """
    time, distance = pl.col("timestamp_ns"), pl.col("distance_m")
    # The first moment and the nearest ones are few, and tell all. They are looked for piece by
    # piece, which takes half of the time; nothing is summed, so it is repeatable.
    first = time == time.min().over(PAIR)
    nearest = distance <= distance.min().over(PAIR) + EQUAL_M
    telling = actor_pairs.filter(first | nearest).collect(engine="streaming").lazy()
    to_come = telling.group_by(PAIR).agg(
        timestamp_ns=time.min(),
        dce_m=distance.min(),
        ttce_s=(time.filter(distance <= distance.min() + EQUAL_M).min() - time.min()) * 1e-9,
    )
    return (
        telling.join(to_come, on=[*PAIR, "timestamp_ns"])
        .with_columns(bearing_rad=pl.arctan2("relative_y_m", "relative_x_m"))
        .rename({"timestamp_ns": "at_ns"})
        .select(polars_schema(ClosestEncounter).names())
    )
