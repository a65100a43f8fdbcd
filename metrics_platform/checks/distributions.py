"""How summary scalars are distributed over the same logs, before and after."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats

# Differences that are no more than the last bits.
_SAME = 1e-9


@dataclass(frozen=True)
class Moments:
    """Of the logs that have a value."""

    logs: int
    mean: float | None
    median: float | None
    p95: float | None


@dataclass(frozen=True)
class Shift:
    """One summary scalar, before and after.

    Attributes:
        scalar: Its name.
        before: Of the older version.
        after: Of the newer one.
        up: Logs in which it rose.
        down: Logs in which it fell.
        p_sign: Probability of so many more of one than of the other, were both as likely: small
            where the change goes one way. None where nothing changed.
        p_distribution: Of two samples that differ so much, were they of one distribution
            (Kolmogorov and Smirnov). None where there are too few.
    """

    scalar: str
    before: Moments
    after: Moments
    up: int
    down: int
    p_sign: float | None
    p_distribution: float | None

    @property
    def changed(self) -> bool:
        """Whether any log has another value, or has one no more."""
        return self.up + self.down > 0 or self.before.logs != self.after.logs


def shifts(before: pl.DataFrame, after: pl.DataFrame) -> list[Shift]:
    """Compare all scalars that are numbers or flags on both sides.

    Args:
        before: `log_id` and scalars, one row per log.
        after: The same.
    """
    both = before.join(after, on="log_id", suffix=":now")
    return [
        _shift(name, *(both[side].cast(pl.Float64) for side in (name, f"{name}:now")))
        for name in _scalars(before, after)
    ]


def _scalars(before: pl.DataFrame, after: pl.DataFrame) -> Iterator[str]:
    for name, dtype in before.schema.items():
        both = (dtype, after.schema.get(name, pl.String()))
        if all(one.is_numeric() or one == pl.Boolean for one in both):
            yield name


def _shift(name: str, was: pl.Series, now: pl.Series) -> Shift:
    paired = was.is_not_null() & now.is_not_null()
    old, new = was.filter(paired).to_numpy(), now.filter(paired).to_numpy()
    beyond = ~np.isclose(old, new, rtol=_SAME, atol=0.0)
    up, down = int((beyond & (new > old)).sum()), int((beyond & (new < old)).sum())
    return Shift(
        scalar=name,
        before=_moments(was),
        after=_moments(now),
        up=up,
        down=down,
        p_sign=float(stats.binomtest(up, up + down).pvalue) if up + down else None,
        p_distribution=_p_distribution(was.drop_nulls().to_numpy(), now.drop_nulls().to_numpy()),
    )


def _moments(values: pl.Series) -> Moments:
    there = values.drop_nulls()
    found = (there.mean(), there.median(), there.quantile(0.95, "linear"))
    mean, median, p95 = (None if value is None else float(value) for value in found)  # type: ignore[arg-type]
    return Moments(len(there), mean, median, p95)


def _p_distribution(old: npt.NDArray[np.float64], new: npt.NDArray[np.float64]) -> float | None:
    if min(len(old), len(new)) < 2:
        return None
    return float(stats.ks_2samp(old, new, method="asymp").pvalue)
