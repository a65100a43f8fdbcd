"""Whether the ride stays within what passengers find comfortable."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.smoothing import Floats, group_starts, savgol, unwrap

# Least and greatest comfortable value, of nuplan-devkit's `ego_is_comfortable`, which took them
# from the expert drivers of its data set.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "longitudinal_acceleration_mps2": (-4.05, 2.40),
    "lateral_acceleration_mps2": (-4.89, 4.89),
    "longitudinal_jerk_mps3": (-4.13, 4.13),
    "jerk_mps3": (-8.37, 8.37),
    "yaw_rate_radps": (-0.95, 0.95),
    "yaw_acceleration_radps2": (-1.93, 1.93),
}


class EgoComfort(MetricFrame):
    """One row per log_id, quantity: how much of its comfortable range is used.

    Values are shares of the bound on their side: -1 is at the lower bound, 1 at the upper one.
    """

    quantity: str = Field(isin=list(BOUNDS), description="The unit is the end of its name.")
    min_ratio: float = Field(description="Least value, as a share of its bound.")
    max_ratio: float = Field(description="Greatest value, as a share of its bound.")
    mean_ratio: float = Field(description="Mean value, as a share of its bound.")
    worst_ratio: float = Field(ge=0, description="The greater of both sides; beyond 1 is outside.")
    worst_at_ns: int = Field(description="When it was worst, on the recording's clock.")
    within: bool = Field(description="Whether it stays within its bounds throughout.")

    class Config:
        unique = ["log_id", "quantity"]


def _extremes() -> dict[str, pl.Expr]:
    """Return the summary: 1 if all is within bounds, else 0; and the extremes, in units."""
    values = {"comfortable_ratio": pl.col("within").cast(pl.Float64).min()}
    for quantity, (lower, upper) in BOUNDS.items():
        rows = pl.col("quantity") == quantity
        least, most = pl.col("min_ratio").filter(rows), pl.col("max_ratio").filter(rows)
        values[f"min_{quantity}"] = _in_units(least, lower, upper).first()
        values[f"max_{quantity}"] = _in_units(most, lower, upper).first()
    return values


def _in_units(ratio: pl.Expr, lower: float, upper: float) -> pl.Expr:
    return ratio * pl.when(ratio < 0).then(-lower).otherwise(upper)


@metric(
    version="1.0.0",
    rows=EgoComfort,
    owner="planning",
    summary=_extremes(),
    plausible={
        # Tyres hold 0.8 to 0.9 g on dry asphalt (Wong, Theory of Ground Vehicles): 12 leaves room.
        "min_longitudinal_acceleration_mps2": (-12.0, None),
        "max_longitudinal_acceleration_mps2": (None, 12.0),
        "min_lateral_acceleration_mps2": (-12.0, None),
        "max_lateral_acceleration_mps2": (None, 12.0),
    },
)
def ego_comfort(
    ego_states: pl.LazyFrame,
    *,
    acceleration_window: int = 8,
    jerk_window: int = 15,
    yaw_window: int = 5,
) -> pl.LazyFrame:
    """Compare acceleration, jerk and turning with their bounds; one row per log_id, quantity.

    Accelerations are smoothed, jerks are derivatives of the smoothed accelerations, yaw rate and
    acceleration derivatives of the heading, all by Savitzky-Golay filters, segment by segment.
    `jerk_mps3` is the change of the magnitude of the acceleration. A log too short for a quantity
    (yaw acceleration takes three states) has no row of it.

    Formula: min_ratio = min(q) / |bound on that side|, and so on; within = every q between its
    bounds.

    Source: the bounds and windows of nuplan-devkit's `ego_is_comfortable` (Karnchanachari et al.
    2024), taken from its expert drivers.

    Reference: nuplan-devkit's `ego_is_comfortable`; its test scenes come out the same to the last
    decimal that they give. Its yaw rate and acceleration use a window of 5 samples:
    `extract_ego_yaw_rate` takes a window of 15, but doesn't hand it on. nuPlan reads accelerations
    from the simulated vehicle, at the centre of its box; ours are derived from the motion of its
    origin.

    Args:
        ego_states: Motion on an even grid.
        acceleration_window: Samples. nuPlan's is even, so its filter moves all but both ends by
            half a sample, and a steady change of acceleration seems up to 13 % faster there.
        jerk_window: Samples.
        yaw_window: Samples.
    """
    moving = ego_states.sort("log_id", "timestamp_ns").map_batches(
        lambda states: _quantities(states, acceleration_window, jerk_window, yaw_window),
        predicate_pushdown=False,
        projection_pushdown=False,
        slice_pushdown=False,
        schema=_QUANTITIES,
    )
    statistics = moving.group_by("log_id").agg(
        _statistics(quantity, *bounds) for quantity, bounds in BOUNDS.items()
    )
    return (
        statistics.unpivot(index="log_id", variable_name="quantity", value_name="statistics")
        .unnest("statistics")
        .filter(pl.col("worst_ratio").is_not_null())
        .with_columns(within=pl.col("worst_ratio") <= 1)
        .select(polars_schema(EgoComfort).names())
    )


_QUANTITIES = pl.Schema(
    {"log_id": pl.String(), "timestamp_ns": pl.Int64(), **dict.fromkeys(BOUNDS, pl.Float64())}
)


def _quantities(
    states: pl.DataFrame, acceleration_window: int, jerk_window: int, yaw_window: int
) -> pl.DataFrame:
    """Return the bounded quantities at each state."""
    log = states["log_id"].rle_id().to_numpy()
    starts = group_starts(log, states["segment_index"].to_numpy())
    if not len(states):
        return _QUANTITIES.to_frame()
    times = states["timestamp_ns"].to_numpy()
    sizes = np.diff(starts)
    lasted = (times[starts[1:] - 1] - times[starts[:-1]]) * 1e-9
    # One state by itself has no step; nor does it have a derivative.
    step = np.where(sizes > 1, lasted / np.maximum(sizes - 1, 1), np.nan)

    forward = states["longitudinal_acceleration_mps2"].to_numpy()
    left = states["lateral_acceleration_mps2"].to_numpy()
    heading = unwrap(states["heading_rad"].to_numpy(), starts)

    def smooth(values: Floats) -> Floats:
        return savgol(values, starts, window=acceleration_window, polyorder=2)

    def change(values: Floats, window: int, *, polyorder: int = 2, deriv: int = 1) -> Floats:
        return savgol(
            values, starts, window=window, polyorder=polyorder, deriv=deriv, step=step
        )  # fmt: skip

    quantities = {
        "longitudinal_acceleration_mps2": smooth(forward),
        "lateral_acceleration_mps2": smooth(left),
        "longitudinal_jerk_mps3": change(smooth(forward), jerk_window),
        "jerk_mps3": change(smooth(np.hypot(forward, left)), jerk_window),
        "yaw_rate_radps": change(heading, yaw_window),
        "yaw_acceleration_radps2": change(heading, yaw_window, polyorder=3, deriv=2),
    }
    return states.select("log_id", "timestamp_ns").with_columns(
        pl.Series(name, values, nan_to_null=True) for name, values in quantities.items()
    )


def _statistics(quantity: str, lower: float, upper: float) -> pl.Expr:
    value = pl.col(quantity)
    share = value / pl.when(value < 0).then(-lower).otherwise(upper)
    mean = value.mean()
    worst = share.abs().max()
    return pl.struct(
        min_ratio=share.min(),
        max_ratio=share.max(),
        mean_ratio=mean / pl.when(mean < 0).then(-lower).otherwise(upper),
        worst_ratio=worst,
        worst_at_ns=pl.col("timestamp_ns").filter(share.abs() == worst).min(),
    ).alias(quantity)
