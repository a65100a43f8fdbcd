"""When and of whom the rows of a metric tell, whatever their grain: read off the columns' names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from metrics_platform.core.definitions import Definition
from metrics_platform.core.frames import polars_schema

# The clearest first. A row of a stretch has its start, and often the worst moment in it, too.
_STARTS = ("start_ns", "at_ns", "timestamp_ns")
_MOMENTS = ("at_ns", "timestamp_ns")
_ENDS = ("end_ns",)
_S = 1e-9


@dataclass(frozen=True)
class Focus:
    """What is looked at.

    Attributes:
        log_id: The log that is drawn.
        row: The row of most interest; empty where no row is.
        at_ns: Its moment; None where the row has none.
        why: For people: what is so interesting about it.
        column: In which it is; empty if in none.
    """

    log_id: str
    row: Mapping[str, Any] = field(default_factory=dict)
    at_ns: int | None = None
    why: str = ""
    column: str = ""


@dataclass(frozen=True)
class Event:
    """One row that has a time.

    Attributes:
        number: From 1, in the order of time.
        start_s: Since the start of the recording.
        end_s: The same as `start_s` for a row of one moment.
        at_s: Its moment: the worst, or the middle of a stretch.
        row: All of it.
    """

    number: int
    start_s: float
    end_s: float
    at_s: float
    row: Mapping[str, Any]


def focus(rows: pl.DataFrame, definition: Definition) -> Focus | None:
    """Return the row that a summary scalar of `definition` is taken from: the worst of its kind.

    Where no row gives its scalar, the first row of the log with the most rows. None without rows.

    Args:
        rows: Of the metric, of any number of logs.
        definition: Its definition.
    """
    if rows.is_empty():
        return None
    timed = with_times(rows)
    for name, expression in definition.summary.items():
        scalar = rows.select(expression).item()
        if not isinstance(scalar, float):
            # A count tells of no row.
            continue
        for column in expression.meta.root_names():
            if rows.schema[column].is_float() and scalar in (
                rows[column].min(),
                rows[column].max(),
            ):
                row = timed.filter(pl.col(column) == scalar).row(0, named=True)
                return _focus(row, f"that of {name}", column)
    most = rows.group_by("log_id").len().sort(-pl.col("len").cast(pl.Int64), "log_id")
    log_id, count = most.row(0)
    first = timed.filter(pl.col("log_id") == log_id).row(0, named=True)
    return _focus(first, f"most rows: {count}" if len(most) > 1 else "")


def with_times(rows: pl.DataFrame) -> pl.DataFrame:
    """Return `rows` with columns `_start_ns`, `_end_ns`, `_at_ns`: null where a row has no time."""
    stamps = [name for name in rows.columns if name.endswith("_ns")]
    at_others = [name for name in stamps if name.endswith("_at_ns")]
    start = _first([*_STARTS, *at_others, *stamps], stamps)
    if start is None:
        nothing = pl.lit(None, dtype=pl.Int64)
        return rows.with_columns(_start_ns=nothing, _end_ns=nothing, _at_ns=nothing)
    end = _first(_ENDS, stamps)
    lasting = start in ("start_ns", "at_ns") and "duration_s" in rows.columns
    start_ns = pl.col(start)
    if end is not None:
        end_ns = pl.col(end)
    elif lasting:
        end_ns = start_ns + (pl.col("duration_s") / _S).round().cast(pl.Int64)
    else:
        end_ns = start_ns
    end_ns = pl.max_horizontal(start_ns, end_ns)
    moment = _first([*_MOMENTS, *at_others], stamps)
    at_ns = pl.col(moment) if moment else (start_ns + end_ns) // 2
    return rows.with_columns(_start_ns=start_ns, _end_ns=end_ns, _at_ns=at_ns)


def events(rows: pl.DataFrame, start_ns: int) -> list[Event]:
    """Return the rows of one log that have a time, in its order.

    Args:
        rows: Of one log.
        start_ns: Of the recording.
    """
    timed = with_times(rows).drop_nulls("_at_ns").sort("_at_ns", maintain_order=True)
    found = []
    for number, row in enumerate(timed.iter_rows(named=True), 1):
        start, end, at = (
            (row.pop(name) - start_ns) * _S for name in ("_start_ns", "_end_ns", "_at_ns")
        )
        found.append(Event(number, start, end, at, row))
    return found


def keys(definition: Definition) -> list[str]:
    """Return the columns that say of whom or what a row is, apart from the log and its time."""
    schema = polars_schema(definition.rows)
    unique = definition.rows.to_schema().unique or []
    return [
        name for name in unique if name != "log_id" and not name.endswith("_ns") and name in schema
    ]


def _first(preferred: Sequence[str], known: Sequence[str]) -> str | None:
    return next((name for name in preferred if name in known), None)


def _focus(row: dict[str, Any], why: str, column: str = "") -> Focus:
    at_ns = row.pop("_at_ns")
    del row["_start_ns"], row["_end_ns"]
    return Focus(row["log_id"], row, at_ns, why, column)
