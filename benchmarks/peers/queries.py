"""What is asked of a fleet's rows, and how it is timed: the same for us and for every peer."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

TIMES = 9


def whole(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Aggregate whole columns under a filter: one row per cause."""
    return (
        rows.filter(pl.col("duration_s") > 0.5)
        .group_by("cause")
        .agg(
            pl.col("peak_deceleration_mps2").mean(),
            pl.col("duration_s").max(),
            pl.col("start_ns").quantile(0.95, "linear"),
        )
    )


def per_log(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Aggregate log by log: one row per log_id."""
    return rows.group_by("log_id").agg(pl.len(), pl.col("peak_deceleration_mps2").max())


def alternated(*queries: Callable[[], Any], times: int = TIMES) -> list[float]:
    """Return the median seconds of each query; they take turns, after one turn untimed."""
    seconds: list[list[float]] = [[] for _ in queries]
    for turn in range(times + 1):
        for query, took in zip(queries, seconds, strict=True):
            started = time.perf_counter()
            query()
            if turn:
                took.append(time.perf_counter() - started)
    return [statistics.median(took) for took in seconds]


def one_log(read: Callable[[str], Any], logs: Sequence[str]) -> float:
    """Return the median seconds to read the rows of one log."""
    seconds = []
    for log in logs:
        started = time.perf_counter()
        assert len(read(log))
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)
