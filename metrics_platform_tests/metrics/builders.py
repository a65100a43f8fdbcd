"""Frames of derived signals, of which a test says only what it is about."""

from collections.abc import Mapping
from zlib import crc32

import polars as pl

from metrics_platform.core import Computed, Definition, MetricFrame, Rows
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.actor_pairs import ActorPairs
from metrics_platform.signals.ego_states import EgoStates
from metrics_platform.signals.recordings import Recordings
from metrics_platform.signals.tracks import Tracks
from metrics_platform.testing.inputs import compute_on

STEP_NS = 100_000_000
_USUAL: Mapping[str, object] = {
    "log_id": "log",
    "source": "tracker",
    "actor_id": "ego",
    "other_id": "1",
    "other_category": "car",
    "ego_length_m": 4.0,
    "ego_width_m": 2.0,
    "actor_length_m": 4.0,
    "actor_width_m": 2.0,
    "other_length_m": 4.0,
    "other_width_m": 2.0,
}


def ego_states_of(rows: int, **columns: object) -> pl.DataFrame:
    """Return so many states 0.1 s apart; what isn't said is 0, the box 4 m by 2 m."""
    return _frame(EgoStates, rows, columns)


def pairs_of(rows: int, **columns: object) -> pl.DataFrame:
    """Return so many moments with one car, 0.1 s apart; what isn't said is 0."""
    frame = _frame(ActorPairs, rows, columns)
    # A number that is the pair's own, also among frames put together.
    names = frame.select(pl.concat_str("source", "actor_id", "other_id", separator="|"))
    numbers = [crc32(name.encode()) for name in names.to_series()]
    return frame.with_columns(encounter_index=pl.Series(numbers, dtype=pl.Int64))


def approaching(distances_m: list[float], **columns: object) -> pl.DataFrame:
    """Return a standing car ahead of an actor at 10 m/s, their bumpers so far apart."""
    usual: dict[str, object] = {
        "actor_velocity_x_mps": 10.0,
        "actor_speed_mps": 10.0,
        "relative_x_m": [distance + 4 for distance in distances_m],
        "distance_m": distances_m,
    }
    return pairs_of(len(distances_m), **{**usual, **columns})


def traffic_of(*tracks: Mapping[str, object]) -> dict[str, pl.DataFrame]:
    """Return a recording of traffic: one row each, along x at 10 m/s, a box of 4 m by 2 m."""
    usual: dict[str, object] = {
        **dict.fromkeys(polars_schema(Tracks), None),
        **{name: 0.0 for name in ("x_m", "y_m", "z_m", "heading_rad", "velocity_y_mps")},
        "log_id": "log",
        "timestamp_ns": 0,
        "source": "simulation",
        "category": "car",
        "length_m": 4.0,
        "width_m": 2.0,
        "height_m": 1.5,
        "velocity_x_mps": 10.0,
    }
    rows = [{**usual, **track} for track in tracks]
    recording = {
        **dict.fromkeys(polars_schema(Recordings), None),
        "log_id": "log",
        "format": "simulation",
        "start_ns": 0,
        "end_ns": 0,
        "duration_s": 0.0,
        "truncated": False,
        "notes": "",
        "has_ego": False,
    }
    return {
        "tracks": pl.DataFrame(rows, polars_schema(Tracks)),
        "recordings": pl.DataFrame([recording], polars_schema(Recordings)),
    }


def rows_of(made: pl.LazyFrame | Rows) -> pl.DataFrame:
    """Return what a metric gave that was called with other settings than its defaults."""
    return (made.rows if isinstance(made, Rows) else made).collect()


def result_of(definition: Definition, **frames: pl.DataFrame) -> Computed:
    """Compute a definition on frames by name."""
    assert definition is default_catalog()[definition.name]
    return compute_on(frames, definition.name)


def _frame(model: type[MetricFrame], rows: int, columns: Mapping[str, object]) -> pl.DataFrame:
    schema = polars_schema(model)
    assert set(columns) <= set(schema)
    usual = {
        **dict.fromkeys(schema, 0),
        **_USUAL,
        "timestamp_ns": [i * STEP_NS for i in range(rows)],
    }
    values = {name: {**usual, **columns}[name] for name in schema}
    data = {
        name: value if isinstance(value, list) else [value] * rows for name, value in values.items()
    }
    return pl.DataFrame(data, schema=schema, strict=False)
