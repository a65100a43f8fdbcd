"""Events along time: the longest stretches of states in which something holds."""

import polars as pl

# Steps are a few nanoseconds off where the grid does not divide evenly.
_SLACK_S = 1e-6


def stretches(
    states: pl.LazyFrame,
    holds: pl.Expr,
    *,
    merge_gap_s: float,
    min_duration_s: float,
    **values: pl.Expr,
) -> pl.LazyFrame:
    """Return one row per stretch: `log_id`, `start_ns`, `duration_s`, and `values` over its rows.

    Each state stands for one step of the grid, so a stretch of one state lasts as long as a step;
    a state by itself in its segment has no duration. None goes across a gap in the recording.

    Args:
        states: Sorted by `log_id` and `timestamp_ns`, with a `segment_index` that differs on the
            two sides of a gap.
        holds: Whether a state belongs to a stretch.
        merge_gap_s: Stretches nearer to one another than this are one.
        min_duration_s: Shorter ones are left out.
        **values: Aggregations over those states of a stretch for which it holds.
    """
    time = pl.col("timestamp_ns")
    chosen = states.with_columns(_step_s=_step_s()).filter(holds)
    since_s = (time - time.shift(1)) * 1e-9
    # The next state of an uninterrupted stretch is one step away.
    between_s = since_s - pl.col("_step_s")
    goes_on = _same_segment(1) & (between_s < max(merge_gap_s - _SLACK_S, _SLACK_S))
    long_enough = pl.col("duration_s") >= min_duration_s - _SLACK_S
    return (
        chosen.with_columns(_stretch=(~goes_on).fill_null(value=True).cum_sum())
        .group_by("_stretch")
        .agg(
            pl.col("log_id").first(),
            start_ns=time.first(),
            duration_s=(time.last() - time.first()) * 1e-9 + pl.col("_step_s").last(),
            **values,
        )
        .filter(long_enough)
        .drop("_stretch")
    )


def _same_segment(shift: int) -> pl.Expr:
    return pl.all_horizontal(
        pl.col(name) == pl.col(name).shift(shift) for name in ("log_id", "segment_index")
    )


def _step_s() -> pl.Expr:
    """Return the step of the grid: to the state before, else after; 0 of a state by itself."""
    time = pl.col("timestamp_ns")
    before = pl.when(_same_segment(1)).then(time - time.shift(1))
    after = pl.when(_same_segment(-1)).then(time.shift(-1) - time)
    return pl.coalesce(before, after, 0) * 1e-9
