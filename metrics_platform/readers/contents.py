"""What a reader gives back, whatever the format."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers.config import ReaderConfig

SIDECAR = "log.json"


@dataclass(frozen=True)
class LogMetadata:
    """What is known of a recording as a whole; None where nobody said.

    Attributes:
        vehicle: Which one drove.
        release: Software version that drove.
        place: Where.
        mission: Drive or delivery mission.
        tags: Free words to find it by.
        ego_length_m: Of the vehicle's box.
        ego_width_m: Of the vehicle's box.
        ego_center_offset_m: From the vehicle's origin forward to the centre of its box.
        ego_track_id: Which of the road users is to be the ego, in a recording without one.
        has_ego: Whether anybody is the ego, where the recording doesn't tell.
    """

    vehicle: str | None = None
    release: str | None = None
    place: str | None = None
    mission: str | None = None
    tags: tuple[str, ...] = ()
    ego_length_m: float | None = None
    ego_width_m: float | None = None
    ego_center_offset_m: float | None = None
    ego_track_id: str | None = None
    has_ego: bool | None = None


@dataclass(frozen=True)
class LogContents:
    """One recording, read.

    Attributes:
        signals: Rows in the order of the recording, columns as in the schema but `log_id`.
        missing: Signal to why the recording has none.
        metadata: From the recording itself.
        truncated: It was cut off before its end, and is recovered as far as it goes.
        has_ego: False for a recording of traffic as a whole, in which nobody is the ego.
        notes: What was left out or decided, one sentence each.
    """

    signals: Mapping[str, pl.DataFrame]
    missing: Mapping[str, str] = field(default_factory=dict)
    metadata: LogMetadata = field(default_factory=LogMetadata)
    truncated: bool = False
    has_ego: bool = True
    notes: tuple[str, ...] = ()


class Reader(Protocol):
    """A module that reads one format; its name is the format's."""

    __name__: str

    def recognises(self, path: Path) -> bool:
        """Say whether the contents of `path`, whatever its name, are of this format."""

    def read(self, path: Path, config: ReaderConfig) -> LogContents:
        """Return what `path` holds.

        Raises:
            UnreadableLogError: It is of this format, but damaged beyond use.
        """


def sidecar_path(path: Path) -> Path:
    """Return where the `log.json` of the recording at `path` is, if it has one."""
    return path / SIDECAR if path.is_dir() else path.with_name(f"{path.stem}.{SIDECAR}")


def with_sidecar(contents: LogContents, path: Path) -> LogContents:
    """Return `contents` with what the `log.json` beside the recording says, which wins.

    Raises:
        UnreadableLogError: The file is not a JSON object, or a value cannot be what it is for.
    """
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        return contents
    try:
        given = json.loads(sidecar.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UnreadableLogError(f"{sidecar.name} is not valid JSON: {error}") from error
    if not isinstance(given, dict):
        raise UnreadableLogError(
            f"{sidecar.name} must be a JSON object, got {type(given).__name__}"
        )
    metadata, notes = updated(contents.metadata, given, sidecar.name)
    return replace(contents, metadata=metadata, notes=(*contents.notes, *notes))


def updated(
    metadata: LogMetadata, given: Mapping[str, Any], where: str
) -> tuple[LogMetadata, list[str]]:
    """Return `metadata` with the values `given`, and a note that names the keys unknown.

    An unknown key is no reason to lose a drive; a known one with a wrong value is.

    Raises:
        UnreadableLogError: A value cannot be what it is for.
    """
    known = {field.name for field in fields(LogMetadata)}
    values = {name: _value(name, given[name], where) for name in given if name in known}
    unknown = sorted(set(given) - known)
    notes = [f"{where}: unknown keys are ignored: {', '.join(unknown)}"] if unknown else []
    return replace(metadata, **values), notes


def _value(name: str, value: Any, where: str) -> Any:
    if value is None:
        return () if name == "tags" else None
    if name == "tags":
        # MCAP metadata has only strings.
        words = value.split(",") if isinstance(value, str) else value
        if isinstance(words, Iterable) and all(isinstance(word, str) for word in words):
            return tuple(word.strip() for word in words if word.strip())
        raise UnreadableLogError(f"{where}: tags must be a list of strings, got {value!r}")
    if name == "ego_track_id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if name == "has_ego":
        # MCAP metadata has only strings.
        told = {"true": True, "false": False}.get(str(value).lower())
        if told is not None:
            return told
        raise UnreadableLogError(f"{where}: has_ego must be true or false, got {value!r}")
    if not name.endswith("_m"):
        if isinstance(value, str):
            return value.strip() or None
        raise UnreadableLogError(f"{where}: {name} must be a string, got {value!r}")
    try:
        number = float(value) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError):
        number = float("nan")
    if not isfinite(number) or (number <= 0 and name != "ego_center_offset_m"):
        raise UnreadableLogError(f"{where}: {name} must be a length in metres, got {value!r}")
    return number
