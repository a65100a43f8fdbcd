"""Which values a column may have: what its schema allows, in magnitudes as they are measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from hypothesis import strategies as st
from pandera.polars import Column

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.core.frames import unit

Values = st.SearchStrategy[Any]

# Greatest size of what has that unit; what lies beyond tells of floats, and not of driving.
_GREATEST = {
    "m": 100.0, "m²": 1e4, "m/s": 60.0, "m/s²": 20.0, "m/s³": 100.0, "rad": math.pi, "rad/s": 5.0,
    "rad/s²": 10.0, "s": 100.0, "s²": 1e4, "1/km": 100.0, "1/h": 1e3, "Hz": 1e3, "kg": 1e4,
    "bytes": 1e9, "px": 4e3, "ratio": 1.0, "score": 1.0, "count": 100.0, "index": 5.0,
}  # fmt: skip
_GREATEST_WITHOUT_UNIT = 1e3
_NEVER_NEGATIVE = frozenset({"Hz", "kg", "bytes", "count", "index", "score"})
# Numbers are multiples of a thousandth: a millimetre, a millisecond.
_PER_ONE = 1_000
# Few, so that rows of one signal meet rows of another.
_NAMES = ("1", "2", "3")
_WORDS = {
    "actor_id": ("ego", *_NAMES),
    "category": ("car", "pedestrian", "bicycle", "truck"),
    "class_name": ("car", "pedestrian", "bicycle", "truck"),
    "mission": ("drive", "delivery"),
    "source": ("tracker", "annotation"),
}
_ANY_WORDS = ("a", "b", "", "ä |=,")
_READABLE = st.characters(exclude_categories=["C"])
_EPOCH = datetime(2026, 9, 21)


@dataclass(frozen=True)
class Bounds:
    """What the checks of a column leave of all numbers; `open_…`: without the bound itself."""

    least: float = -math.inf
    most: float = math.inf
    open_below: bool = False
    open_above: bool = False

    def above(self, least: float, *, strictly: bool) -> "Bounds":
        """Return the bounds that also keep to `least`."""
        if (least, strictly) <= (self.least, self.open_below):
            return self
        return Bounds(least, self.most, strictly, self.open_above)

    def below(self, most: float, *, strictly: bool) -> "Bounds":
        """Return the bounds that also keep to `most`."""
        if (-most, strictly) <= (-self.most, self.open_above):
            return self
        return Bounds(self.least, most, self.open_below, strictly)

    def allows(self, value: float) -> bool:
        """Say whether `value` is within them."""
        above = self.least < value if self.open_below else self.least <= value
        return above and (value < self.most if self.open_above else value <= self.most)

    def near(self, least: float, most: float) -> "Bounds":
        """Return that part of them which lies between two values, or else what is next to them."""
        span = most - least
        if self.least > most or (self.open_below and self.least == most):
            least, most = self.least, self.least + span
        elif self.most < least or (self.open_above and self.most == least):
            least, most = self.most - span, self.most
        return self.above(least, strictly=False).below(most, strictly=False)


def values_of(column: Column) -> Values:
    """Return a strategy for the values of `column` that are not null.

    Numbers and texts keep to the checks that Pandera has; what an author wrote isn't looked at.

    Raises:
        ConfigurationError: No value can be drawn of its type, or there is none within its bounds.
    """
    told = {check.name: check.statistics or {} for check in column.checks}
    if "isin" in told:
        return st.sampled_from(list(told["isin"]["allowed_values"]))
    if "equal_to" in told:
        return st.just(told["equal_to"]["value"])
    name = str(column.name)
    dtype = pl.Schema({name: column.dtype.type})[name]
    found = _numbers(name, dtype, bounds_of(column)) if dtype.is_numeric() else None
    if found is None:
        found = _texts(name, told) if dtype == pl.String else _others(name, dtype)
    forbidden = told.get("notin", {}).get("forbidden_values", [])
    if "not_equal_to" in told:
        forbidden = [*forbidden, told["not_equal_to"]["value"]]
    return found.filter(lambda value: value not in forbidden) if forbidden else found


def bounds_of(column: Column) -> Bounds:
    """Return what the checks of a column leave of all numbers."""
    bounds = Bounds()
    for check in column.checks:
        told = check.statistics or {}
        match check.name:
            case "greater_than_or_equal_to" | "greater_than":
                strictly = check.name == "greater_than"
                bounds = bounds.above(told["min_value"], strictly=strictly)
            case "less_than_or_equal_to" | "less_than":
                bounds = bounds.below(told["max_value"], strictly=check.name == "less_than")
            case "in_range":
                bounds = bounds.above(told["min_value"], strictly=not told["include_min"]).below(
                    told["max_value"], strictly=not told["include_max"]
                )
    return bounds


def _numbers(name: str, dtype: pl.DataType, bounds: Bounds) -> Values:
    of_unit = unit(name)
    greatest = _GREATEST.get(of_unit or "", _GREATEST_WITHOUT_UNIT)
    within = bounds.near(0 if of_unit in _NEVER_NEGATIVE else -greatest, greatest)
    if dtype.is_integer():
        held = np.iinfo(str(dtype).lower())
        within = within.above(held.min, strictly=False).below(held.max, strictly=False)
    per_one = 1 if dtype.is_integer() else _PER_ONE
    # The bounds themselves, too: a heading of just pi is where angles go wrong.
    first, last = math.floor(within.least * per_one), math.ceil(within.most * per_one)
    first += not _allowed(first, per_one, within) and (within.open_below or per_one == 1)
    last -= not _allowed(last, per_one, within) and (within.open_above or per_one == 1)
    if first > last:
        if dtype.is_integer() or within.least >= within.most:
            raise ConfigurationError(f"column {name!r}: no value is within its bounds {bounds}")
        return st.floats(
            within.least, within.most, exclude_min=within.open_below, exclude_max=within.open_above
        )
    if dtype.is_integer():
        return st.integers(first, last)
    return st.integers(first, last).map(
        lambda number: min(max(number / _PER_ONE, within.least), within.most)
    )


def _allowed(number: int, per_one: int, within: Bounds) -> bool:
    return within.allows(number / per_one)


def _texts(name: str, told: dict[str, dict[str, Any]]) -> Values:
    for check in ("str_matches", "str_contains"):
        if check in told:
            pattern = told[check]["pattern"]
            return st.from_regex(pattern, fullmatch=True, alphabet=_READABLE)
    start, end = (
        told.get(check, {}).get("string", "") for check in ("str_startswith", "str_endswith")
    )
    if start or end:
        return st.text(_READABLE, max_size=5).map(lambda middle: f"{start}{middle}{end}")
    if length := told.get("str_length"):
        least, most = length["min_value"] or 0, length["max_value"]
        if length["exact_value"] is not None:
            least = most = length["exact_value"]
        return st.text(_READABLE, min_size=least, max_size=least + 8 if most is None else most)
    words: Sequence[str] = _WORDS.get(name, _NAMES if name.endswith("_id") else _ANY_WORDS)
    return st.sampled_from(words)


def _others(name: str, dtype: pl.DataType) -> Values:
    match dtype:
        case pl.Boolean():
            return st.booleans()
        case pl.List(inner=inner):
            return st.lists(_inner(name, inner), max_size=4)
        case pl.Array(inner=inner, size=size):
            return st.lists(_inner(name, inner), min_size=size, max_size=size)
        case pl.Struct(fields=fields):
            return st.fixed_dictionaries({f.name: _inner(f.name, f.dtype) for f in fields})
        case pl.Enum(categories=categories):
            return st.sampled_from(categories.to_list())
        case pl.Categorical():
            return st.sampled_from(_ANY_WORDS)
        case pl.Datetime(time_zone=zone):
            moments = st.integers(0, 86_400).map(lambda s: _EPOCH + timedelta(seconds=s))
            return moments.map(lambda moment: moment.replace(tzinfo=UTC)) if zone else moments
        case pl.Duration():
            return st.integers(0, 86_400).map(lambda seconds: timedelta(seconds=seconds))
        case pl.Date():
            return st.integers(0, 365).map(lambda days: date(2026, 1, 1) + timedelta(days))
    raise ConfigurationError(
        f"column {name!r}: no values are known of type {dtype}; give a strategy for it: "
        f"columns={{{name!r}: …}}"
    )


def _inner(name: str, dtype: Any) -> Values:
    if dtype.is_numeric():
        return _numbers(name, dtype, Bounds())
    return st.sampled_from(_ANY_WORDS) if dtype == pl.String else _others(name, dtype)
