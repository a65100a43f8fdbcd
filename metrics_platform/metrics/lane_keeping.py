"""How steadily the ego keeps to the middle of its lane."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema

# Steps of the grid are a few nanoseconds off where they don't divide evenly.
_SLACK_NS = 1_000


class LaneKeeping(MetricFrame):
    """One row per log_id, start_ns: a stay in one lane, changes of lanes left out."""

    start_ns: int = Field(description="First state of it, on the recording's clock.")
    duration_s: float = Field(ge=0, description="From there to the end of its last state.")
    lane_id: str = Field(description="As in `lanes`.")
    in_intersection: bool = Field(description="Whether the lane is in one.")
    mean_offset_m: float = Field(description="To the left of the centre line.")
    offset_deviation_m: float = Field(ge=0, description="Standard deviation of the offset.")
    max_offset_m: float = Field(ge=0, description="Greatest, to either side.")
    max_at_ns: int = Field(description="When it was greatest.")
    x_m: float = Field(description="Centre of the ego's box then, in the fixed frame.")
    y_m: float = Field(description="Centre of the ego's box then, in the fixed frame.")
    min_margin_m: float = Field(
        nullable=True, description="Least, from box to bound; negative where across it."
    )

    class Config:
        unique = ["log_id", "start_ns"]


def _summary() -> dict[str, pl.Expr]:
    """Return what holds of a whole log, from the statistics of its stays outside intersections."""

    def between(value: pl.Expr) -> pl.Expr:
        return value.filter(~pl.col("in_intersection"))

    mean, deviation = pl.col("mean_offset_m"), pl.col("offset_deviation_m")
    weight = between(pl.col("duration_s")) / between(pl.col("duration_s")).sum()
    overall = (weight * between(mean)).sum()
    apart = between(mean) - overall
    variance = (weight * (between(deviation) ** 2 + apart**2)).sum()
    # States by themselves, without a time to weight with, say nothing.
    any_stay = between(pl.col("duration_s")).sum() > 0
    return {
        "mean_offset_m": pl.when(any_stay).then(overall),
        "offset_deviation_m": pl.when(any_stay).then(variance.sqrt()),
        "max_offset_m": between(pl.col("max_offset_m")).max(),
        "min_margin_m": between(pl.col("min_margin_m")).min(),
        "in_lane_s": pl.col("duration_s").sum(),
    }


@metric(
    version="1.0.0",
    rows=LaneKeeping,
    owner="planning",
    optional=["lane_crossings"],
    summary=_summary(),
    # A car 1.8 m wide has 0.85 m on both sides of it in a lane of 3.5 m.
    plausible={"offset_deviation_m": (0.0, 1.0)},
)
def lane_keeping(ego_lanes: pl.LazyFrame, lane_crossings: pl.LazyFrame) -> pl.LazyFrame:
    """Describe the ego's place across its lane; one row per log_id, start_ns.

    A stay lasts as long as the centre of the box is in one lane; the next piece of it is another
    stay. What lies within a change of lanes doesn't count. The summary is that of all stays outside
    of intersections together, weighted with their time; intersections have no lines to keep to.

    Formula: offset_deviation = sqrt(mean((offset - mean(offset))²)).

    Source: "standard deviation of lane position" and "mean lane position", SAE J2944 (2015).

    Reference: none.

    Args:
        ego_lanes: The ego in its lanes.
        lane_crossings: Says what is a change of lanes; without it (the size of the ego is unknown)
            changes are part of the stays.
    """
    changes = (
        lane_crossings.filter(pl.col("lanes_moved_count") != 0)
        .select("log_id", "end_ns", timestamp_ns="start_ns")
        .sort("log_id", "timestamp_ns")
    )
    since = pl.col("timestamp_ns").diff().over("log_id", "segment_index")
    states = (
        ego_lanes.sort("log_id", "timestamp_ns")
        .with_row_index("state")
        .with_columns(
            step_s=since.backward_fill().over("log_id", "segment_index").fill_null(0) * 1e-9
        )
        .join_asof(changes, on="timestamp_ns", by="log_id", check_sortedness=False)
        .filter(
            pl.col("lane_id").is_not_null(),
            (pl.col("timestamp_ns") >= pl.col("end_ns") - _SLACK_NS).fill_null(value=True),
        )
    )
    same = [
        pl.col(name) == pl.col(name).shift(1) for name in ("log_id", "segment_index", "lane_id")
    ]
    goes_on = pl.all_horizontal(pl.col("state") == pl.col("state").shift(1) + 1, *same)
    offset, farthest = pl.col("offset_m"), pl.col("offset_m").abs().arg_max()
    return (
        states.with_columns(stay=(~goes_on).fill_null(value=True).cum_sum())
        .group_by("stay")
        .agg(
            pl.col("log_id", "lane_id", "in_intersection").first(),
            start_ns=pl.col("timestamp_ns").first(),
            duration_s=(pl.col("timestamp_ns").last() - pl.col("timestamp_ns").first()) * 1e-9
            + pl.col("step_s").last(),
            mean_offset_m=offset.mean(),
            offset_deviation_m=offset.std(ddof=0),
            max_offset_m=offset.abs().max(),
            max_at_ns=pl.col("timestamp_ns").get(farthest),
            x_m=pl.col("x_m").get(farthest),
            y_m=pl.col("y_m").get(farthest),
            min_margin_m=pl.min_horizontal("left_margin_m", "right_margin_m").min(),
        )
        .select(polars_schema(LaneKeeping).names())
    )
