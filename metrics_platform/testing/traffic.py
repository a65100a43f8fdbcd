"""Where in its lane each synthetic road user is, for the road of `maps`.

Whoever is beside the road is in a lane of its own kind, `verge`, which has pieces too, so that
those who walk or park there follow one another. An author of a metric on following makes other rows
the same way: `lane_positions` of the front bumpers, and `lane_links` from each piece to the next.
"""

import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.lane_links import LaneLinks
from metrics_platform.signals.lane_positions import LanePositions
from metrics_platform.testing.maps import BEHIND_M, PIECE_M
from metrics_platform.testing.scenarios import LANE_WIDTH_M
from metrics_platform.testing.synthetic_frames import Frames

# By how many lanes it is to the left of the ego's.
_LANES = {0: "own", 1: "left", 2: "oncoming"}
_ONCOMING = pl.col("road") == "oncoming"


def traffic(frames: Frames) -> Frames:
    """Return `lane_positions` and `lane_links`, in the axes of the ego's first pose.

    In a log of traffic, those of the first box of its last track.
    """
    pose = ("log_id", "x_m", "y_m", "heading_rad")
    ego = frames["ego_poses"].sort("log_id", "timestamp_ns").select(pose)
    last = frames["tracks"].sort("track_id", "timestamp_ns", descending=[True, False]).select(pose)
    first = pl.concat([ego, last]).group_by("log_id", maintain_order=True).first()
    axes = first.select("log_id", x_0="x_m", y_0="y_m", turn="heading_rad")
    x, y = pl.col("x_m") - pl.col("x_0"), pl.col("y_m") - pl.col("y_0")
    cos, sin = pl.col("turn").cos(), pl.col("turn").sin()
    forward = (pl.col("heading_rad") - pl.col("turn")).cos()
    placed = (
        frames["tracks"]
        .join(axes, on="log_id")
        .with_columns(
            # The front bumper of whoever looks along the road, or against it.
            along=cos * x + sin * y + pl.col("length_m") / 2 * forward + BEHIND_M,
            road=((cos * y - sin * x) / LANE_WIDTH_M)
            .round()
            .cast(pl.Int64)
            .replace_strict(_LANES, default="verge", return_dtype=pl.String),
        )
        .with_columns(piece=(pl.col("along") / PIECE_M).floor().cast(pl.Int64))
    )
    within = pl.col("along") - pl.col("piece") * PIECE_M
    positions = placed.with_columns(
        lane_id=_named(pl.col("piece")),
        position_m=pl.when(_ONCOMING).then(PIECE_M - within).otherwise(within),
    )
    pieces = placed.group_by("log_id", "road").agg(
        piece=pl.int_ranges(pl.col("piece").min() - 1, pl.col("piece").max() + 1)
    )
    links = pieces.explode("piece").with_columns(lane_length_m=pl.lit(PIECE_M))
    here, after = _named(pl.col("piece")), _named(pl.col("piece") + 1)
    return {
        "lane_positions": positions.select(polars_schema(LanePositions).names()).sort(
            "log_id", "timestamp_ns", "source", "track_id"
        ),
        "lane_links": links.with_columns(
            lane_id=pl.when(_ONCOMING).then(after).otherwise(here),
            next_lane_id=pl.when(_ONCOMING).then(here).otherwise(after),
        )
        .select(polars_schema(LaneLinks).names())
        .sort("log_id", "lane_id"),
    }


def _named(piece: pl.Expr) -> pl.Expr:
    return pl.format("{}_{}", "road", piece)
