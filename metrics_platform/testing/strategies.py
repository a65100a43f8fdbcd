"""Hypothesis strategies for frames of signals and metrics: whatever their schemas allow.

    @given(recordings_of(["standing"]))
    def test_a_ratio_is_one_whatever_was_recorded(frames: Frames) -> None:
        made = compute_on(frames, "standing")
        assert not made.logs_with(Status.FAILED)

Every frame keeps its schema by construction: types, nulls, bounds, texts, the key; an end is not
before its start. Rows that break a check of an author's own are left out. Moments are those of a
recording, in order; numbers are as large as what has their unit; nothing is NaN or infinite.
Small examples are found: few logs, few rows, round numbers.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import polars as pl
from hypothesis import strategies as st

from metrics_platform.core import Definition, MetricFrame
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.errors import UnknownNameError
from metrics_platform.core.frames import polars_schema
from metrics_platform.testing.column_strategies import Values
from metrics_platform.testing.frame_plans import Log, kept, keys_of, plan_of
from metrics_platform.testing.synthetic import START_NS
from metrics_platform.testing.synthetic_frames import Frames

__all__ = ["Log", "frames", "frames_of", "logs", "recordings_of"]

MAX_LOGS = 3
MAX_ROWS = 12
_MOST_MOMENTS = 8
# From one sample to the next: 10 Hz, with jitter, 20 Hz, and a gap that cannot be bridged.
_STEPS_NS = (100_000_000, 101_000_000, 50_000_000, 100_000_000, 90_000_000, 3_000_000_000)
_FARTHEST_M = 100_000
# Of all signals together; Hypothesis gives up on examples that take more.
_MOST_VALUES = 800


@st.composite
def logs(draw: st.DrawFn, *, min_size: int = 1, max_size: int = MAX_LOGS) -> Sequence[Log]:
    """Return a strategy for logs, to draw several frames of the same ones.

    Args:
        draw: Given by Hypothesis.
        min_size: Fewest logs.
        max_size: Most logs.
    """
    found = []
    for number in range(draw(st.integers(min_size, max_size))):
        count = draw(st.integers(0, _MOST_MOMENTS - 1))
        steps = draw(st.lists(st.sampled_from(_STEPS_NS), min_size=count, max_size=count))
        start_ns = START_NS + 60_000_000_000 * number
        x_m, y_m = (float(draw(st.integers(-_FARTHEST_M, _FARTHEST_M))) for _ in range(2))
        moments_ns = tuple(accumulate(steps, initial=start_ns))
        found.append(Log(f"log_{number}", moments_ns, x_m, y_m))
    return found


_ANY_LOGS = logs()
# A recording has a value throughout, now and then, or never.
_THROUGHOUT, _NOW_AND_THEN, _NEVER = range(3)
_NULLS = st.integers(_THROUGHOUT, _NEVER)


@st.composite
def frames(
    draw: st.DrawFn,
    rows: type[MetricFrame],
    *,
    logs: st.SearchStrategy[Sequence[Log]] = _ANY_LOGS,
    columns: Mapping[str, Values] | None = None,
    max_rows: int = MAX_ROWS,
) -> pl.DataFrame:
    """Return a strategy for frames that keep the schema `rows`, in the order of their key.

    Some logs may have no rows, unless a log has just one.

    Args:
        draw: Given by Hypothesis.
        rows: The schema.
        logs: Whose rows; `st.just(known)` for logs that are drawn already.
        columns: Strategies for values of some columns, in place of what the schema tells.
        max_rows: Most rows of a log.

    Raises:
        ConfigurationError: Of some column no value can be drawn.
        UnknownNameError: `columns` names one that isn't there.
    """
    plan, own = plan_of(rows), dict(columns or {})
    for name in own:
        if name not in plan.columns:
            raise UnknownNameError("column", name, plan.columns)
    nulls = {name: draw(_NULLS) for name in plan.nullable if name not in own}
    keys = [(log, keys_of(draw, plan, own, log, max_rows)) for log in draw(logs)]
    rows_of_all = [(log, key) for log, of_log in keys for key in of_log]
    drawn: dict[str, list[Any]] = {"log_id": [log.log_id for log, _ in rows_of_all]}
    for name, value in plan.columns.items():
        if name in (plan.key or ()):
            drawn[name] = [key[name] for _, key in rows_of_all]
        elif name in own or name not in plan.moments | plan.places:
            # For all logs at once, being the dearest part of it.
            value = own.get(name, value)
            drawn[name] = _drawn(draw, value, len(rows_of_all), nulls.get(name))
        else:
            drawn[name] = [
                found
                for log, of_log in keys
                for found in _drawn(draw, plan.values(name, log), len(of_log), nulls.get(name))
            ]
    return kept(plan, pl.DataFrame(drawn, schema=plan.schema, strict=False))


def _drawn(draw: st.DrawFn, value: Values, count: int, nulls: int | None) -> list[Any]:
    if nulls == _NEVER:
        return [None] * count
    if nulls == _NOW_AND_THEN:
        value = value | st.none()
    return draw(st.lists(value, min_size=count, max_size=count))


def frames_of(
    name: str,
    *,
    catalog: Catalog | None = None,
    logs: st.SearchStrategy[Sequence[Log]] = _ANY_LOGS,
    columns: Mapping[str, Values] | None = None,
    max_rows: int = MAX_ROWS,
) -> st.SearchStrategy[pl.DataFrame]:
    """Return a strategy for frames of a signal or metric by its name; see `frames`.

    Raises:
        UnknownNameError: There is no such definition in `catalog`, or if None, installed.
    """
    rows = (catalog or default_catalog())[name].rows
    return frames(rows, logs=logs, columns=columns, max_rows=max_rows)


def recordings_of(
    names: Sequence[str | Definition],
    *,
    catalog: Catalog | None = None,
    logs: st.SearchStrategy[Sequence[Log]] = _ANY_LOGS,
) -> st.SearchStrategy[Frames]:
    """Return a strategy for the recorded signals that `names` need, all of the same logs.

    They are by name, ready for `compute_on`. Every log is in `recordings`; of other signals a log
    may have no rows, as is so with recordings.

    Args:
        names: Recorded signals, or what is computed from them.
        catalog: Where they are looked up; all installed ones if None.
        logs: Whose frames.

    Raises:
        UnknownNameError: There is no such definition.
    """
    catalog = catalog or default_catalog()
    known = [name if isinstance(name, str) else name.name for name in names]
    schemas = {
        definition.name: definition.rows
        for definition in catalog.upstream("recordings", *known)
        if definition.function is None
    }
    width = sum(len(polars_schema(rows)) for rows in schemas.values())
    return _together(logs, schemas, min(MAX_ROWS, _MOST_VALUES // width))


@st.composite
def _together(
    draw: st.DrawFn,
    logs: st.SearchStrategy[Sequence[Log]],
    schemas: Mapping[str, type[MetricFrame]],
    max_rows: int,
) -> Frames:
    same = st.just(draw(logs))
    return {
        name: draw(frames(rows, logs=same, max_rows=max_rows)) for name, rows in schemas.items()
    }
