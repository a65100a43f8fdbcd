"""Which types of columns survive in which format; the others are refused, never bent."""

import polars as pl
from polars.datatypes import DataType, DataTypeClass

from metrics_platform.core.errors import StoreError

_BOTH = (
    pl.Boolean, pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Float32, pl.Float64, pl.String,
    pl.Categorical, pl.Enum, pl.Binary, pl.Date, pl.Decimal,
)  # fmt: skip
# Iceberg has no unsigned integers: large ones would come back negative.
_UNSIGNED = (pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)


def table_columns(kind: str, name: str, columns: pl.Schema) -> pl.Schema:
    """Return the columns that a table of `kind` gets for the rows of `name`.

    Categories become text, and arrays lists; all others stay as they are.

    Raises:
        StoreError: A column would come back as another one.
    """
    if wrong := {n: dtype for n, dtype in columns.items() if not _survives(kind, dtype)}:
        told = ", ".join(f"{column}: {dtype}" for column, dtype in wrong.items())
        raise StoreError(f"{name} cannot be exported as {kind}, which has no type for {told}")
    return pl.Schema({column: _plain(dtype) for column, dtype in columns.items()})


def _survives(kind: str, dtype: pl.DataType) -> bool:
    match dtype:
        case pl.List(inner=inner) | pl.Array(inner=inner):
            return _survives(kind, _instance(inner))
        case pl.Struct(fields=fields):
            return all(_survives(kind, _instance(field.dtype)) for field in fields)
        case pl.Datetime(time_unit=unit):
            return kind == "ducklake" or unit == "us"
    return isinstance(dtype, _BOTH) or (kind == "ducklake" and isinstance(dtype, _UNSIGNED))


def _plain(dtype: pl.DataType) -> pl.DataType:
    match dtype:
        case pl.Categorical() | pl.Enum():
            return pl.String()
        case pl.List(inner=inner) | pl.Array(inner=inner):
            return pl.List(_plain(_instance(inner)))
        case pl.Struct(fields=fields):
            return pl.Struct({field.name: _plain(_instance(field.dtype)) for field in fields})
    return dtype


def _instance(dtype: DataType | DataTypeClass) -> pl.DataType:
    return dtype if isinstance(dtype, DataType) else dtype()
