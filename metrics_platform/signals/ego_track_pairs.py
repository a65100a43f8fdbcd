"""The ego and each road user near it, moment by moment: what surrogate safety measures look at."""

import math

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.core.geometry import BoxPair, box_distance, in_axes_of, wrapped
from metrics_platform.core.interpolation import interpolate

_EGO = (
    "x_m", "y_m", "longitudinal_velocity_mps", "lateral_velocity_mps", "yaw_rate_radps",
)  # fmt: skip
_BOX = ("ego_length_m", "ego_width_m", "ego_center_offset_m")
_TRACK = ("log_id", "source", "track_id")


class EgoTrackPairs(MetricFrame):
    """One row per log_id, timestamp_ns, source, track_id: a road user as the ego has it.

    Everything is seen from the centre of the ego's box: x forward, y left, both boxes' centres;
    velocities are over ground, split along the ego's axes. Only road users within range.
    """

    timestamp_ns: int = Field(description="Of the track's box, on the recording's clock.")
    source: str = Field(description="Of the track: annotation, tracker, radar, …")
    track_id: str = Field(description="The road user.")
    category: str = Field(description="As the source names it.")
    relative_x_m: float = Field(description="Centre of its box, ahead of the centre of the ego's.")
    relative_y_m: float = Field(
        description="Centre of its box, to the left of the centre of the ego's."
    )
    relative_heading_rad: float = Field(
        ge=-math.pi, lt=math.pi, description="Its heading less the ego's."
    )
    track_length_m: float = Field(ge=0, description="Of its box, along its heading.")
    track_width_m: float = Field(ge=0, description="Of its box, across its heading.")
    track_velocity_x_mps: float = Field(
        nullable=True, description="Over ground, along the ego's heading."
    )
    track_velocity_y_mps: float = Field(
        nullable=True, description="Over ground, to the ego's left."
    )
    track_speed_mps: float = Field(ge=0, nullable=True, description="Over ground.")
    ego_length_m: float = Field(gt=0, description="Of the ego's box.")
    ego_width_m: float = Field(gt=0, description="Of the ego's box.")
    ego_velocity_x_mps: float = Field(description="Over ground, along its heading.")
    ego_velocity_y_mps: float = Field(description="Over ground, to its left.")
    ego_speed_mps: float = Field(ge=0, description="Over ground.")
    distance_m: float = Field(ge=0, description="Between the boxes; 0 where they overlap.")

    class Config:
        unique = ["log_id", "timestamp_ns", "source", "track_id"]


@signal(version="1.0.0", rows=EgoTrackPairs, owner="safety")
def ego_track_pairs(
    ego_states: pl.LazyFrame,
    tracks: pl.LazyFrame,
    *,
    range_m: float = 100.0,
    neighbours: int = 2,
    max_gap_s: float = 1.0,
) -> Rows:
    """Join the ego with all road users near it; one row per log_id, timestamp_ns, source, track_id.

    The ego's state is interpolated at the moment of the track's box; there is no row where the ego
    is unknown at that moment. Velocities of the ego are those of the centre of its box. Where the
    source gives no velocity, it is the least-squares slope of the track's own positions over the
    samples around; null for a track seen once. A log whose ego box is unknown abstains.

    Args:
        ego_states: Motion of the ego.
        tracks: Road users.
        range_m: Greatest distance between the boxes.
        neighbours: Samples before and after, over which a missing velocity is estimated: 2, as
            the default window of 5 samples in nuplan-devkit's `approximate_derivatives`.
        max_gap_s: A sample farther away than this in time says nothing about the velocity now.
    """
    known = pl.all_horizontal(pl.col(name).is_not_null() for name in _BOX)
    nobox = (
        ego_states.filter(~known)
        .select("log_id")
        .unique()
        .with_columns(reason=pl.lit("the size of the ego's box or its place is unknown"))
    )
    moving = _with_velocity(tracks, neighbours, max_gap_s)
    beside = _beside_ego(moving, ego_states.filter(known))
    return Rows(_pairs(beside, range_m), nobox)


def _with_velocity(tracks: pl.LazyFrame, neighbours: int, max_gap_s: float) -> pl.LazyFrame:
    """Fill in velocities that the source doesn't give."""
    missing = pl.col("velocity_x_mps").is_null() | pl.col("velocity_y_mps").is_null()
    rows = tracks.with_row_index("_row")
    # Numbered, because sorting by three names takes many times longer.
    lacking = tracks.filter(missing).select(_TRACK).unique().with_row_index("_track")
    tracked = rows.join(lacking, on=_TRACK).select("_row", "_track", "timestamp_ns", "x_m", "y_m")
    slopes = _slopes(tracked.sort("_track", "timestamp_ns"), neighbours, max_gap_s)
    estimates = {
        f"velocity_{axis}_mps": pl.when(missing)
        .then(f"_slope_{axis}_m")
        .otherwise(f"velocity_{axis}_mps")
        for axis in "xy"
    }
    return rows.join(slopes, on="_row", how="left").with_columns(**estimates)


