"""An actor and each road user near it, moment by moment: what safety measures look at."""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, signal
from metrics_platform.core.frames import in_order, polars_schema
from metrics_platform.kernels.box_arrays import Boxes
from metrics_platform.kernels.geometry import BoxPair, box_distance, in_axes_of, wrapped
from metrics_platform.kernels.interpolation import interpolate
from metrics_platform.kernels.slopes import slopes_around
from metrics_platform.kernels.traffic_pairs import traffic_pairs
from metrics_platform.signals.tracks import tracks as tracks_signal

_EGO = (
    "x_m", "y_m", "longitudinal_velocity_mps", "lateral_velocity_mps", "yaw_rate_radps",
)  # fmt: skip
_BOX = ("ego_length_m", "ego_width_m", "ego_center_offset_m")
_TRACK = ("log_id", "source", "track_id")
_KEY = ("log_id", "timestamp_ns", "source", "track_id")


class ActorPairs(MetricFrame):
    """One row per log_id, timestamp_ns, source, actor_id, other_id: how the actor has it.

    The actor is the vehicle that recorded the log, `ego`; in a recording of traffic as a whole each
    road user is an actor, so both (a, b) and (b, a) have a row. Everything is seen from the centre
    of the actor's box: x forward, y left, both boxes' centres; velocities are over ground, split
    along the actor's axes. Only road users within range.
    """

    timestamp_ns: int = Field(description="Of the other's box, on the recording's clock.")
    source: str = Field(description="Of the track: annotation, tracker, radar, …")
    actor_id: str = Field(description="`ego`, or the road user from whose seat it is seen.")
    other_id: str = Field(description="The road user that is looked at.")
    other_category: str = Field(description="As the source names it.")
    encounter_index: int = Field(
        ge=0, description="Number of the pair in its log, the same at all its moments."
    )
    relative_x_m: float = Field(description="Its centre, ahead of the centre of the actor's.")
    relative_y_m: float = Field(description="Its centre, to the left of the centre of the actor's.")
    relative_heading_rad: float = Field(
        ge=-math.pi, lt=math.pi, description="Its heading less the actor's."
    )
    other_length_m: float = Field(ge=0, description="Of its box, along its heading.")
    other_width_m: float = Field(ge=0, description="Of its box, across its heading.")
    other_velocity_x_mps: float = Field(
        nullable=True, description="Over ground, along the actor's heading."
    )
    other_velocity_y_mps: float = Field(
        nullable=True, description="Over ground, to the actor's left."
    )
    other_speed_mps: float = Field(ge=0, nullable=True, description="Over ground.")
    actor_length_m: float = Field(ge=0, description="Of the actor's box.")
    actor_width_m: float = Field(ge=0, description="Of the actor's box.")
    actor_velocity_x_mps: float = Field(description="Over ground, along its heading.")
    actor_velocity_y_mps: float = Field(description="Over ground, to its left.")
    actor_speed_mps: float = Field(ge=0, description="Over ground.")
    distance_m: float = Field(ge=0, description="Between the boxes; 0 where they overlap.")

    class Config:
        unique = ["log_id", "timestamp_ns", "source", "actor_id", "other_id"]


class Encounter(MetricFrame):
    """One row per log_id, source, actor_id, other_id: the moment that tells most of a pair.

    Metrics of pairs put their own columns behind these, so that a person can go and look.
    """

    source: str = Field(description="Of the track: annotation, tracker, radar, …")
    actor_id: str = Field(description="`ego`, or the road user from whose seat it is seen.")
    other_id: str = Field(description="The road user that is looked at.")
    other_category: str = Field(description="As the source names it.")
    at_ns: int = Field(description="That moment, on the recording's clock.")
    distance_m: float = Field(ge=0, description="Between the boxes at that moment.")
    bearing_rad: float = Field(
        description="Where the actor sees the other; 0 is ahead, left is positive."
    )
    actor_speed_mps: float = Field(ge=0, description="At that moment.")
    other_speed_mps: float = Field(ge=0, nullable=True, description="At that moment.")

    class Config:
        unique = ["log_id", "source", "actor_id", "other_id"]


