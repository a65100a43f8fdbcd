"""Numbers in the place of names: sorting and comparing them is many times faster."""

import polars as pl


def numbered(frame: pl.DataFrame, name: str, *by: str) -> pl.DataFrame:
    """Return `frame` with a column that numbers the values of `by` in their order, from 0.

    The numbers don't depend on the order of the rows.
    """
    values = frame.lazy().select(by).unique().sort(by)
    numbers = values.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(name))
    return frame.lazy().join(numbers, on=by, how="left", maintain_order="left").collect()
