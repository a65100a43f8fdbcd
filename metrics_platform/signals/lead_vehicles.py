"""Who drives in front of whom, moment by moment: what measures of following need."""

import math

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels import geometry
from metrics_platform.kernels.box_arrays import Boxes, box_distances
from metrics_platform.kernels.lane_paths import LaneNetwork, leaders, roads
from metrics_platform.kernels.numbering import numbered
from metrics_platform.kernels.smoothing import Integers, group_starts
from metrics_platform.signals.actor_pairs import box_pair

_KEY = ("log_id", "timestamp_ns", "source", "track_id")


class LeadVehicles(MetricFrame):
    """One row per log_id, timestamp_ns, source, actor_id, other_id: the other is in front.

    In front along the lanes that the actor goes on to drive, also beyond junctions, or straight
    ahead of it where nobody recorded lanes (`along`); and also where somebody else is between the
    two: whoever closes in on a queue closes in on each in it. The distance and the place of the
    other are as in `actor_pairs`.
    """

    timestamp_ns: int = Field(description="On the recording's clock.")
    source: str = Field(description="As in `tracks`.")
    actor_id: str = Field(description="The road user behind.")
    other_id: str = Field(description="The road user in front.")
    other_category: str = Field(description="As the source names it.")
    along: str = Field(
        isin=["lane", "heading"], description="What the gap is along: lanes, or straight ahead."
    )
    lead_index: int = Field(ge=0, description="0 is the next in front, 1 the one before that, …")
    gap_m: float = Field(
        description="From the actor's front bumper to the other; where they overlap, negative "
        "along the lane and 0 straight ahead."
    )
    actor_speed_mps: float = Field(ge=0, description="Over ground.")
    other_speed_mps: float = Field(ge=0, description="Over ground.")
    relative_x_m: float = Field(description="Its centre, ahead of the centre of the actor's.")
    relative_y_m: float = Field(description="Its centre, to the left of the centre of the actor's.")
    distance_m: float = Field(ge=0, description="Between the boxes; 0 where they overlap.")

    class Config:
        unique = ["log_id", "timestamp_ns", "source", "actor_id", "other_id"]


