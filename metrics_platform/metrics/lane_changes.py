"""From one lane to another."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.frames import polars_schema


class LaneChanges(MetricFrame):
    """One row per log_id, start_ns: a change of lanes."""

    start_ns: int = Field(description="First moment with a part of the box across the bound.")
    end_ns: int = Field(description="The moment by which all of it is within a lane again.")
    duration_s: float = Field(ge=0, description="From there to then.")
    from_lane_id: str = Field(description="Lane of its centre at first.")
    to_lane_id: str = Field(description="Lane of its centre at last.")
    side: str = Field(isin=["left", "right"], description="Where it went to.")
    lanes_count: int = Field(ge=1, description="Lanes that it moved by.")
    whole: bool = Field(description="Neither start nor end is cut off, by a gap or intersection.")
    crossed_at_ns: int = Field(description="When it reached across a bound most.")
    x_m: float = Field(description="Centre of the ego's box then, in the fixed frame.")
    y_m: float = Field(description="Centre of the ego's box then, in the fixed frame.")

    class Config:
        unique = ["log_id", "start_ns"]


def _durations(**statistics: pl.Expr) -> dict[str, pl.Expr]:
    return {f"{name}_lane_change_s": value for name, value in statistics.items()}


_DURATION = pl.col("duration_s").filter(pl.col("whole"))


@metric(
    version="1.0.0",
    rows=LaneChanges,
    owner="planning",
    summary={
        "lane_changes": pl.len(),
        "lane_changes_to_the_left": (pl.col("side") == "left").sum(),
        "lane_changes_to_the_right": (pl.col("side") == "right").sum(),
        **_durations(min=_DURATION.min(), mean=_DURATION.mean(), max=_DURATION.max()),
    },
    # They take 5 to 6 s on average (Toledo & Zohar 2007); of simulated cars that jump, no time.
    plausible={"max_lane_change_s": (None, 20.0)},
)
def lane_changes(lane_crossings: pl.LazyFrame) -> pl.LazyFrame:
    """List the changes of lanes; one row per log_id, start_ns.

    A change begins when the box first reaches across a bound of the lane and is over when all of it
    is in one lane; the centre has moved to a lane beside by then. Going on to the next piece of the
    same lane is none, nor is anything in an intersection, where lanes lie across one another.
    Durations are those of the whole ones.

    Formula: a crossing with lanes_moved ≠ 0.

    Source: the definition of nuplan-devkit's `ego_lane_change` (Karnchanachari et al. 2024).

    Reference: SUMO 1.28's own. Of 100 changes on the roads between its junctions 96 come out the
    same, at the same instant, and there is one more: SUMO looks at the front bumper, which the
    others find before or behind the edge of a junction and the centre not. nuplan-devkit's was not
    run, since it needs nuPlan's maps. There a corner of the box in another lane starts a change and
    all four in one lane end it, which comes to the same; a return to the first lane is a change
    that failed, and here a row of `lane_departures`. It tells the next piece of a lane by the map's
    graph, we by the place beside the lane before.

    Args:
        lane_crossings: Stretches across a bound.
    """
    moved = pl.col("lanes_moved_count")
    return (
        lane_crossings.filter(moved != 0)
        .with_columns(
            side=pl.when(moved > 0).then(pl.lit("left")).otherwise(pl.lit("right")),
            lanes_count=moved.abs(),
            crossed_at_ns="deepest_at_ns",
        )
        .select(polars_schema(LaneChanges).names())
    )
