"""KITTI tracking labels: a folder with `gt.txt` and a text file for each tracker.

Source: Geiger, Lenz & Urtasun, "Are we ready for autonomous driving? The KITTI vision benchmark
suite", CVPR 2012; columns after the readme of its tracking development kit.
"""

import math
import re
from pathlib import Path

import polars as pl

from metrics_platform.kernels.geometry import wrapped
from metrics_platform.readers._box_texts import (
    any_begins_with,
    files_in,
    require,
    table,
    unique_ids,
)
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents

# Images come at 10 Hz; frames are counted from 0.
_STEP_NS = 100_000_000
_COLUMNS = (
    "frame", "id", "type", "truncated", "occluded", "alpha", "left", "top", "right", "bottom",
    "height", "width", "length", "x", "y", "z", "rotation_y", "score",
)  # fmt: skip
# A tracker's line may end in a score.
_LEAST = len(_COLUMNS) - 1
_NUMBER = r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?"
_LINE = re.compile(
    rf"\d+(?:\.0*)?\s+-?\d+(?:\.0*)?\s+[A-Za-z_]\w*(?:\s+{_NUMBER}){{{_LEAST - 3},{_LEAST - 2}}}"
)
_IGNORED = "DontCare"
_NO_PLACE_M = -1000
_NO_ROTATION_RAD = -10


def recognises(path: Path) -> bool:
    """Say whether `path` is a folder with a text file of KITTI's tracking labels."""
    return any_begins_with(path, _LINE)


def read(path: Path, config: ReaderConfig) -> LogContents:
    """Return the boxes of the annotation and of all trackers.

    KITTI's camera axes are x right, y down, z forward, and a box stands on its location; here x is
    forward, y left, z up, and the location is the centre.

    Raises:
        UnreadableLogError: A line is not a label.
    """
    boxes = pl.concat([_boxes(file, source) for source, file in files_in(path).items()])
    inverted = (pl.col("width_px") < 0) | (pl.col("height_px") < 0)
    count = len(boxes.filter(inverted))
    return LogContents(
        {
            # A table made afterwards: the order of its rows says nothing about the clock.
            "image_boxes": boxes.sort("timestamp_ns", maintain_order=True).with_columns(
                pl.col("width_px", "height_px").clip(lower_bound=0.0)
            )
        },
        {"tracks": "its three-dimensional boxes are in the axes of the camera, which moves"},
        # Trackers cut boxes off at the edge of the image, also those that are beyond it.
        notes=(f"{count} boxes end before they begin, and are taken for empty",) * (count > 0),
    )


def _boxes(file: Path, source: str) -> pl.DataFrame:
    rows = table(file, r"\s+", _COLUMNS, _LEAST, texts=["type"])
    whole = (pl.col("frame") >= 0) & (pl.col("frame") % 1 == 0) & (pl.col("id") % 1 == 0)
    require(file, rows, whole, "a whole frame from 0 and a whole id")
    ignored = pl.col("type") == _IGNORED
    placed = ~ignored & (pl.col("x") != _NO_PLACE_M)
    sized = ~ignored & pl.all_horizontal(pl.col("height", "width", "length") >= 0)
    turned = ~ignored & (pl.col("rotation_y") != _NO_ROTATION_RAD)
    return rows.select(
        **unique_ids(pl.when(ignored).then(-1).otherwise(pl.col("id"))),
        timestamp_ns=pl.col("frame").cast(pl.Int64) * _STEP_NS,
        source=pl.lit(source),
        category="type",
        ignored=ignored,
        left_px="left",
        top_px="top",
        width_px=pl.col("right") - pl.col("left"),
        height_px=pl.col("bottom") - pl.col("top"),
        truncation_index=_level("truncated"),
        occlusion_index=_level("occluded"),
        score="score",
        x_m=pl.when(placed).then("z"),
        y_m=pl.when(placed).then(-pl.col("x")),
        z_m=pl.when(placed & sized).then(pl.col("height") / 2 - pl.col("y")),
        heading_rad=pl.when(turned).then(wrapped(-pl.col("rotation_y") - math.pi / 2)),
        length_m=pl.when(sized).then("length"),
        width_m=pl.when(sized).then("width"),
        height_m=pl.when(sized).then("height"),
    )


def _level(name: str) -> pl.Expr:
    return pl.when(pl.col(name) >= 0).then(pl.col(name).cast(pl.Int64))
