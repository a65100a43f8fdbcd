"""MOTChallenge text: a folder with `gt.txt` and a text file for each tracker.

As the benchmarks MOT15, MOT16, MOT17 and MOT20 have it, also with the annotation in `gt/gt.txt`,
the detections in `det/det.txt`, and a `seqinfo.ini`.

Source: Leal-Taixé et al., "MOTChallenge 2015"; Milan et al., "MOT16: A Benchmark for Multi-Object
Tracking", 2016.
"""

import configparser
import re
from pathlib import Path

import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers._box_texts import (
    any_begins_with,
    files_in,
    require,
    table,
    unique_ids,
)
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents

# The text doesn't say how fast images came. Most sequences of MOT15 have 25 or 30 a second.
NOMINAL_HZ = 25.0
_SEQUENCE = "seqinfo.ini"
_COLUMNS = ("frame", "id", "left", "top", "width", "height", "confidence", "x", "y", "z")
_LEAST = 6
# From MOT16 on the annotation has nine fields: x is the class then, and y how much is visible.
_CLASSES = (
    "pedestrian", "person_on_vehicle", "car", "bicycle", "motorbike", "non_mot_vehicle",
    "static_person", "distractor", "occluder", "occluder_on_ground", "occluder_full",
    "reflection", "crowd",
)  # fmt: skip
_NUMBER = r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?"
_LINE = re.compile(
    rf"[1-9]\d*(?:\.0*)?\s*,\s*-?\d+(?:\.0*)?(?:\s*,\s*{_NUMBER}){{{_LEAST - 2},8}}\s*,?"
)
_ANNOTATION = "annotation"


def recognises(path: Path) -> bool:
    """Say whether `path` is a folder with a text file of boxes as MOTChallenge has them."""
    return any_begins_with(path, _LINE)


def read(path: Path, config: ReaderConfig) -> LogContents:
    """Return the boxes of the annotation and of all trackers and detectors.

    Images and pixels are counted from 1 in the text, here from 0. An annotated box whose flag is 0
    is `ignored`. Detections have no identity, so they are not `tracked`.

    Raises:
        UnreadableLogError: A line is not a box, or the `seqinfo.ini` has no frame rate.
    """
    rate_hz, notes = _rate_hz(path)
    boxes = pl.concat([_boxes(file, source, rate_hz) for source, file in files_in(path).items()])
    return LogContents(
        # A table made afterwards: the order of its rows says nothing about the clock.
        {"image_boxes": boxes.sort("timestamp_ns", maintain_order=True)},
        {"tracks": "the boxes are in images only"},
        has_ego=False,
        notes=tuple(notes),
    )


def _rate_hz(path: Path) -> tuple[float, list[str]]:
    file = path / _SEQUENCE
    if not file.is_file():
        return NOMINAL_HZ, [f"no {_SEQUENCE}: times are those of {NOMINAL_HZ:g} images a second"]
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
        rate_hz = float(parser["Sequence"]["frameRate"])
    except (configparser.Error, KeyError, ValueError) as error:
        raise UnreadableLogError(f"{_SEQUENCE} has no frameRate in [Sequence]: {error}") from error
    if not 0 < rate_hz < float("inf"):
        raise UnreadableLogError(f"{_SEQUENCE}: expected a frameRate above 0, got {rate_hz:g}")
    return rate_hz, []


def _boxes(file: Path, source: str, rate_hz: float) -> pl.DataFrame:
    rows = table(file, r"\s*,\s*", _COLUMNS, _LEAST)
    whole = (pl.col("frame") >= 1) & (pl.col("frame") % 1 == 0) & (pl.col("id") % 1 == 0)
    require(file, rows, whole, "a whole frame from 1 and a whole id")
    sized = (pl.col("width") >= 0) & (pl.col("height") >= 0)
    require(file, rows, sized, "a width and height of 0 or more")
    annotated = source == _ANNOTATION
    confidence = pl.col("confidence")
    classed = pl.col("y").is_not_null() & pl.col("z").is_null() & annotated
    known = pl.col("x").is_between(1, len(_CLASSES)) & (pl.col("x") % 1 == 0)
    require(file, rows, ~classed | known, f"a class of 1 to {len(_CLASSES)}")
    names = (
        pl.col("x")
        .cast(pl.Int64)
        .replace_strict(dict(enumerate(_CLASSES, start=1)), default=None, return_dtype=pl.String)
    )
    return rows.select(
        **unique_ids(pl.col("id")),
        timestamp_ns=((pl.col("frame") - 1) * 1e9 / rate_hz).round().cast(pl.Int64),
        source=pl.lit(source),
        category=pl.when(classed).then(names).otherwise(pl.lit(_CLASSES[0])),
        ignored=(confidence == 0).fill_null(value=False) & annotated,
        left_px=pl.col("left") - 1,
        top_px=pl.col("top") - 1,
        width_px="width",
        height_px="height",
        occlusion_ratio=pl.when(classed).then(1 - pl.col("y").clip(0, 1)),
        # -1 says that there is none; in the annotation it is a flag.
        score=pl.when((confidence != -1) & (not annotated)).then(confidence),
    )
