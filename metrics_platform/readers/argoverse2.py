"""Argoverse 2 sensor logs: a folder of Feather files.

Source: Wilson et al., "Argoverse 2: Next Generation Datasets for Self-Driving Perception and
Forecasting", NeurIPS Datasets and Benchmarks 2021; file layout after argoverse/av2-api.
"""

import re
from pathlib import Path

import numpy as np
import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers._argoverse2_map import map_signals
from metrics_platform.readers._poses import (
    Poses,
    at,
    composed,
    finite_or_nan,
    heading_rad,
    normalised,
    tidy,
)
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents, LogMetadata

_POSES = "city_SE3_egovehicle.feather"
_ANNOTATIONS = "annotations*.feather"
_MAP = "map/log_map_archive_*.json"
_MAP_SIGNALS = ("lanes", "lane_points", "drivable_areas")
_ARROW_MAGIC = b"ARROW1"
_POSE_COLUMNS = ("timestamp_ns", "qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m")
_BOX_COLUMNS = (*_POSE_COLUMNS, "track_uuid", "category", "length_m", "width_m", "height_m")
_EGO = "EGO_VEHICLE"

# The fleet drove Ford Fusion Hybrids, and the vehicle's origin is the centre of the rear axle
# (Argoverse 2 paper, appendix). Length and width without mirrors: Ford's 2017 specification,
# 191.8 x 72.9 in. Rear axle to centre: as py123d (get_av2_ford_fusion_hybrid_parameters)
# estimates it from the lidar points.
_EGO_LENGTH_M = 4.872
_EGO_WIDTH_M = 1.852
_EGO_CENTER_OFFSET_M = 1.339

# …____MIA_city_47894.json
_CITY = re.compile(r"____([A-Z]{3})_city_")


def recognises(path: Path) -> bool:
    """Say whether `path` is a folder with a pose table as Argoverse 2 has it."""
    poses = path / _POSES
    if not poses.is_file():
        return False
    with poses.open("rb") as file:
        return file.read(len(_ARROW_MAGIC)) == _ARROW_MAGIC


def read(path: Path, config: ReaderConfig) -> LogContents:
    """Return ego poses, annotated tracks and the map, all in the city frame.

    Boxes are annotated in the vehicle's frame at the instant of a lidar sweep; the pose table
    has a row for every such instant, and is interpolated where it hasn't.

    Raises:
        UnreadableLogError: A table is damaged or lacks a column, or the map is damaged.
    """
    poses = _table(path / _POSES, _POSE_COLUMNS)
    ego_poses = pl.DataFrame(
        {
            "timestamp_ns": poses["timestamp_ns"],
            "x_m": poses["tx_m"],
            "y_m": poses["ty_m"],
            "z_m": poses["tz_m"],
            "heading_rad": heading_rad(_quaternions(poses)),
        }
    ).with_columns(
        # The recording has none.
        longitudinal_velocity_mps=pl.lit(None, pl.Float64),
        lateral_velocity_mps=pl.lit(None, pl.Float64),
        yaw_rate_radps=pl.lit(None, pl.Float64),
    )
    notes: list[str] = []
    missing = {"vehicle_speeds": "Argoverse 2 records no speed from the wheels"}
    signals = {"ego_poses": ego_poses}
    maps = sorted(path.glob(_MAP))
    if maps:
        signals |= map_signals(maps[0])
    else:
        missing |= dict.fromkeys(_MAP_SIGNALS, f"no {_MAP} in the folder")
    metadata = LogMetadata(
        place=next((m[1] for file in maps if (m := _CITY.search(file.name))), None),
        ego_length_m=_EGO_LENGTH_M,
        ego_width_m=_EGO_WIDTH_M,
        ego_center_offset_m=_EGO_CENTER_OFFSET_M,
    )
    annotations = sorted(path.glob(_ANNOTATIONS))
    if not annotations:
        missing["tracks"] = f"no {_ANNOTATIONS} in the folder"
        return LogContents(signals, missing, metadata, notes=tuple(notes))
    # With the ego vehicle's own boxes, where there are both: it is a superset.
    boxes = _table(annotations[-1], _BOX_COLUMNS)
    if len(annotations) > 1:
        others = ", ".join(file.name for file in annotations[:-1])
        notes.append(f"tracks are from {annotations[-1].name}, not from {others}")
    tracks, unplaced = _tracks(boxes.filter(pl.col("category") != _EGO), poses)
    if unplaced:
        notes.append(f"tracks: {unplaced} of {len(boxes)} boxes lie outside the recorded poses")
    return LogContents({**signals, "tracks": tracks}, missing, metadata, notes=tuple(notes))


def _tracks(boxes: pl.DataFrame, poses: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return the boxes in the city frame, and how many have no pose to be placed by."""
    trajectory = tidy(poses["timestamp_ns"].to_numpy(), _positions(poses), _quaternions(poses))
    if not len(trajectory):
        raise UnreadableLogError(f"{_POSES} has not a single usable pose")
    in_ego = Poses(boxes["timestamp_ns"].to_numpy(), _positions(boxes), _quaternions(boxes))
    in_city = composed(at(trajectory, in_ego.timestamp_ns), in_ego)
    placed = boxes.select(
        "timestamp_ns",
        source=pl.lit("annotation"),
        track_id="track_uuid",
        category="category",
        x_m=pl.Series(in_city.position_m[:, 0]),
        y_m=pl.Series(in_city.position_m[:, 1]),
        z_m=pl.Series(in_city.position_m[:, 2]),
        heading_rad=pl.Series(heading_rad(in_city.quaternion)),
        length_m="length_m",
        width_m="width_m",
        height_m="height_m",
        velocity_x_mps=pl.lit(None, pl.Float64),
        velocity_y_mps=pl.lit(None, pl.Float64),
        score=pl.lit(None, pl.Float64),
    )
    # A table made afterwards: the order of its rows says nothing about the clock.
    known = placed.filter(pl.col("x_m").is_not_nan()).sort("timestamp_ns", maintain_order=True)
    return known, len(placed) - len(known)


def _table(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    try:
        table = pl.read_ipc(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnreadableLogError(f"{path.name} is not a readable Feather file: {error}") from error
    if lacking := [name for name in columns if name not in table.columns]:
        raise UnreadableLogError(
            f"{path.name} lacks {', '.join(lacking)}; it has {', '.join(table.columns)}"
        )
    return table.select(columns)


def _positions(table: pl.DataFrame) -> np.ndarray:
    return finite_or_nan(table.select("tx_m", "ty_m", "tz_m").to_numpy())


def _quaternions(table: pl.DataFrame) -> np.ndarray:
    return normalised(finite_or_nan(table.select("qx", "qy", "qz", "qw").to_numpy()))
