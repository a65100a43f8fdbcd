"""What differs between two versions: in which logs and columns, and by how much."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.checks.value_change import (
    ColumnChange,
    LogChange,
    ValueChange,
    Values,
    merged,
    value_change,
)
from metrics_platform.core import Outcome, Status, Tolerance
from metrics_platform.core.statuses import COMPUTED

KEY = ["log_id", "start_ns"]
FAILED = Outcome(Status.FAILED, "no way to brake")
ABSTAINED = Outcome(Status.ABSTAINED, "no tracks")


def _values(
    gaps: Mapping[str, Sequence[Any]],
    *,
    others: Mapping[str, Outcome] | None = None,
    dtype: Any = pl.Float64,
    scalar: pl.Expr | None = None,
) -> Values:
    """Return logs whose rows have these gaps, at 0, 1000, … ns."""
    rows = pl.DataFrame(
        [(log_id, at * 1000, gap) for log_id, of in gaps.items() for at, gap in enumerate(of)],
        schema={"log_id": pl.String, "start_ns": pl.Int64, "gap_m": dtype},
        orient="row",
    )
    summary = pl.DataFrame({"log_id": sorted(gaps)}, schema={"log_id": pl.String})
    if scalar is not None:
        of_logs = rows.group_by("log_id").agg(min_gap_m=scalar)
        summary = summary.join(of_logs, on="log_id", how="left")
    return Values(rows, {**dict.fromkeys(gaps, COMPUTED), **(others or {})}, summary)


def _change(
    before: Values, after: Values, key: Sequence[str] = KEY, **tolerances: Tolerance
) -> ValueChange:
    return value_change(before, after, key=key, tolerances=tolerances)


def test_the_same_values_are_equal() -> None:
    before = _values({"a": [1.0, None], "b": []}, others={"c": FAILED})

    change = _change(before, before)

    assert change == ValueChange(3, 0, [], [], 0)
    assert change.equal


def test_the_order_of_rows_says_nothing() -> None:
    before = _values({"a": [1.0, 2.0], "b": [3.0]})

    assert _change(before, replace(before, rows=before.rows.reverse())).equal


def test_values_that_changed_are_counted_and_measured() -> None:
    before = _values({"a": [1.0, 2.0, 4.0], "b": [8.0], "c": [1.0]}, scalar=pl.col("gap_m").min())
    after = _values({"a": [1.0, 1.5, 5.0], "b": [6.0], "c": [1.0]}, scalar=pl.col("gap_m").min())

    change = _change(before, after)

    assert change == ValueChange(
        logs=3,
        changed_logs=2,
        columns=[
            ColumnChange("gap_m", logs=2, rows=3, largest_absolute=2.0, largest_relative=0.25),
            ColumnChange("min_gap_m", 1, 1, 2.0, 0.25, summary=True),
        ],
        most_changed=[
            LogChange("b", "min_gap_m 8 -> 6", 0.25),
            LogChange("a", "gap_m 4 -> 5", 0.2),
        ],
        outcomes=0,
    )


def test_a_summary_of_the_same_rows_may_change() -> None:
    before = _values({"a": [1.0, 2.0]}, scalar=pl.col("gap_m").min())
    after = _values({"a": [1.0, 2.0]}, scalar=pl.col("gap_m").mean())

    [column] = _change(before, after).columns

    assert (column.column, column.summary, column.largest_absolute) == ("min_gap_m", True, 0.5)


@pytest.mark.parametrize(
    ("tolerance", "equal"),
    [
        (Tolerance(absolute=0.5), True),
        (Tolerance(absolute=0.49), False),
        (Tolerance(relative=0.05), True),
        (Tolerance(relative=0.049), False),
        (Tolerance(absolute=0.1, relative=0.05), True),
        (Tolerance(), False),
    ],
)
def test_a_difference_within_either_tolerance_is_none(tolerance: Tolerance, equal: bool) -> None:
    before, after = _values({"a": [10.0]}), _values({"a": [9.5]})

    assert _change(before, after, gap_m=tolerance).equal is equal
    assert not _change(before, after, other_m=tolerance).equal


def test_without_a_tolerance_fractions_may_differ_in_the_last_bits_and_integers_may_not() -> None:
    at = 1_700_000_000_000_000_000
    one, other = _values({"a": [1.0]}), _values({"a": [1.0 + 1e-12]})
    early, late = (_values({"a": [ns]}, dtype=pl.Int64) for ns in (at, at + 1))

    assert _change(one, other).equal
    [column] = _change(early, late).columns
    assert column.largest_absolute == 1.0
    assert _change(early, late, gap_m=Tolerance(absolute=1)).equal


UTC_NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("dtype", "was", "now", "size"),
    [
        pytest.param(pl.String, "left", "right", None, id="text"),
        pytest.param(pl.Boolean, True, False, None, id="boolean"),
        pytest.param(pl.Float64, 1.0, None, None, id="null now"),
        pytest.param(pl.Float64, None, 1.0, None, id="null before"),
        pytest.param(pl.Float64, float("inf"), 1.0, None, id="infinite"),
        pytest.param(pl.Float64, 0.0, 0.5, 0.5, id="from zero"),
        pytest.param(pl.UInt64, 0, 2**64 - 1, 2.0**64, id="unsigned"),
        pytest.param(
            pl.Datetime("ns", "UTC"), UTC_NOON, UTC_NOON + timedelta(seconds=90), 90.0, id="time"
        ),
        pytest.param(pl.Date, UTC_NOON.date(), UTC_NOON.date() + timedelta(2), 172_800, id="date"),
        pytest.param(pl.Duration("us"), timedelta(0), timedelta(minutes=1), 60.0, id="duration"),
        pytest.param(pl.List(pl.Float64), [1.0, 2.0], [1.0, 2.5], 0.5, id="list"),
        pytest.param(pl.List(pl.Float64), [1.0, 2.0], [1.0], None, id="shorter list"),
        pytest.param(pl.List(pl.Float64), [1.0], None, None, id="no list"),
        pytest.param(pl.List(pl.Float64), [], [1.0], None, id="list that was empty"),
        pytest.param(pl.List(pl.Int64), [1, None], [1, 3], None, id="null in a list"),
        pytest.param(pl.List(pl.String), ["a"], ["b"], None, id="list of text"),
        pytest.param(pl.List(pl.List(pl.Int64)), [[1], [2]], [[1], [5]], 3.0, id="nested list"),
        pytest.param(pl.Array(pl.Float64, 2), [1.0, 2.0], [1.0, 4.0], 2.0, id="array"),
    ],
)
def test_values_of_every_type(dtype: Any, was: object, now: object, size: float | None) -> None:
    before = _values({"a": [was, was], "b": [was]}, dtype=dtype)
    after = _values({"a": [was, now], "b": [was]}, dtype=dtype)

    change = _change(before, after)

    [column] = change.columns
    assert (change.changed_logs, column.logs, column.rows) == (1, 1, 1)
    assert column.largest_absolute == size
    assert change.most_changed[0].log_id == "a"
    assert "gap_m" in change.most_changed[0].told


def test_values_of_a_list_have_the_tolerance_each() -> None:
    before = _values({"a": [[1.0, 100.0]]}, dtype=pl.List(pl.Float64))
    after = _values({"a": [[1.04, 100.0]]}, dtype=pl.List(pl.Float64))

    assert _change(before, after, gap_m=Tolerance(absolute=0.05)).equal
    assert not _change(before, after, gap_m=Tolerance(absolute=0.03)).equal


def test_rows_that_came_or_went_are_matched_by_key() -> None:
    before = _values({"a": [1.0, 2.0, 3.0], "b": [1.0], "c": [1.0], "d": []})
    rows = before.rows.filter(~((pl.col("log_id") == "a") & (pl.col("start_ns") == 0)))
    later = rows.with_columns(
        start_ns=pl.when(pl.col("log_id") == "b").then(5).otherwise("start_ns")
    )
    more = pl.DataFrame([("d", 7, 1.0), ("d", 8, 1.0)], schema=rows.schema, orient="row")

    change = _change(before, replace(before, rows=pl.concat([later, more])))

    assert (change.changed_logs, change.columns) == (3, [])
    assert (change.rows_added, change.rows_removed) == (3, 2)
    assert [(log.log_id, log.told) for log in change.most_changed] == [
        ("b", "the row is another: start_ns 0 -> 5"), ("d", "0 rows -> 2"), ("a", "3 rows -> 2"),
    ]  # fmt: skip


def test_of_rows_with_other_keys_is_told_what_they_hold() -> None:
    before = _values({"a": [1.0, 2.0], "b": [1.0, 2.0], "c": [1.0]})
    other = pl.col("start_ns") + 7
    at_last, all_of_b = pl.col("start_ns") == 1000, pl.col("log_id") == "b"
    moved = ((pl.col("log_id") == "a") & at_last) | all_of_b
    rows = before.rows.with_columns(
        start_ns=pl.when(moved).then(other).otherwise("start_ns"),
        gap_m=pl.when(moved).then(pl.col("gap_m") / 2).otherwise("gap_m"),
    )
    two = pl.concat([rows, pl.DataFrame([("c", 9, 1.0)], schema=rows.schema, orient="row")])

    change = _change(before, replace(before, rows=two))

    assert {log.log_id: log.told for log in change.most_changed} == {
        "a": "1 of 2 rows is another: start_ns 1000 -> 1007, gap_m 2 -> 1",
        "b": "2 of 2 rows are others",
        "c": "1 row -> 2",
    }


def test_rows_without_a_key_are_matched_by_position() -> None:
    before, after = _values({"a": [1.0, 2.0, 3.0]}), _values({"a": [1.0, 2.5, 3.0, 4.0]})

    change = _change(before, after, key=["log_id"])

    assert [(c.column, c.rows) for c in change.columns] == [("gap_m", 1)]
    assert (change.rows_added, change.rows_removed) == (1, 0)
    assert change.most_changed[0].told == "3 rows -> 4, gap_m 2 -> 2.5"


def test_null_in_a_key_is_a_key() -> None:
    before = _values({"a": [1.0]})
    before = replace(before, rows=before.rows.with_columns(start_ns=pl.lit(None, pl.Int64)))

    change = _change(before, replace(before, rows=before.rows.with_columns(gap_m=2.0)))

    assert [c.column for c in change.columns] == ["gap_m"]
    assert change.rows_added == 0


def test_a_log_with_another_status_is_told_first_and_its_rows_are_not_compared() -> None:
    before = _values({"a": [1.0], "b": [1.0], "c": [1.0]}, others={"d": ABSTAINED})
    after = _values({"b": [9.0], "d": [1.0]}, others={"a": FAILED, "c": ABSTAINED})

    change = _change(before, after)

    assert (change.logs, change.changed_logs, change.outcomes) == (4, 4, 3)
    assert [(log.log_id, log.told) for log in change.most_changed] == [
        ("a", "computed -> failed: no way to brake"),
        ("c", "computed -> abstained: no tracks"),
        ("d", "abstained -> computed"),
    ]
    assert (change.rows_added, change.rows_removed) == (0, 0)


def test_another_reason_is_no_other_value() -> None:
    before = _values({}, others={"a": ABSTAINED})

    assert _change(before, _values({}, others={"a": Outcome(Status.ABSTAINED, "no ego")})).equal


def test_logs_that_one_side_lacks_are_not_compared() -> None:
    change = _change(_values({"a": [1.0], "b": [1.0]}), _values({"b": [1.0], "c": [7.0]}))

    assert change == ValueChange(1, 0, [], [], 0)


def test_what_cannot_be_compared_is_named_and_numbers_of_two_types_are_compared() -> None:
    before = _values({"a": [1, 2]}, dtype=pl.Int32)
    retyped = _values({"a": [1.0, 2.5]})
    text = _values({"a": ["1", "2"]}, dtype=pl.String)
    renamed = replace(retyped, rows=retyped.rows.rename({"gap_m": "gap_s"}))

    [column] = _change(before, retyped).columns
    assert (column.column, column.rows, column.largest_absolute) == ("gap_m", 1, 0.5)
    for other, told in (
        (text, ("column gap_m is String and was Int32",)),
        (renamed, ("column gap_m is gone", "column gap_s is new")),
    ):
        change = _change(before, other)
        assert not change.equal
        assert (change.changed_logs, change.not_compared) == (0, told)
        assert merged([change, change]).not_compared == told


def test_scalars_that_cannot_be_compared_are_named_where_any_log_was_computed() -> None:
    before, after = (_values({"a": [1.0]}, scalar=s) for s in (pl.col("gap_m").min(), None))
    failed = {"a": FAILED}

    change = _change(before, after)
    of_none = _change(replace(before, outcomes=failed), replace(after, outcomes=failed))

    assert change.not_compared == ("summary min_gap_m is gone",)
    assert of_none.equal


@pytest.mark.parametrize(
    ("dtypes", "was", "same", "other"),
    [
        ((pl.List(pl.Float32), pl.List(pl.Float64)), [0.5], [0.5], [1.5]),
        ((pl.List(pl.Int32), pl.Array(pl.Float64, 1)), [1], [1.0], [2.5]),
        ((pl.Datetime("us"), pl.Datetime("ns")), *(datetime(2024, 5, day) for day in (1, 1, 2))),
        ((pl.Date, pl.Datetime("us")), date(2024, 5, 1), *(datetime(2024, 5, d) for d in (1, 2))),
        ((pl.Duration("ms"), pl.Duration("ns")), *(timedelta(hours=hours) for hours in (1, 1, 2))),
        ((pl.Enum(["a"]), pl.Enum(["a", "b"])), "a", "a", "b"),
        ((pl.Categorical, pl.String), "a", "a", "b"),
        ((pl.Decimal(9, 2), pl.Float64), Decimal("1.25"), 1.25, 1.5),
        ((pl.UInt64, pl.Int64), 2**62, 2**62, 2**62 + 1),
        ((pl.Null, pl.Boolean), None, None, True),
        ((pl.Float64, pl.String), None, None, "a"),
        ((pl.List(pl.Int64), pl.Float64), None, None, 1.0),
    ],
    ids=str,
)
def test_types_with_something_in_common_are_compared(
    dtypes: tuple[Any, Any], was: object, same: object, other: object
) -> None:
    before = _values({"a": [was]}, dtype=dtypes[0])
    same_now, other_now = (_values({"a": [now]}, dtype=dtypes[1]) for now in (same, other))

    assert _change(before, same_now).equal
    assert _change(same_now, before).equal
    for change in (_change(before, other_now), _change(other_now, before)):
        assert (change.not_compared, [c.column for c in change.columns]) == ((), ["gap_m"])


@pytest.mark.parametrize(
    ("dtypes", "was", "now"),
    [
        ((pl.Boolean, pl.Int64), True, 1),
        ((pl.List(pl.Boolean), pl.List(pl.Int64)), [True], [1]),
        ((pl.Int64, pl.Datetime("us")), 0, datetime(1970, 1, 1)),
        ((pl.Datetime("us"), pl.Datetime("us", "UTC")), datetime(2024, 5, 1), UTC_NOON),
    ],
    ids=str,
)
def test_types_with_nothing_in_common_are_not(
    dtypes: tuple[Any, Any], was: object, now: object
) -> None:
    before, after = (_values({"a": [v]}, dtype=d) for v, d in zip((was, now), dtypes, strict=True))

    assert len(_change(before, after).not_compared) == 1
    assert not _change(before, after).equal


def test_a_key_of_another_type_still_matches() -> None:
    before = _values({"a": [1.0, 2.0]})
    after = replace(before, rows=before.rows.cast({"start_ns": pl.Int32}))

    assert _change(before, after).equal


def test_values_that_look_the_same_are_told_in_full() -> None:
    change = _change(_values({"a": [1.0]}), _values({"a": [1.00000001]}))

    assert change.most_changed[0].told == "gap_m 1.0 -> 1.00000001"


def test_noise_about_zero_counts_little_in_a_log_of_large_values() -> None:
    before = _values({"a": [1e-6, 100.0], "b": [10.0, 20.0]})
    after = _values({"a": [2e-6, 100.0], "b": [11.0, 20.0]})

    assert [log.log_id for log in _change(before, after).most_changed] == ["b", "a"]


def test_batches_put_together_are_as_the_whole() -> None:
    before = _values({f"log-{n}": [float(n + 1), 2.0] for n in range(9)})
    after = _values({f"log-{n}": [n + 1 + n / 4, 2.0] for n in range(9)}, others={"log-1": FAILED})

    def of(logs: slice) -> ValueChange:
        kept = sorted(before.outcomes)[logs]
        was, now = (
            replace(v, outcomes={log_id: v.outcomes[log_id] for log_id in kept})
            for v in (before, after)
        )
        return _change(was, now)

    whole = of(slice(None))
    assert merged([of(slice(0, 2)), of(slice(2, 6)), of(slice(6, 9))]) == whole
    assert (whole.logs, whole.changed_logs, whole.outcomes) == (9, 8, 1)


_cells = st.one_of(st.none(), st.floats(-1e6, 1e6, allow_subnormal=False))
_gaps = st.dictionaries(
    st.sampled_from("abcdef"), st.lists(_cells, min_size=1, max_size=4), min_size=1
)


@given(_gaps)
def test_anything_is_equal_to_itself(gaps: dict[str, list[float | None]]) -> None:
    before = _values(gaps, scalar=pl.col("gap_m").min())

    assert _change(
        before, replace(before, rows=before.rows.clone().sample(fraction=1.0, shuffle=True))
    ).equal


@given(_gaps, _gaps)
def test_it_is_symmetric(
    one: dict[str, list[float | None]], other: dict[str, list[float | None]]
) -> None:
    there, back = (_change(_values(a), _values(b)) for a, b in ((one, other), (other, one)))

    assert (there.logs, there.changed_logs) == (back.logs, back.changed_logs)
    assert there.columns == back.columns
    assert (there.rows_added, there.rows_removed) == (back.rows_removed, back.rows_added)
    assert [log.log_id for log in there.most_changed] == [log.log_id for log in back.most_changed]


@given(_gaps, st.data(), st.floats(0.5, 100), st.booleans())
def test_one_value_beyond_its_tolerance_is_found_where_it_is(
    gaps: dict[str, list[float | None]], data: st.DataObject, by: float, tolerated: bool
) -> None:
    log_id = data.draw(st.sampled_from(sorted(gaps)))
    at = data.draw(st.integers(0, len(gaps[log_id]) - 1))
    was = gaps[log_id][at] or 0.0
    before = _values({**gaps, log_id: [*gaps[log_id][:at], was, *gaps[log_id][at + 1 :]]})
    after = _values({**gaps, log_id: [*gaps[log_id][:at], was + by, *gaps[log_id][at + 1 :]]})

    tolerance = Tolerance(absolute=by * (1.01 if tolerated else 0.99))
    change = _change(before, after, gap_m=tolerance)

    if tolerated:
        assert change.equal
        return
    [column] = change.columns
    assert (column.column, column.logs, column.rows) == ("gap_m", 1, 1)
    assert column.largest_absolute == pytest.approx(by, rel=1e-6)
    assert [log.log_id for log in change.most_changed] == [log_id]
