"""Boxes in images, of which a test says only what it is about; and real sequences as logs."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from metrics_platform.core import Rows
from metrics_platform.core.frames import polars_schema
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform.signals.image_boxes import ImageBoxes
from metrics_platform_tests.data import data_path

TRUTH = "annotation"
TRACKER = "tracker"
STEP_NS = 100_000_000
_USUAL: Mapping[str, object] = {
    "log_id": "log",
    "category": "pedestrian",
    "tracked": True,
    "ignored": False,
    "top_px": 0.0,
    "width_px": 40.0,
    "height_px": 80.0,
}

# Source, id, frame, left edge, and whatever else isn't usual.
Box = tuple[str, str, int, float] | tuple[str, str, int, float, dict[str, object]]


def boxes_of(rows: Iterable[Box]) -> pl.DataFrame:
    """Return boxes of 40 by 80 pixels at 10 images a second."""
    schema = polars_schema(ImageBoxes)
    empty: dict[str, object] = dict.fromkeys(schema)
    made = []
    for source, track_id, frame, left, *more in rows:
        placed = {
            "source": source,
            "track_id": track_id,
            "timestamp_ns": frame * STEP_NS,
            "left_px": left,
        }
        extra = more[0] if more else {}
        assert set(extra) <= set(schema)
        made.append({**empty, **_USUAL, **placed, **extra})
    return pl.DataFrame(made, schema=schema)


def shown(truth: str, *tracks: str) -> list[Box]:
    """Return the boxes of one object and of what follows it, drawn a letter an image.

    A `.` is no box. The letters of `truth` are ids; those of a track too, and its box is 4 pixels
    beside the object for a small letter, and beyond its reach for a capital one.
    """
    rows: list[Box] = [(TRUTH, c, at, 0.0) for at, c in enumerate(truth) if c != "."]
    for line in tracks:
        rows += [
            (TRACKER, c.lower(), at, 500.0 if c.isupper() else 4.0)
            for at, c in enumerate(line)
            if c != "."
        ]
    return rows


def rows_of(made: pl.LazyFrame | Rows) -> pl.DataFrame:
    """Return the rows of a metric that can abstain."""
    assert isinstance(made, Rows)
    return made.rows.collect()


def read_boxes(logs: Mapping[str, Path]) -> pl.DataFrame:
    """Return `image_boxes` of logs that can all be read."""
    batch = read_logs(logs, ReaderConfig())
    assert not batch.failures
    return batch.signals["image_boxes"].rows


def kitti_logs(folder: Path) -> dict[str, Path]:
    """Return the nine real KITTI sequences as logs, each with the tracker CIWT."""
    logs = {}
    for truth in sorted(data_path("kitti_tracking", "ground_truth").glob("*.txt")):
        log = logs[truth.stem] = folder / truth.stem
        log.mkdir()
        (log / "ground_truth.txt").write_bytes(truth.read_bytes())
        found = data_path("kitti_tracking", "ciwt", truth.name)
        (log / "ciwt.txt").write_bytes(found.read_bytes())
    return logs
