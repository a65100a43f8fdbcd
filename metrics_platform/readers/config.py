"""Which topic is which signal: a small TOML file, and defaults that work without one."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from metrics_platform.core.errors import ConfigurationError


@dataclass(frozen=True)
class ReaderConfig:
    """How recordings with freely named topics are read.

    Topics are shell patterns (`*` matches `/` too), the more preferred first. Those given in a
    file take the place of the defaults, and then only topics that match one of them are taken.

    Attributes:
        ego_poses: Topics with the vehicle's pose. Without a file: what localisation gives, then
            odometry, then any pose, then the transform tree.
        vehicle_speeds: Topics with the speed that the vehicle reports.
        tracks: Topics with other road users.
        drive_modes: Topics with who drives.
        sources: Topic pattern to the `source` of the tracks on it, first match first.
        ignored: Topics that are never taken: commands and goals look like measurements.
        fixed_frames: Frames that stand still, the most global first.
        vehicle_frames: Frames that are the vehicle's origin, where messages don't say.
    """

    ego_poses: tuple[str, ...] = ()
    vehicle_speeds: tuple[str, ...] = ()
    tracks: tuple[str, ...] = ()
    drive_modes: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = (
        ("*ground_truth*", "annotation"),
        ("*annotation*", "annotation"),
        ("*label*", "annotation"),
        ("*radar*", "radar"),
        ("*", "tracker"),
    )
    ignored: tuple[str, ...] = (
        "*cmd*", "*command*", "*goal*", "*target*", "*initial*", "*plan*", "*predict*",
    )  # fmt: skip
    fixed_frames: tuple[str, ...] = ("map", "world", "earth", "odom", "local")
    vehicle_frames: tuple[str, ...] = (
        "base_link", "base_footprint", "ego", "ego_vehicle", "vehicle", "base",
    )  # fmt: skip

    @classmethod
    def load(cls, path: Path | None) -> "ReaderConfig":
        """Return the configuration in the TOML file `path`; the defaults if it is None.

        The keys are the attributes: lists of strings, and for `sources` a table. For example:

            ego_poses = ["/localization/kinematic_state"]
            [sources]
            "/perception/*" = "tracker"

        Raises:
            ConfigurationError: The file is missing, is not TOML, or has a key or value that
                cannot be.
        """
        if path is None:
            return cls()
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigurationError(f"cannot read the reader configuration: {error}") from error
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(given) - set(known)):
            raise ConfigurationError(
                f"{path}: unknown key {unknown[0]!r}; there are: {', '.join(known)}"
            )
        return cls(**{name: _value(path, name, value) for name, value in given.items()})


def _value(path: Path, name: str, value: Any) -> tuple[Any, ...]:
    if name == "sources":
        if isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values()):
            return tuple(value.items())
        raise ConfigurationError(f"{path}: sources must be a table of topic pattern = source")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ConfigurationError(f"{path}: {name} must be a list of strings, got {value!r}")
