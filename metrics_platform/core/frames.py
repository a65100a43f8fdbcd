"""The base of all output schemas, and what can be read off a schema."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from pandera.polars import DataFrameModel, Field

# Suffix of a column's name to its unit, or to a word for a number that has none. Ratios are within
# 0 and 1, or relative to 1.
UNITS = {
    "_mps": "m/s", "_mps2": "m/s²", "_mps3": "m/s³", "_radps": "rad/s", "_radps2": "rad/s²",
    "_per_km": "1/km", "_per_hour": "1/h", "_m": "m", "_m2": "m²", "_s": "s", "_ns": "ns",
    "_rad": "rad", "_hz": "Hz", "_kg": "kg", "_bytes": "bytes", "_px": "px", "_ratio": "ratio",
    "_s2": "s²", "_count": "count", "_index": "index", "score": "score",
}  # fmt: skip


class MetricFrame(DataFrameModel):
    """Base of the schema of every signal and metric: one frame for many logs.

    The grain goes into the docstring of the subclass, and as a list of columns into
    `Config.unique` where rows have a key; rows are kept in the order of that key.
    """

    log_id: str = Field(description="The log that the row is about.")

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


def unit(column: str) -> str | None:
    """Return the unit that the name of a column says, None where it says none."""
    return next((told for suffix, told in UNITS.items() if column.endswith(suffix)), None)


def in_order(rows: type[MetricFrame], frame: pl.DataFrame) -> bool:
    """Say whether the rows of `frame` are in the order of their key, and no two have the same.

    Telling costs a tenth of sorting, or of looking for doubles.
    """
    key = rows.to_schema().unique
    if not key or not set(key) <= set(frame.columns):
        return False
    # Column by column and in NumPy: planning a query takes longer than small frames do.
    same = np.ones(max(len(frame) - 1, 0), dtype=np.bool_)
    for name in key:
        before, here = frame[name].slice(0, len(same)), frame[name].slice(1)
        changes = same & _differs(before, here)
        count = int(np.count_nonzero(changes))
        if not count:
            continue
        # Of the first columns of a key, only few rows change. Comparing names is dear.
        if 4 * count < len(changes):
            few = pl.Series(changes)
            before, here = before.filter(few), here.filter(few)
            after = _told(before < here)
        else:
            after = _told(before < here) | ~changes
        if not after.all():
            return False
        same &= ~changes
    return not same.any()


def _differs(before: pl.Series, here: pl.Series) -> npt.NDArray[np.bool_]:
    if before.dtype.is_integer() and not before.null_count() and not here.null_count():
        differs: npt.NDArray[np.bool_] = np.not_equal(before.to_numpy(), here.to_numpy())
        return differs
    # What is compared with null is in no order.
    return _told(before != here, instead=True)


def _told(answers: pl.Series, *, instead: bool = False) -> npt.NDArray[np.bool_]:
    """Return answers of which none is open: those that are count as `instead`."""
    if answers.null_count():
        answers = answers.fill_null(instead)
    return answers.to_numpy()


def columns_without_unit(rows: type[MetricFrame]) -> list[str]:
    """Return the numeric columns of `rows` whose name says neither a unit nor a dimension."""
    numeric = [name for name, dtype in polars_schema(rows).items() if dtype.is_numeric()]
    return [name for name in numeric if unit(name) is None]


def contract(rows: type[MetricFrame]) -> list[dict[str, Any]]:
    """Return what `rows` promises, column by column, as plain values in a fixed form."""
    schema = rows.to_schema()
    return [
        {
            "name": name,
            "dtype": str(column.dtype.type),
            "nullable": column.nullable,
            "checks": _checks(column.checks),
        }
        for name, column in schema.columns.items()
    ] + [{"grain": list(grain(rows)), "checks": _checks(schema.checks)}]


def plain_text(value: object, of: Callable[[object], str] | None = None) -> str:
    """Return `value` as text that is the same in every process, and another for another value.

    `repr` isn't: sets come in another order each time, many objects show their address, and of
    long tables it shows the ends.

    Args:
        value: Any.
        of: Makes the text of what is in it; this function itself if None.
    """
    of = of or plain_text
    match value:
        case set() | frozenset():
            return f"{{{', '.join(sorted(map(of, value)))}}}"
        case list() | tuple():
            return f"({', '.join(map(of, value))})"
        case dict():
            return f"{{{', '.join(f'{of(key)}: {of(item)}' for key, item in value.items())}}}"
        case pl.Expr():
            return str(value)
        case pl.DataFrame():
            return f"DataFrame{of(value.get_columns())}"
        case pl.Series():
            return f"Series({value.name!r}, {value.dtype}, {_hash(value.to_list())})"
        case np.ndarray():
            return f"array({value.dtype}, {value.shape}, {_hash(value.tolist())})"
    return _ADDRESS.sub("", repr(value))


def _hash(values: object) -> str:
    return blake2b(repr(values).encode(), digest_size=8).hexdigest()


_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def _checks(checks: Iterable[Any]) -> list[str]:
    return sorted(
        f"{check.name}({', '.join(_statistics(check.statistics or {}))})" for check in checks
    )


def _statistics(statistics: Mapping[str, Any]) -> Iterator[str]:
    for name, value in sorted(statistics.items()):
        yield f"{name}={plain_text(value)}"
