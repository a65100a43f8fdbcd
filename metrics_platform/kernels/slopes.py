"""Least-squares slopes of positions along time, where a source gives no velocity.

By shifting whole columns rather than by a window per track: a frame has many short tracks.
"""

import polars as pl


def slopes_around(tracked: pl.LazyFrame, neighbours: int, max_gap_s: float) -> pl.LazyFrame:
    """Return `_row`, and `_slope_x_m` and `_slope_y_m` per second over the samples around each.

    Null where no sample is near enough.

    Args:
        tracked: `_row`, `_track`, `timestamp_ns`, `x_m`, `y_m`, sorted by track and time.
        neighbours: Samples before and after.
        max_gap_s: A sample farther away than this in time isn't looked at.
    """
    shifts = [shift for shift in range(-neighbours, neighbours + 1) if shift]
    track, time = pl.col("_track"), pl.col("timestamp_ns")
    # All relative to the sample in the middle, which adds nothing to a sum but its weight.
    since = {shift: (time.shift(shift) - time) * 1e-9 for shift in shifts}
    near = {
        shift: (track.shift(shift) == track) & (since[shift].abs() <= max_gap_s) for shift in shifts
    }
    tracked = tracked.with_columns(
        pl.when(near[shift]).then(since[shift]).alias(f"_since_{shift}") for shift in shifts
    )
    times = [pl.col(f"_since_{shift}") for shift in shifts]
    weight = 1 + pl.sum_horizontal(time.is_not_null() for time in times)
    total_s = pl.sum_horizontal(times)
    spread = weight * pl.sum_horizontal(time * time for time in times) - total_s * total_s
    slopes = {}
    for name in ("x_m", "y_m"):
        changes = [
            pl.when(time.is_not_null()).then(pl.col(name).shift(shift) - pl.col(name))
            for shift, time in zip(shifts, times, strict=True)
        ]
        products = [time * change for time, change in zip(times, changes, strict=True)]
        slope = weight * pl.sum_horizontal(products) - total_s * pl.sum_horizontal(changes)
        slopes[f"_slope_{name}"] = pl.when(spread > 0).then(slope / spread)
    return tracked.select("_row", **slopes)
