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
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, product
from typing import Any

import polars as pl
from hypothesis import reject
from hypothesis import strategies as st
from pandera.errors import SchemaErrors
from pandera.polars import Column

from metrics_platform.core import Definition, MetricFrame, Signal
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.errors import ContractError, UnknownNameError
from metrics_platform.core.frames import polars_schema
from metrics_platform.core.validation import validate
from metrics_platform.testing.column_strategies import Values, bounds_of, values_of
from metrics_platform.testing.synthetic import START_NS
from metrics_platform.testing.synthetic_frames import Frames

__all__ = ["Log", "frames", "frames_of", "logs", "recordings_of"]

MAX_LOGS = 3
MAX_ROWS = 12
_MOST_MOMENTS = 8
_MOST_THINGS = 3
# From one sample to the next: 10 Hz, with jitter, 20 Hz, and a gap that cannot be bridged.
_STEPS_NS = (100_000_000, 101_000_000, 50_000_000, 100_000_000, 90_000_000, 3_000_000_000)
_FARTHEST_M = 100_000
# Of all signals together; Hypothesis gives up on examples that take more.
_MOST_VALUES = 800
_MOST_INDICES = 4
# Places in the fixed frame: there road users meet. All others are relative to something.
_NEARBY_MM = st.integers(-20_000, 20_000)
_EAST = frozenset({"x_m", "left_x_m", "right_x_m"})
_NORTH = frozenset({"y_m", "left_y_m", "right_y_m"})
_STARTS = ("start_ns", "timestamp_ns")


@dataclass(frozen=True)
class Log:
    """A log whose frames are to fit one another.

    Attributes:
        log_id: Its name.
        moments_ns: When something can be recorded, in order.
        x_m: Places lie around here, in the fixed frame.
        y_m: The same.
    """

    log_id: str
    moments_ns: Sequence[int]
    x_m: float
    y_m: float


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
    plan, own = _plan(rows), dict(columns or {})
    for name in own:
        if name not in plan.columns:
            raise UnknownNameError("column", name, plan.columns)
    nulls = {name: draw(_NULLS) for name in plan.nullable if name not in own}
    drawn: dict[str, list[Any]] = {name: [] for name in plan.schema}
    for log in draw(logs):
        keys = _keys(draw, plan, own, log, max_rows)
        drawn["log_id"] += [log.log_id] * len(keys)
        for name in plan.columns:
            if keys and name in keys[0]:
                drawn[name] += [key[name] for key in keys]
            elif nulls.get(name) == _NEVER:
                drawn[name] += [None] * len(keys)
            else:
                value = own[name] if name in own else plan.values(name, log)
                if nulls.get(name) == _NOW_AND_THEN:
                    value = value | st.none()
                drawn[name] += draw(st.lists(value, min_size=len(keys), max_size=len(keys)))
    return _kept(plan, pl.DataFrame(drawn, schema=plan.schema, strict=False))


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


# A recording has a value throughout, now and then, or never.
_THROUGHOUT, _NOW_AND_THEN, _NEVER = range(3)
_NULLS = st.integers(_THROUGHOUT, _NEVER)


@dataclass(frozen=True)
class _Plan:
    """What is told of a schema once, and not for each example.

    Attributes:
        definition: Has the schema.
        schema: In Polars' terms.
        columns: Values of all columns but `log_id`.
        nullable: Those that may be null, and are not in the key.
        key: Columns that tell the rows of a log apart; None where nothing does.
        moments: Columns that hold a moment of the recording.
        counted: Columns that number things from 0.
    """

    definition: Definition
    schema: pl.Schema
    columns: Mapping[str, Values]
    nullable: Sequence[str]
    key: Sequence[str] | None
    moments: frozenset[str]
    counted: frozenset[str]

    def values(self, name: str, log: Log) -> Values:
        """Return the values that a column may have in `log`."""
        value = self.columns[name]
        if name in self.moments:
            # A row per log is about all of it.
            of_log = {"start_ns": log.moments_ns[0], "end_ns": log.moments_ns[-1]}
            if self.key == [] and name in of_log:
                return st.just(of_log[name])
            return st.sampled_from(log.moments_ns)
        if name in _EAST | _NORTH:
            around = log.x_m if name in _EAST else log.y_m
            return _NEARBY_MM.map(lambda millimetres: around + millimetres / 1_000)
        return value


