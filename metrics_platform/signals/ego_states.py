"""The vehicle's motion on an even grid: what metrics of driving start from."""

import math

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.geometry import wrapped
from metrics_platform.kernels.interpolation import interpolate
from metrics_platform.kernels.smoothing import Floats, group_starts, savgol, unwrap

# Recorders stamp one pose twice, a nanosecond (Argoverse 2) or 0.2 ms (comma2k19) apart: stamps
# nearer than this say nothing about the rate of the source.
SAME_INSTANT_S = 0.001
# A longer interval is an interruption, whatever the rate: poses at 1 Hz hardly describe a motion.
LONGEST_PERIOD_S = 1.0
# Order of the polynomial in nuplan-devkit, `approximate_derivatives`, as is the default window.
POLYNOMIAL_ORDER = 2
_INTERPOLATED = (
    "x_m", "y_m", "z_m", "heading_rad",
    "longitudinal_velocity_mps", "lateral_velocity_mps", "yaw_rate_radps",
)  # fmt: skip


class EgoStates(MetricFrame):
    """One row per log_id, timestamp_ns: motion of the vehicle's origin, every 100 ms or so.

    Within a segment the steps are even; between two segments nothing is known. Axes after
    ISO 8855: velocities and accelerations are those over ground, split along the vehicle's own
    axes, so a steady turn has a lateral acceleration. The ego box is null where unknown.
    """

    timestamp_ns: int = Field(description="On the grid of steps, on the recording's clock.")
    segment_index: int = Field(
        ge=0, description="A longer gap than can be bridged starts a new one."
    )
    x_m: float = Field(description="Vehicle origin in the fixed frame.")
    y_m: float = Field(description="Vehicle origin in the fixed frame.")
    z_m: float = Field(description="Vehicle origin in the fixed frame, up.")
    heading_rad: float = Field(
        ge=-math.pi, lt=math.pi, description="Counter-clockwise from the x axis."
    )
    longitudinal_velocity_mps: float = Field(description="Forward; negative in reverse.")
    lateral_velocity_mps: float = Field(description="To the left.")
    speed_mps: float = Field(ge=0, description="Of the vehicle origin, whatever its direction.")
    longitudinal_acceleration_mps2: float = Field(description="Forward; negative where it brakes.")
    lateral_acceleration_mps2: float = Field(description="To the left.")
    yaw_rate_radps: float = Field(description="To the left.")
    ego_length_m: float = Field(gt=0, nullable=True, description="Of the vehicle's box.")
    ego_width_m: float = Field(gt=0, nullable=True, description="Of the vehicle's box.")
    ego_center_offset_m: float = Field(
        nullable=True, description="From the vehicle origin forward to the centre of its box."
    )

    class Config:
        unique = ["log_id", "timestamp_ns"]


@signal(version="1.0.0", rows=EgoStates, owner="platform")
def ego_states(
    ego_poses: pl.LazyFrame,
    recordings: pl.LazyFrame,
    *,
    step_s: float = 0.1,
    max_gap_s: float = 0.5,
    max_gap_periods: float = 2.5,
    window: int = 5,
) -> Rows:
    """Resample the recorded poses evenly, then differentiate; one row per log_id, timestamp_ns.

    The order matters: recorded stamps can lie a nanosecond apart, and differences over such a step
    are noise. Poses are interpolated linearly between neighbours. Steps are as near to `step_s`
    (the median period of a slower source) as divides the segment evenly, so that none of it is
    lost. Velocities and yaw rate are the recorded ones where a segment has them throughout, else
    derivatives of the pose; accelerations are derivatives of the velocity in the fixed frame,
    turned into the vehicle's axes. Derivatives are those of Savitzky & Golay (1964).

    A log without two poses at least half a step apart abstains.

    Args:
        ego_poses: As recorded.
        recordings: For the size of the vehicle.
        step_s: Grid step; 10 Hz is the rate of nuPlan, Argoverse 2 and CommonRoad.
        max_gap_s: Longest gap between poses that is bridged.
        max_gap_periods: The same in median periods; the longer of both counts.
        window: Samples that a derivative looks at; 5 is the default of nuplan-devkit's
            `approximate_derivatives`.
    """
    samples = _segmented(ego_poses, step_s, max_gap_s, max_gap_periods)
    segments = _segments(samples)
    moving = _resampled(samples, segments).map_batches(
        lambda frame: _differentiated(frame, window),
        predicate_pushdown=False,
        projection_pushdown=False,
        slice_pushdown=False,
        schema=_MOVING,
    )
    box = recordings.select("log_id", "ego_length_m", "ego_width_m", "ego_center_offset_m")
    rows = moving.join(box, on="log_id", how="left").select(polars_schema(EgoStates).names())
    longest = segments.group_by("log_id").agg(pl.col("duration_s").max())
    too_short = (
        recordings.select("log_id")
        .join(segments.filter(pl.col("steps") > 0), on="log_id", how="anti")
        .join(longest, on="log_id", how="left")
        .select(
            "log_id",
            reason=pl.format(
                "{} s long: the ego pose holds no two instants a grid step apart without a gap",
                pl.col("duration_s").fill_null(0.0).round(1),
            ),
        )
    )
    return Rows(rows, too_short)


