"""Two frames of the same logs, row by row and value by value: what differs, and by how much."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from metrics_platform.core.definitions import Tolerance

_EXACT = Tolerance()
_VALUES = {
    "log_id": pl.String,
    "column": pl.String,
    "at": pl.UInt32,
    "absolute": pl.Float64,
    "relative": pl.Float64,
    "score": pl.Float64,
}
_COUNTS = {"log_id": pl.String, **dict.fromkeys(("before", "now", "added", "removed"), pl.UInt32)}
# No column is named so.
_NOW = "now:"
_NUMBER = "number:"


@dataclass(frozen=True)
class Differences:
    """How two frames differ.

    Attributes:
        values: One row per value that differs by more than is tolerated: log_id, column, at (its
            row among those that both have), absolute and relative difference (null where there is
            no size), score (greater is more).
        counts: One row per log of which rows came or went: log_id, before, now, added, removed.
        not_compared: Columns that are gone, new or of another type, and which of these.
    """

    values: pl.DataFrame
    counts: pl.DataFrame
    not_compared: Sequence[str]
    _matched: pl.DataFrame
    _alone: pl.DataFrame

    @property
    def logs(self) -> set[str]:
        """All logs in which something differs."""
        return {*self.values["log_id"], *self.counts["log_id"]}

    def moved(self, log_id: str) -> Mapping[str, tuple[object, object]]:
        """Return what differs between the row that went and the one that came, by column.

        Nothing unless one row of this log went and one came.
        """
        alone = self._alone.filter(pl.col("log_id") == log_id).rows(named=True)
        if sorted(row["is_there"] for row in alone) != [False, True]:
            return {}
        was, now = sorted(alone, key=lambda row: row["is_there"])
        names = [n for n in was if n not in {_NUMBER, "was_there", "is_there"}]
        found = {n: (was[n], now.get(_NOW + n, now[n])) for n in names if not n.startswith(_NOW)}
        return {name: both for name, both in found.items() if both[0] != both[1]}

    def key_at(self, at: int) -> dict[str, object]:
        """Return the key of a row of `values`; with `row`, its number, where rows share a key."""
        found = self._matched
        apart = {_NUMBER, "was_there", "is_there"}
        key = [n for n in found.columns if n not in apart and not n.startswith(_NOW)]
        key = [name for name in key if _NOW + name not in found.columns]
        named: dict[str, object] = {name: found[name][at] for name in key}
        numbers = found.select(pl.int_range(pl.len()).over(key)).to_series()
        return {**named, "row": numbers[at]} if (numbers > 0).any() else named

    def values_at(self, at: int, column: str) -> tuple[object, object]:
        """Return the two values of a row of `values`."""
        return self._matched[column][at], self._matched[_NOW + column][at]


def differences(
    before: pl.DataFrame,
    after: pl.DataFrame,
    log_ids: Sequence[str],
    *,
    key: Sequence[str],
    tolerances: Mapping[str, Tolerance],
    default: Tolerance,
) -> Differences:
    """Compare the columns that both frames have as something comparable.

    Args:
        before: Has `log_id`.
        after: The same.
        log_ids: Rows of other logs are left out.
        key: Columns that tell the rows of a log apart. Rows that share one are matched in order.
        tolerances: By column. Without one, numbers that are no fractions must be equal.
        default: Of fractions.
    """
    batch = pl.Series("log_id", log_ids, dtype=pl.String)
    before, after = (f.filter(pl.col("log_id").is_in(batch.implode())) for f in (before, after))
    not_compared = list(_not_compared(before, after))
    names = [name for name in before.columns if name in after.columns]
    before, after = before.select(names), after.select(names)
    none = pl.DataFrame(schema=_VALUES)
    if before.equals(after):
        return Differences(none, pl.DataFrame(schema=_COUNTS), not_compared, before, before.clear())
    key = list(dict.fromkeys(["log_id", *(name for name in key if name in names)]))
    both = _side_by_side(before, after, key)
    in_both = pl.col("was_there") & pl.col("is_there")
    matched, alone = both.filter(in_both), both.filter(~in_both)
    values = [
        _values(matched, name, tolerances.get(name), default)
        for name in names
        if name not in key and common_type(before[name], after[name]) is not None
    ]
    return Differences(pl.concat([none, *values]), _counts(both), not_compared, matched, alone)


def common_type(was: pl.Series, now: pl.Series) -> pl.DataType | None:
    """Return a type in which the values of both can be compared; None where there is none.

    What holds nothing but nulls can be compared with anything.
    """
    if was.dtype != now.dtype:
        empty = [one.null_count() == len(one) for one in (was, now)]
        if any(empty):
            return now.dtype if empty[0] else was.dtype
    return _common(was.dtype, now.dtype)


def _common(was: pl.DataType, now: pl.DataType) -> pl.DataType | None:
    if was == now:
        return was
    if pl.Null() in (was, now):
        return now if was == pl.Null() else was
    if was.is_integer() and now.is_integer():
        return pl.Int128()
    if was.is_numeric() and now.is_numeric():
        return pl.Float64()
    if all(isinstance(one, pl.String | pl.Categorical | pl.Enum) for one in (was, now)):
        return pl.String()
    if isinstance(was, pl.List | pl.Array) and isinstance(now, pl.List | pl.Array):
        inner = _common(_inner(was), _inner(now))
        return None if inner is None else pl.List(inner)
    if isinstance(was, pl.Duration) and isinstance(now, pl.Duration):
        return pl.Duration("ns")
    if isinstance(was, pl.Datetime | pl.Date) and isinstance(now, pl.Datetime | pl.Date):
        zones = [getattr(one, "time_zone", None) for one in (was, now)]
        return pl.Datetime("ns", zones[0]) if zones[0] == zones[1] else None
    return None


def _inner(dtype: pl.List | pl.Array) -> pl.DataType:
    """Return the type of what is in it; an array of two dimensions holds arrays."""
    if isinstance(dtype, pl.Array) and len(dtype.shape) > 1:
        return pl.Array(dtype.inner, dtype.shape[1:])
    inner = dtype.inner
    return inner() if isinstance(inner, type) else inner


def _not_compared(before: pl.DataFrame, after: pl.DataFrame) -> Iterator[str]:
    for name in before.columns:
        if name not in after.columns:
            yield f"{name} is gone"
        elif common_type(before[name], after[name]) is None:
            yield f"{name} is {after.schema[name]} and was {before.schema[name]}"
    for name in after.columns:
        if name not in before.columns:
            yield f"{name} is new"


def _side_by_side(before: pl.DataFrame, after: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Return all rows of both, those with the same key as one.

    Rows that share a key are numbered: where there is no key but the log, that is their position.
    """
    if before.select(key).equals(after.select(key)):
        # As nearly always. Numbering alone takes longer than all the rest.
        now = after.drop(key).rename(lambda name: _NOW + name)
        there = [pl.lit(value=True).alias(name) for name in ("was_there", "is_there")]
        return before.hstack(now).with_columns(there)
    # Keys of types that have nothing in common are matched as text.
    common = {name: common_type(before[name], after[name]) or pl.String() for name in key}
    number = pl.int_range(pl.len()).over(key).alias(_NUMBER)
    was, now = (
        frame.with_columns(pl.col(name).cast(dtype) for name, dtype in common.items()).with_columns(
            number, pl.lit(value=True).alias(there)
        )
        for frame, there in ((before, "was_there"), (after, "is_there"))
    )
    now = now.rename({name: _NOW + name for name in after.columns if name not in key})
    return (
        was.join(now, on=[*key, _NUMBER], how="full", coalesce=True, nulls_equal=True)
        .with_columns(pl.col("was_there", "is_there").fill_null(value=False))
        .sort(*key, _NUMBER)
    )


