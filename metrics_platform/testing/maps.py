"""A map for every synthetic log: a straight road on which the ego starts.

In the axes of the ego's first pose, the road has three lanes of `LANE_WIDTH_M`: the ego's own one,
with its centre along x; on its left another one in the same direction; on the left of that, one of
the oncoming traffic. There is a shoulder on either side. The lanes come in pieces, which begin at
`BEHIND_M` behind the ego; the third of every four is said to lie in an intersection. Nothing
follows a curve: in the scenario `turn` the ego changes to the left, meets the oncoming lane and
leaves the road, at moments that follow from its radius.

An author of a metric on maps makes other ones the same way: rows of `lanes`, `lane_points` and
`drivable_areas` of a few points each, in the fixed frame of the ego's poses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.drivable_areas import DrivableAreas
from metrics_platform.signals.lane_points import LanePoints
from metrics_platform.signals.lanes import Lanes
from metrics_platform.testing.scenarios import LANE_WIDTH_M
from metrics_platform.testing.synthetic_frames import Frames

PIECE_M = 50.0
BEHIND_M = 30.0
SHOULDER_M = 0.5
# In turn, by the name of the log's lanes and pieces; one piece in four doesn't say.
SPEED_LIMITS_MPS = (13.9, 8.3, 22.2, None)


@dataclass(frozen=True)
class LaneLine:
    """A lane along the road: where its centre is, where it leads, and who is beside it."""

    name: str
    centre_y_m: float
    along: bool
    left: str | None = None
    right: str | None = None


@dataclass(frozen=True)
class Layout:
    """How a road is laid out, in the axes of the ego's first pose.

    Attributes:
        lanes: From right to left.
        width_m: Of each lane.
        speed_limits_mps: In turn, by the name of the log's lanes and pieces.
        crossed_every: The last but one of so many pieces lies in an intersection; 0 for none.
    """

    lanes: Sequence[LaneLine]
    width_m: float = LANE_WIDTH_M
    speed_limits_mps: Sequence[float | None] = SPEED_LIMITS_MPS
    crossed_every: int = 0


_USUAL = Layout(
    (
        LaneLine("own", 0.0, True, left="left"),
        LaneLine("left", LANE_WIDTH_M, True, right="own"),
        LaneLine("oncoming", 2 * LANE_WIDTH_M, False),
    ),
    crossed_every=4,
)


def maps(frames: Frames, layout: Layout = _USUAL) -> Frames:
    """Return `lanes`, `lane_points` and `drivable_areas` of the logs that have ego poses."""
    first = frames["ego_poses"].sort("log_id", "timestamp_ns")
    poses = first.group_by("log_id", maintain_order=True).agg(
        pl.col("x_m", "y_m", "heading_rad").first(),
        reach_m=((pl.col("x_m") - pl.col("x_m").first()) ** 2
                 + (pl.col("y_m") - pl.col("y_m").first()) ** 2).sqrt().max(),
    )  # fmt: skip
    pieces = (
        poses.with_columns(
            count=((pl.col("reach_m") + 2 * BEHIND_M) / PIECE_M).ceil().cast(pl.Int64),
            # The same limits whatever other logs there are.
            shift=pl.col("log_id").str.len_chars()
            + pl.col("log_id").str.tail(1).str.contains("[02468]"),
        )
        .with_columns(piece=pl.int_ranges(0, "count"))
        .explode("piece")
    )
    lanes = pl.concat([_lane(pieces, lane, layout) for lane in layout.lanes])
    return {
        "lanes": _typed(lanes, Lanes),
        "lane_points": _typed(
            pl.concat([_points(lanes, end, layout) for end in (0, 1)]), LanePoints
        ),
        "drivable_areas": _typed(_areas(poses, layout), DrivableAreas),
    }


def _lane(pieces: pl.DataFrame, lane: LaneLine, layout: Layout) -> pl.DataFrame:
    piece, every = pl.col("piece"), layout.crossed_every

    def called(other: str | None) -> pl.Expr:
        return pl.lit(None, pl.String) if other is None else pl.format(f"{other}_{{}}", piece)

    limits = pl.Series(layout.speed_limits_mps, dtype=pl.Float64)
    return pieces.with_columns(
        lane_id=called(lane.name),
        kind=pl.lit("vehicle"),
        in_intersection=piece % every == every - 2 if every else pl.lit(value=False),
        speed_limit_mps=pl.lit(limits.implode()).list.get((piece + pl.col("shift")) % len(limits)),
        left_lane_id=called(lane.left),
        right_lane_id=called(lane.right),
        centre_y=pl.lit(lane.centre_y_m),
        along=pl.lit(lane.along),
    )


def _points(lanes: pl.DataFrame, index: int, layout: Layout) -> pl.DataFrame:
    """Return the first or last point of each lane."""
    far = pl.col("along") == bool(index)
    x = (pl.col("piece") + far.cast(pl.Int64)) * PIECE_M - BEHIND_M
    half = pl.when("along").then(layout.width_m / 2).otherwise(-layout.width_m / 2)
    places = {"": pl.lit(0.0), "left_": half, "right_": -half}
    return lanes.with_columns(
        point_index=pl.lit(index),
        **{
            f"{side}{axis}": value
            for side, aside in places.items()
            for axis, value in _placed(x, pl.col("centre_y") + aside).items()
        },
    )


def _areas(poses: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Return two areas per log, which overlap: the nearer part of the road, and the rest."""
    beside = layout.width_m / 2 + SHOULDER_M
    right, left = layout.lanes[0].centre_y_m - beside, layout.lanes[-1].centre_y_m + beside
    corners = []
    for area, start, end in (
        ("near", pl.lit(-BEHIND_M), pl.lit(BEHIND_M)),
        ("far", pl.lit(0.0), pl.col("reach_m") + BEHIND_M),
    ):
        for index, (x, y) in enumerate(((start, right), (end, right), (end, left), (start, left))):
            corners.append(
                poses.with_columns(
                    area_id=pl.lit(area), point_index=pl.lit(index), **_placed(x, pl.lit(y))
                )
            )
    return pl.concat(corners, how="diagonal")


def _placed(x: pl.Expr, y: pl.Expr) -> dict[str, pl.Expr]:
    """Return a place on the road in the fixed frame."""
    cos, sin = pl.col("heading_rad").cos(), pl.col("heading_rad").sin()
    return {"x_m": pl.col("x_m") + cos * x - sin * y, "y_m": pl.col("y_m") + sin * x + cos * y}


def _typed(rows: pl.DataFrame, model: type) -> pl.DataFrame:
    schema = polars_schema(model)
    return rows.select(pl.col(name).cast(dtype) for name, dtype in schema.items()).sort(
        "log_id", pl.nth(1), *(["point_index"] if "point_index" in schema else [])
    )