ENCOUNTER = ("log_id", "source", "actor_id", "other_id")
# The same in rows of `actor_pairs`, of which there are many: looking up names takes longest there.
PAIR = ("log_id", "encounter_index")


def box_pair() -> BoxPair:
    """Return the boxes of a row of `actor_pairs`, in the axes of the actor."""
    return BoxPair(
        x=pl.col("relative_x_m"),
        y=pl.col("relative_y_m"),
        heading=pl.col("relative_heading_rad"),
        length=pl.col("actor_length_m"),
        width=pl.col("actor_width_m"),
        other_length=pl.col("other_length_m"),
        other_width=pl.col("other_width_m"),
    )


def worst_moments(
    pairs: pl.LazyFrame,
    rows: type[Encounter],
    by: str,
    *,
    descending: bool = False,
    key: Sequence[str] = ENCOUNTER,
) -> pl.LazyFrame:
    """Return per encounter the moment at which the column `by` is least, or greatest.

    Of equal values the earliest counts.

    Args:
        pairs: Rows of `actor_pairs`, and the columns that `rows` has beyond those of `Encounter`.
        rows: Schema of the result.
        by: Never null.
        descending: The greatest is the worst.
        key: What tells encounters apart; `PAIR` where all of `actor_pairs` is looked at.
    """
    value = pl.col(by)
    worst = value.max() if descending else value.min()
    return (
        pairs.filter(value == worst.over(key))
        .sort("timestamp_ns")
        .unique(ENCOUNTER, keep="first", maintain_order=True)
        .with_columns(bearing_rad=pl.arctan2("relative_y_m", "relative_x_m"))
        .rename({"timestamp_ns": "at_ns"})
        .select(polars_schema(rows).names())
    )


@signal(version="2.0.1", rows=ActorPairs, owner="safety", optional=["ego_states", "recordings"])
def actor_pairs(
    ego_states: pl.LazyFrame,
    tracks: pl.LazyFrame,
    recordings: pl.LazyFrame,
    *,
    range_m: float = 100.0,
    traffic_range_m: float = 50.0,
    neighbours: int = 2,
    max_gap_s: float = 1.0,
) -> Rows:
    """Join each actor with all road users near it; one row per moment and pair.

    The ego's state is interpolated at the moment of the track's box; there is no row where the ego
    is unknown at that moment. Velocities of the ego are those of the centre of its box. Where the
    source gives no velocity, it is the least-squares slope of the track's own positions over the
    samples around; null for a track seen once, which then is nobody's actor either. A log abstains
    where the ego's motion or its box is unknown.

    Args:
        ego_states: Motion of the ego; none in a recording of traffic.
        tracks: Road users.
        recordings: Says whether the log is one of traffic.
        range_m: Greatest distance between the boxes.
        traffic_range_m: The same in a recording of traffic, as SUMO's `device.ssm.range`.
        neighbours: Samples before and after, over which a missing velocity is estimated: 2, as
            the default window of 5 samples in nuplan-devkit's `approximate_derivatives`.
        max_gap_s: A sample farther away than this in time says nothing about the velocity now.
    """
    traffic = recordings.filter(~pl.col("has_ego")).select("log_id")
    known = pl.all_horizontal(pl.col(name).is_not_null() for name in _BOX)
    nobox = (
        ego_states.filter(~known)
        .select("log_id")
        .unique()
        .join(traffic, on="log_id", how="anti")
        .with_columns(reason=pl.lit("the size of the ego's box or its place is unknown"))
    )
    logs = pl.concat([recordings.select("log_id"), tracks.select("log_id")]).unique()
    no_ego = (
        logs.join(traffic, on="log_id", how="anti")
        .join(ego_states.select("log_id").unique(), on="log_id", how="anti")
        .with_columns(reason=pl.lit("the ego's motion is unknown: there are no ego_states"))
    )
    # Collected here: which of two ways a log goes, and who is near whom, isn't a query.
    seen = tracks.collect()
    if seen["velocity_x_mps"].has_nulls() or seen["velocity_y_mps"].has_nulls():
        seen = with_velocity(seen.lazy(), neighbours, max_gap_s).collect()
    moving = _numbered(seen.lazy()).collect()
    of_traffic = moving["log_id"].is_in(traffic.collect()["log_id"].implode())
    users, others = moving.filter(of_traffic), moving.filter(~of_traffic).lazy()
    beside = _pairs(_beside_ego(others, ego_states.filter(known)), range_m).with_columns(
        encounter_index="road_user"
    )
    names = polars_schema(ActorPairs).names()
    parts = [beside.select(names).collect(), _among_themselves(users, traffic_range_m)]
    # Frames put together are in pieces, of which empty ones slow down each query.
    pairs = pl.concat([part for part in parts if len(part)] or parts[:1])
    return Rows(pairs.lazy(), pl.concat([nobox, no_ego]))


