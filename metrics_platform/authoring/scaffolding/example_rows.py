"""A log on paper for a new metric: a few rows of each signal, and what has to come out."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from metrics_platform.authoring.scaffolding.skeleton import Grain, Skeleton
from metrics_platform.core import Definition
from metrics_platform.core.frames import grain
from metrics_platform.testing.on_paper import STEP_NS, by_hand, plainest

# Within the bounds of all columns there are.
_VALUES = (0.25, 0.75, 0.5)
# The two in the middle are beyond the threshold.
_EVENT = (0.25, 0.75, 0.75, 0.25)
_STEP_S = STEP_NS * 1e-9

Columns = Mapping[str, list[Any]]


def rows_of_signal(plan: Skeleton) -> Columns:
    """Return what the test says of the signal that the metric goes through."""
    key = [name for name in grain(plan.signal.rows) if name != "log_id"]
    usual = _EVENT if plan.grain is Grain.EVENT else _VALUES
    rows = len(usual)
    told: dict[str, list[Any]] = {}
    if plan.grain is Grain.TRACK:
        apart = [name for name in key if name not in plan.key]
        who = _telling(plan.signal, plan.key[1:])
        one, *others = _distinct(plan.signal, who, 2)
        told[who] = [one, one, *others] if apart else [one, *others]
        rows = len(told[who])
    else:
        apart = key
        if plan.grain is not Grain.LOG:
            told[str(plan.time)] = _distinct(plan.signal, str(plan.time), rows)
    if apart and not set(told) & set(apart):
        # The time first: it is what people think of.
        name = plan.time if plan.time in apart else apart[0]
        told[name] = _distinct(plan.signal, name, rows)
    elif not key:
        rows = 1
    rows = min([rows, *map(len, told.values())])
    if plan.measure.column is not None:
        values = usual[:rows] if rows > 1 else usual[1:2]
        falls = plan.measure.aggregation == "min"
        told[plan.measure.column] = [1 - value if falls else value for value in values]
    return {name: values[:rows] for name, values in told.items()}


def rows_of_other(signal: Definition) -> Columns:
    """Return what the test says of a signal whose rows are counted: two, where there can be two."""
    key = [name for name in grain(signal.rows) if name != "log_id"]
    if not key:
        return {}
    name = _telling(signal, key)
    return {name: _distinct(signal, name, 2)}


def rows_expected(plan: Skeleton) -> list[dict[str, Any]]:
    """Return the rows that have to come out, worked out row by row."""
    given = by_hand(plan.signal, **rows_of_signal(plan)).to_dicts()
    counts = {
        f"{other.name}_count": len(by_hand(other, **rows_of_other(other))) for other in plan.others
    }
    if plan.grain is Grain.EVENT:
        return [{**_event(plan, given), **counts}]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in given:
        groups.setdefault(tuple(row[name] for name in plan.key), []).append(row)
    return [
        {**dict(zip(plan.key, key, strict=True)), plan.measure.name: _of(plan, rows), **counts}
        for key, rows in sorted(groups.items())
    ]


def _event(plan: Skeleton, given: list[dict[str, Any]]) -> dict[str, Any]:
    column = plan.measure.column
    within = given
    if column is not None and len(given) > 1:
        least = plan.measure.aggregation == "min"
        within = [row for row in given if (row[column] > 0.5) is not least]
    times = [row[str(plan.time)] for row in within]
    return {
        "log_id": given[0]["log_id"],
        "start_ns": times[0],
        # Each row stands for one step; one by itself has none.
        "duration_s": len(times) * _STEP_S if len(given) > 1 else 0.0,
        plan.measure.name: _of(plan, within[:1] if column is None else within),
    }


def _of(plan: Skeleton, rows: Sequence[dict[str, Any]]) -> float:
    if plan.measure.column is None:
        return len(rows)
    values: list[float] = [row[plan.measure.column] for row in rows]
    return min(values) if plan.measure.aggregation == "min" else max(values)


def _telling(signal: Definition, names: Sequence[str]) -> str:
    """Return the column by which people tell rows apart, of those that have two values."""
    return max(names, key=lambda name: (len(_distinct(signal, name, 2)), name.endswith("_id")))


def _distinct(signal: Definition, name: str, count: int) -> list[Any]:
    """Return so many values of a column, or as many as there can be, the least first."""
    column = signal.rows.to_schema().columns[name]
    for check in column.checks:
        if check.name == "isin":
            return list(check.statistics["allowed_values"])[:count]
    dtype = column.dtype.type
    if dtype == pl.String:
        return [str(number + 1) for number in range(count)]
    if dtype == pl.Boolean:
        return [False, True][:count]
    step: float = STEP_NS if name.endswith("_ns") else 1 if dtype.is_integer() else 0.25
    start: Any = 0 if column.nullable else plainest(column)
    return [start + number * step for number in range(count)]
