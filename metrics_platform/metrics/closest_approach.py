"""How near the actor came to each road user."""

import polars as pl

from metrics_platform.core import metric
from metrics_platform.signals.actor_pairs import PAIR, Encounter, worst_moments


class ClosestApproach(Encounter):
    """One row per log_id, source, actor_id, other_id: the moment they were nearest."""


@metric(
    version="2.0.0",
    rows=ClosestApproach,
    owner="safety",
    summary={
        "distance_m": pl.col("distance_m").min(),
        "encounters": pl.len(),
        "overlaps": (pl.col("distance_m") == 0).sum(),
    },
    plausible={"distance_m": (0.0, None)},
)
def closest_approach(actor_pairs: pl.LazyFrame) -> pl.LazyFrame:
    """Find the least distance between the boxes; one row per log_id, source, actor_id, other_id.

    Of equal distances the earliest counts. Road users that never come within the range of
    `actor_pairs` have no row.

    Formula: min over t of the distance between the boxes in the plane.

    Source: the distance of closest encounter of Westhofen et al. (2023), "Criticality Metrics for
    Automated Driving", between the boxes rather than the positions.

    Reference: shapely's distance of the same rectangles, equal within 1e-9 m.
    """
    return worst_moments(actor_pairs, ClosestApproach, by="distance_m", key=PAIR)