def _counts(both: pl.DataFrame) -> pl.DataFrame:
    was, now = pl.col("was_there"), pl.col("is_there")
    return (
        both.group_by("log_id")
        .agg(before=was.sum(), now=now.sum(), added=(~was & now).sum(), removed=(was & ~now).sum())
        .filter((pl.col("added") > 0) | (pl.col("removed") > 0))
        .sort("log_id")
        .cast(_COUNTS)  # type: ignore[arg-type]
    )


def _values(
    matched: pl.DataFrame, name: str, tolerance: Tolerance | None, default: Tolerance
) -> pl.DataFrame:
    """Return the values of a column that differ by more than is tolerated."""
    was, now = matched[name], matched[_NOW + name]
    # Of what is left of them there may be less in common than of all: nothing but nulls.
    common = common_type(was, now)
    if was.dtype != now.dtype and common is not None:
        was, now = _cast(was, common), _cast(now, common)
    differ = was.ne_missing(now)
    if not differ.any():
        return pl.DataFrame(schema=_VALUES)
    found = (
        pl.DataFrame([matched["log_id"], was.alias("was"), now.alias("now")])
        .select("log_id", pl.lit(name).alias("column"), scale=_scale(was.dtype))
        .with_row_index("at")
        .filter(differ)
    )
    sized = _sized(was.filter(differ), now.filter(differ), tolerance, default)
    return (
        found.hstack(sized)
        .filter(pl.col("differs"))
        .with_columns(score=(pl.col("absolute") / pl.col("scale")).fill_null(1.0))
        .select(*_VALUES)
    )


