"""The base of all output schemas, and what can be read off a schema."""

from collections.abc import Sequence
from typing import Any

import polars as pl
from pandera.polars import DataFrameModel

# A unit, or a word for a number that has none. Ratios are within 0 and 1 or relative to 1.
UNIT_SUFFIXES = (
    "_m", "_m2", "_s", "_ns", "_mps", "_mps2", "_mps3", "_rad", "_radps", "_radps2",
    "_hz", "_kg", "_bytes", "_per_km", "_per_hour", "_ratio", "_count", "_index", "score",
)  # fmt: skip


class MetricFrame(DataFrameModel):
    """Base of the schema of every signal and metric: one frame for many logs.

    The grain goes into the docstring of the subclass, and as a list of columns into
    `Config.unique` where rows have a key; rows are kept in the order of that key.
    """

    log_id: str

    class Config:
        """Exactly these columns, in this order, with these types."""

        strict = True
        ordered = True


def polars_schema(rows: type[MetricFrame]) -> pl.Schema:
    """Return the Polars schema of `rows`, in the order of declaration."""
    columns = rows.to_schema().columns
    return pl.Schema({name: column.dtype.type for name, column in columns.items()})


def empty_frame(rows: type[MetricFrame]) -> pl.DataFrame:
    """Return a frame of `rows` without a single row."""
    return polars_schema(rows).to_frame()


def grain(rows: type[MetricFrame]) -> Sequence[str]:
    """Return the columns whose values identify a row; `log_id` alone where none are declared."""
    unique = rows.to_schema().unique
    return list(unique) if unique else ["log_id"]


def columns_without_unit(rows: type[MetricFrame]) -> list[str]:
    """Return the numeric columns of `rows` whose name says neither a unit nor a dimension."""
    numeric = [name for name, dtype in polars_schema(rows).items() if dtype.is_numeric()]
    return [name for name in numeric if not name.endswith(UNIT_SUFFIXES)]


def contract(rows: type[MetricFrame]) -> list[dict[str, Any]]:
    """Return what `rows` promises, column by column, as plain values in a fixed form."""
    schema = rows.to_schema()
    return [
        {
            "name": name,
            "dtype": str(column.dtype.type),
            "nullable": column.nullable,
            "checks": sorted(f"{check.name}({_plain(check.statistics)})" for check in column.checks),
        }
        for name, column in schema.columns.items()
    ] + [{"grain": list(grain(rows))}]


def _plain(statistics: Any) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in sorted((statistics or {}).items()))
