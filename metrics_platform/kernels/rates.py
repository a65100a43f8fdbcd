"""Exact confidence intervals of counts and of shares.

Scipy, not Polars, which has neither of the two distributions. Their quantiles are the inverses of
the incomplete gamma and beta functions.
"""

import numpy as np
import polars as pl
import scipy

CONFIDENCE = 0.95


def poisson_interval(count: str, confidence: float = CONFIDENCE) -> tuple[pl.Expr, pl.Expr]:
    """Return both ends of the exact interval of the mean of a count of events.

    Where 0 events were counted the lower end is 0.

    Source: Garwood (1936), "Fiducial limits for the Poisson distribution", Biometrika 28.

    Args:
        count: Column with the number of events; events come independently of one another.
        confidence: Least probability with which the interval covers the mean.
    """
    tail = (1 - confidence) / 2

    def lower(events: pl.Series) -> pl.Series:
        # Without an event there is no distribution of the lower end.
        return pl.Series(np.nan_to_num(scipy.special.gammaincinv(events.to_numpy(), tail)))

    def upper(events: pl.Series) -> pl.Series:
        return pl.Series(scipy.special.gammaincinv(events.to_numpy() + 1, 1 - tail))

    ends = [
        pl.col(count).map_batches(end, return_dtype=pl.Float64, is_elementwise=True)
        for end in (lower, upper)
    ]
    return ends[0], ends[1]


def binomial_interval(
    count: str, of: str, confidence: float = CONFIDENCE
) -> tuple[pl.Expr, pl.Expr]:
    """Return both ends of the exact interval of the share that a count is of another.

    Of 0 trials it is from 0 to 1: nothing is known.

    Source: Clopper & Pearson (1934), "The use of confidence or fiducial limits illustrated in the
    case of the binomial", Biometrika 26.

    Args:
        count: Column with the number of successes.
        of: Column with the number of trials, as many or more.
        confidence: Least probability with which the interval covers the share.
    """
    tail = (1 - confidence) / 2

    def lower(both: pl.Series) -> pl.Series:
        successes, trials = (both.struct.field(name).to_numpy() for name in (count, of))
        ends = scipy.special.betaincinv(successes, trials - successes + 1, tail)
        return pl.Series(np.nan_to_num(ends))

    def upper(both: pl.Series) -> pl.Series:
        successes, trials = (both.struct.field(name).to_numpy() for name in (count, of))
        ends = scipy.special.betaincinv(successes + 1, trials - successes, 1 - tail)
        return pl.Series(np.where(successes == trials, 1.0, ends))

    ends = [
        pl.struct(count, of).map_batches(end, return_dtype=pl.Float64, is_elementwise=True)
        for end in (lower, upper)
    ]
    return ends[0], ends[1]
