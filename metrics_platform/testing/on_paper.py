"""Frames written by hand: of its rows, a test says only what it is about."""

import math
from typing import Any

import polars as pl

from metrics_platform.core import Definition
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.errors import UnknownNameError
from metrics_platform.core.validation import validate

LOG_ID = "by_hand"
STEP_NS = 100_000_000


def by_hand(what: str | Definition, **columns: object) -> pl.DataFrame:
    """Return rows of a signal or metric of which only some columns matter.

    The others are null where they may be, and else the plainest value that the schema takes: 0, no
    text, the first of the words. `log_id` is `LOG_ID`, and the rows are 0.1 s apart, beginning
    with 0.

    Args:
        what: A name, or the definition itself.
        **columns: A list has one value per row; any other value is that of all rows.

    Raises:
        UnknownNameError: There is no such signal, metric or column.
        ContractError: The rows break its schema: doubles in its key, values out of bounds.
    """
    definition = default_catalog()[what] if isinstance(what, str) else what
    schema = definition.rows.to_schema().columns
    for name in columns:
        if name not in schema:
            raise UnknownNameError(f"column of {definition.name}", name, schema)
    rows = max((len(given) for given in columns.values() if isinstance(given, list)), default=1)
    given = {"timestamp_ns": [row * STEP_NS for row in range(rows)], "log_id": LOG_ID, **columns}
    values = {
        name: given[name] if isinstance(given.get(name), list)
        else [given.get(name, plainest(column))] * rows
        for name, column in schema.items()
    }  # fmt: skip
    types = {name: column.dtype.type for name, column in schema.items()}
    frame = pl.DataFrame(values, schema=types, strict=False)
    return validate(definition, frame)


def plainest(column: Any) -> object:
    """Return the plainest value that a column of a Pandera schema takes."""
    if column.nullable:
        return None
    least, most = -math.inf, math.inf
    for check in column.checks:
        bounds = check.statistics or {}
        if check.name == "isin":
            return next(iter(bounds["allowed_values"]))
        if check.name == "str_length":
            return "x" * (bounds.get("min_value") or 0)
        # The open end of an interval isn't in it.
        inside = 0 if check.name.endswith("or_equal_to") else 1
        if "min_value" in bounds:
            least = max(least, bounds["min_value"] + inside)
        if "max_value" in bounds:
            most = min(most, bounds["max_value"] - inside)
    dtype = column.dtype.type
    if dtype.is_numeric():
        return min(max(0, least), most)
    if dtype == pl.String:
        return ""
    return [] if dtype.is_nested() else False
