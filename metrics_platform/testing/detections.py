"""Annotations beside the tracks of synthetic logs, for metrics that judge one by the other.

What the tracker saw is copied and disturbed in known ways, so that every outcome occurs: objects
are displaced a little, turned and resized, some are missed, some seen where nobody is, and some are
of no class, out of reach of the lidar, or hidden.
"""

import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.geometry import wrapped
from metrics_platform.signals.tracks import Tracks
from metrics_platform.testing.synthetic_frames import Frames

# By turns, from one moment of a track to the next.
DISPLACEMENTS_M = (0.0, 0.3, 0.8, 1.6, 3.2)
TURNS_RAD = (0.0, 0.1, 3.1)
# Every so many moments of a track nobody annotated it.
UNANNOTATED_EVERY = 7
NO_POINTS_EVERY = 11
NO_CLASS = "tumbleweed"
AV2_NAMES = {"car": "REGULAR_VEHICLE", "pedestrian": "PEDESTRIAN"}
# An object that the tracker never saw, beside each third track.
UNSEEN_EVERY = 3
UNSEEN_OFFSET_M = 6.0


def detections(frames: Frames) -> Frames:
    """Return `tracks` with annotations added in all logs but each fourth.

    Scores differ from box to box, but every fifth, which shares that of others. Each fourth log,
    from the second on, names its categories as Argoverse 2 does.
    """
    logs = sorted(frames["tracks"]["log_id"].unique())
    renamed = pl.col("log_id").is_in([log_id for i, log_id in enumerate(logs) if i % 4 == 1])
    tracks = frames["tracks"].with_columns(
        category=pl.when(renamed).then(pl.col("category").replace(AV2_NAMES)).otherwise("category")
    )
    annotated = [log_id for number, log_id in enumerate(logs) if number % 4 != 3]
    moment = pl.int_range(pl.len()).over("log_id", "source", "track_id", order_by="timestamp_ns")
    number = pl.col("track_id").cast(pl.Int64)
    numbered = tracks.with_columns(_moment=moment, _number=number)
    turn = pl.col("_moment") + 2 * pl.col("_number")
    copied = numbered.filter(
        pl.col("log_id").is_in(annotated) & (turn % UNANNOTATED_EVERY != UNANNOTATED_EVERY - 1)
    ).with_columns(
        source=pl.lit("annotation"),
        x_m=pl.col("x_m") + _by_turns(turn, DISPLACEMENTS_M),
        heading_rad=wrapped(pl.col("heading_rad") + _by_turns(turn, TURNS_RAD)),
        length_m=pl.col("length_m") * 1.1,
        velocity_x_mps=pl.when(turn % 4 != 0).then(pl.col("velocity_x_mps") + 0.5),
        score=pl.lit(None, pl.Float64),
        category=pl.when(turn % 13 == 12).then(pl.lit(NO_CLASS)).otherwise("category"),
        points_count=pl.when(turn % NO_POINTS_EVERY == 0).then(0).otherwise(20 + turn % 5),
        occlusion_ratio=(turn % 5) / 4,
    )
    unseen = copied.filter(pl.col("_number") % UNSEEN_EVERY == 0).with_columns(
        track_id=pl.format("unseen {}", "track_id"), y_m=pl.col("y_m") + UNSEEN_OFFSET_M
    )
    scored = numbered.with_columns(
        score=pl.when(turn % 5 == 0).then(0.5).otherwise(0.9 / (1 + turn % 17))
    )
    schema = polars_schema(Tracks)
    return {
        "tracks": pl.concat(
            [part.select(schema.names()).cast(schema) for part in (scored, copied, unseen)]
        )
    }


def _by_turns(turn: pl.Expr, values: tuple[float, ...]) -> pl.Expr:
    return (turn % len(values)).replace_strict(
        list(range(len(values))), list(values), return_dtype=pl.Float64
    )
