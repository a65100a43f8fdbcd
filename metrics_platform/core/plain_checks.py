"""Whether a frame is plainly good, told without Pandera.

Pandera asks Polars three times per check, which takes 7 ms for a frame of a single row, and a copy
of every column of a large one. What nearly all schemas ask is told by a few aggregates: a bound
holds for all values of a column if it does for the least and the greatest.
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import isfinite

import polars as pl
from pandera.polars import Check, Column

from metrics_platform.core.frames import MetricFrame, polars_schema

# Says whether a column has what is asked of it.
_Good = Callable[[pl.Series], bool]


def plainly_good(rows: type[MetricFrame], frame: pl.DataFrame, *, distinct: bool) -> bool:
    """Say whether `frame` keeps all that `rows` asks; False where that takes a closer look.

    Args:
        rows: The schema.
        frame: Collected.
        distinct: No two rows are known to have the same key.
    """
    asked = _asked(rows)
    if asked is None or frame.schema != _schema(rows):
        return False
    if not all(good(frame[name]) for name, all_good in asked.items() for good in all_good):
        return False
    key = rows.to_schema().unique
    return distinct or not key or not frame.select(key).is_duplicated().any()


_schema = cache(polars_schema)


@cache
def _asked(rows: type[MetricFrame]) -> dict[str, Sequence[_Good]] | None:
    """Return what is asked of each column; None where that isn't known here in full."""
    schema = rows.to_schema()
    asked: dict[str, Sequence[_Good]] = {}
    if schema.checks or schema.parsers or schema.coerce or not (schema.strict and schema.ordered):
        return None
    for name, column in schema.columns.items():
        good = _asked_of(column)
        if good is None:
            return None
        asked[name] = good
    return asked


def _asked_of(column: Column) -> Sequence[_Good] | None:
    if column.unique or column.coerce or column.parsers or column.regex or not column.required:
        return None
    asked: list[_Good] = [] if column.nullable else [_without_null]
    if column.dtype.type.is_float():
        asked.append(_finite)
    for check in column.checks:
        good = _of(check)
        if good is None:
            return None
        asked.append(good)
    return asked


def _of(check: Check) -> _Good | None:
    """Return the same check by aggregates; None for one that an author wrote."""
    told = check.statistics or {}
    match check.name, told:
        case "greater_than_or_equal_to", {"min_value": least} if _is(check, Check.ge(least)):
            return lambda values: _none_or(values.min(), lambda value: value >= least)
        case "greater_than", {"min_value": least} if _is(check, Check.gt(least)):
            return lambda values: _none_or(values.min(), lambda value: value > least)
        case "less_than_or_equal_to", {"max_value": most} if _is(check, Check.le(most)):
            return lambda values: _none_or(values.max(), lambda value: value <= most)
        case "less_than", {"max_value": most} if _is(check, Check.lt(most)):
            return lambda values: _none_or(values.max(), lambda value: value < most)
        case "isin", {"allowed_values": allowed} if _is(check, Check.isin(allowed)):
            return lambda values: values.is_in(list(allowed)).all()
    return None


def _is(check: Check, known: Check) -> bool:
    # Not by `==`, which sees functions that Pandera registers once it has looked at a frame.
    ours, its = ({**vars(found), "_check_fn": None, "strategy": None} for found in (check, known))
    return ours == its and type(vars(check)["_check_fn"]) is type(vars(known)["_check_fn"])


def _none_or(value: object, holds: Callable[..., bool]) -> bool:
    return value is None or holds(value)


def _without_null(values: pl.Series) -> bool:
    return not values.null_count()


def _finite(values: pl.Series) -> bool:
    # A sum is finite only if all its terms are. One that overflows gets a closer look.
    return isfinite(values.sum())
