"""When the ego's box is across a bound of its lane: on its way to another one, or carelessly."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Rows, signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.stretches import stretches

_SEGMENT = ("log_id", "segment_index")


class LaneCrossings(MetricFrame):
    """One row per log_id, start_ns: a stretch in which the box is across a bound of its lane."""

    start_ns: int = Field(description="First moment across it, on the recording's clock.")
    end_ns: int = Field(description="The moment by which it is within a lane again.")
    duration_s: float = Field(ge=0, description="From there to then.")
    from_lane_id: str = Field(nullable=True, description="Lane of its centre at first.")
    to_lane_id: str = Field(nullable=True, description="Lane of its centre at last.")
    side: str = Field(isin=["left", "right"], description="Of the bound that it first is across.")
    lanes_moved_count: int = Field(
        description="Lanes that its centre moved to the left; negative to the right; 0 if it stays."
    )
    whole: bool = Field(
        description="Neither start nor end is cut off, by a gap or an intersection."
    )
    off_lanes_s: float = Field(ge=0, description="Part of it with the centre off all lanes.")
    depth_m: float = Field(ge=0, description="Greatest reach across a bound.")
    deepest_at_ns: int = Field(description="When that was, on the recording's clock.")
    x_m: float = Field(description="Centre of the ego's box then, in the fixed frame.")
    y_m: float = Field(description="Centre of the ego's box then, in the fixed frame.")

    class Config:
        unique = ["log_id", "start_ns"]


@signal(version="1.0.0", rows=LaneCrossings, owner="planning")
def lane_crossings(ego_lanes: pl.LazyFrame, *, max_off_lanes_s: float = 1.0) -> Rows:
    """Find the stretches across a bound of the lane, outside of intersections.

    A stretch lasts until the box is within one lane, so the whole of a lane change is one. In an
    intersection lanes lie across one another, and their bounds are nobody's to keep to. The centre
    has moved to another lane, rather than on to the next piece of its own, if it is farther aside
    of the centre line of the lane before, extended straight on, than half of that lane's width.
    Sides are those of the driver, also on a lane of the oncoming traffic.

    A log abstains where the ego is in no lane of the map, or the size of its box is unknown.

    Args:
        ego_lanes: The ego in its lanes.
        max_off_lanes_s: After longer off all lanes, the lane it comes back to says nothing about
            the side to which it has moved. A change of lanes takes some seconds; 1 s is a part.
    """
    lane, least = pl.col("lane_id"), pl.min_horizontal("left_margin_m", "right_margin_m")
    unknown = lane.is_not_null() & least.is_null()
    abstained = (
        ego_lanes.group_by("log_id")
        .agg(
            reason=pl.when(lane.count() == 0)
            .then(pl.lit("the ego was in no lane of the map"))
            .when(unknown.any())
            .then(pl.lit("the size of the ego's box is unknown"))
        )
        .drop_nulls()
    )
    states = (
        ego_lanes.join(abstained, on="log_id", how="anti")
        .sort("log_id", "timestamp_ns")
        .with_columns(
            cut=pl.any_horizontal(_beside(shift).is_null() | _beside(shift) for shift in (1, -1)),
            moved=_moved(max_off_lanes_s),
            depth_m=(-least).clip(lower_bound=0.0).fill_null(0.0),
            across=(least < 0).fill_null(value=False),
        )
        .with_columns(
            came_from=pl.when(pl.col("moved") != 0).then(_last(lane)).otherwise(lane),
            left=pl.when(pl.col("moved") != 0)
            .then(pl.col("moved") > 0)
            .otherwise(
                (pl.col("left_margin_m") <= pl.col("right_margin_m")) ^ pl.col("against_direction")
            ),
        )
    )
    # A narrow box, one seen rarely or a simulated one may be over a bound between two states.
    crosses = (pl.col("across") & ~pl.col("in_intersection")) | (pl.col("moved") != 0)
    crosses = crosses.fill_null(value=False)
    deepest = pl.col("depth_m").arg_max()
    found = stretches(
        states,
        # Off all lanes too: to leave the last one it has to cross a bound.
        crosses | lane.is_null(),
        merge_gap_s=0.0,
        min_duration_s=0.0,
        from_lane_id=pl.col("came_from").drop_nulls().first(),
        to_lane_id=lane.drop_nulls().last(),
        side=pl.when(pl.col("left").drop_nulls().first())
        .then(pl.lit("left"))
        .otherwise(pl.lit("right")),
        lanes_moved_count=pl.col("moved").sum(),
        whole=~pl.col("cut").any(),
        off_lanes_ratio=lane.is_null().mean(),
        depth_m=pl.col("depth_m").max(),
        deepest_at_ns=pl.col("timestamp_ns").get(deepest),
        x_m=pl.col("x_m").get(deepest),
        y_m=pl.col("y_m").get(deepest),
        crosses=crosses.any(),
    )
    lasted_ns = (pl.col("duration_s") * 1e9).round().cast(pl.Int64)
    rows = found.filter("crosses").with_columns(
        end_ns=pl.col("start_ns") + lasted_ns,
        off_lanes_s=pl.col("off_lanes_ratio") * pl.col("duration_s"),
    )
    return Rows(rows.select(polars_schema(LaneCrossings).names()), abstained)


def _beside(shift: int) -> pl.Expr:
    """Say whether the state before or after is in an intersection; null where there is none."""
    return pl.col("in_intersection").fill_null(value=False).shift(shift).over(_SEGMENT)


def _moved(max_off_lanes_s: float) -> pl.Expr:
    """Return by how many lanes to the left the centre has moved since it last was in one."""
    when = pl.when(pl.col("lane_id").is_not_null()).then(pl.col("timestamp_ns"))
    recent = (pl.col("timestamp_ns") - _last(when)) * 1e-9 <= max_off_lanes_s
    between = ~pl.col("in_intersection") & ~_last(pl.col("in_intersection"))
    aside, width = pl.col("beside_last_m"), _last(pl.col("width_m"))
    # A lane that ends is narrow there, down to nothing: the wider of both tells how many it were.
    widest = pl.max_horizontal(width, "width_m")
    lanes = pl.when(widest > 0).then((aside.abs() / widest).round()).fill_null(1.0).clip(1.0)
    moved = pl.when(recent & between & (aside.abs() > width / 2)).then(aside.sign() * lanes)
    return moved.fill_null(0.0).cast(pl.Int64)


def _last(value: pl.Expr) -> pl.Expr:
    """Return what it was when the ego last was in a lane, before this state."""
    return value.shift(1).forward_fill().over(_SEGMENT)
