"""comma2k19: minute-long segments of a route as numpy files without suffix.

Source: Schafer et al., "A Commute in Data: The comma2k19 Dataset", arXiv:1812.05752, and the
README of commaai/comma2k19. Poses are those of the camera behind the windscreen, in ECEF.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers._poses import Array, finite_or_nan, normalised, rotated
from metrics_platform.readers._wgs84 import east_north_up
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents, LogMetadata

_NUMPY_MAGIC = b"\x93NUMPY"
_POSE = "global_pose"
_POSE_FILES = ("frame_times", "frame_positions", "frame_velocities", "frame_orientations")
# The README calls it car_speed, the files are in `speed`.
_SPEED_FOLDERS = ("processed_log/CAN/speed", "processed_log/CAN/car_speed")
_ROUTE = re.compile(r"([0-9a-f]{16})[|_]\d{4}-\d{2}-\d{2}--\d{2}-\d{2}-\d{2}")

# GPS time began 1980-01-06 and has no leap seconds; it has been 18 s ahead of UTC since 2017
# (IERS Bulletin C 52), and the whole dataset is from 2018.
_GPS_EPOCH_S = 315_964_800
_GPS_AHEAD_S = 18
_WEEK_S = 604_800


def recognises(path: Path) -> bool:
    """Say whether `path` is a segment, or holds some at any depth."""
    return path.is_dir() and next(_segments(path), None) is not None


def read(path: Path, config: ReaderConfig) -> LogContents:
    """Return ego poses and vehicle speeds of a segment, or of a route's segments in order.

    Positions are East, North, Up of the first pose, on the WGS 84 ellipsoid. Headings are the
    camera's, whose mounting is off the vehicle's axis by a degree or so; velocities are along
    the camera's horizontal axes. Times are moved from the device's boot clock to UTC, where the
    segment says how, by the same whole number of nanoseconds for all samples.

    Raises:
        UnreadableLogError: A file is damaged, lengths disagree, or several routes are mixed.
    """
    segments = sorted(_segments(path), key=_number)
    if len({segment.parent for segment in segments}) > 1:
        routes = sorted({segment.parent.name for segment in segments})
        raise UnreadableLogError(f"expected the segments of one route, found {', '.join(routes)}")
    notes = [f"segments {', '.join(s.name for s in segments)}"] if len(segments) > 1 else []
    utc_ns = next((ns for s in segments if (ns := _utc_minus_boot_ns(s)) is not None), None)
    if utc_ns is None:
        notes.append("times are since the device's boot: no frame_gps_times says when that was")
    signals: dict[str, pl.DataFrame] = {}
    # Radar gives points without extent, heading or class, and calling them boxes would make
    # every distance between boxes wrong by half a car.
    missing = {"tracks": "comma2k19 has radar points, which are no boxes"}
    if (poses := _ego_poses(segments, utc_ns or 0)) is not None:
        signals["ego_poses"] = poses
    else:
        missing["ego_poses"] = f"no {_POSE}/frame_positions in the recording"
    if (speeds := _vehicle_speeds(segments, utc_ns or 0)) is not None:
        signals["vehicle_speeds"] = speeds
    else:
        missing["vehicle_speeds"] = f"no {_SPEED_FOLDERS[0]} in the recording"
    route = next(
        (m for p in (segments[0], *segments[0].parents) if (m := _ROUTE.search(p.name))), None
    )
    metadata = LogMetadata(vehicle=route[1] if route else None)
    return LogContents(signals, missing, metadata, notes=tuple(notes))


def _ego_poses(segments: Sequence[Path], utc_ns: int) -> pl.DataFrame | None:
    folders = [s / _POSE for s in segments if (s / _POSE / "frame_positions").is_file()]
    if not folders:
        return None
    arrays = [[_load(folder / name) for name in _POSE_FILES] for folder in folders]
    for folder, given in zip(folders, arrays, strict=True):
        _require_equal_lengths(folder, _POSE_FILES, given)
    times_s, position, velocity, scalar_first = (
        np.concatenate(part) for part in zip(*arrays, strict=True)
    )
    for array, width in ((position, 3), (velocity, 3), (scalar_first, 4)):
        if array.ndim != 2 or array.shape[1] != width:
            raise UnreadableLogError(f"{_POSE}: expected {width} columns, got {array.shape}")
    usable = np.isfinite(position).all(axis=1)
    if not usable.any():
        raise UnreadableLogError(f"{_POSE}/frame_positions has not a single finite position")
    position_m, to_local = east_north_up(position, origin=position[usable.argmax()])
    # The README says that the quaternion rotates from ECEF into the camera's axes (forward,
    # right, down). Its conjugate does: that way the velocity lies along `forward`.
    quaternion = normalised(scalar_first[:, [1, 2, 3, 0]])
    forward = rotated(quaternion, np.broadcast_to([1.0, 0.0, 0.0], position.shape)) @ to_local.T
    heading_rad = np.arctan2(forward[:, 1], forward[:, 0])
    east, north, _ = (velocity @ to_local.T).T
    cosine, sine = np.cos(heading_rad), np.sin(heading_rad)
    return pl.DataFrame(
        {
            "timestamp_ns": _nanoseconds(times_s, utc_ns),
            "x_m": position_m[:, 0],
            "y_m": position_m[:, 1],
            "z_m": position_m[:, 2],
            "heading_rad": heading_rad,
            "longitudinal_velocity_mps": east * cosine + north * sine,
            "lateral_velocity_mps": north * cosine - east * sine,
            "yaw_rate_radps": np.full(len(times_s), np.nan),
        }
    )


def _vehicle_speeds(segments: Sequence[Path], utc_ns: int) -> pl.DataFrame | None:
    folders = [s / name for s in segments for name in _SPEED_FOLDERS if (s / name / "t").is_file()]
    if not folders:
        return None
    times, speeds = [], []
    for folder in folders:
        pair = [_load(folder / name).reshape(-1) for name in ("t", "value")]
        _require_equal_lengths(folder, ("t", "value"), pair)
        times.append(pair[0])
        speeds.append(pair[1])
    return pl.DataFrame(
        {
            "timestamp_ns": _nanoseconds(np.concatenate(times), utc_ns),
            "speed_mps": np.concatenate(speeds),
        }
    )


def _segments(path: Path) -> Iterator[Path]:
    for folder, inner, _ in os.walk(path):
        here = Path(folder)
        candidates = (here / _POSE / "frame_positions", *(here / n / "t" for n in _SPEED_FOLDERS))
        if any(_is_numpy(file) for file in candidates):
            inner.clear()
            yield here


def _is_numpy(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(len(_NUMPY_MAGIC)) == _NUMPY_MAGIC


def _number(segment: Path) -> tuple[int, str]:
    return int(segment.name) if segment.name.isdecimal() else -1, segment.name


def _utc_minus_boot_ns(segment: Path) -> int | None:
    files = [segment / _POSE / name for name in ("frame_times", "frame_gps_times")]
    if not all(_is_numpy(file) for file in files):
        return None
    boot_s, gps = (_load(file) for file in files)
    if not len(boot_s) or not len(gps) or not np.isfinite([boot_s[0], *gps[0]]).all():
        return None
    week, of_week_s = gps[0]
    whole_s = _GPS_EPOCH_S - _GPS_AHEAD_S + int(week) * _WEEK_S
    return whole_s * 10**9 + int(np.rint((of_week_s - boot_s[0]) * 1e9))


def _nanoseconds(seconds: Array, offset_ns: int) -> pl.Series:
    """Return seconds as nanoseconds, null where they aren't finite."""
    times = pl.DataFrame({"s": seconds}).select(pl.when(pl.col("s").is_finite()).then("s"))
    return (times["s"] * 1e9).round().cast(pl.Int64) + offset_ns


def _load(file: Path) -> Array:
    try:
        with file.open("rb") as opened:
            array: Array = np.load(opened, allow_pickle=False).astype(np.float64)
    except (OSError, ValueError, EOFError) as error:
        where = f"{file.parent.name}/{file.name}"
        raise UnreadableLogError(f"{where} is not a readable numpy file: {error}") from error
    return finite_or_nan(array)


def _require_equal_lengths(folder: Path, names: Sequence[str], arrays: Sequence[Array]) -> None:
    lengths = {name: len(array) for name, array in zip(names, arrays, strict=True)}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise UnreadableLogError(f"{folder.name}: files of one length expected, got rows: {counts}")
