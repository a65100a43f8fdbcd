"""Boxes in images beside the tracks of synthetic logs, for metrics that judge trackers.

Nothing is projected: each track gets a column of the image to itself, in which its box moves to the
right. So what a tracker gets wrong is known: box by box, from the constants here. An author who
wants other boxes makes rows of `ImageBoxes` by hand, and gives what a test is about.
"""

import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.kernels.geometry import wrapped
from metrics_platform.signals.image_boxes import ImageBoxes
from metrics_platform.testing.synthetic_frames import Frames

SOURCE = "good_tracker"
# Follows the same objects with two boxes each, so that there is a choice at every moment.
RIVAL = "rival_tracker"
DETECTOR = "detector"
# By turns, from one moment of a track to the next: no box, and one where nobody is.
MISSED_EVERY = 7
INVENTED_EVERY = 5
# An object is cut off by the edge of the image.
TRUNCATED_EVERY = 11
# The track has another id from this moment on.
SWITCHED_FROM = 9
# Of each four logs, the third has no tracker and the fourth no annotation.
LOGS_PER_TURN = 4

_COLUMN_PX = 200.0
_STEP_PX = 1.5
_WIDTH_PX = 40.0
_HEIGHT_PX = 90.0
_BELOW_PX = 150.0
_PLACE = ("x_m", "y_m", "z_m", "heading_rad", "length_m", "width_m", "height_m")
_NAMES = {"car": "Car", "pedestrian": "Pedestrian"}


def image_boxes(frames: Frames) -> Frames:
    """Return `image_boxes`: an annotation, two trackers and a detector.

    An invented box below the first track of a log lies in a region to ignore.
    """
    logs = frames["tracks"].select("log_id").unique().sort("log_id")
    tracks = frames["tracks"].join(
        logs.with_columns(_log=pl.int_range(pl.len()) % LOGS_PER_TURN), on="log_id"
    )
    objects = objects_of(tracks)
    annotated = objects.filter(pl.col("_log") != 3)
    found = objects.filter(pl.col("_log") != 2).with_columns(
        truncation_index=pl.lit(None, pl.Int64), occlusion_index=pl.lit(None, pl.Int64)
    )
    parts = [annotated, _regions(annotated), *_good(found), *_rival(found), _detected(found)]
    schema = polars_schema(ImageBoxes)
    rows = pl.concat(parts, how="diagonal_relaxed")
    absent = [pl.lit(None).alias(name) for name in schema if name not in rows.columns]
    return {"image_boxes": rows.with_columns(absent).select(schema.names()).cast(schema)}


def objects_of(tracks: pl.DataFrame) -> pl.DataFrame:
    """Return the box of each road user in images, as annotated; its column by `_number`.

    `_moment` counts the images in which it is.
    """
    keys = ("log_id", "source", "track_id")
    moment = pl.int_range(pl.len()).over(keys, order_by="timestamp_ns")
    number = pl.col("track_id").cast(pl.Int64)
    return tracks.select(
        "log_id",
        "timestamp_ns",
        "track_id",
        *[name for name in ("_log",) if name in tracks.columns],
        _moment=moment,
        _number=number,
        category=pl.col("category").replace(_NAMES),
        source=pl.lit("annotation"),
        tracked=pl.lit(True),
        ignored=pl.lit(False),
        left_px=_COLUMN_PX * number + _STEP_PX * moment,
        top_px=pl.lit(100.0),
        width_px=pl.lit(_WIDTH_PX),
        height_px=pl.lit(_HEIGHT_PX),
        truncation_index=(moment % TRUNCATED_EVERY == TRUNCATED_EVERY - 1).cast(pl.Int64),
        occlusion_index=pl.lit(0, pl.Int64),
        x_m=10.0 + 8.0 * number,
        y_m=0.2 * moment,
        z_m=pl.col("height_m") / 2,
        heading_rad=wrapped(0.1 * moment + number),
        length_m="length_m",
        width_m="width_m",
        height_m="height_m",
    )


def _regions(annotated: pl.DataFrame) -> pl.DataFrame:
    return annotated.filter(
        pl.col("_number") == pl.col("_number").min().over("log_id")
    ).with_columns(
        track_id=pl.lit("region"),
        category=pl.lit("DontCare"),
        tracked=pl.lit(False),
        ignored=pl.lit(True),
        top_px=pl.col("top_px") + _BELOW_PX,
        truncation_index=pl.lit(None, pl.Int64),
        occlusion_index=pl.lit(None, pl.Int64),
        **dict.fromkeys(_PLACE, pl.lit(None, pl.Float64)),
    )


def _good(found: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    switched = pl.col("_moment") >= SWITCHED_FROM
    seen = found.filter(pl.col("_moment") % MISSED_EVERY != MISSED_EVERY - 1).with_columns(
        source=pl.lit(SOURCE),
        track_id=pl.when(switched).then(pl.format("{} again", "track_id")).otherwise("track_id"),
        left_px=pl.col("left_px") + 2,
        score=pl.lit(0.9),
    )
    invented = found.filter(pl.col("_moment") % INVENTED_EVERY == INVENTED_EVERY - 1).with_columns(
        source=pl.lit(SOURCE),
        track_id=pl.format("{} invented", "track_id"),
        top_px=pl.col("top_px") + _BELOW_PX,
        score=pl.lit(0.4),
    )
    return seen, invented


def _rival(found: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    # Now one is nearer, now the other, and both are near enough.
    nearer = pl.when(pl.col("_moment") % 4 < 2).then(1.0).otherwise(5.0)
    first = found.with_columns(
        source=pl.lit(RIVAL), left_px=pl.col("left_px") + nearer, score=pl.lit(0.8)
    )
    second = found.filter(pl.col("_moment") % 3 != 1).with_columns(
        source=pl.lit(RIVAL),
        track_id=pl.format("{} beside", "track_id"),
        left_px=pl.col("left_px") + 3.0,
        score=pl.lit(0.7),
    )
    return first, second


def _detected(found: pl.DataFrame) -> pl.DataFrame:
    return found.with_columns(
        source=pl.lit(DETECTOR),
        track_id=pl.format("box {}", "track_id"),
        tracked=pl.lit(False),
        score=1 / (1 + pl.col("_moment") % 17),
        # By turns nothing, little, and more than the rules of benchmarks forgive.
        x_m=pl.col("x_m") + 0.4 * (pl.col("_moment") % 5),
    )
