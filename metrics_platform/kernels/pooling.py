"""One number for many logs, from sums over all of them."""

from collections.abc import Sequence

import polars as pl


def aggregated(rows: pl.LazyFrame, by: Sequence[str], **values: pl.Expr) -> pl.LazyFrame:
    """Return one row per group of equal `by`; a single one, also of no rows, if `by` is empty."""
    return rows.group_by(*by).agg(**values) if by else rows.select(**values)
