"""How summary scalars are distributed over the same logs, before and after."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl
from scipy import stats

from metrics_platform.checks.differences import common_type, differences
from metrics_platform.checks.value_change import DEFAULT_TOLERANCE
from metrics_platform.core.definitions import Tolerance


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
        up: Logs in which it rose by more than is tolerated.
        down: Logs in which it fell by more than is tolerated.
        came: Logs that had no value, and have one.
        went: Logs that had a value, and have none.
        p_sign: Probability of so many more of one than of the other, were both as likely: small
            where the change goes one way. None where nothing changed.
        p_rank: As `p_sign`, where larger differences count for more (Wilcoxon's signed ranks).
    """

    scalar: str
    before: Moments
    after: Moments
    up: int
    down: int
    came: int
    went: int
    p_sign: float | None
    p_rank: float | None

    @property
    def changed(self) -> bool:
        """Whether any log has another value, or has one no more."""
        return self.up + self.down + self.came + self.went > 0


def shifts(
    before: pl.DataFrame, after: pl.DataFrame, tolerances: Mapping[str, Tolerance]
) -> list[Shift]:
    """Compare all scalars that are numbers or flags on both sides.

    Args:
        before: `log_id` and scalars, one row per log.
        after: The same.
        tolerances: By scalar; as for `value_change`.
    """
    both = before.join(after, on="log_id", suffix=":now")
    logs = both["log_id"]
    found = differences(
        before,
        after,
        logs.to_list(),
        key=["log_id"],
        tolerances=tolerances,
        default=DEFAULT_TOLERANCE,
    ).values
    changed = dict(found.group_by("column").agg("log_id").iter_rows())
    return [
        _shift(
            name,
            both[name].cast(pl.Float64),
            both[f"{name}:now"].cast(pl.Float64),
            logs.is_in(pl.Series(changed.get(name, []), dtype=pl.String).implode()),
        )
        for name in _scalars(before, after)
    ]


def _scalars(before: pl.DataFrame, after: pl.DataFrame) -> Iterator[str]:
    for name in before.columns:
        if name != "log_id" and name in after.columns:
            common = common_type(before[name], after[name])
            if common is not None and (common.is_numeric() or common == pl.Boolean):
                yield name


def _shift(name: str, was: pl.Series, now: pl.Series, changed: pl.Series) -> Shift:
    by = (now - was).filter(changed).drop_nulls()
    # Between what is infinite there is no rank.
    finite = by.filter(by.is_finite())
    up, down = int((by > 0).sum()), int((by < 0).sum())
    return Shift(
        scalar=name,
        before=_moments(was),
        after=_moments(now),
        up=up,
        down=down,
        came=int((was.is_null() & now.is_not_null()).sum()),
        went=int((was.is_not_null() & now.is_null()).sum()),
        p_sign=float(stats.binomtest(up, up + down).pvalue) if up + down else None,
        p_rank=float(stats.wilcoxon(finite.to_numpy()).pvalue) if len(finite) else None,
    )


def _moments(values: pl.Series) -> Moments:
    there = values.drop_nulls()
    found = (there.mean(), there.median(), there.quantile(0.95, "linear"))
    mean, median, p95 = (None if value is None else float(value) for value in found)  # type: ignore[arg-type]
    return Moments(len(there), mean, median, p95)