def with_velocity(
    tracks: pl.LazyFrame, neighbours: int = 2, max_gap_s: float = 1.0
) -> pl.LazyFrame:
    """Return `tracks` with the velocities that the source doesn't give; see `actor_pairs`."""
    missing = pl.col("velocity_x_mps").is_null() | pl.col("velocity_y_mps").is_null()
    rows = tracks.with_row_index("_row")
    # Numbered, because sorting by three names takes many times longer.
    lacking = tracks.filter(missing).select(_TRACK).unique().with_row_index("_track")
    tracked = rows.join(lacking, on=_TRACK).select("_row", "_track", "timestamp_ns", "x_m", "y_m")
    slopes = slopes_around(tracked.sort("_track", "timestamp_ns"), neighbours, max_gap_s)
    estimates = {
        f"velocity_{axis}_mps": pl.when(missing)
        .then(f"_slope_{axis}_m")
        .otherwise(f"velocity_{axis}_mps")
        for axis in "xy"
    }
    joined = rows.join(slopes, on="_row", how="left", maintain_order="left")
    return joined.with_columns(**estimates)


def _numbered(tracks: pl.LazyFrame) -> pl.LazyFrame:
    """Number the road users of each log (`road_user`), and count them (`road_users`)."""
    users = tracks.select(_TRACK).unique().sort(_TRACK)
    numbers = users.with_columns(
        road_user=pl.int_range(pl.len(), dtype=pl.Int64).over("log_id"),
        road_users=pl.len().over("log_id").cast(pl.Int64),
    )
    return tracks.join(numbers, on=_TRACK, how="left", maintain_order="left")


def _beside_ego(tracks: pl.LazyFrame, ego: pl.LazyFrame) -> pl.LazyFrame:
    """Add the ego's box and motion at the moment of each track's box, in columns `actor_…`."""
    moments = tracks.select("log_id", "timestamp_ns").unique().sort("log_id", "timestamp_ns")
    states = ego.select(
        "log_id",
        "timestamp_ns",
        "segment_index",
        *_BOX,
        **{f"ego_{name}": pl.col(name) for name in (*_EGO, "heading_rad")},
    ).sort("log_id", "timestamp_ns")
    there = interpolate(
        moments,
        states,
        segment="segment_index",
        linear=[f"ego_{name}" for name in _EGO],
        angles=["ego_heading_rad"],
        constant=_BOX,
    )
    offset, heading = pl.col("ego_center_offset_m"), pl.col("ego_heading_rad")
    centre = there.select(
        "log_id",
        "timestamp_ns",
        actor_id=pl.lit("ego"),
        actor_x_m=pl.col("ego_x_m") + offset * heading.cos(),
        actor_y_m=pl.col("ego_y_m") + offset * heading.sin(),
        actor_heading_rad=heading,
        actor_length_m=pl.col("ego_length_m"),
        actor_width_m=pl.col("ego_width_m"),
        actor_velocity_x_mps=pl.col("ego_longitudinal_velocity_mps"),
        # Where the box is before the origin, turning swings it sideways.
        actor_velocity_y_mps=pl.col("ego_lateral_velocity_mps")
        + pl.col("ego_yaw_rate_radps") * offset,
    )
    return tracks.join(centre, on=["log_id", "timestamp_ns"])


