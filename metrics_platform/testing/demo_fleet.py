"""A small fleet's uploads, to try the platform on: good ones and bad ones.

Most are MCAP logs. Some are folders of tables, in which there is all that can be recorded: maps,
annotations and detections, predictions, missions, timings.

Cars and delivery robots drove the same situations with two releases, so that the releases can be
compared; the newer one brakes hard more often, and harder.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.core.log_ids import check_log_id
from metrics_platform.testing.families import with_families
from metrics_platform.testing.mcap_writer import write_mcap
from metrics_platform.testing.scenarios import SCENARIOS
from metrics_platform.testing.synthetic import Frames, scenario
from metrics_platform.testing.table_writer import write_tables

OLDER, NEWER = "2026.10.0", "2026.11.0"
LEAST_LOGS = 8
_FIRST_DAYS = {
    OLDER: datetime(2026, 10, 12, 8, 30, tzinfo=UTC),
    NEWER: datetime(2026, 11, 16, 8, 55, tzinfo=UTC),
}
_DRIVES_A_DAY, _BETWEEN_DRIVES = 3, timedelta(hours=3, minutes=17)
_PLACES = ("harbour", "old-town", "ring-road")
_SEED = 11
_KEPT_OF_TRUNCATED = 0.6

# What was driven: a scenario with the older release, and in the same place with the newer one.
_GENTLE: Mapping[str, float] = {"deceleration_mps2": 3.6, "duration_s": 1.0}
_HARSH: Mapping[str, float] = {"deceleration_mps2": 6.5, "duration_s": 1.5}
_DRIVES: tuple[tuple[str, str], ...] = (
    ("hard_brake", "hard_brake"),
    ("sidewalk", "sidewalk"),
    ("no_tracks", "cruise"),
    ("follow", "follow"),
    ("cut_in", "cut_in"),
    ("cruise", "hard_brake"),
    ("turn", "turn"),
    ("pedestrian_crossing", "pedestrian_crossing"),
    ("standing", "standing"),
    ("sidewalk", "sidewalk"),
    ("follow", "hard_brake"),
    ("cruise", "cruise"),
)
# Which of the logs have something about them.
_TRUNCATED, _DESCRIBED_BESIDE = 6, 3
# Pairs of logs with everything in them: a car that is cut in on, and a delivery robot.
_WITH_EVERYTHING = frozenset({4, 9})


@dataclass(frozen=True)
class DemoFleet:
    """What `write_demo_fleet` wrote.

    Attributes:
        logs: Log id to file or folder, of the recordings.
        scenarios: Log id to the scenario that was driven.
        truncated: The log that is cut off before its end.
        without_tracks: The log that has no other road users.
        described_beside: The log whose vehicle and release stand in a `log.json` beside it.
        unreadable: Log id of the file that no reader can make sense of; it is not in `logs`.
    """

    logs: Mapping[str, Path]
    scenarios: Mapping[str, str]
    truncated: str
    without_tracks: str
    described_beside: str
    unreadable: str


def write_demo_fleet(folder: Path, logs: int = 24) -> DemoFleet:
    """Write the demo's recordings into `folder`; the same ones each time.

    Args:
        folder: Made if it isn't there.
        logs: Recordings, half of them with each release; a file of garbage comes on top.

    Raises:
        ConfigurationError: Fewer than `LEAST_LOGS` are asked for.
    """
    if logs < LEAST_LOGS:
        raise ConfigurationError(f"a demo fleet has at least {LEAST_LOGS} logs, got {logs}")
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {}
    scenarios: dict[str, str] = {}
    for number in range(logs):
        name, frames = _drive(number)
        log_id = frames["recordings"]["log_id"].item()
        scenarios[log_id] = name
        if number // 2 in _WITH_EVERYTHING:
            files[log_id] = folder / log_id
            write_tables(files[log_id], with_families(frames), tags=("demo", name))
            continue
        files[log_id] = folder / f"{log_id}.mcap"
        if number == _DESCRIBED_BESIDE:
            frames = _described_beside(frames, folder / f"{log_id}.log.json")
        write_mcap(files[log_id], frames, tags=("demo", name))
        if number == _TRUNCATED:
            _cut_off(files[log_id])
    unreadable = "2026-11-19_1204_car-02"
    (folder / f"{unreadable}.mcap").write_bytes(b"disk full\n" * 1_000)
    log_ids = list(files)
    return DemoFleet(
        logs=files,
        scenarios=scenarios,
        truncated=log_ids[_TRUNCATED],
        without_tracks=next(log_id for log_id, name in scenarios.items() if name == "no_tracks"),
        described_beside=log_ids[_DESCRIBED_BESIDE],
        unreadable=unreadable,
    )


def _drive(number: int) -> tuple[str, Frames]:
    """Return what log `number` recorded; even ones drove with the older release."""
    pair, newer = divmod(number, 2)
    release = NEWER if newer else OLDER
    # Both of a pair draw the same, so that only the release makes a difference.
    rng = np.random.default_rng((_SEED, pair))
    name = _DRIVES[pair % len(_DRIVES)][newer]
    is_robot = SCENARIOS[name].mission == "delivery"
    vehicle = f"robot-{rng.integers(1, 3):02}" if is_robot else f"car-{rng.integers(1, 5):02}"
    place = "campus" if is_robot else str(rng.choice(_PLACES))
    seconds = float(rng.integers(15, 31))
    bystanders = 0 if name == "no_tracks" else int(rng.integers(2, 7))
    day, drive = divmod(pair, _DRIVES_A_DAY)
    began = _FIRST_DAYS[release] + timedelta(days=day) + drive * _BETWEEN_DRIVES
    parameters = {
        key: round(float(rng.uniform(least, most)), 2)
        for key, (_, least, most) in SCENARIOS[name].parameters.items()
    }
    if name == "hard_brake":
        parameters |= _HARSH if newer else _GENTLE
    frames = scenario(
        name,
        log_id=check_log_id(f"{began:%Y-%m-%d_%H%M}_{vehicle}"),
        seconds=seconds,
        start_ns=int(began.timestamp()) * 1_000_000_000,
        bystanders=bystanders,
        velocities=False,
        **parameters,
    )
    about = {"vehicle": vehicle, "release": release, "place": place}
    frames["recordings"] = frames["recordings"].with_columns(
        pl.lit(value).alias(column) for column, value in about.items()
    )
    return name, frames


def _described_beside(frames: Frames, path: Path) -> Frames:
    """Write what is known of the log to `path`, and take it out of the recording."""
    columns = ["vehicle", "release", "place", "mission"]
    known = frames["recordings"].select(columns).row(0, named=True)
    path.write_text(json.dumps({**known, "tags": ["demo", "retrofit"]}, indent=2) + "\n")
    unknown = frames["recordings"].with_columns(
        pl.lit(None, dtype=pl.String).alias(column) for column in columns
    )
    return {**frames, "recordings": unknown}


def _cut_off(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * _KEPT_OF_TRUNCATED)])
