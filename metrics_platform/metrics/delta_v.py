"""How hard a collision would have been."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import metric
from metrics_platform.signals.actor_pairs import Encounter, worst_moments


class DeltaV(Encounter):
    """One row per log_id, source, actor_id, other_id: the moment of the hardest collision.

    Only of those that were on a collision course within the threshold.
    """

    max_delta_v_mps: float = Field(ge=0, description="Change of the actor's velocity by it.")
    ttc_s: float = Field(ge=0, description="Time to collision at that moment.")


@metric(
    version="1.0.0",
    rows=DeltaV,
    owner="safety",
    summary={"max_delta_v_mps": pl.col("max_delta_v_mps").max()},
    plausible={"max_delta_v_mps": (0.0, None)},
)
def delta_v(
    collision_courses: pl.LazyFrame, *, threshold_s: float = 1.5, other_mass_ratio: float = 0.5
) -> pl.LazyFrame:
    """Find the greatest change of velocity by a collision; one row per log_id, source, and pair.

    If the two collided with the velocities of the moment, and stuck together: how much that of the
    actor would change. It stands for how badly its occupants would be hurt. Only moments at which a
    collision is near count: two cars far apart have all the time to brake. Of equal values the
    earliest counts.

    Formula: m' / (m + m') · |v - v'|.

    Source: Shelby (2011), "Delta-V as a measure of traffic conflict severity"; the threshold is
    that of SSAM (FHWA-HRT-08-051), whose MaxDeltaV this is.

    Reference: CommonRoad-CriMe 0.4.5 has 13.0 m/s for 202 in DEU_Gar-1_1_T-1, two cars that drive
    16 and 10 m/s in one direction. It adds the velocities, v + v'·cos, where Shelby has the length
    of their difference; ours is 3.01 m/s, and would be 13.0 head-on.

    Args:
        collision_courses: Who would run into whom.
        threshold_s: Greatest time to collision that counts.
        other_mass_ratio: The other's part in the mass of both: the same masses, as in CriMe; logs
            don't tell them.
    """
    severity = other_mass_ratio * _length("closing_x_mps", "closing_y_mps")
    near = collision_courses.filter(pl.col("ttc_s") <= threshold_s)
    return worst_moments(
        near.with_columns(max_delta_v_mps=severity), DeltaV, by="max_delta_v_mps", descending=True
    )


def _length(x: str, y: str) -> pl.Expr:
    return (pl.col(x) * pl.col(x) + pl.col(y) * pl.col(y)).sqrt()
