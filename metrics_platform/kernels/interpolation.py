"""Values between the samples of a log, at the moments of another frame."""

from collections.abc import Sequence

import polars as pl

from metrics_platform.kernels.geometry import wrapped


def interpolate(
    moments: pl.LazyFrame,
    samples: pl.LazyFrame,
    *,
    segment: str,
    linear: Sequence[str],
    angles: Sequence[str] = (),
    constant: Sequence[str] = (),
) -> pl.LazyFrame:
    """Return `moments` with the values of `samples` at each; one row per row of `moments`.

    Rows at which there is no value are left out: before the first sample of a log, after its
    last, and between two segments.

    Args:
        moments: Has `log_id` and `timestamp_ns`, sorted by the latter within each log.
        samples: Has them too, and is sorted by both.
        segment: Column of `samples` whose value differs on the two sides of a gap.
        linear: Columns of `samples` to interpolate between neighbours.
        angles: The same for angles in radians, the short way round.
        constant: Columns of `samples` to take from the neighbour before.
    """
    values = [*linear, *angles]
    after = {name: pl.col(name).shift(-1) for name in ("timestamp_ns", *values)}
    goes_on = (pl.col("log_id") == pl.col("log_id").shift(-1)) & (
        pl.col(segment) == pl.col(segment).shift(-1)
    )
    before = samples.select(
        "log_id",
        "timestamp_ns",
        *values,
        *constant,
        _before=pl.col("timestamp_ns"),
        _goes_on=goes_on.fill_null(value=False),
        **{f"_after_{name}": expression for name, expression in after.items()},
    )
    exact = pl.col("timestamp_ns") == pl.col("_before")
    share = (pl.col("timestamp_ns") - pl.col("_before")) / (
        pl.col("_after_timestamp_ns") - pl.col("_before")
    )
    change = {name: pl.col(f"_after_{name}") - pl.col(name) for name in values}
    change |= {name: wrapped(change[name]) for name in angles}
    between = {
        # The last sample of a segment has no neighbour to interpolate to.
        name: pl.when(exact).then(name).otherwise(pl.col(name) + share * change[name])
        for name in values
    }
    found = moments.join_asof(before, on="timestamp_ns", by="log_id", check_sortedness=False)
    own = moments.collect_schema().names()
    return (
        found.filter(exact | pl.col("_goes_on"))
        .with_columns(**between)
        .select(*own, *values, *constant)
    )
