"""From values that hold until they change to the spans of time in which they hold."""

import polars as pl


def held(changes: pl.LazyFrame, spans: pl.LazyFrame, value: str, *, before: str) -> pl.LazyFrame:
    """Return `log_id`, `start_ns`, `end_ns`, `value` and `previous_<value>`, sorted.

    The rows of a log fill its span from one end to the other, and neighbours differ in their
    value. A change before the span counts from its start on, the last one of several; what comes
    at its end or later has no part in it.

    Args:
        changes: Has `log_id`, `timestamp_ns` and `value`, which holds from then on.
        spans: Has `log_id`, `first_ns` and `last_ns`, one row per log.
        value: Name of a column of strings.
        before: What holds before the first change.
    """
    names = ("log_id", "last_ns", "start_ns", "said_ns", value)
    nothing = spans.with_columns(
        pl.lit(before).alias(value), start_ns="first_ns", said_ns=pl.lit(None, pl.Int64)
    )
    said = (
        changes.join(spans, on="log_id")
        .filter(pl.col("timestamp_ns") < pl.col("last_ns"))
        .with_columns(
            start_ns=pl.max_horizontal("timestamp_ns", "first_ns"), said_ns="timestamp_ns"
        )
    )
    latest = (
        pl.concat([nothing.select(names), said.select(names)])
        .sort("log_id", "start_ns", "said_ns")
        .unique(["log_id", "start_ns"], keep="last", maintain_order=True)
    )
    previous = f"previous_{value}"
    return (
        latest.with_columns(_same_log(1, value).alias(previous))
        .filter(pl.col(value).ne_missing(pl.col(previous)))
        .with_columns(end_ns=_same_log(-1, "start_ns").fill_null(pl.col("last_ns")))
        .select("log_id", "start_ns", "end_ns", value, previous)
    )


def _same_log(rows: int, name: str) -> pl.Expr:
    """Return the value so many rows before, null where that is another log's."""
    same = pl.col("log_id") == pl.col("log_id").shift(rows)
    return pl.when(same).then(pl.col(name).shift(rows))