def _slopes(tracked: pl.LazyFrame, neighbours: int, max_gap_s: float) -> pl.LazyFrame:
    """Add the least-squares slopes of x and y over the samples around, per second.

    By shifting whole columns rather than by a window per track: a frame has many short tracks.
    """
    shifts = [shift for shift in range(-neighbours, neighbours + 1) if shift]
    track, time = pl.col("_track"), pl.col("timestamp_ns")
    # All relative to the sample in the middle, which adds nothing to a sum but its weight.
    since = {shift: (time.shift(shift) - time) * 1e-9 for shift in shifts}
    near = {
        shift: (track.shift(shift) == track) & (since[shift].abs() <= max_gap_s) for shift in shifts
    }
    tracked = tracked.with_columns(
        pl.when(near[shift]).then(since[shift]).alias(f"_since_{shift}") for shift in shifts
    )
    times = [pl.col(f"_since_{shift}") for shift in shifts]
    weight = 1 + pl.sum_horizontal(time.is_not_null() for time in times)
    total_s = pl.sum_horizontal(times)
    spread = weight * pl.sum_horizontal(time * time for time in times) - total_s * total_s
    slopes = {}
    for name in ("x_m", "y_m"):
        changes = [
            pl.when(time.is_not_null()).then(pl.col(name).shift(shift) - pl.col(name))
            for shift, time in zip(shifts, times, strict=True)
        ]
        products = [time * change for time, change in zip(times, changes, strict=True)]
        slope = weight * pl.sum_horizontal(products) - total_s * pl.sum_horizontal(changes)
        slopes[f"_slope_{name}"] = pl.when(spread > 0).then(slope / spread)
    return tracked.select("_row", **slopes)


def _beside_ego(tracks: pl.LazyFrame, ego: pl.LazyFrame) -> pl.LazyFrame:
    """Add the ego's state at the moment of each track's box, in columns named `ego_…`."""
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
    return tracks.join(there, on=["log_id", "timestamp_ns"])


def _pairs(beside: pl.LazyFrame, range_m: float) -> pl.LazyFrame:
    """Turn everything into the ego's axes, from the centre of its box."""
    ego_heading = pl.col("ego_heading_rad")
    x, y = in_axes_of(
        ego_heading, pl.col("x_m") - pl.col("ego_x_m"), pl.col("y_m") - pl.col("ego_y_m")
    )
    velocity_x, velocity_y = in_axes_of(
        ego_heading, pl.col("velocity_x_mps"), pl.col("velocity_y_mps")
    )
    pair = BoxPair(
        x=pl.col("relative_x_m"),
        y=pl.col("relative_y_m"),
        heading=pl.col("relative_heading_rad"),
        length=pl.col("ego_length_m"),
        width=pl.col("ego_width_m"),
        other_length=pl.col("track_length_m"),
        other_width=pl.col("track_width_m"),
    )
    # The centres are farther apart than the boxes by half of both diagonals at most.
    reach = (_diagonal("ego_length_m", "ego_width_m") + _diagonal("length_m", "width_m")) / 2
    turning = pl.col("ego_yaw_rate_radps") * pl.col("ego_center_offset_m")
    return (
        beside.with_columns(
            relative_x_m=x - pl.col("ego_center_offset_m"),
            relative_y_m=y,
        )
        .filter(_diagonal("relative_x_m", "relative_y_m") <= range_m + reach)
        .with_columns(
            relative_heading_rad=wrapped(pl.col("heading_rad") - ego_heading),
            track_length_m=pl.col("length_m"),
            track_width_m=pl.col("width_m"),
            track_velocity_x_mps=velocity_x,
            track_velocity_y_mps=velocity_y,
            track_speed_mps=_diagonal("velocity_x_mps", "velocity_y_mps"),
            ego_velocity_x_mps=pl.col("ego_longitudinal_velocity_mps"),
            ego_velocity_y_mps=pl.col("ego_lateral_velocity_mps") + turning,
        )
        .with_columns(
            ego_speed_mps=_diagonal("ego_velocity_x_mps", "ego_velocity_y_mps"),
            distance_m=box_distance(pair),
        )
        .filter(pl.col("distance_m") <= range_m)
        .select(polars_schema(EgoTrackPairs).names())
    )


def _diagonal(x: str, y: str) -> pl.Expr:
    return (pl.col(x) * pl.col(x) + pl.col(y) * pl.col(y)).sqrt()
