"""What the rows of a schema are made of: keys, moments, places; told once, not per example."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import polars as pl
from hypothesis import reject
from hypothesis import strategies as st
from pandera.errors import SchemaErrors
from pandera.polars import Column

from metrics_platform.core import Definition, MetricFrame, Signal
from metrics_platform.core.errors import ContractError
from metrics_platform.core.frames import polars_schema
from metrics_platform.core.validation import validate
from metrics_platform.testing.column_strategies import Values, bounds_of, values_of
from metrics_platform.testing.synthetic import START_NS

_MOST_INDICES = 4
_MOST_THINGS = 3
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


@dataclass(frozen=True)
class Plan:
    """What is told of a schema once, and not for each example.

    Attributes:
        definition: Has the schema.
        schema: In Polars' terms.
        columns: Values of all columns but `log_id`.
        nullable: Those that may be null, and are not in the key.
        key: Columns that tell the rows of a log apart; None where nothing does.
        moments: Columns that hold a moment of the recording.
        counted: Columns that number things from 0.
        places: Columns that hold a coordinate in the fixed frame.
    """

    definition: Definition
    schema: pl.Schema
    columns: Mapping[str, Values]
    nullable: Sequence[str]
    key: Sequence[str] | None
    moments: frozenset[str]
    counted: frozenset[str]
    places: frozenset[str]

    def values(self, name: str, log: Log) -> Values:
        """Return the values that a column may have in `log`."""
        value = self.columns[name]
        if name in self.moments:
            # A row per log is about all of it.
            of_log = {"start_ns": log.moments_ns[0], "end_ns": log.moments_ns[-1]}
            if self.key == [] and name in of_log:
                return st.just(of_log[name])
            return st.sampled_from(log.moments_ns)
        if name in self.places:
            around = log.x_m if name in _EAST else log.y_m
            return _NEARBY_MM.map(lambda millimetres: around + millimetres / 1_000)
        return value


@cache
def plan_of(rows: type[MetricFrame]) -> Plan:
    """Return what there is to know of a schema.

    Raises:
        ConfigurationError: Of some column no value can be drawn.
    """
    schema, dtypes = rows.to_schema(), polars_schema(rows)
    columns = {name: column for name, column in schema.columns.items() if name != "log_id"}
    key = [name for name in schema.unique if name != "log_id"] if schema.unique else None
    return Plan(
        definition=Signal(name="drawn", version="1.0.0", rows=rows, owner=""),
        schema=dtypes,
        columns={name: values_of(column) for name, column in columns.items()},
        nullable=[n for n, column in columns.items() if column.nullable and n not in (key or ())],
        key=key,
        moments=frozenset(name for name, column in columns.items() if _is_moment(name, column)),
        counted=frozenset(name for name, column in columns.items() if _is_counted(name, column)),
        places=frozenset(
            name
            for name, column in columns.items()
            if name in _EAST | _NORTH and dtypes[name] == pl.Float64 and not column.checks
        ),
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


def keys_of(
    draw: st.DrawFn, plan: Plan, own: Mapping[str, Values], log: Log, max_rows: int
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


def _stretch(draw: st.DrawFn, plan: Plan, name: str, log: Log) -> Sequence[int]:
    if name in plan.counted:
        return range(draw(st.integers(1, _MOST_INDICES)))
    moments = log.moments_ns
    if draw(st.integers(0, 2)) < 2:
        return moments
    first = draw(st.integers(0, len(moments) - 1))
    return moments[first : draw(st.integers(first + 1, len(moments)))]


def kept(plan: Plan, frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` in order, and of its rows those that keep the schema."""
    schema = plan.definition.rows.to_schema()
    frame = _in_time(plan, frame)
    for key in [schema.unique or [], *([n] for n, c in schema.columns.items() if c.unique)]:
        # Within a log, keys are distinct already.
        if key and "log_id" not in key:
            frame = frame.unique(key, keep="first", maintain_order=True)
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
    good = frame.with_row_index("__row").filter(~pl.col("__row").is_in(at_fault.implode()))
    return validate(plan.definition, good.drop("__row"))


def _in_time(plan: Plan, frame: pl.DataFrame) -> pl.DataFrame:
    """Let nothing end before it starts, and last as long as from its start to its end."""
    start = next((name for name in _STARTS if name in plan.moments), None)
    if start is None or "end_ns" not in plan.moments:
        return frame
    begins, ends = pl.col(start), pl.col("end_ns")
    frame = frame.with_columns(pl.when(ends < begins).then(begins).otherwise(ends).alias("end_ns"))
    if plan.schema.get("duration_s") == pl.Float64:
        frame = frame.with_columns(duration_s=(ends - begins) * 1e-9)
    return frame
