"""Who drives in front of whom, moment by moment: what measures of following need."""

import math

import polars as pl
from pandera.polars import Field

from metrics_platform.core import signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels import geometry
from metrics_platform.signals.actor_pairs import box_pair
from metrics_platform.signals.leads import Leads


class LeadVehicles(Leads):
    """One row per log_id, timestamp_ns, source, actor_id, other_id: the other is in front.

    Along the lanes where the recording says who is in which (`lane_leads`), else straight ahead;
    also where somebody else is between the two. The distance and the place of the other are as in
    `actor_pairs`.
    """

    along: str = Field(
        isin=["lane", "heading"], description="What the gap is along: lanes, or straight ahead."
    )


@signal(
    version="1.0.0",
    rows=LeadVehicles,
    owner="safety",
    optional=["lane_leads", "lane_positions", "lane_links"],
)
def lead_vehicles(
    actor_pairs: pl.LazyFrame,
    recordings: pl.LazyFrame,
    lane_leads: pl.LazyFrame,
    lane_positions: pl.LazyFrame,
    lane_links: pl.LazyFrame,
    *,
    range_m: float = 50.0,
    same_way_rad: float = math.pi / 4,
) -> pl.LazyFrame:
    """Find who is in front of each actor; one row per moment, actor and road user.

    In a recording of traffic that says in what lane each road user is, these are `lane_leads`.
    Anywhere else, in front is whom the actor's box would touch going straight ahead and who heads
    the same way, and the gap is how far it would go until then. In a bend that is too late for the
    one in its own lane, and can be somebody in the next: `along` says which of the two it is.

    Args:
        actor_pairs: Road users near each actor.
        recordings: Says whether the log has an ego.
        lane_leads: Who is in front along the lanes.
        lane_positions: Where there are these and the next, lanes tell who is in front.
        lane_links: See above.
        range_m: Greatest gap straight ahead, as in `lane_leads`.
        same_way_rad: Straight ahead, who heads farther apart than this is not followed: halfway to
            crossing.
    """
    by_lane = (
        recordings.filter(~pl.col("has_ego"))
        .select("log_id")
        .join(lane_positions.select("log_id").unique(), on="log_id", how="semi")
        .join(lane_links.select("log_id").unique(), on="log_id", how="semi")
    )
    names = polars_schema(LeadVehicles).names()
    elsewhere = actor_pairs.join(by_lane, on="log_id", how="anti")
    return pl.concat(
        [
            lane_leads.with_columns(along=pl.lit("lane")).select(names),
            _straight_ahead(elsewhere, range_m, same_way_rad).select(names),
        ]
    )


def _straight_ahead(pairs: pl.LazyFrame, range_m: float, same_way_rad: float) -> pl.LazyFrame:
    """Return whom each actor would touch going straight ahead, the nearest first."""
    same_way = pl.col("relative_heading_rad").abs() <= same_way_rad
    reach = (pl.col("actor_width_m") + pl.col("other_length_m") + pl.col("other_width_m")) / 2
    near = (pl.col("distance_m") <= range_m) & (pl.col("relative_y_m").abs() <= reach)
    ahead = (pl.col("relative_x_m") > 0) & pl.col("other_speed_mps").is_not_null()
    # The time in which a box that comes nearer at 1 m/s gets here is its distance.
    gap_m = geometry.time_to_collision(box_pair(), velocity_x=pl.lit(-1.0), velocity_y=pl.lit(0.0))
    moment = ("log_id", "timestamp_ns", "source", "actor_id")
    return (
        pairs.filter(same_way & near & ahead)
        .with_columns(gap_m=gap_m, along=pl.lit("heading"))
        .filter(pl.col("gap_m") <= range_m)
        .sort(*moment, "gap_m", "other_id")
        .with_columns(lead_index=pl.int_range(pl.len(), dtype=pl.Int64).over(moment))
    )
