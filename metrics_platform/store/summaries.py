"""Summary scalars on their way into the index and back, as JSON in between."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from metrics_platform.store.parameters import storable


def as_stored(summary: pl.DataFrame) -> pl.DataFrame:
    """Return computed scalars as they would be read, had they been written.

    Args:
        summary: One row per `log_id`.
    """
    found = scalars_by_log(summary)
    logs = pl.DataFrame({"log_id": list(found)}, schema={"log_id": pl.String})
    return logs.hstack(scalar_columns(list(found.values())))


def scalars_by_log(summary: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return what the index keeps of scalars: per `log_id`, values as JSON has them.

    A number that isn't one is null, and a time is text.
    """
    columns = {name: _as_json(summary[name]) for name in summary.columns if name != "log_id"}
    return {
        log_id: dict(zip(columns, values, strict=True))
        for log_id, values in zip(
            summary["log_id"],
            zip(*columns.values(), strict=True) if columns else [()] * len(summary),
            strict=True,
        )
    }


def _as_json(column: pl.Series) -> list[Any]:
    if column.dtype.is_float():
        return [value if value is not None and math.isfinite(value) else None for value in column]
    if column.dtype.is_integer() or column.dtype in (pl.Boolean, pl.Null):
        return column.to_list()
    return [None if value is None else storable(str(value)) for value in column]


def scalar_columns(summaries: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return one column per name: integers, numbers, flags or text, null where there is none."""
    names = sorted({name for found in summaries for name in found})
    return pl.DataFrame([_typed(name, [found.get(name) for found in summaries]) for name in names])


def _typed(name: str, values: Sequence[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    # JSON writes a large float as an integer, maybe of more than 64 bits.
    if kinds == {int} and all(v is None or -(2**63) <= v < 2**63 for v in values):
        return pl.Series(name, values, dtype=pl.Int64)
    if kinds <= {int, float}:
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    return pl.Series(
        name, [None if value is None else str(value) for value in values], dtype=pl.String
    )