def _segmented(
    poses: pl.LazyFrame, step_s: float, max_gap_s: float, max_gap_periods: float
) -> pl.LazyFrame:
    """Sort, and number the stretches without a gap through all logs (`segment`)."""
    samples = poses.select("log_id", "timestamp_ns", *_INTERPOLATED).sort("log_id", "timestamp_ns")
    same_log = pl.col("log_id") == pl.col("log_id").shift(1)
    samples = samples.with_columns(
        since_s=pl.when(same_log).then(pl.col("timestamp_ns").diff() * 1e-9)
    )
    regular = pl.col("since_s").is_between(SAME_INSTANT_S, LONGEST_PERIOD_S)
    period = pl.col("since_s").filter(regular).median().fill_null(0.0)
    periods = samples.group_by("log_id").agg(period_s=period)
    gap_s = pl.max_horizontal(pl.lit(max_gap_s), max_gap_periods * pl.col("period_s"))
    starts = (pl.col("since_s") > gap_s).fill_null(value=True)
    return samples.join(periods, on="log_id", maintain_order="left").with_columns(
        segment=starts.cum_sum(),
        step_s=pl.max_horizontal(pl.lit(step_s), "period_s"),
    )


def _segments(samples: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per segment: where it lies and how many grid steps it takes."""
    segments = samples.group_by("segment").agg(
        pl.col("log_id").first(),
        start_ns=pl.col("timestamp_ns").min(),
        duration_ns=pl.col("timestamp_ns").max() - pl.col("timestamp_ns").min(),
        step_s=pl.col("step_s").first(),
    )
    first = pl.col("segment").min().over("log_id")
    return segments.with_columns(
        duration_s=pl.col("duration_ns") * 1e-9,
        steps=(pl.col("duration_ns") * 1e-9 / pl.col("step_s")).round().cast(pl.Int64),
        segment_index=(pl.col("segment") - first).cast(pl.Int64),
    )


def _resampled(samples: pl.LazyFrame, segments: pl.LazyFrame) -> pl.LazyFrame:
    """Return the grid of all segments, sorted, with poses between the neighbouring samples."""
    grid = (
        segments.filter(pl.col("steps") > 0)
        .sort("segment")
        .with_columns(
            step_ns=pl.col("duration_ns") / pl.col("steps"),
            place=pl.int_ranges(0, pl.col("steps") + 1),
        )
        .explode("place")
        .select(
            "log_id",
            "segment",
            "segment_index",
            timestamp_ns=pl.col("start_ns")
            + (pl.col("place") * pl.col("step_ns")).round().cast(pl.Int64),
        )
    )
    return interpolate(
        grid,
        samples,
        segment="segment",
        linear=[name for name in _INTERPOLATED if name != "heading_rad"],
        angles=["heading_rad"],
    )


_MOVING = pl.Schema(
    {name: dtype for name, dtype in polars_schema(EgoStates).items() if not name.startswith("ego_")}
)


def _differentiated(grid: pl.DataFrame, window: int) -> pl.DataFrame:
    """Add velocities, yaw rate and accelerations, segment by segment."""
    starts = group_starts(grid["segment"].to_numpy())
    first, sizes = starts[:-1], np.diff(starts)
    if not len(first):
        return _MOVING.to_frame()
    times = grid["timestamp_ns"].to_numpy()
    step = (times[starts[1:] - 1] - times[first]) * 1e-9 / (sizes - 1)

    def derivative(values: Floats) -> Floats:
        # Against the first value: coordinates can be millions of metres from their origin.
        return savgol(
            values - np.repeat(values[first], sizes), starts,
            window=window, polyorder=POLYNOMIAL_ORDER, deriv=1, step=step,
        )  # fmt: skip

    def unless_recorded(name: str, derived: Floats) -> Floats:
        recorded = grid[name].to_numpy()
        known = np.logical_and.reduceat(np.isfinite(recorded), first)
        return np.where(np.repeat(known, sizes), recorded, derived)

    heading = grid["heading_rad"].to_numpy()
    cos, sin = np.cos(heading), np.sin(heading)
    east, north = derivative(grid["x_m"].to_numpy()), derivative(grid["y_m"].to_numpy())
    forward = unless_recorded("longitudinal_velocity_mps", cos * east + sin * north)
    left = unless_recorded("lateral_velocity_mps", cos * north - sin * east)
    turning = unless_recorded("yaw_rate_radps", derivative(unwrap(heading, starts)))
    east, north = derivative(cos * forward - sin * left), derivative(sin * forward + cos * left)
    return grid.with_columns(
        heading_rad=wrapped(pl.col("heading_rad")),
        longitudinal_velocity_mps=forward,
        lateral_velocity_mps=left,
        speed_mps=np.hypot(forward, left),
        longitudinal_acceleration_mps2=cos * east + sin * north,
        lateral_acceleration_mps2=cos * north - sin * east,
        yaw_rate_radps=turning,
    ).select(_MOVING.names())
