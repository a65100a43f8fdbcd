"""Argoverse 2 sensor logs: a folder of Feather files.

Source: Wilson et al., "Argoverse 2: Next Generation Datasets for Self-Driving Perception and
Forecasting", NeurIPS Datasets and Benchmarks 2021; file layout after argoverse/av2-api.
"""

import re
from pathlib import Path

import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers._argoverse2_boxes import (
    ANNOTATIONS,
    POSE_COLUMNS,
    positions,
    quaternions,
    table,
    tracks_of,
)
from metrics_platform.readers._argoverse2_map import map_signals
from metrics_platform.readers._argoverse2_vehicle import (
    EGO_CENTER_OFFSET_M,
    EGO_LENGTH_M,
    EGO_WIDTH_M,
)
from metrics_platform.readers._poses import heading_rad, tidy
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents, LogMetadata

_POSES = "city_SE3_egovehicle.feather"
_MAP = "map/log_map_archive_*.json"
_MAP_SIGNALS = ("lanes", "lane_points", "drivable_areas")
_ARROW_MAGIC = b"ARROW1"

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
    """Return ego poses, tracks and the map, all in the city frame.

    Boxes are annotated in the vehicle's frame at the instant of a lidar sweep; the pose table
    has a row for every such instant, and is interpolated where it hasn't.

    Raises:
        UnreadableLogError: A table is damaged or lacks a column, or the map is damaged.
    """
    poses = table(path / _POSES, POSE_COLUMNS)
    ego_poses = pl.DataFrame(
        {
            "timestamp_ns": poses["timestamp_ns"],
            "x_m": poses["tx_m"],
            "y_m": poses["ty_m"],
            "z_m": poses["tz_m"],
            "heading_rad": heading_rad(quaternions(poses)),
        }
    ).with_columns(
        # The recording has none.
        longitudinal_velocity_mps=pl.lit(None, pl.Float64),
        lateral_velocity_mps=pl.lit(None, pl.Float64),
        yaw_rate_radps=pl.lit(None, pl.Float64),
    )
    missing = {"vehicle_speeds": "Argoverse 2 records no speed from the wheels"}
    signals = {"ego_poses": ego_poses}
    maps = sorted(path.glob(_MAP))
    if maps:
        signals |= map_signals(maps[0])
    else:
        missing |= dict.fromkeys(_MAP_SIGNALS, f"no {_MAP} in the folder")
    metadata = LogMetadata(
        place=next((m[1] for file in maps if (m := _CITY.search(file.name))), None),
        ego_length_m=EGO_LENGTH_M,
        ego_width_m=EGO_WIDTH_M,
        ego_center_offset_m=EGO_CENTER_OFFSET_M,
    )
    trajectory = tidy(poses["timestamp_ns"].to_numpy(), positions(poses), quaternions(poses))
    if not len(trajectory):
        raise UnreadableLogError(f"{_POSES} has not a single usable pose")
    tracks, notes = tracks_of(path, trajectory)
    if tracks is None:
        missing["tracks"] = f"no {ANNOTATIONS} in the folder"
    else:
        signals["tracks"] = tracks
    return LogContents(signals, missing, metadata, notes=tuple(notes))
