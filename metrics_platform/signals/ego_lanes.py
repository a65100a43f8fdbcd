"""Which lane the ego is in, and how it lies in it."""

import math

import numpy as np
import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, signal
from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.geometry import wrapped
from metrics_platform.kernels.lane_shapes import LaneShapes
from metrics_platform.kernels.polylines import Lines, Nearest, nearest
from metrics_platform.kernels.smoothing import Floats, Integers, group_starts

# A lane whose direction differs by less is one to drive along; one that differs by more than the
# rest of half a turn is one of the oncoming traffic; what is between crosses.
ALONG_RAD = math.pi / 4
# A vehicle is in these only where it is in no other.
_NOT_FOR_VEHICLES = ("bike", "pedestrian")


class EgoLanes(MetricFrame):
    """One row per log_id, timestamp_ns: the ego in its lane; what is of the lane is null off lanes.

    Of the centre of the ego's box, or of the vehicle's origin where the box is unknown. Angles,
    offsets and widths are against the nearest place of the lane's centre line.
    """

    timestamp_ns: int = Field(description="As in `ego_states`.")
    segment_index: int = Field(ge=0, description="As in `ego_states`.")
    x_m: float = Field(description="Centre of the ego's box in the fixed frame.")
    y_m: float = Field(description="Centre of the ego's box in the fixed frame.")
    speed_mps: float = Field(ge=0, description="As in `ego_states`.")
    lane_id: str = Field(nullable=True, description="As in `lanes`.")
    in_intersection: bool = Field(nullable=True, description="As in `lanes`.")
    speed_limit_mps: float = Field(gt=0, nullable=True, description="As in `lanes`.")
    outside_m: float = Field(
        ge=0, nullable=True, description="From the centre of the box to the lane; 0 where in it."
    )
    along_m: float = Field(
        ge=0, nullable=True, description="Way along the centre line from the lane's start."
    )
    offset_m: float = Field(nullable=True, description="To the left of the centre line.")
    width_m: float = Field(ge=0, nullable=True, description="Of the lane there, across it.")
    left_margin_m: float = Field(
        nullable=True, description="From the box to the left bound; negative where it is across."
    )
    right_margin_m: float = Field(
        nullable=True, description="From the box to the right bound; negative where it is across."
    )
    heading_rad: float = Field(
        ge=-math.pi, lt=math.pi, nullable=True, description="Of the ego less that of the lane."
    )
    beside_last_m: float = Field(
        nullable=True,
        description="To the left of the lane it was in before, as the driver sees it; null while "
        "that is the same one.",
    )
    along_mps: float = Field(
        nullable=True, description="Velocity in the direction of travel; negative against it."
    )
    against_direction: bool = Field(
        nullable=True, description="Whether it looks against the direction of travel."
    )

    class Config:
        unique = ["log_id", "timestamp_ns"]


@signal(version="1.0.1", rows=EgoLanes, owner="planning")
def ego_lanes(
    ego_states: pl.LazyFrame,
    lanes: pl.LazyFrame,
    lane_points: pl.LazyFrame,
    *,
    reach_m: float = 1.0,
) -> pl.LazyFrame:
    """Find the lane of the ego at every state; one row per log_id, timestamp_ns.

    The lane is one whose area holds the centre of the ego's box. Where several do, as in
    intersections, it is, in this order: one whose direction is that of the ego's heading within 45
    degrees, else one of the opposite direction, else one that crosses; one that is not for bicycles
    or pedestrians; one that the ego comes into and leaves by its ends rather than by its sides, so
    that of two lanes that part it is the one taken from the first; the one in which it stays for
    longest without interruption around that moment; the one nearest in direction, then the first by
    name. Off all lanes it is the nearest one within `reach_m`.

    SUMO's own lane of a car is the same at 99.98 % of 129,667 moments of 151 cars, junctions
    included; of nuPlan's maps, whose lane connectors overlap too, nuplan-devkit likewise takes the
    connector that the ego ends up in.

    Args:
        ego_states: Motion of the ego.
        lanes: Of the map.
        lane_points: Where they lie.
        reach_m: Greatest distance from a lane at which the ego still belongs to it. Lanes of a map
            have gaps between them, and half of a narrow car is about as wide.
    """
    states, known, points = pl.collect_all([
        ego_states.sort("log_id", "timestamp_ns"), lanes, lane_points,
    ])  # fmt: skip
    # Points of a lane of which the map says nothing: whether it is one to drive in, nobody knows.
    told = points.join(known, on=["log_id", "lane_id"], how="semi", maintain_order="left")
    own, shapes = _own(states), LaneShapes.of(told)
    segments = _segments(own)
    stays = _stays(_candidates(own, known, shapes, reach_m), own, segments, shapes.centre)
    chosen = _margins(_best(stays), shapes.left, shapes.right)
    found = _beside_last(chosen, segments, shapes.centre).drop("x_m", "y_m")
    names = polars_schema(EgoLanes).names()
    return own.join(found, on="state", how="left").select(names).lazy()


