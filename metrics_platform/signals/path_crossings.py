"""Where one road user drove across the path of another, and when each was there."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.crossing_areas import half_widths, sumo_areas
from metrics_platform.kernels.crossings import Area, Crossings, Occupied, crossings
from metrics_platform.kernels.driven_ways import Paths
from metrics_platform.kernels.numbering import numbered
from metrics_platform.signals.actor_pairs import with_velocity

# What area two need: whether it is told by their lanes. A name never changes its meaning.
CONFIGURATIONS: Mapping[str, bool] = {"boxes": False, "sumo_1_28": True}

_BODY = ("x_m", "y_m", "heading_rad", "length_m", "width_m", "speed_mps")
_BOX = ("ego_length_m", "ego_width_m", "ego_center_offset_m")


class PathCrossings(MetricFrame):
    """One row per log_id, source, actor_id, other_id, at_ns: a crossing of both paths.

    A path is that of the middle of the bumper that is ahead. The area that both need reaches, along
    the path of each, half the width of the other before and behind the crossing. In a recording of
    traffic as a whole each road user is an actor, so both (a, b) and (b, a) have a row.
    """

    source: str = Field(description="As in `tracks`.")
    actor_id: str = Field(description="`ego`, or the road user from whose seat it is seen.")
    other_id: str = Field(description="The road user whose path it crosses.")
    other_category: str = Field(description="As the source names it.")
    at_ns: int = Field(description="When the second one enters the area.")
    x_m: float = Field(description="The crossing, in the fixed frame.")
    y_m: float = Field(description="The crossing, in the fixed frame.")
    crossing_angle_rad: float = Field(
        ge=0, le=math.pi / 2, description="Between the paths there, whichever way they are driven."
    )
    actor_first: bool = Field(description="Whether the actor was at the crossing first.")
    between_s: float = Field(
        description="From the first one leaving the area to the second one entering it; negative "
        "where both were in it."
    )
    actor_entry_ns: int = Field(nullable=True, description="When it entered, where recorded.")
    actor_exit_ns: int = Field(nullable=True, description="When it left, where recorded.")
    other_entry_ns: int = Field(nullable=True, description="When it entered, where recorded.")
    other_exit_ns: int = Field(nullable=True, description="When it left, where recorded.")
    actor_speed_mps: float = Field(ge=0, description="At the crossing.")
    other_speed_mps: float = Field(ge=0, description="At the crossing.")

    class Config:
        unique = ["log_id", "source", "actor_id", "other_id", "at_ns"]


@signal(
    version="1.0.0",
    rows=PathCrossings,
    owner="safety",
    optional=["ego_states", "recordings", "lane_positions", "lane_links", "lane_points", "lanes"],
)
def path_crossings(
    ego_states: pl.LazyFrame,
    tracks: pl.LazyFrame,
    recordings: pl.LazyFrame,
    lane_positions: pl.LazyFrame,
    lane_links: pl.LazyFrame,
    lane_points: pl.LazyFrame,
    lanes: pl.LazyFrame,
    *,
    configuration: str = "boxes",
    horizon_s: float = 10.0,
    least_angle_rad: float = math.radians(30),
    max_gap_s: float = 1.0,
) -> Rows:
    """Find where paths cross; one row per log_id, source, actor_id, other_id, at_ns.

    Only road users that were in the common area within the horizon of one another. When they were
    there lies between samples. A path follows the box, also where it hops sideways from lane to
    lane, as in simulations; but such a hop crosses nobody's path. A log abstains where the ego's
    motion or its box is unknown.

    Args:
        ego_states: Motion of the ego; none in a recording of traffic.
        tracks: Road users.
        recordings: Says whether the log is one of traffic.
        lane_positions: For the areas as SUMO has them, as are the three below.
        lane_links: Tell which lanes wait within a junction.
        lane_points: Tell how wide a lane is.
        lanes: Tell which lanes lie in a junction.
        configuration: What area both need. `boxes`: half the width of the other before and behind
            the crossing. `sumo_1_28`: as the SSM device of SUMO 1.28 has it, by the lanes.
        horizon_s: Greatest time from the first one leaving to the second one entering.
        least_angle_rad: Paths nearer to parallel don't cross, but follow or merge. Two cars on the
            same bend of a simulated lane, which is a polyline, differ by up to 25 degrees where
            samples cut its corners; those that SUMO takes to cross differ by 50 and more.
        max_gap_s: Between samples farther apart nothing is known; as in `actor_pairs`.
    """
    traffic = recordings.filter(~pl.col("has_ego")).select("log_id")
    known = pl.all_horizontal(pl.col(name).is_not_null() for name in _BOX)
    no_box = (
        ego_states.filter(~known)
        .select("log_id")
        .unique()
        .with_columns(reason=pl.lit("the size of the ego's box or its place is unknown"))
    )
    logs = pl.concat([recordings.select("log_id"), tracks.select("log_id")]).unique()
    no_ego = (
        logs.join(traffic, on="log_id", how="anti")
        .join(ego_states.select("log_id").unique(), on="log_id", how="anti")
        .with_columns(reason=pl.lit("the ego's motion is unknown: there are no ego_states"))
    )
    abstained = pl.concat([no_box, no_ego])
    moving = with_velocity(tracks).join(abstained, on="log_id", how="anti")
    forward = (
        pl.col("velocity_x_mps") * pl.col("heading_rad").cos()
        + pl.col("velocity_y_mps") * pl.col("heading_rad").sin()
    )
    others = moving.select(
        "log_id",
        "timestamp_ns",
        "source",
        "track_id",
        "category",
        *_BODY[:-1],
        speed_mps=(pl.col("velocity_x_mps") ** 2 + pl.col("velocity_y_mps") ** 2).sqrt(),
        reverses=(forward < 0).fill_null(value=False),
        is_ego=pl.lit(value=False),
    )
    sources = others.select("log_id", "source").unique()
    own = _of_ego(ego_states.filter(known).join(traffic, on="log_id", how="anti"))
    samples = pl.concat(
        [others, own.join(sources, on="log_id").select(others.collect_schema().names())]
    )
    users, of_traffic = pl.collect_all([samples, traffic])
    by_lanes = CONFIGURATIONS[configuration]
    network = _network(lane_positions, lane_links, lane_points, lanes) if by_lanes else None
    rows = _rows(
        users,
        of_traffic,
        network,
        horizon_s=horizon_s,
        least_angle_rad=least_angle_rad,
        max_gap_s=max_gap_s,
    )
    return Rows(rows, abstained)


def _of_ego(states: pl.LazyFrame) -> pl.LazyFrame:
    heading, offset = pl.col("heading_rad"), pl.col("ego_center_offset_m")
    return states.select(
        "log_id",
        "timestamp_ns",
        "heading_rad",
        track_id=pl.lit("ego"),
        category=pl.lit("ego"),
        x_m=pl.col("x_m") + offset * heading.cos(),
        y_m=pl.col("y_m") + offset * heading.sin(),
        length_m="ego_length_m",
        width_m="ego_width_m",
        speed_mps="speed_mps",
        reverses=pl.col("longitudinal_velocity_mps") < 0,
        is_ego=pl.lit(value=True),
    )


@dataclass(frozen=True)
class _Network:
    """Where road users are in their lanes, and what is to know of each lane."""

    placed: pl.DataFrame
    lanes: pl.DataFrame


def _network(
    placed: pl.LazyFrame, links: pl.LazyFrame, points: pl.LazyFrame, lanes: pl.LazyFrame
) -> _Network:
    on = ["log_id", "lane_id"]
    inside = lanes.filter("in_intersection").select(on)
    ahead = links.join(inside, on=on).select("log_id", lane_id="next_lane_id")
    across_x, across_y = (pl.col(f"left_{a}_m") - pl.col(f"right_{a}_m") for a in "xy")
    widths = points.group_by(on).agg(width_m=(across_x**2 + across_y**2).sqrt().min())
    known = (
        widths.join(links.group_by(on).agg(pl.col("lane_length_m").first()), on=on)
        .join(ahead.join(inside, on=on).unique().with_columns(waits=True), on=on, how="left")
        .with_columns(pl.col("waits").fill_null(value=False))
        .with_row_index("lane")
    )
    return _Network(*pl.collect_all([placed, known]))


def _by_lanes(paths: Paths, users: pl.DataFrame, network: _Network) -> tuple[Area, float]:
    """Return the areas by the lanes of the samples, and how far one can reach."""
    key = ["log_id", "timestamp_ns", "source", "track_id"]
    placed = users.select(key).join(
        network.placed.join(network.lanes, on=["log_id", "lane_id"]).select(
            *key, "position_m", pl.col("lane").cast(pl.Int64)
        ),
        on=key,
        how="left",
        maintain_order="left",
    )
    length, width = (network.lanes[n].to_numpy() for n in ("lane_length_m", "width_m"))
    area = sumo_areas(
        paths,
        lane=placed["lane"].fill_null(-1).to_numpy(),
        position=placed["position_m"].fill_null(0.0).to_numpy(),
        lane_length=length,
        lane_width=width,
        waits=network.lanes["waits"].to_numpy(),
    )
    return area, float(max(length.max(), 5 * width.max()) + paths.width.max())


def _rows(
    users: pl.DataFrame,
    of_traffic: pl.DataFrame,
    network: _Network | None,
    *,
    horizon_s: float,
    least_angle_rad: float,
    max_gap_s: float,
) -> pl.LazyFrame:
    # Numbers, because sorting by names takes many times longer.
    users = numbered(users, "scene", "log_id", "source")
    users = numbered(users, "track", "log_id", "source", "is_ego", "track_id").sort(
        "track", "timestamp_ns"
    )
    users = users.with_columns(
        meets=pl.col("is_ego") | pl.col("log_id").is_in(of_traffic["log_id"].implode())
    )
    paths = Paths(
        scene=users["scene"].to_numpy(),
        track=users["track"].to_numpy(),
        time_ns=users["timestamp_ns"].to_numpy(),
        x=users["x_m"].to_numpy(),
        y=users["y_m"].to_numpy(),
        heading=users["heading_rad"].to_numpy(),
        length=users["length_m"].to_numpy(),
        width=users["width_m"].to_numpy(),
        reverses=users["reverses"].to_numpy(),
        meets=users["meets"].to_numpy(),
    )
    area, reach_m = half_widths(paths), float(paths.width.max(initial=0.0)) / 2
    if network and len(network.lanes):
        area, reach_m = _by_lanes(paths, users, network)
    found, occupied = crossings(
        paths,
        area,
        reach_m=reach_m,
        horizon_s=horizon_s,
        least_angle=least_angle_rad,
        max_gap_s=max_gap_s,
    )
    both = pl.concat([_seen_by(0, found, occupied, users), _seen_by(1, found, occupied, users)])
    names = polars_schema(PathCrossings).names()
    return (
        both.filter("meets")
        .sort("actor_entry_ns", "x_m", "y_m")
        .unique(["log_id", "source", "actor_id", "other_id", "at_ns"], keep="first")
        .select(names)
        .lazy()
    )


def _seen_by(actor: int, found: Crossings, occupied: Occupied, users: pl.DataFrame) -> pl.DataFrame:
    """Return the crossings as the one that was there first (0) or second (1) has them."""
    other = 1 - actor

    def moments(values: np.ndarray) -> pl.Series:
        return pl.Series(values, nan_to_null=True).round().cast(pl.Int64)

    seat = users[found.step[actor]].select(
        "log_id", "source", "meets", actor_id="track_id", actor_speed_mps="speed_mps"
    )
    sight = users[found.step[other]].select(
        other_id="track_id", other_category="category", other_speed_mps="speed_mps"
    )
    both: pl.DataFrame = pl.concat([seat, sight], how="horizontal")
    return both.with_columns(
        at_ns=moments(occupied.entry_ns[1]),
        x_m=pl.Series(found.x),
        y_m=pl.Series(found.y),
        crossing_angle_rad=pl.Series(found.angle),
        actor_first=pl.lit(actor == 0),
        between_s=pl.Series((occupied.entry_ns[1] - occupied.exit_ns[0]) * 1e-9),
        actor_entry_ns=moments(occupied.entry_ns[actor]),
        actor_exit_ns=moments(occupied.exit_ns[actor]),
        other_entry_ns=moments(occupied.entry_ns[other]),
        other_exit_ns=moments(occupied.exit_ns[other]),
    )