@signal(
    version="1.0.0",
    rows=LeadVehicles,
    owner="safety",
    optional=["lane_positions", "lane_links", "lanes"],
)
def lead_vehicles(
    actor_pairs: pl.LazyFrame,
    tracks: pl.LazyFrame,
    recordings: pl.LazyFrame,
    lane_positions: pl.LazyFrame,
    lane_links: pl.LazyFrame,
    lanes: pl.LazyFrame,
    *,
    range_m: float = 50.0,
    same_way_rad: float = math.pi / 4,
) -> pl.LazyFrame:
    """Find who is in front of each actor; one row per moment, actor and road user.

    In a recording of traffic that says in what lane each road user is, an actor's way is the lane
    that its front bumper is in, and from there the lanes that lead through the roads which it was
    recorded on later; after the last of them, on as long as there is one way only. Whose front
    bumper is in another lane is not in front, wherever its rear is. A road user without a known
    velocity has no row.

    Anywhere else, in front is whom the actor's box would touch going straight ahead and who heads
    the same way, and the gap is how far it would go until then. In a bend that is too late for the
    one in its own lane, and can be somebody in the next: `along` says which of the two it is.

    Args:
        actor_pairs: Road users near each actor.
        tracks: Box and velocity of each.
        recordings: Says whether the log has an ego.
        lane_positions: Where in its lane each road user is.
        lane_links: Which lane leads into which.
        lanes: Which lie side by side; without them, changing lanes before a junction hides what is
            in front beyond it.
        range_m: Greatest gap, as SUMO's `device.ssm.range`.
        same_way_rad: Straight ahead, who heads farther apart than this is not followed: halfway to
            crossing.
    """
    by_lane = (
        recordings.filter(~pl.col("has_ego"))
        .select("log_id")
        .join(lane_positions.select("log_id").unique(), on="log_id", how="semi")
        .join(lane_links.select("log_id").unique(), on="log_id", how="semi")
    )
    boxes = tracks.select(
        *_KEY,
        "category",
        "x_m",
        "y_m",
        "heading_rad",
        "length_m",
        "width_m",
        speed_mps=(pl.col("velocity_x_mps") ** 2 + pl.col("velocity_y_mps") ** 2).sqrt(),
    ).drop_nulls("speed_mps")
    placed = lane_positions.join(by_lane, on="log_id", how="semi").join(boxes, on=_KEY)
    names = polars_schema(LeadVehicles).names()
    elsewhere = actor_pairs.join(by_lane, on="log_id", how="anti")
    # Collected here: what is in front is a search in arrays over all three at once.
    users, links, beside = pl.collect_all([placed, lane_links, lanes], engine="in-memory")
    return pl.concat(
        [
            _rows(users, links, beside, range_m).select(names),
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


def _rows(
    placed: pl.DataFrame, links: pl.DataFrame, lanes: pl.DataFrame, range_m: float
) -> pl.LazyFrame:
    named = _lanes(placed, links, lanes)
    # Sorting numbers is many times faster than sorting names.
    placed = placed.join(named, on=["log_id", "lane_id"])
    placed = numbered(placed, "track", "log_id", "source", "track_id")
    placed = numbered(placed, "moment", "log_id", "source", "timestamp_ns").sort("track", "moment")
    behind, front, gap = leaders(
        network=_network(named, links, lanes),
        track=placed["track"].to_numpy(),
        moment=placed["moment"].to_numpy(),
        lane=placed["lane"].to_numpy(),
        position=placed["position_m"].to_numpy(),
        length=placed["length_m"].to_numpy(),
        range_m=range_m,
    )
    way = gap + placed["length_m"].to_numpy()[front]
    order = np.lexsort((placed["track"].to_numpy()[front], way, behind))
    behind, front, gap = behind[order], front[order], gap[order]
    queues = group_starts(behind)
    x, y, heading, long, wide = (
        placed[n].to_numpy() for n in ("x_m", "y_m", "heading_rad", "length_m", "width_m")
    )
    boxes = Boxes(x=x, y=y, heading=heading, length=long, width=wide)
    away_x, away_y = x[front] - x[behind], y[front] - y[behind]
    cos, sin = np.cos(heading[behind]), np.sin(heading[behind])
    numbers = {
        "lead_index": np.arange(len(gap)) - np.repeat(queues[:-1], np.diff(queues)),
        "gap_m": gap,
        "relative_x_m": cos * away_x + sin * away_y,
        "relative_y_m": cos * away_y - sin * away_x,
        "distance_m": box_distances(boxes, behind, front),
    }
    actor = placed.select(
        "log_id", "timestamp_ns", "source", actor_id="track_id", actor_speed_mps="speed_mps"
    )
    other = placed.select(
        other_id="track_id", other_category="category", other_speed_mps="speed_mps"
    )
    pairs: pl.DataFrame = pl.concat(
        [actor[behind], other[front], pl.DataFrame(numbers)], how="horizontal"
    )
    return pairs.lazy().with_columns(along=pl.lit("lane"))


def _lanes(placed: pl.DataFrame, links: pl.DataFrame, lanes: pl.DataFrame) -> pl.DataFrame:
    """Return a number (`lane`) for each lane of each log."""
    named = [
        placed.select("log_id", "lane_id"),
        links.select("log_id", "lane_id"),
        links.select("log_id", lane_id="next_lane_id"),
        lanes.select("log_id", "lane_id"),
        lanes.select("log_id", lane_id="left_lane_id").drop_nulls(),
    ]
    unique = pl.concat(part.unique() for part in named).unique().sort("log_id", "lane_id")
    return unique.with_columns(lane=pl.int_range(pl.len(), dtype=pl.Int64))


def _network(named: pl.DataFrame, links: pl.DataFrame, lanes: pl.DataFrame) -> LaneNetwork:
    def of(frame: pl.DataFrame, column: str) -> Integers:
        on = ["log_id", "lane_id"]
        keys = frame.select("log_id", lane_id=column)
        return keys.join(named, on=on, how="left", maintain_order="left")["lane"].to_numpy()

    beside = lanes.drop_nulls("left_lane_id")
    left = np.full(len(named), -1)
    left[of(beside, "lane_id")] = of(beside, "left_lane_id")
    lane, following = of(links, "lane_id"), of(links, "next_lane_id")
    length = np.full(len(named), np.nan)
    length[lane] = links["lane_length_m"].to_numpy()
    order = np.lexsort((following, lane))
    return LaneNetwork(
        length=length,
        road=roads(left),
        starts=np.searchsorted(lane[order], np.arange(len(named) + 1)),
        following=following[order],
    )
