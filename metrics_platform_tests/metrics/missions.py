"""Frames of modes, interventions, deliveries and phases; times in seconds from the log's start."""

from collections.abc import Mapping, Sequence
from functools import cache

import polars as pl

from metrics_platform.core import MetricFrame
from metrics_platform.core.frames import polars_schema
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform.signals.deliveries import Deliveries
from metrics_platform.signals.drive_modes import DriveModes
from metrics_platform.signals.interventions import Interventions
from metrics_platform.signals.mission_phases import MissionPhases
from metrics_platform.signals.recordings import Recordings
from metrics_platform_tests.data import data_path
from metrics_platform_tests.metrics.builders import ego_states_of

SECOND = 1_000_000_000


def ns(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * SECOND)


def frame_of(model: type[MetricFrame], rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Return rows of `model`; what isn't said is null, the log is `log`."""
    schema = polars_schema(model)
    return pl.DataFrame(
        [{**dict.fromkeys(schema), "log_id": "log", **row} for row in rows], schema=schema
    )


def drive(seconds: float, speed_mps: float = 10.0, **columns: object) -> pl.DataFrame:
    """Return states 0.1 s apart at one speed along x."""
    rows = round(seconds * 10) + 1
    usual: dict[str, object] = {
        "x_m": [speed_mps * step / 10 for step in range(rows)],
        "speed_mps": abs(speed_mps),
    }
    return ego_states_of(rows, **{**usual, **columns})


def modes_of(*changes: tuple[float, str]) -> pl.DataFrame:
    return frame_of(DriveModes, [{"timestamp_ns": ns(at), "mode": mode} for at, mode in changes])


def phases_of(*changes: tuple[float, str]) -> pl.DataFrame:
    rows = [{"timestamp_ns": ns(at), "phase": phase} for at, phase in changes]
    return frame_of(MissionPhases, rows)


def interventions_of(
    *events: tuple[float, str], ends: Sequence[float | None] = (), **columns: object
) -> pl.DataFrame:
    """Return interventions of a time and a kind each."""
    rows = [
        {
            "timestamp_ns": ns(at),
            "kind": kind,
            "intervention_id": str(number),
            "end_ns": ns(ends[number]) if ends else None,
            **columns,
        }
        for number, (at, kind) in enumerate(events)
    ]
    return frame_of(Interventions, rows)


def deliveries_of(*trips: tuple[float, float | None, str | None]) -> pl.DataFrame:
    """Return deliveries of a beginning, an end and an outcome each."""
    rows = [
        {
            "timestamp_ns": ns(start),
            "end_ns": ns(end),
            "outcome": outcome,
            "delivery_id": str(number),
        }
        for number, (start, end, outcome) in enumerate(trips)
    ]
    return frame_of(Deliveries, rows)


def recording_of(seconds: float, **columns: object) -> pl.DataFrame:
    row = {
        "format": "test", "start_ns": 0, "end_ns": ns(seconds), "duration_s": seconds,
        "truncated": False, "notes": "", "has_ego": True, **columns,
    }  # fmt: skip
    return frame_of(Recordings, [row])


@cache
def report_of_2024() -> dict[str, pl.DataFrame]:
    """Return California's report, as the reader gives it."""
    signals = read_logs({"2024": data_path("dmv")}, ReaderConfig()).signals
    names = ("recordings", "interventions", "reported_distances")
    return {name: signals[name].rows for name in names}
