"""Frames of derived signals, of which a test says only what it is about."""

from collections.abc import Mapping

import polars as pl

from metrics_platform.core import Computed, Definition, MetricFrame
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.actor_pairs import ActorPairs
from metrics_platform.signals.ego_states import EgoStates
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
    return _frame(ActorPairs, rows, columns)


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
