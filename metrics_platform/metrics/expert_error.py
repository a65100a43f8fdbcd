"""How far the simulated ego strayed from where the expert was at the same time."""

import math

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, metric
from metrics_platform.kernels.geometry import wrapped
from metrics_platform.signals.expert_poses import expert_at


class ExpertError(MetricFrame):
    """One row per log_id: displacement and heading error over the time that both drove."""

    average_displacement_m: float = Field(ge=0, description="Mean over the ego's states.")
    p90_displacement_m: float = Field(ge=0, description="The 90th percentile, nearest rank.")
    max_displacement_m: float = Field(ge=0, description="Greatest.")
    max_displacement_at_ns: int = Field(description="When that was first.")
    final_displacement_m: float = Field(ge=0, description="At the last moment in common.")
    average_heading_error_rad: float = Field(ge=0, le=math.pi, description="Mean, without sign.")
    max_heading_error_rad: float = Field(ge=0, le=math.pi, description="Greatest, without sign.")
    final_heading_error_rad: float = Field(
        ge=0, le=math.pi, description="At the last moment in common, without sign."
    )
    duration_s: float = Field(ge=0, description="From the first moment in common to the last.")

    class Config:
        unique = ["log_id"]


@metric(
    version="1.0.0",
    rows=ExpertError,
    owner="planning",
    summary={
        name: pl.col(name).first()
        for name in (
            "average_displacement_m",
            "max_displacement_m",
            "final_displacement_m",
            "average_heading_error_rad",
        )
    },
)
def expert_error(
    ego_states: pl.LazyFrame, expert_poses: pl.LazyFrame, *, max_gap_s: float = 1.0
) -> Rows:
    """Compare the ego with the expert at the same moments; one row per log_id.

    At each state of the ego the expert's pose is interpolated. The displacement is that between
    the centres of the vehicle's box in both poses, or between the origins where the box's centre
    is unknown. A log abstains where the two have no moment in common.

    Formula: displacement(t) = |c_ego(t) - c_expert(t)|; heading error = |h_ego - h_expert|, the
    short way round.

    Source: `ego_expert_l2_error` of nuplan-devkit (Karnchanachari et al. 2024).

    Reference: nuplan-devkit's case comes out the same: greatest 5.0, mean 1.0, 90th percentile 5.0.
    It pairs the samples by their number, ours by their time, and can weigh later samples less
    (`discount_factor`), which it ships switched off. Its percentile is the closest observation as
    numpy before 2 has it: from numpy 2 on, that gives 0.0 in the same case.

    Args:
        ego_states: Motion on an even grid.
        expert_poses: As recorded.
        max_gap_s: Nothing is interpolated across a longer gap between the expert's poses; longest
            period that `ego_states` takes for no gap.
    """
    states = ego_states.sort("log_id", "timestamp_ns")
    both = expert_at(states, expert_poses, max_gap_s)
    # Where the centre lies, both are moved by as much along their own headings.
    offset = pl.col("ego_center_offset_m").fill_null(0.0)
    apart = [
        pl.col(f"{axis}_m")
        - pl.col(f"expert_{axis}_m")
        + offset * (turn(pl.col("heading_rad")) - turn(pl.col("expert_heading_rad")))
        for axis, turn in (("x", pl.Expr.cos), ("y", pl.Expr.sin))
    ]
    turned = wrapped(pl.col("heading_rad") - pl.col("expert_heading_rad")).abs()
    displacement, heading = pl.col("displacement_m"), pl.col("heading_error_rad")
    time = pl.col("timestamp_ns")
    rows = (
        both.with_columns(
            displacement_m=(apart[0].pow(2) + apart[1].pow(2)).sqrt(), heading_error_rad=turned
        )
        .group_by("log_id", maintain_order=True)
        .agg(
            average_displacement_m=displacement.mean(),
            p90_displacement_m=displacement.quantile(0.9, interpolation="nearest"),
            max_displacement_m=displacement.max(),
            max_displacement_at_ns=time.filter(displacement == displacement.max()).min(),
            final_displacement_m=displacement.last(),
            average_heading_error_rad=heading.mean(),
            max_heading_error_rad=heading.max(),
            final_heading_error_rad=heading.last(),
            duration_s=(time.max() - time.min()) * 1e-9,
        )
    )
    logs = pl.concat([ego_states.select("log_id"), expert_poses.select("log_id")]).unique()
    never = logs.join(rows, on="log_id", how="anti").with_columns(
        reason=pl.lit("ego and expert have no moment in common")
    )
    return Rows(rows, never)
