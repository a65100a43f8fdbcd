"""How fast the vehicle drove on average."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric


class MeanSpeed(MetricFrame):
    """One row per log_id: speeds over all of the recording."""

    mean_speed_mps: float = Field(ge=0, description="Standing included.")
    moving_speed_mps: float = Field(
        ge=0, nullable=True, description="Mean while it moves; null where it never does."
    )
    max_speed_mps: float = Field(ge=0, description="Greatest.")
    moving_ratio: float = Field(ge=0, le=1, description="Share of the time in which it moves.")

    class Config:
        unique = ["log_id"]


@metric(
    version="1.0.0",
    rows=MeanSpeed,
    owner="planning",
    summary={
        name: pl.col(name).first()
        for name in ("mean_speed_mps", "moving_speed_mps", "max_speed_mps", "moving_ratio")
    },
    # 250 km/h, to which makers limit their fastest cars.
    plausible={"max_speed_mps": (0.0, 69.4)},
)
def mean_speed(ego_states: pl.LazyFrame, *, standstill_mps: float = 0.1) -> pl.LazyFrame:
    """Average the speed over the states; one row per log_id.

    States are evenly spaced, so their mean is that over time; a gap in the recording counts for
    nothing. Speed has no direction: reversing adds to it.

    Formula: mean = Σ |v| / n; moving = the same over the states with |v| > `standstill_mps`.

    Source: `ego_mean_speed` of nuplan-devkit (Karnchanachari et al. 2024).

    Reference: nuplan-devkit's case comes out the same: 7.5 m/s.

    Args:
        ego_states: Motion on an even grid.
        standstill_mps: Not faster is standing; the speed below which CARLA's `ActorBlockedTest`
            takes a vehicle to stand.
    """
    speed = pl.col("speed_mps")
    moves = speed > standstill_mps
    return ego_states.group_by("log_id").agg(
        mean_speed_mps=speed.mean(),
        moving_speed_mps=speed.filter(moves).mean(),
        max_speed_mps=speed.max(),
        moving_ratio=moves.mean(),
    )
