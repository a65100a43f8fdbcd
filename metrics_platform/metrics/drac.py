"""How hard one would have to brake not to run into those in front of it."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import metric
from metrics_platform.signals.actor_pairs import Encounter, worst_moments

# More than this is a conflict for Archer (2005), "Indicators for traffic safety assessment and
# prediction and their application in micro-simulation modelling".
CRITICAL_DRAC_MPS2 = 3.35


class Drac(Encounter):
    """One row per log_id, source, actor_id, other_id: the moment that asked for most braking.

    Only of those that came nearer to one in front of them.
    """

    max_drac_mps2: float = Field(gt=0, description="Deceleration rate to avoid a crash.")
    gap_m: float = Field(gt=0, description="Bumper to bumper at that moment.")
    along: str = Field(
        isin=["lane", "heading"], description="What the gap is along: lanes, or straight ahead."
    )
    lead_index: int = Field(ge=0, description="How many were between the two at that moment.")


@metric(
    version="1.0.0",
    rows=Drac,
    owner="safety",
    summary={
        "max_drac_mps2": pl.col("max_drac_mps2").max(),
        "critical_encounters": (pl.col("max_drac_mps2") > CRITICAL_DRAC_MPS2).sum(),
    },
    # What a tyre holds on dry asphalt is 8 to 9 m/s2; who needs more has a collision before it.
    plausible={"max_drac_mps2": (0.0, 9.0)},
)
def drac(lead_vehicles: pl.LazyFrame) -> pl.LazyFrame:
    """Find the greatest deceleration rate to avoid a crash; one row per log_id, source, pair.

    The steady braking that brings the actor to the speed of the one in front just when they would
    touch, if that one keeps its speed. Where they overlap no braking helps, and the moment doesn't
    count. Of equal values the earliest counts. Where nobody recorded lanes, in front means straight
    ahead and heading the same way (`along`).

    Formula: max over t of (v_actor - v_other)² / (2 · gap) where the actor is the faster one.

    Source: Almqvist, Hydén & Risser (1991), "Use of speed limiters in cars for increased safety and
    a better environment"; written with half the square of the difference of speeds.

    Reference: the SSM device of SUMO 1.28 (after Guido et al. 2011), encounter types 2 and 3: in
    the reference simulation all 406 conflicts of following agree within 0.005 m/s2, the last digit
    that it prints. Cooper & Ferguson (1976) leave the factor one half out; so their values are
    twice as large. SUMO's DRAC of crossing and merging traffic depends on when it thinks that each
    arrives, and has no counterpart here.

    Args:
        lead_vehicles: Who is in front of whom.
    """
    closing = pl.col("actor_speed_mps") - pl.col("other_speed_mps")
    needed = lead_vehicles.filter((closing > 0) & (pl.col("gap_m") > 0)).with_columns(
        max_drac_mps2=closing * closing / (2 * pl.col("gap_m"))
    )
    return worst_moments(needed, Drac, by="max_drac_mps2", descending=True)
