"""How long, and how deeply, the time to collision was below a threshold."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import metric
from metrics_platform.signals.actor_pairs import ENCOUNTER, Encounter, worst_moments


class TimeExposedTtc(Encounter):
    """One row per log_id, source, actor_id, other_id: exposure up to contact; its worst moment.

    Only road users to whom the time to collision was below the threshold.
    """

    tet_s: float = Field(ge=0, description="Time with a TTC up to the threshold.")
    tit_s2: float = Field(ge=0, description="Integral of how far it was below, over that time.")
    min_ttc_s: float = Field(ge=0, description="The least, at the worst moment.")


@metric(
    version="1.0.0",
    rows=TimeExposedTtc,
    owner="safety",
    summary={
        "max_tet_s": pl.col("tet_s").max(),
        "max_tit_s2": pl.col("tit_s2").max(),
        "exposed_encounters": pl.len(),
    },
    plausible={"max_tet_s": (0.0, None)},
)
def time_exposed_ttc(
    collision_courses: pl.LazyFrame, tracks: pl.LazyFrame, *, threshold_s: float = 1.5
) -> pl.LazyFrame:
    """Add up the time below the threshold; one row per log_id, source, actor_id, other_id.

    Each moment at which the time to collision (as in `time_to_collision`) is known and at most the
    threshold stands for one period of its source: the median time between two samples of one road
    user, over all of the log. Gaps in a track are no exposure. Moments at which the boxes overlap
    come after the contact, and don't count. Where no road user is seen twice, no time is known to
    pass, and the exposure is 0.

    Formula: TET = Σ period over the moments with TTC ≤ threshold, TIT = Σ (threshold - TTC)·period
    over the same.

    Source: Minderhoud & Bovy (2001), "Extended time-to-collision measures for road traffic safety
    assessment".

    Reference: CommonRoad-CriMe 0.4.5: of times to collision by its rule we get its TET of 2.0 and
    0.9 s and its TIT of 2.012 and 1.395 s² in ZAM_Urban-3_3_Repair. By that rule they are along the
    lane, with the accelerations of the moment, to everybody whose box reaches into a lane that the
    ego's reaches into: the car in the next lane too, while the ego leans over to its lane without
    ever heading for it. In the plane, where it would pass both if it drove straight on, 4 of those
    20 moments count, 0.4 s and 0.548 s², and none of the 9.

    Args:
        collision_courses: Who would run into whom.
        tracks: For the period of each source.
        threshold_s: That of SSAM (FHWA-HRT-08-051). CriMe takes 2 s.
    """
    periods = (
        tracks.group_by("log_id", "source", "track_id")
        .agg(period_s=pl.col("timestamp_ns").sort().diff().median() * 1e-9)
        .group_by("log_id", "source")
        .agg(pl.col("period_s").median().fill_null(0.0))
    )
    below = threshold_s - pl.col("ttc_s")
    exposed = collision_courses.filter((below >= 0) & (pl.col("distance_m") > 0)).join(
        periods, on=["log_id", "source"]
    )
    # In whole nanoseconds: a sum of fractions rounds by its order, which the batch decides.
    below_ns = (below * 1e9).round().cast(pl.Int64)
    sums = exposed.group_by(ENCOUNTER).agg(
        tet_s=pl.col("period_s").first() * pl.len(),
        tit_s2=pl.col("period_s").first() * below_ns.sum() * 1e-9,
    )
    with_sums = exposed.join(sums, on=ENCOUNTER).with_columns(min_ttc_s="ttc_s")
    return worst_moments(with_sums, TimeExposedTtc, by="min_ttc_s")
