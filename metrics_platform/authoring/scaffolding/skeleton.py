"""What a new metric computes until its author knows better, and what that gives on paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from metrics_platform.core import Definition
from metrics_platform.core.catalog import Catalog
from metrics_platform.core.errors import DefinitionError
from metrics_platform.core.frames import UNITS, grain, polars_schema

# When a row is about, in the order in which they are looked for.
_TIMES = ("timestamp_ns", "start_ns", "at_ns")
# What people ask for first, after the extremes that a metric is about.
_PREFERRED = ("speed_mps", "distance_m", "duration_s")
_EXTREMES = ("min_", "max_")
_PLACES = ("x_m", "y_m", "z_m")


class Grain(StrEnum):
    """What a row of the new metric is."""

    LOG = "log"
    EVENT = "event"
    MOMENT = "moment"
    TRACK = "track"


@dataclass(frozen=True)
class Measure:
    """The column that a new metric is about.

    Attributes:
        name: Of the new metric's column.
        column: Of the signal; None where rows are counted, since it has no number to take.
        aggregation: What becomes of many rows.
        bounded: It is never below 0.
        nullable: It may be unknown.
    """

    name: str
    column: str | None
    aggregation: str
    bounded: bool = True
    nullable: bool = False

    @property
    def suffix(self) -> str:
        """Unit of the column, as the names of settings say it."""
        return max((end for end in UNITS if self.name.endswith(end)), key=len, default="")

    @property
    def expression(self) -> str:
        """How it is computed, as source."""
        if self.column is None:
            return "pl.len().cast(pl.Int64)"
        return f'pl.col("{self.column}").{self.aggregation}()'

    @property
    def told(self) -> str:
        """How it is computed, in words."""
        if self.column is None:
            return "number of rows"
        return f"{'least' if self.aggregation == 'min' else 'greatest'} `{self.column}`"


@dataclass(frozen=True)
class Skeleton:
    """A metric that can be computed from whatever was chosen.

    Attributes:
        name: Of the metric.
        owner: Team.
        grain: What a row is.
        signal: The first of those chosen, which it goes through.
        others: Whose rows are counted.
        measure: What it takes of `signal`.
        key: Columns that identify a row.
        time: Column of `signal` that says when; None where it has none.
    """

    name: str
    owner: str
    grain: Grain
    signal: Definition
    others: Sequence[Definition]
    measure: Measure
    key: Sequence[str]
    time: str | None


def skeleton(
    name: str, signals: Sequence[str], grain_of_rows: Grain, owner: str, catalog: Catalog
) -> Skeleton:
    """Plan a metric.

    Args:
        name: Of the metric.
        signals: Signals and metrics that it takes; it goes through the first.
        grain_of_rows: What a row is to be.
        owner: Team.
        catalog: Where the signals are looked up.

    Raises:
        UnknownNameError: There is no such signal or metric; the nearest is offered.
        DefinitionError: None or one twice is named, or the first has nothing to make such rows of.
    """
    chosen = [catalog[signal] for signal in signals]
    if not chosen or len(set(signals)) < len(chosen):
        raise DefinitionError(
            f"a metric takes one signal or more, each once, got {', '.join(signals) or 'none'}"
        )
    first = chosen[0]
    time = _time(first)
    objects = _objects(first)
    lacks = {
        Grain.EVENT: None if time else "a time",
        Grain.MOMENT: None if time else "a time",
        Grain.TRACK: None if objects else "a track_id or the like",
    }
    if lack := lacks.get(grain_of_rows):
        possible = [grain for grain in Grain if not lacks.get(grain)]
        raise DefinitionError(
            f"a row per {grain_of_rows} needs {lack}, and {first.name} has one row per "
            f"{', '.join(grain(first.rows))}; name another signal first, or choose the grain "
            f"{' or '.join(possible)}"
        )
    keys = {
        Grain.LOG: ["log_id"],
        Grain.EVENT: ["log_id", "start_ns"],
        Grain.MOMENT: ["log_id", str(time)],
        Grain.TRACK: ["log_id", *objects],
    }
    return Skeleton(
        name=name,
        owner=owner,
        grain=grain_of_rows,
        signal=first,
        others=chosen[1:],
        measure=_measure(first),
        key=keys[grain_of_rows],
        time=time,
    )


def _time(signal: Definition) -> str | None:
    columns = signal.rows.to_schema().columns
    known = (name for name in _TIMES if name in columns and not columns[name].nullable)
    return next(known, None)


def _objects(signal: Definition) -> list[str]:
    """Return what tells road users and other things apart: the texts of the key."""
    schema = polars_schema(signal.rows)
    return [name for name in grain(signal.rows) if schema[name] == pl.String and name != "log_id"]


def _measure(signal: Definition) -> Measure:
    columns = signal.rows.to_schema().columns
    key = grain(signal.rows)
    numbers = [
        name
        for name, column in columns.items()
        if column.dtype.type == pl.Float64
        and name not in (*key, *_PLACES)
        and _greatest(column) > 0
    ]
    if not numbers:
        return Measure("rows_count", None, "sum")
    column = min(numbers, key=lambda name: _rank(name, columns[name]))
    return Measure(
        name=column if column.startswith(_EXTREMES) else f"max_{column}",
        column=column,
        aggregation="min" if column.startswith("min_") else "max",
        bounded=_least(columns[column]) >= 0,
        nullable=columns[column].nullable,
    )


def _rank(name: str, column: Any) -> tuple[bool, bool, bool, int]:
    preferred = _PREFERRED.index(name) if name in _PREFERRED else len(_PREFERRED)
    about_rows = not name.startswith(_EXTREMES)
    return name.startswith("ego_") or name.endswith("_rad"), about_rows, column.nullable, preferred


def _least(column: Any) -> float:
    return max((c.statistics["min_value"] for c in column.checks if "greater" in c.name),
               default=float("-inf"))  # fmt: skip


def _greatest(column: Any) -> float:
    return min((c.statistics["max_value"] for c in column.checks if "less" in c.name),
               default=float("inf"))  # fmt: skip
