"""How much time was left in which braking could still have avoided a collision."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import metric
from metrics_platform.signals.actor_pairs import Encounter, worst_moments


class TimeToBrake(Encounter):
    """One row per log_id, source, actor_id, other_id: the moment with the least time to brake.

    Only of those that the actor came nearer to along its heading, on a collision course.
    """

    min_ttb_s: float = Field(description="Until the brakes are needed; below 0 it is too late.")
    ttc_s: float = Field(ge=0, description="Time to collision at that moment.")


@metric(
    version="1.0.0",
    rows=TimeToBrake,
    owner="safety",
    summary={
        "min_ttb_s": pl.col("min_ttb_s").min(),
        "too_late_encounters": (pl.col("min_ttb_s") < 0).sum(),
    },
    plausible={"min_ttb_s": (None, 10.0)},
)
def time_to_brake(
    collision_courses: pl.LazyFrame, *, max_deceleration_mps2: float = 8.0
) -> pl.LazyFrame:
    """Find the least time until full braking is needed; one row per log_id, source, actor, other.

    Both keep their velocity until then; from then on the actor brakes as hard as it can, and has
    lost what it was faster along its heading when the boxes would touch. Below 0 braking alone
    cannot avoid the collision any more. Moments of overlap don't count: there is nothing left to
    avoid. Of equal times the earliest counts.

    Formula: TTC - v_closing / (2 · max_deceleration), where v_closing is the actor's velocity along
    its heading less that of the other along the same, and greater than 0.

    Source: Hillenbrand, Spieker & Kroschel (2006), "A multilevel collision mitigation approach" and
    Tamke, Dang & Breuel (2011), "A flexible method for criticality assessment in driver assistance
    systems" (TTB, of which the time to react is the greatest with TTK and TTS).

    Reference: none in closed form. CommonRoad-CriMe 0.4.5 searches the recorded trajectory for the
    last step of 0.1 s at which a simulated braking (8 m/s², reached at 25 m/s³) leads past
    everything: 2.0 s in ZAM_Urban-3_3_Repair. From the first moment ours is 1.91 s with the 11.5
    m/s² of its vehicle, 1.74 s with 8 m/s². CriMe's is later not for the brakes: if it brakes at
    1.7 s or before, the ego stops short of the car; from 1.8 to 2.0 s it comes to stand beside it,
    as it heads so far to the left then that it passes by 3.5 cm if it goes straight on. Ours has no
    value there, as there is no collision course.

    Args:
        collision_courses: Who would run into whom.
        max_deceleration_mps2: Of full braking: the limit within which CriMe brakes, and about what
            a tyre holds on dry asphalt (0.8 g; Wong, Theory of Ground Vehicles).
    """
    closing = pl.col("closing_x_mps")
    braking = collision_courses.filter((closing > 0) & (pl.col("distance_m") > 0)).with_columns(
        min_ttb_s=pl.col("ttc_s") - closing / (2 * max_deceleration_mps2)
    )
    return worst_moments(braking, TimeToBrake, by="min_ttb_s")