def _own(states: pl.DataFrame) -> pl.DataFrame:
    """Return what is of the ego alone, numbered."""
    offset = pl.col("ego_center_offset_m").fill_null(0.0)
    heading = pl.col("heading_rad")
    return states.select(
        "log_id",
        "timestamp_ns",
        "segment_index",
        "speed_mps",
        "ego_length_m",
        "ego_width_m",
        x_m=pl.col("x_m") + offset * heading.cos(),
        y_m=pl.col("y_m") + offset * heading.sin(),
        ego_heading_rad=heading,
        ego_forward_mps="longitudinal_velocity_mps",
        # Where the box is before the origin, turning swings it sideways.
        ego_left_mps=pl.col("lateral_velocity_mps") + offset * pl.col("yaw_rate_radps"),
    ).with_row_index("state")


def _candidates(
    own: pl.DataFrame, lanes: pl.DataFrame, shapes: LaneShapes, reach_m: float
) -> pl.DataFrame:
    """Return the lanes that each state may be in, and how it lies and moves in each."""
    there = own.join(shapes.log_ids, on="log_id", how="left", maintain_order="left")
    x, y = there["x_m"].to_numpy(), there["y_m"].to_numpy()
    # A log whose lanes have no length has no number, nor any lane to be in.
    state, line, outside_m = shapes.holding(there["log"].fill_null(-1).to_numpy(), x, y, reach_m)
    placed = _placed(x[state], y[state], line, shapes.centre)
    keys = ["log_id", "lane_id"]
    about = shapes.names.join(lanes, on=keys, how="left", maintain_order="left").drop("log_id")
    cos, sin = pl.col("heading_rad").cos(), pl.col("heading_rad").sin()
    candidates = (
        there[state]
        .drop("log_id", "log", "timestamp_ns", "speed_mps", "segment_index")
        .hstack(pl.DataFrame({"line": line, "outside_m": outside_m, **placed}))
        .hstack(about[line])
        .with_columns(heading_rad=wrapped(pl.col("ego_heading_rad") - pl.col("lane_heading_rad")))
        .with_columns(
            along_mps=pl.col("ego_forward_mps") * cos - pl.col("ego_left_mps") * sin,
            against_direction=pl.col("heading_rad").abs() > math.pi / 2,
        )
    )
    # A centre line without length has no direction to drive in.
    return candidates.filter(pl.col("offset_m").is_not_nan())


def _placed(x: Floats, y: Floats, line: Integers, centre: Lines) -> dict[str, Floats]:
    """Return where on its centre line each point is."""
    found = nearest(x, y, line, centre)
    at, share, before = found.segment, found.share, centre.lengths_before()
    return {
        "along_m": before[at] + share * (before[at + 1] - before[at]),
        "offset_m": found.offset,
        "lane_heading_rad": found.heading,
        "nearest_x_m": centre.x[at] + share * (centre.x[at + 1] - centre.x[at]),
        "nearest_y_m": centre.y[at] + share * (centre.y[at + 1] - centre.y[at]),
    }


def _segments(own: pl.DataFrame) -> Integers:
    """Return the number of the segment of each state, through all logs."""
    starts = group_starts(own["log_id"].rle_id().to_numpy(), own["segment_index"].to_numpy())
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))


