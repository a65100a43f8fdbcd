"""How far the vehicle had come at a moment, and for how long its motion was known by then."""

import polars as pl


def driven(states: pl.LazyFrame, standstill_mps: float) -> pl.LazyFrame:
    """Return `log_id`, `timestamp_ns`, and `way_m` and `known_s` since the log's first state.

    The way is that in space, up and down included, as wheels have it. The pose of a vehicle that
    stands still moves by the noise of its localisation: a step counts only where one of its ends
    is faster than `standstill_mps`. Neither way nor time is added across a gap.

    Args:
        states: Rows of `ego_states`.
        standstill_mps: Slower is standing.
    """
    squared = [pl.col(axis).diff().pow(2) for axis in ("x_m", "y_m", "z_m")]
    moving = pl.max_horizontal("speed_mps", pl.col("speed_mps").shift(1)) > standstill_mps
    joined = pl.all_horizontal(
        pl.col(name) == pl.col(name).shift(1) for name in ("log_id", "segment_index")
    )
    steps = {
        "way_m": pl.when(joined & moving).then(pl.sum_horizontal(squared).sqrt()).otherwise(0.0),
        "known_s": pl.when(joined).then(pl.col("timestamp_ns").diff() * 1e-9).otherwise(0.0),
    }
    # Summed up log by log, not over all rows: a log's result must not depend on its batch.
    log = pl.col("log_id").rle_id()
    return (
        states.sort("log_id", "timestamp_ns")
        .select("log_id", "timestamp_ns", **steps)
        .with_columns(pl.col(name).cum_sum().over(log) for name in steps)
    )


def driven_at(moments: pl.LazyFrame, way: pl.LazyFrame, at: str) -> pl.LazyFrame:
    """Return `moments` with `way_m` and `known_s` at each, in another order.

    Between two states both grow evenly; in a gap they stay; before the first state they are 0,
    after the last what they are there.

    Args:
        moments: Has `log_id`; all of its logs are in `way`.
        way: From `driven`.
        at: Column of `moments` with the time in nanoseconds.
    """
    same_log = pl.col("log_id") == pl.col("log_id").shift(-1)
    names = ("way_m", "known_s", "timestamp_ns")
    ahead = {
        f"_{name}_ahead": pl.when(same_log).then(pl.col(name).shift(-1) - pl.col(name))
        for name in names
    }
    states = way.with_columns(**ahead).rename({"timestamp_ns": "_state_ns"})
    share = (pl.col(at) - pl.col("_state_ns")) / pl.col("_timestamp_ns_ahead")
    found = moments.sort("log_id", at).join_asof(
        states, left_on=at, right_on="_state_ns", by="log_id", check_sortedness=False
    )
    return found.with_columns(
        (pl.col(name) + (share * pl.col(f"_{name}_ahead")).fill_null(0.0)).fill_null(0.0)
        for name in ("way_m", "known_s")
    ).drop("_state_ns", *ahead)
