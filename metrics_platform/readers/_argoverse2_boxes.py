"""Boxes in Argoverse 2 logs: annotations, and what detectors and trackers put beside them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers._poses import (
    Array,
    Poses,
    at,
    composed,
    finite_or_nan,
    heading_rad,
    normalised,
    rotated,
)

POSE_COLUMNS = ("timestamp_ns", "qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m")
ANNOTATIONS = "annotations*.feather"
_SIZES = ("length_m", "width_m", "height_m")
_BOX_COLUMNS = (*POSE_COLUMNS, "category", *_SIZES)
_CITY_COLUMNS = (
    "timestamp_ns", "track_id", "label", "x_m", "y_m", "z_m", *_SIZES, "yaw_rad", "score"
)  # fmt: skip
_EGO = "EGO_VEHICLE"
# Less of a unit vector than this lies in the ground plane: rounding, and no direction.
_UPRIGHT = 1e-9


def tracks_of(path: Path, trajectory: Poses) -> tuple[pl.DataFrame | None, list[str]]:
    """Return all boxes in the city frame, and notes; None where the folder has none.

    From `annotations*.feather` those of source `annotation`. From `detections*.feather`, as the
    detection challenge has them: boxes in the vehicle's frame with a score, source `detector`. From
    `predictions*.parquet`, as the tracking and scenario mining challenges have them: boxes in the
    city frame with a score and an id, source `tracker`. What a file's name says behind these words
    is in the name of the source too (`detections_a.feather`: `detector_a`), so that each is judged
    by itself.

    A detection without an id gets `<timestamp_ns>.<number in the file's order>`, which no box of
    another moment has: it is not taken for a track.

    Args:
        path: Folder of the log.
        trajectory: Of the ego in the city frame, at least one pose.

    Raises:
        UnreadableLogError: A table is damaged or lacks a column.
    """
    notes: list[str] = []
    parts = []
    annotations = sorted(path.glob(ANNOTATIONS))
    if annotations:
        # With the ego vehicle's own boxes, where there are both: it is a superset.
        boxes = table(annotations[-1], (*_BOX_COLUMNS, "track_uuid"), ("num_interior_pts",))
        parts.append(_placed(boxes, trajectory, "annotation", notes))
        if len(annotations) > 1:
            others = ", ".join(file.name for file in annotations[:-1])
            notes.append(f"tracks are from {annotations[-1].name}, not from {others}")
    for file in sorted(path.glob("detections*.feather")):
        boxes = table(file, (*_BOX_COLUMNS, "score"), ("log_id", "track_uuid"))
        source = f"detector{file.stem.removeprefix('detections')}"
        parts.append(_placed(_of_log(boxes, path, file, notes), trajectory, source, notes))
    for file in sorted(path.glob("predictions*.parquet")):
        boxes = table(file, _CITY_COLUMNS, ("log_id",))
        source = f"tracker{file.stem.removeprefix('predictions')}"
        renamed = _of_log(boxes, path, file, notes).rename(
            {"label": "category", "yaw_rad": "heading_rad"}
        )
        parts.append(renamed.with_columns(source=pl.lit(source)).drop("log_id", strict=False))
    if not parts:
        return None, notes
    # Tables made afterwards: the order of their rows says nothing about the clock.
    return pl.concat(parts, how="diagonal_relaxed").sort("timestamp_ns", maintain_order=True), notes


def table(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> pl.DataFrame:
    """Return `columns` of a Feather or Parquet file, and of `optional` those that it has.

    Raises:
        UnreadableLogError: It is damaged or lacks a column.
    """
    kind, read = (
        ("Parquet", pl.read_parquet) if path.suffix == ".parquet" else ("Feather", pl.read_ipc)
    )
    try:
        content = read(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnreadableLogError(f"{path.name} is not a readable {kind} file: {error}") from error
    if lacking := [name for name in columns if name not in content.columns]:
        raise UnreadableLogError(
            f"{path.name} lacks {', '.join(lacking)}; it has {', '.join(content.columns)}"
        )
    return content.select(*columns, *(name for name in optional if name in content.columns))


def positions(boxes: pl.DataFrame) -> Array:
    """Return the columns `tx_m`, `ty_m`, `tz_m`, NaN where they aren't finite."""
    return finite_or_nan(boxes.select("tx_m", "ty_m", "tz_m").to_numpy())


def quaternions(boxes: pl.DataFrame) -> Array:
    """Return the columns `qx`, `qy`, `qz`, `qw` as unit quaternions."""
    return normalised(finite_or_nan(boxes.select("qx", "qy", "qz", "qw").to_numpy()))


def _of_log(boxes: pl.DataFrame, path: Path, file: Path, notes: list[str]) -> pl.DataFrame:
    """Return the boxes of this log, out of a file that can hold those of others as well."""
    if "log_id" not in boxes.columns or boxes["log_id"].n_unique() < 2:
        return boxes
    own = boxes.filter(pl.col("log_id") == path.name)
    notes.append(f"{file.name}: {len(boxes) - len(own)} of {len(boxes)} boxes are of other logs")
    return own


def _placed(boxes: pl.DataFrame, trajectory: Poses, source: str, notes: list[str]) -> pl.DataFrame:
    """Bring boxes of the vehicle's frame into that of the city."""
    total = len(boxes)
    boxes = boxes.filter(pl.col("category") != _EGO)
    in_ego = Poses(boxes["timestamp_ns"].to_numpy(), positions(boxes), quaternions(boxes))
    in_city = composed(at(trajectory, in_ego.timestamp_ns), in_ego)
    number = pl.int_range(pl.len()).over("timestamp_ns")
    own_id = pl.format("{}.{}", "timestamp_ns", number)
    placed = boxes.select(
        "timestamp_ns",
        "category",
        *_SIZES,
        source=pl.lit(source),
        track_id="track_uuid" if "track_uuid" in boxes.columns else own_id,
        **dict(zip(("x_m", "y_m", "z_m"), map(pl.Series, in_city.position_m.T), strict=True)),
        heading_rad=pl.Series(_heading_rad(in_city.quaternion)),
        score="score" if "score" in boxes.columns else pl.lit(None, pl.Float64),
        points_count="num_interior_pts"
        if "num_interior_pts" in boxes.columns
        else pl.lit(None, pl.Int64),
    )
    known = placed.filter(pl.col("x_m").is_not_nan())
    if lost := len(placed) - len(known):
        notes.append(f"tracks: {lost} of {total} boxes lie outside the recorded poses")
    return known


def _heading_rad(quaternion: Array) -> Array:
    """Return headings; 0, as av2 has it, for a box on its end, whose length points upwards."""
    forward = rotated(quaternion, np.tile([1.0, 0.0, 0.0], (len(quaternion), 1)))
    upright = np.hypot(forward[:, 0], forward[:, 1]) < _UPRIGHT
    return np.where(upright, 0.0, heading_rad(quaternion))