@cache
def _plan(rows: type[MetricFrame]) -> _Plan:
    schema, dtypes = rows.to_schema(), polars_schema(rows)
    columns = {name: column for name, column in schema.columns.items() if name != "log_id"}
    key = [name for name in schema.unique if name != "log_id"] if schema.unique else None
    return _Plan(
        definition=Signal(name="drawn", version="1.0.0", rows=rows, owner=""),
        schema=dtypes,
        columns={name: values_of(column) for name, column in columns.items()},
        nullable=[n for n, column in columns.items() if column.nullable and n not in (key or ())],
        key=key,
        moments=frozenset(name for name, column in columns.items() if _is_moment(name, column)),
        counted=frozenset(name for name, column in columns.items() if _is_counted(name, column)),
    )


def _is_moment(name: str, column: Column) -> bool:
    fits = column.dtype.type == pl.Int64 and bounds_of(column).allows(START_NS)
    return name.endswith("_ns") and fits and _has_bounds_alone(column)


def _is_counted(name: str, column: Column) -> bool:
    bounds = bounds_of(column)
    fits = column.dtype.type.is_integer() and bounds.allows(0) and bounds.allows(_MOST_INDICES)
    return name.endswith("_index") and fits and _has_bounds_alone(column)


def _has_bounds_alone(column: Column) -> bool:
    return all({"min_value", "max_value"} & set(check.statistics or ()) for check in column.checks)


def _keys(
    draw: st.DrawFn, plan: _Plan, own: Mapping[str, Values], log: Log, max_rows: int
) -> list[dict[str, Any]]:
    """Return the key of each row, no two of them the same.

    Things (tracks, lanes, stages) are drawn, and for each of them a stretch of moments or points.
    """
    if plan.key is None:
        return [{} for _ in range(draw(st.integers(0, max_rows)))]
    if not plan.key:
        return [{}]
    if draw(st.integers(0, 5)) == 5:
        return []
    columns = plan.definition.rows.to_schema().columns
    stretchable = (plan.moments | plan.counted) - own.keys()
    stretched = [name for name in plan.key if name in stretchable]
    named = [name for name in plan.key if name not in stretched]
    parts = [
        own[name] if name in own else plan.values(name, log) | _null_if(columns[name].nullable)
        for name in named
    ]
    most = _MOST_THINGS if named else 1
    keys = []
    for thing in draw(st.lists(st.tuples(*parts), min_size=1, max_size=most, unique=True)):
        stretches = [_stretch(draw, plan, name, log) for name in stretched]
        for places in product(*stretches):
            keys.append(dict(zip([*named, *stretched], [*thing, *places], strict=True)))
    return keys[:max_rows]


def _null_if(nullable: bool) -> Values:
    return st.none() if nullable else st.nothing()


def _stretch(draw: st.DrawFn, plan: _Plan, name: str, log: Log) -> Sequence[int]:
    if name in plan.counted:
        return range(draw(st.integers(1, _MOST_INDICES)))
    moments = log.moments_ns
    if draw(st.integers(0, 2)) < 2:
        return moments
    first = draw(st.integers(0, len(moments) - 1))
    return moments[first : draw(st.integers(first + 1, len(moments)))]


def _kept(plan: _Plan, frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` in order, and of its rows those that keep the schema."""
    schema = plan.definition.rows.to_schema()
    frame = _in_time(plan, frame)
    for key in [schema.unique, *([n] for n, column in schema.columns.items() if column.unique)]:
        frame = frame.unique(key, keep="first", maintain_order=True) if key else frame
    order = [name for name in frame.columns if name in ("log_id", *(plan.key or _STARTS))]
    frame = frame.sort(schema.unique or order, maintain_order=True)
    try:
        return validate(plan.definition, frame)
    except ContractError as error:
        if not isinstance(error.__cause__, SchemaErrors):
            raise
        at_fault = error.__cause__.failure_cases["index"]
    if at_fault.null_count():
        reject()  # An author's own check, and it doesn't say which rows.
    kept = frame.with_row_index("__row").filter(~pl.col("__row").is_in(at_fault.implode()))
    return validate(plan.definition, kept.drop("__row"))


def _in_time(plan: _Plan, frame: pl.DataFrame) -> pl.DataFrame:
    """Let nothing end before it starts, and last as long as from its start to its end."""
    start = next((name for name in _STARTS if name in plan.moments), None)
    if start is None or "end_ns" not in plan.moments:
        return frame
    begins, ends = pl.col(start), pl.col("end_ns")
    frame = frame.with_columns(pl.when(ends < begins).then(begins).otherwise(ends).alias("end_ns"))
    if plan.schema.get("duration_s") == pl.Float64:
        frame = frame.with_columns(duration_s=(ends - begins) * 1e-9)
    return frame
