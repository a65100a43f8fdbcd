"""Result lines of Autoware's driving_log_replayer: a JSON list, or one JSON object a line.

Source: tier4/driving_log_replayer, "Result file format" and the use case `localization`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers._poses import finite_or_nan, heading_rad, normalised
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents

_STAGE = "ndt"
_LINE = frozenset({"Result", "Stamp", "Frame"})
# The first object may be the scenario's conditions, so that the second one has to tell.
_OBJECTS_LOOKED_AT = 2
_BYTES_LOOKED_AT = 65_536
_S_PER_MS = 1e-3
_SEPARATORS = " \t\r\n,"

Object = Mapping[str, Any]


def recognises(path: Path) -> bool:
    """Say whether `path` is a file of JSON whose first or second object is a result line."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_BYTES_LOOKED_AT).decode("utf-8", errors="ignore")
    objects, _ = _objects(head, at_most=_OBJECTS_LOOKED_AT)
    return any(line.keys() >= _LINE for line in objects)


def read(path: Path, config: ReaderConfig) -> LogContents:
    """Return the vehicle's poses, and the run time of the NDT localiser for each of its frames.

    Both stand at the stamp of the lidar sweep that they are from, which also is the trace: when
    the localiser began with it is not recorded. A line without a run time is no run of 0 s: it
    is about something else. Nor is one whose time is no number a run that never finished. The
    deadline is the greatest run time that the scenario allows.

    Raises:
        UnreadableLogError: It is not UTF-8, or a value is not what it is for.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableLogError(f"{path.name} is not UTF-8: {error}") from error
    objects, whole = _objects(text)
    lines = [entry for entry in objects if entry.keys() >= _LINE]
    try:
        poses = [pose for line in lines if (pose := _pose(line["Frame"]))]
        spans = [span for line in lines if (span := _span(line["Frame"]))]
        deadline_s = next((_deadline_s(entry) for entry in objects if "Condition" in entry), None)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableLogError(
            f"{path.name} has a line unlike a result's: {type(error).__name__}: {error}"
        ) from error
    signals, missing = {}, {}
    if poses:
        signals["ego_poses"] = _ego_poses(poses)
    else:
        missing["ego_poses"] = "no line has a pose (Frame.Ego.TransformStamped)"
    if spans:
        signals["spans"] = _spans(spans, deadline_s)
    else:
        missing["spans"] = "no line has a run time (Frame.Convergence.Info.ExeTimeMs)"
    notes = [f"{len(lines) - len(spans)} of {len(lines)} lines have no run time of a localiser"]
    if not whole:
        notes.append(f"no JSON after {len(objects)} objects: the rest is left out")
    return LogContents(signals, missing, truncated=not whole, notes=tuple(notes))


def _objects(text: str, at_most: int | None = None) -> tuple[list[Object], bool]:
    """Return the objects of a JSON list, or of lines, and whether that is all there is.

    A run that is killed leaves a last line that ends anywhere.
    """
    decoder = json.JSONDecoder()
    found: list[Object] = []
    at = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    in_list = text[at : at + 1] == "["
    at += in_list
    while at_most is None or len(found) < at_most:
        while text[at : at + 1] and text[at] in _SEPARATORS:
            at += 1
        if at == len(text) or text[at] == "]":
            return found, in_list == (at < len(text))
        try:
            entry, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            return found, False
        if not isinstance(entry, dict):
            return found, False
        found.append(entry)
    return found, True


def _pose(frame: Object) -> tuple[int, Sequence[float]] | None:
    stamped = frame.get("Ego", {}).get("TransformStamped")
    if not stamped:
        return None
    place, turn = stamped["transform"]["translation"], stamped["transform"]["rotation"]
    values = [*(place[axis] for axis in "xyz"), *(turn[axis] for axis in "xyzw")]
    return _stamp_ns(stamped), [float(value) for value in values]


def _span(frame: Object) -> tuple[int, float] | None:
    run_ms = frame.get("Convergence", {}).get("Info", {}).get("ExeTimeMs")
    stamped = frame.get("Ego", {}).get("TransformStamped")
    if run_ms is None or not math.isfinite(float(run_ms)) or not stamped:
        return None
    return _stamp_ns(stamped), float(run_ms) * _S_PER_MS


def _stamp_ns(stamped: Object) -> int:
    stamp = stamped["header"]["stamp"]
    return int(stamp["sec"]) * 1_000_000_000 + int(stamp["nanosec"])


def _deadline_s(entry: Object) -> float | None:
    allowed_ms = entry["Condition"].get("Convergence", {}).get("AllowableExeTimeMs")
    return float(allowed_ms) * _S_PER_MS if allowed_ms else None


def _ego_poses(poses: Sequence[tuple[int, Sequence[float]]]) -> pl.DataFrame:
    values = finite_or_nan(np.array([pose for _, pose in poses], np.float64))
    frame = pl.DataFrame(
        {
            "timestamp_ns": pl.Series([stamp_ns for stamp_ns, _ in poses], dtype=pl.Int64),
            "x_m": values[:, 0],
            "y_m": values[:, 1],
            "z_m": values[:, 2],
            "heading_rad": heading_rad(normalised(values[:, 3:])),
        }
    )
    # Every sweep has one line for each thing that is judged.
    return frame.unique("timestamp_ns", keep="first", maintain_order=True)


def _spans(spans: Sequence[tuple[int, float]], deadline_s: float | None) -> pl.DataFrame:
    schema = {"timestamp_ns": pl.Int64, "duration_s": pl.Float64}
    return pl.DataFrame(spans, schema, orient="row").with_columns(
        stage=pl.lit(_STAGE),
        trace_id=pl.col("timestamp_ns").cast(pl.String),
        deadline_s=pl.lit(deadline_s, pl.Float64),
    )