def _stays(
    candidates: pl.DataFrame, own: pl.DataFrame, segments: Integers, centre: Lines
) -> pl.DataFrame:
    """Add of each stay in a lane its number of states, and how often a side was the way in or out.

    It was where the state before or after is beside the lane, neither before its start nor beyond
    its end.
    """
    goes_on = (pl.col("state") == pl.col("state").shift(1) + 1) & (
        pl.col("line") == pl.col("line").shift(1)
    )
    starts = pl.Series(segments).diff().fill_null(1) != 0
    candidates = candidates.sort("line", "state").with_columns(
        stay=(~goes_on | pl.lit(starts).gather("state")).fill_null(value=True).cum_sum()
    )
    stays = candidates.group_by("stay").agg(
        pl.col("line").first(),
        pl.len().alias("states"),
        first=pl.col("state").min().cast(pl.Int64),
        last=pl.col("state").max().cast(pl.Int64),
    )
    line, x, y = stays["line"].to_numpy(), own["x_m"].to_numpy(), own["y_m"].to_numpy()
    by_side = np.zeros(len(stays), dtype=np.int64)
    for inner, step in ((stays["first"].to_numpy(), -1), (stays["last"].to_numpy(), 1)):
        outer = (inner + step).clip(0, len(x) - 1)
        # What was before the recording or a gap, or will be after it, nobody knows.
        known = (outer != inner) & (segments[outer] == segments[inner])
        found = nearest(x[outer], y[outer], line, centre)
        by_side += known & (found.beyond == 0)
    return candidates.join(
        stays.select("stay", "states", by_side=pl.Series(by_side)), on="stay", maintain_order="left"
    )


def _best(candidates: pl.DataFrame) -> pl.DataFrame:
    """Return one lane per state, by the order of preference."""
    turned = pl.col("heading_rad").abs()
    # 0 along, 1 against, 2 across.
    course = pl.when(turned <= ALONG_RAD).then(0).when(turned >= math.pi - ALONG_RAD).then(1)
    return candidates.sort(
        "state",
        "outside_m",
        course.otherwise(2),
        pl.col("kind").is_in(_NOT_FOR_VEHICLES),
        "by_side",
        -pl.col("states").cast(pl.Int64),
        turned,
        "line",
    ).unique("state", keep="first", maintain_order=True)


def _beside_last(chosen: pl.DataFrame, segments: Integers, centre: Lines) -> pl.DataFrame:
    """Add how far the ego is to the left of the lane in which it was last, if that was another."""
    state, line = chosen["state"].to_numpy(), chosen["line"].to_numpy()
    at = 1 + np.flatnonzero(
        (line[1:] != line[:-1]) & (segments[state[1:]] == segments[state[:-1]])
    )  # fmt: skip
    x, y = chosen["x_m"].to_numpy()[at], chosen["y_m"].to_numpy()[at]
    offset = nearest(x, y, line[at - 1], centre).offset
    beside = np.full(len(chosen), math.nan)
    beside[at] = np.where(chosen["against_direction"].to_numpy()[at - 1], -offset, offset)
    return chosen.with_columns(beside_last_m=pl.Series(beside, nan_to_null=True))


def _margins(chosen: pl.DataFrame, left: Lines, right: Lines) -> pl.DataFrame:
    """Add the width of the lane, and how far the box is from both of its bounds.

    The box is looked at by its corners and the middles of its sides. A corner that is before the
    start or beyond the end of a bound is beside another lane, and counts for nothing.
    """
    line = chosen["line"].to_numpy()

    def column(name: str) -> Floats:
        return chosen[name].cast(pl.Float64).fill_null(math.nan).to_numpy()

    nearest_x, nearest_y = column("nearest_x_m"), column("nearest_y_m")
    to_left = _inward(nearest(nearest_x, nearest_y, line, left), -1)
    to_right = _inward(nearest(nearest_x, nearest_y, line, right), 1)
    known = ~np.isnan(column("ego_length_m") + column("ego_width_m"))
    x, y, line = column("x_m")[known], column("y_m")[known], line[known]
    heading = column("ego_heading_rad")[known]
    cos, sin = np.cos(heading), np.sin(heading)
    length, width = column("ego_length_m")[known] / 2, column("ego_width_m")[known] / 2
    margins = []
    for bound, sign in ((left, -1), (right, 1)):
        margin = np.full(len(chosen), math.nan)
        # The middles of both sides first: they count wherever they are.
        least = np.full(len(x), math.inf)
        for forward, aside in ((0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            found = nearest(
                x + forward * length * cos - aside * width * sin,
                y + forward * length * sin + aside * width * cos,
                line,
                bound,
            )
            counts = (found.beyond == 0) | (forward == 0)
            least = np.minimum(least, np.where(counts, _inward(found, sign), math.inf))
        margin[known] = least
        margins.append(pl.Series(margin, nan_to_null=True))
    return chosen.with_columns(
        width_m=np.maximum(to_left + to_right, 0.0),
        left_margin_m=margins[0],
        right_margin_m=margins[1],
    )


def _inward(found: Nearest, sign: int) -> Floats:
    """Return how far within a bound a point is; of a bound that is one point, how far from it."""
    return np.where(np.isnan(found.offset), found.distance, sign * found.offset)
