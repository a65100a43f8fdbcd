"""How abruptly each road user accelerated, braked and turned."""

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.differences import gradient
from metrics_platform.kernels.smoothing import Floats, group_starts

_TRACK = ("log_id", "source", "track_id")
_VELOCITY = ("velocity_x_mps", "velocity_y_mps")
# One-sided slopes of one-sided slopes take three samples.
_LEAST_SAMPLES = 3


class RoadUserJerk(MetricFrame):
    """One row per log_id, source, track_id: the greatest jerk, whatever its sign."""

    source: str = Field(description="Of the track: annotation, tracker, radar, …")
    track_id: str = Field(description="The road user.")
    category: str = Field(description="As the source names it.")
    longitudinal_jerk_mps3: float = Field(ge=0, description="Greatest along its heading.")
    longitudinal_at_ns: int = Field(description="When that was, on the recording's clock.")
    lateral_jerk_mps3: float = Field(ge=0, description="Greatest across its heading.")
    lateral_at_ns: int = Field(description="When that was, on the recording's clock.")

    class Config:
        unique = ["log_id", "source", "track_id"]


@metric(
    version="1.0.0",
    rows=RoadUserJerk,
    owner="safety",
    summary={
        "longitudinal_jerk_mps3": pl.col("longitudinal_jerk_mps3").max(),
        "lateral_jerk_mps3": pl.col("lateral_jerk_mps3").max(),
    },
    plausible={"longitudinal_jerk_mps3": (0.0, None)},
)
def road_user_jerk(tracks: pl.LazyFrame, *, max_gap_s: float = 1.0) -> Rows:
    """Find the greatest jerk of each road user; one row per log_id, source, track_id.

    Of the recorded velocities, by differences of neighbours, unfiltered: a road user of a
    simulation has the jerk that it was driven with, one that was tracked has that of the tracker
    too. Acceleration is the derivative of the velocity over ground, along the road user's axes;
    jerk is the derivative of that, so a steady turn has none. Of equal values the earliest counts.
    The ego is not among them: `ego_comfort` judges its ride.

    A road user has a row if it is seen three times without a gap, with a velocity. A log abstains
    where no velocity is recorded: positions that are differentiated three times are noise.

    Formula: max |d²v_forward / dt²| and max |d(a_left) / dt|, each by `numpy.gradient`.

    Source: Westhofen et al. (2023), "Criticality Metrics for Automated Driving" (LongJ, LatJ).

    Reference: CommonRoad-CriMe 0.4.5 differentiates the speed twice in the same way; the 1.71 m/s³
    of road user 2 in ZAM_Zip-1_56_T-1 at step 40 is ours too. Its lateral jerk, 0.01, is the part
    of that across the x axis of the map, by the angle of the lane; ours is across the road user's
    heading, and comes from turning: 0.19.

    Args:
        tracks: Road users.
        max_gap_s: Over a longer gap nothing is derived; as in `actor_pairs`.
    """
    known = tracks.drop_nulls(_VELOCITY)
    unknown = (
        tracks.group_by("log_id")
        .agg(known=pl.all_horizontal(pl.col(_VELOCITY).is_not_null()).any())
        .filter(~pl.col("known"))
        .select("log_id", reason=pl.lit("no velocity of any road user is recorded"))
    )
    derived = (
        known.select(*_TRACK, "category", "timestamp_ns", "heading_rad", *_VELOCITY)
        .sort(*_TRACK, "timestamp_ns")
        .map_batches(
            lambda rows: _with_jerk(rows, max_gap_s),
            predicate_pushdown=False,
            projection_pushdown=False,
            slice_pushdown=False,
            schema=_DERIVED,
        )
    )
    greatest = derived.group_by(_TRACK).agg(
        pl.col("category").first(),
        *(value for name in ("longitudinal", "lateral") for value in _greatest(name)),
    )
    names = polars_schema(RoadUserJerk).names()
    return Rows(greatest.drop_nulls().select(names), unknown)


_DERIVED = pl.Schema(
    {
        **dict.fromkeys((*_TRACK, "category"), pl.String()),
        "timestamp_ns": pl.Int64(),
        "longitudinal_jerk_mps3": pl.Float64(),
        "lateral_jerk_mps3": pl.Float64(),
    }
)


def _with_jerk(rows: pl.DataFrame, max_gap_s: float) -> pl.DataFrame:
    """Return the size of both jerks at each sample; null where it isn't known."""
    if not len(rows):
        return _DERIVED.to_frame()
    # Against the first: as a float, a time of today is good for 0.2 µs only.
    times = (rows["timestamp_ns"] - rows["timestamp_ns"].min()).to_numpy() * 1e-9
    track = rows.select(pl.struct(_TRACK).rle_id()).to_series().to_numpy()
    gap = np.diff(times, prepend=times[0]) > max_gap_s
    starts = group_starts(track, np.cumsum(gap))
    heading = rows["heading_rad"].to_numpy()
    cos, sin = np.cos(heading), np.sin(heading)
    east, north = (rows[name].to_numpy() for name in _VELOCITY)

    def change(values: Floats) -> Floats:
        return gradient(values, times, starts)

    left = cos * change(north) - sin * change(east)
    long_enough = np.repeat(np.diff(starts) >= _LEAST_SAMPLES, np.diff(starts))
    jerks = {
        "longitudinal_jerk_mps3": change(change(cos * east + sin * north)),
        "lateral_jerk_mps3": change(left),
    }
    return rows.select(*_TRACK, "category", "timestamp_ns").with_columns(
        pl.Series(name, np.where(long_enough, np.abs(jerk), np.nan), nan_to_null=True)
        for name, jerk in jerks.items()
    )


def _greatest(name: str) -> tuple[pl.Expr, pl.Expr]:
    jerk = pl.col(f"{name}_jerk_mps3")
    at = pl.col("timestamp_ns").filter(jerk == jerk.max()).min()
    return jerk.max(), at.alias(f"{name}_at_ns")
