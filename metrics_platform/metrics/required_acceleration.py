"""How hard the actor would have had to brake, or to swerve, to avoid a collision."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import metric
from metrics_platform.signals.actor_pairs import Encounter, worst_moments


class RequiredAcceleration(Encounter):
    """One row per log_id, source, actor_id, other_id: the moment that asked for most braking.

    Only of those that the actor came nearer to along its heading, on a collision course.
    """

    required_longitudinal_mps2: float = Field(
        lt=0, description="To lose the closing speed until they would touch."
    )
    required_stop_mps2: float = Field(
        le=0, description="To stand by then, as if the other stood now."
    )
    required_lateral_mps2: float = Field(
        ge=0, description="To either side, to be beside the other when they would touch."
    )


@metric(
    version="1.0.0",
    rows=RequiredAcceleration,
    owner="safety",
    summary={
        "min_required_longitudinal_mps2": pl.col("required_longitudinal_mps2").min(),
        "max_required_lateral_mps2": pl.col("required_lateral_mps2").max(),
    },
    plausible={
        # A tyre holds 0.8 to 0.9 g on dry asphalt (Wong, Theory of Ground Vehicles).
        "min_required_longitudinal_mps2": (-9.0, 0.0),
        "max_required_lateral_mps2": (0.0, 9.0),
    },
)
def required_acceleration(collision_courses: pl.LazyFrame) -> pl.LazyFrame:
    """Find the hardest braking that was needed; one row per log_id, source, actor_id, other_id.

    All are steady from that moment on, and the other keeps its velocity: braking so that the
    closing speed along the actor's heading is 0 when the boxes would touch; or swerving, so that
    the actor is beside the other by then, on the side where this takes less. Where the other is
    ahead, this is the deceleration rate to avoid a crash; where it crosses, the actor stops short
    of the place of contact, though it might do to let the other pass. `stop` is for an other that
    stands from one moment to the next. Moments of overlap don't count: nothing would help. Of equal
    values the earliest counts.

    Formula: longitudinal = -v / (2 · TTC) = -v² / (2 · gap), where v closes the gap along the
    actor's heading; stop = -v_actor² / (2 · gap); lateral = 2 · (w - |y|) / TTC², where y is how
    far the centres are apart across the actor's heading at the TTC, and w where both just pass.

    Source: Jansson (2005), "Collision avoidance theory", sections 5.3.5 and 5.3.8.

    Reference: CommonRoad-CriMe 0.4.5, along the lane, for 202 in DEU_Gar-1_1_T-1 at the start:
    longitudinal -0.81, as ours; in its mode 2 -5.77, where `stop` is -5.74: its gap is 22.16 m, as
    it moves half of the lengths off both coordinates of the positions, ours 22.31 m. Its lateral
    0.06 is no measure of the other's place: it takes the lateral distance of the ego from itself,
    and the lateral velocity of the other less all of the ego's; ours is 0.15.

    Args:
        collision_courses: Who would run into whom.
    """
    ttc, closing_x = pl.col("ttc_s"), pl.col("closing_x_mps")
    # Where its centre is across the actor's heading when they would touch.
    across = pl.col("relative_y_m") - pl.col("closing_y_mps") * ttc
    shift = (pl.col("side_by_side_m") - across.abs()).clip(lower_bound=0.0)
    needed = collision_courses.filter((closing_x > 0) & (pl.col("distance_m") > 0)).with_columns(
        required_longitudinal_mps2=-closing_x / (2 * ttc),
        required_stop_mps2=-pl.col("actor_speed_mps").pow(2) / (2 * closing_x * ttc),
        required_lateral_mps2=2 * shift / (ttc * ttc),
    )
    return worst_moments(needed, RequiredAcceleration, by="required_longitudinal_mps2")
