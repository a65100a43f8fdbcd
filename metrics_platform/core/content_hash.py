"""A hash of each log's rows: the same for the same values, on any machine and in any version.

It is taken over values, not over how a library holds them: chunks, views, what stands in the place
of a null and the sign of zero make no difference; names, types and order of columns do. A log's
hash does not depend on the logs beside it.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from metrics_platform.core.errors import StoreError

# The rows of some logs are laid side by side before they are hashed: this bounds the copy.
_ROWS_AT_ONCE = 250_000

_Bounds = npt.NDArray[np.int64]
_ZERO: _Bounds = np.zeros(1, dtype=np.int64)


def content_hashes(rows: pl.DataFrame, bounds: Sequence[int]) -> list[str]:
    """Return 32 hex digits per log, over all columns but `log_id`.

    Args:
        rows: Of all logs, one log after another.
        bounds: Where each log begins, and after them the number of rows.

    Raises:
        StoreError: A column has a type whose values have no canonical bytes.
    """
    names = [name for name in rows.columns if name != "log_id"]
    head = ";".join(f"{name}:{rows.schema[name]}" for name in names).encode()
    digests = [blake2b(head, digest_size=16) for _ in range(len(bounds) - 1)]
    for first, last in _groups(bounds):
        start, stop = bounds[first], bounds[last]
        columns = [rows[name][start:stop] for name in names]
        ends = np.asarray(bounds[first : last + 1], dtype=np.int64) - start
        for memory, width in _memories(columns, ends):
            for digest, (begin, end) in zip(
                digests[first:last], pairwise(width.tolist()), strict=True
            ):
                digest.update(memory[begin:end])
    return [digest.hexdigest() for digest in digests]


def _groups(bounds: Sequence[int]) -> Iterator[tuple[int, int]]:
    first = 0
    for at in range(1, len(bounds)):
        if at == len(bounds) - 1 or bounds[at + 1] - bounds[first] > _ROWS_AT_ONCE:
            yield first, at
            first = at


def _memories(
    columns: Sequence[pl.Series], bounds: _Bounds
) -> Iterator[tuple[memoryview, _Bounds]]:
    """Yield memories that together hold all values, and where each log's part of them begins.

    Everything that has one width in all rows goes side by side into one memory, so that a log
    costs one update, however many columns there are.
    """
    fixed: list[npt.NDArray[Any]] = []
    rest: list[tuple[Sequence[pl.Series], _Bounds]] = []
    texts: list[tuple[memoryview, _Bounds]] = []
    queue = list(reversed(columns))
    while queue:
        column = queue.pop()
        dtype = column.dtype
        fixed.append(_presence(column))
        if isinstance(dtype, pl.Struct):
            queue.extend(column.struct.field(name) for name in reversed(column.struct.fields))
        elif isinstance(dtype, pl.List | pl.Array):
            items = column.cast(pl.List(dtype.inner))
            lengths = items.list.len().fill_null(0).cast(pl.Int64)
            fixed.append(lengths.to_numpy())
            # Nulls and empty lists have no items; explode would give each of them a null.
            rest.append(([items.filter(lengths > 0).explode()], _ends(lengths)[bounds]))
        elif dtype == pl.Boolean or dtype.is_temporal() or _is_plain_number(dtype):
            fixed.append(_numbers(column))
        elif dtype in (pl.String, pl.Binary, pl.Categorical, pl.Enum, pl.Decimal):
            text, sizes = _texts(column)
            fixed.append(sizes)
            texts.append((text, np.concatenate([_ZERO, np.cumsum(sizes)])[bounds]))
        else:
            raise StoreError(f"column {column.name!r}: values of type {dtype} cannot be stored")
    yield _side_by_side(fixed, bounds)
    yield from texts
    for children, child_bounds in rest:
        yield from _memories(children, child_bounds)


def _texts(column: pl.Series) -> tuple[memoryview, npt.NDArray[np.int64]]:
    """Return the bytes of all values, one after another, and how many each has; null has none."""
    binary = column if column.dtype == pl.Binary else column.cast(pl.String)
    if binary.null_count():
        binary = binary.fill_null(b"" if binary.dtype == pl.Binary else "")
    # One buffer of text and one of offsets, whatever the pieces in which Polars holds them.
    array = binary.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, content = array.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    text = memoryview(content or b"")[int(ends[0]) : int(ends[-1])]
    return text, np.diff(ends)


def _presence(column: pl.Series) -> npt.NDArray[Any]:
    if column.null_count():
        return column.is_not_null().to_numpy()
    return np.ones(len(column), dtype=np.bool_)


def _is_plain_number(dtype: pl.DataType) -> bool:
    return dtype.is_float() or (dtype.is_integer() and dtype not in (pl.Int128, pl.UInt128))


def _ends(lengths: pl.Series) -> _Bounds:
    return np.concatenate([np.zeros(1, dtype=np.int64), lengths.cum_sum().to_numpy()])


def _numbers(column: pl.Series) -> npt.NDArray[Any]:
    values = column.to_physical() if column.dtype.is_temporal() else column
    if values.null_count():
        values = values.fill_null(False if values.dtype == pl.Boolean else 0)
    array = values.to_numpy()
    if array.dtype.kind != "f":
        return array
    # One bit pattern for all NaN, and one for both zeros.
    one_zero: npt.NDArray[Any] = array + array.dtype.type(0.0)
    one_zero[np.isnan(one_zero)] = np.nan
    return one_zero


def _side_by_side(
    arrays: Sequence[npt.NDArray[Any]], bounds: _Bounds
) -> tuple[memoryview, _Bounds]:
    width = sum(array.itemsize for array in arrays)
    rows = np.empty((len(arrays[0]), width), dtype=np.uint8)
    at = 0
    for array in arrays:
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        rows[:, at : at + array.itemsize] = little.view(np.uint8).reshape(
            len(array), array.itemsize
        )
        at += array.itemsize
    return rows.reshape(-1).data, bounds * width