def _cast(values: pl.Series, dtype: pl.DataType) -> pl.Series:
    if values.null_count() == len(values):
        return pl.Series(values.name, [None], dtype=dtype).new_from_index(0, len(values))
    return values.cast(dtype)


def _scale(dtype: pl.DataType) -> pl.Expr:
    """Return how large the values of a log are.

    Half of 0.001 is little in a log in which the same column reaches 100.
    """
    if not dtype.is_numeric():
        return pl.lit(None, dtype=pl.Float64)
    sizes = (pl.col(side).cast(pl.Float64).abs() for side in ("was", "now"))
    return pl.max_horizontal(*sizes).max().over("log_id")


def _sized(
    was: pl.Series, now: pl.Series, tolerance: Tolerance | None, default: Tolerance
) -> pl.DataFrame:
    """Return whether values differ by more than is tolerated, and by how much.

    Columns differs, absolute, relative; the latter two are null where there is no size.
    """
    if isinstance(was.dtype, pl.Array):
        was, now = was.arr.to_list(), now.arr.to_list()
    if isinstance(was.dtype, pl.List):
        return _sized_lists(was, now, tolerance, default)
    fractions = was.dtype.is_float()
    allowed = tolerance or (default if fractions else _EXACT)
    sizes = _sizes(was, now).hstack([was.ne_missing(now).alias("differs")])
    size, greater = pl.col("absolute"), pl.col("greater")
    within = (size <= allowed.absolute) | (size <= allowed.relative * greater)
    return sizes.select(
        differs=pl.col("differs") & ~within.fill_null(value=False),
        absolute=size,
        relative=pl.when(greater > 0).then(size / greater),
    )


def _sized_lists(
    was: pl.Series, now: pl.Series, tolerance: Tolerance | None, default: Tolerance
) -> pl.DataFrame:
    """Compare lists value by value; those of other lengths differ, by no size."""
    lists = pl.DataFrame({"was": was, "now": now}).with_row_index("list")
    length = pl.col("was").list.len()
    values = lists.filter((length > 0) & (length == pl.col("now").list.len())).explode("was", "now")
    sized = values.select("list").hstack(_sized(values["was"], values["now"], tolerance, default))
    differs = pl.col("differs")
    by_list = sized.group_by("list").agg(
        differs.any(), pl.col("absolute", "relative").filter(differs).max()
    )
    return (
        lists.select("list", otherwise=was.ne_missing(now))
        .join(by_list, on="list", how="left", maintain_order="left")
        .select(pl.coalesce("differs", "otherwise").alias("differs"), "absolute", "relative")
    )


def _sizes(was: pl.Series, now: pl.Series) -> pl.DataFrame:
    """Return the difference (absolute) and the greater of each two values.

    Null where there is no size: one of them is null or infinite, or they are no numbers and times.
    """
    dtype = was.dtype
    unit = 1.0
    if dtype.is_temporal():
        was, now, unit = was.to_physical(), now.to_physical(), _seconds(dtype)
    elif not dtype.is_numeric():
        nothing = pl.Series("absolute", [None], dtype=pl.Float64).new_from_index(0, len(was))
        return pl.DataFrame([nothing, nothing.alias("greater")])
    # Time stamps in ns have more digits than a float.
    exact = pl.Int128 if was.dtype.is_integer() and now.dtype.is_integer() else pl.Float64
    a, b = pl.col("was"), pl.col("now")
    sizes = pl.DataFrame({"was": was.cast(exact), "now": now.cast(exact)}).select(
        absolute=(a - b).abs().cast(pl.Float64) * unit,
        greater=pl.max_horizontal(a.abs(), b.abs()).cast(pl.Float64) * unit,
    )
    # Of what is infinite, anything would be within a relative tolerance.
    return sizes.with_columns(pl.when(pl.col("absolute").is_finite()).then("absolute"))


def _seconds(dtype: pl.DataType) -> float:
    """Return the seconds of one of what a time is kept in."""
    if isinstance(dtype, pl.Datetime | pl.Duration):
        return {"ms": 1e-3, "us": 1e-6, "ns": 1e-9}[dtype.time_unit]
    return 86_400.0 if dtype == pl.Date else 1e-9
