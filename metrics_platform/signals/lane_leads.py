"""Who drives in front of whom along the lanes of a recording of traffic."""

import numpy as np
import polars as pl

from metrics_platform.core import Rows, signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.box_arrays import Boxes, box_distances
from metrics_platform.kernels.lane_paths import LaneNetwork, leaders, roads
from metrics_platform.kernels.numbering import numbered
from metrics_platform.kernels.smoothing import Integers, group_starts
from metrics_platform.signals.leads import Leads

_KEY = ("log_id", "timestamp_ns", "source", "track_id")


class LaneLeads(Leads):
    """One row per log_id, timestamp_ns, source, actor_id, other_id: the other is in front.

    In front along the lanes that the actor goes on to drive, also beyond junctions, and also where
    somebody else is between the two: whoever closes in on a queue closes in on each in it. The gap
    is along the lane, negative where they overlap; the distance and the place of the other are as
    in `actor_pairs`.
    """


@signal(version="1.0.0", rows=LaneLeads, owner="safety", optional=["lanes"])
def lane_leads(
    lane_positions: pl.LazyFrame,
    lane_links: pl.LazyFrame,
    lanes: pl.LazyFrame,
    tracks: pl.LazyFrame,
    recordings: pl.LazyFrame,
    *,
    range_m: float = 50.0,
) -> Rows:
    """Find who is in front of each along its lanes; one row per moment, actor and road user.

    An actor's way is the lane that its front bumper is in, and from there the lanes that lead
    through the roads which it was recorded on later; after the last of them, on as long as there is
    one way only. Whose front bumper is in another lane is not in front, wherever its rear is. A
    road user without a known velocity has no row.

    A log with an ego abstains: it doesn't say in what lane the ego is.

    Args:
        lane_positions: Where in its lane each road user is.
        lane_links: Which lane leads into which.
        lanes: Which lie side by side; without them, changing lanes before a junction hides what is
            in front beyond it.
        tracks: Box and velocity of each.
        recordings: Says whether the log has an ego.
        range_m: Greatest gap, as SUMO's `device.ssm.range`.
    """
    with_ego = (
        recordings.filter("has_ego")
        .select("log_id")
        .with_columns(reason=pl.lit("lane_positions do not say in what lane the ego is"))
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
    placed = lane_positions.join(with_ego, on="log_id", how="anti").join(boxes, on=_KEY)
    names = polars_schema(LaneLeads).names()
    # Collected here: what is in front is a search in arrays over all three at once.
    users, links, beside = pl.collect_all([placed, lane_links, lanes], engine="in-memory")
    return Rows(_rows(users, links, beside, range_m).select(names), with_ego)


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
    return pairs.lazy()


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