def _among_themselves(tracks: pl.DataFrame, range_m: float) -> pl.DataFrame:
    """Return the pairs of road users of each moment, each as actor, in the order of the key."""
    users = tracks if in_order(tracks_signal.rows, tracks) else tracks.sort(_KEY)
    moment = users.select(pl.struct("log_id", "timestamp_ns", "source").rle_id()).to_series()
    x, y, heading, length, width, velocity_x, velocity_y = (
        users[name].to_numpy()
        for name in ("x_m", "y_m", "heading_rad", "length_m", "width_m", "velocity_x_mps",
                     "velocity_y_mps")
    )  # fmt: skip
    # Rows are in the order of the key, so the order of their pairs is the order of the key too.
    pairs = traffic_pairs(
        moment.to_numpy().astype(np.int64),
        Boxes(x=x, y=y, heading=heading, length=length, width=width),
        velocity_x,
        velocity_y,
        range_m,
    )
    # Names are looked up last of all.
    seat = users.select("log_id", "timestamp_ns", "source", actor_id="track_id")[pairs.actor]
    sight = users.select(other_id="track_id", other_category="category")[pairs.other]
    user, count = users["road_user"].to_numpy(), users["road_users"].to_numpy()
    numbers = pl.DataFrame(
        {"encounter_index": user[pairs.actor] * count[pairs.actor] + user[pairs.other]}
        | dict(pairs.columns)
    )
    if users["velocity_x_mps"].has_nulls() or users["velocity_y_mps"].has_nulls():
        unknown = ("other_velocity_x_mps", "other_velocity_y_mps", "other_speed_mps")
        numbers = numbers.with_columns(pl.col(unknown).fill_nan(None))
    return pl.concat([seat, sight, numbers], how="horizontal").select(
        polars_schema(ActorPairs).names()
    )


def _pairs(beside: pl.LazyFrame, range_m: float) -> pl.LazyFrame:
    """Turn everything into the actor's axes, from the centre of its box."""
    heading = pl.col("actor_heading_rad")
    x, y = in_axes_of(
        heading, pl.col("x_m") - pl.col("actor_x_m"), pl.col("y_m") - pl.col("actor_y_m")
    )
    velocity_x, velocity_y = in_axes_of(heading, pl.col("velocity_x_mps"), pl.col("velocity_y_mps"))
    # The centres are farther apart than the boxes by half of both diagonals at most.
    reach = (_diagonal("actor_length_m", "actor_width_m") + _diagonal("length_m", "width_m")) / 2
    return (
        beside.with_columns(relative_x_m=x, relative_y_m=y)
        .filter(_diagonal("relative_x_m", "relative_y_m") <= range_m + reach)
        .rename({"track_id": "other_id", "category": "other_category"})
        .with_columns(
            relative_heading_rad=wrapped(pl.col("heading_rad") - heading),
            other_length_m=pl.col("length_m"),
            other_width_m=pl.col("width_m"),
            other_velocity_x_mps=velocity_x,
            other_velocity_y_mps=velocity_y,
            other_speed_mps=_diagonal("velocity_x_mps", "velocity_y_mps"),
            actor_speed_mps=_diagonal("actor_velocity_x_mps", "actor_velocity_y_mps"),
        )
        .with_columns(distance_m=box_distance(box_pair()))
        .filter(pl.col("distance_m") <= range_m)
    )


def _diagonal(x: str, y: str) -> pl.Expr:
    return (pl.col(x) * pl.col(x) + pl.col(y) * pl.col(y)).sqrt()
