"""What becomes of a contract: which changes there are, and which of them break readers."""

import json
from typing import Any

import pytest
from pandera.polars import Field

from metrics_platform.checks.contract_change import Contract, contract_changes
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.frames import MetricFrame, contract


def _column(name: str, dtype: str = "Float64", **other: Any) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "nullable": False, "checks": [], **other}


GRAIN = {"grain": ["log_id", "start_ns"], "checks": []}
COLUMNS = [
    _column("log_id", "String"),
    _column("start_ns", "Int64"),
    _column("gap_m", checks=["greater_than_or_equal_to(min_value=0)"]),
    _column("ratio", nullable=True),
]
BEFORE = Contract([*COLUMNS, GRAIN], {"events": "UInt32", "min_gap_m": "Float64"})


def _with(position: int, **other: Any) -> Contract:
    columns = [dict(column) for column in COLUMNS]
    columns[position] |= other
    return Contract([*columns, GRAIN], BEFORE.summary)


def _found(before: Contract, after: Contract) -> list[tuple[str, str, bool]]:
    return [(c.column, c.kind, c.compatible) for c in contract_changes(before, after)]


def test_the_same_contract_has_no_changes() -> None:
    again = Contract(json.loads(json.dumps(BEFORE.columns)), dict(BEFORE.summary))

    assert contract_changes(BEFORE, again, lambda was, now: True) == []


def test_no_contract_of_the_library_differs_from_itself_as_json() -> None:
    for definition in default_catalog():
        columns = contract(definition.rows)
        again = json.loads(json.dumps(columns))
        assert contract_changes(Contract(columns), Contract(again)) == []


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param(
            Contract([*COLUMNS, _column("speed_mps", nullable=True), GRAIN], BEFORE.summary),
            ("speed_mps", "added", True, "speed_mps was added (Float64, may be null)"),
            id="added",
        ),
        pytest.param(
            Contract([*COLUMNS[:3], GRAIN], BEFORE.summary),
            ("ratio", "removed", False, "ratio was removed"),
            id="removed",
        ),
        pytest.param(
            _with(2, name="gap_s"),
            ("gap_s", "unit", False, "gap_m became gap_s: its unit was m and is s"),
            id="unit",
        ),
        pytest.param(
            _with(2, name="gap_kmh"),
            ("gap_kmh", "unit", False, "gap_m became gap_kmh: its unit was m and is none that is "
             "known"),
            id="unit that is not known",
        ),
        pytest.param(
            _with(2, name="gap"),
            ("gap", "unit", False, "gap_m became gap: its unit was m and is none that is known"),
            id="unit left out",
        ),
        pytest.param(
            _with(1, dtype="String"),
            ("start_ns", "retyped", False, "start_ns was Int64 and is String"),
            id="retyped",
        ),
        pytest.param(
            _with(1, dtype="Int32"),
            ("start_ns", "retyped", False, "start_ns was Int64 and is Int32"),
            id="narrowed",
        ),
        pytest.param(
            _with(3, nullable=False),
            ("ratio", "nullability", False, "ratio may no longer be null"),
            id="nullability tightened",
        ),
        pytest.param(
            _with(2, nullable=True),
            ("gap_m", "nullability", True, "gap_m may be null now"),
            id="nullability loosened",
        ),
        pytest.param(
            Contract([COLUMNS[0], COLUMNS[1], COLUMNS[3], COLUMNS[2], GRAIN], BEFORE.summary),
            ("", "order", True, "the columns are in another order than before"),
            id="order",
        ),
        pytest.param(
            Contract([*COLUMNS, {**GRAIN, "grain": ["log_id"]}], BEFORE.summary),
            ("", "grain", False, "a row was one per log_id, start_ns and is one per log_id"),
            id="grain",
        ),
        pytest.param(
            Contract([*COLUMNS, {**GRAIN, "checks": ["ends_after_start()"]}], BEFORE.summary),
            ("", "checks", False, "rows must now pass ends_after_start()"),
            id="own check added",
        ),
        pytest.param(
            Contract(BEFORE.columns, {**BEFORE.summary, "total_s": "Float64"}),
            ("total_s", "summary", True, "summary total_s was added (Float64)"),
            id="summary added",
        ),
        pytest.param(
            Contract(BEFORE.columns, {"events": "UInt32"}),
            ("min_gap_m", "summary", False, "summary min_gap_m was removed"),
            id="summary removed",
        ),
        pytest.param(
            Contract(BEFORE.columns, {**BEFORE.summary, "events": "Float64"}),
            ("events", "summary", False, "summary events was UInt32 and is Float64"),
            id="summary retyped",
        ),
    ],
)  # fmt: skip
def test_one_change(after: Contract, expected: tuple[str, str, bool, str]) -> None:
    [change] = contract_changes(BEFORE, after)

    assert (change.column, change.kind, change.compatible, change.told) == expected


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        ("Int32", "Int64", "widened"),
        ("Float32", "Float64", "widened"),
        ("UInt32", "Int64", "widened"),
        ("List(Float32)", "List(Float64)", "widened"),
        ("Int64", "Int32", "retyped"),
        ("Int64", "Float64", "retyped"),
        ("Int64", "UInt64", "retyped"),
        ("Float64", "List(Float64)", "retyped"),
        ("Boolean", "Int64", "retyped"),
    ],
)
def test_a_type_is_wider_where_it_holds_all_that_the_other_did(
    was: str, now: str, kind: str
) -> None:
    [change] = contract_changes(_with(3, dtype=was), _with(3, dtype=now))

    assert change.kind == kind
    assert change.compatible is (kind == "widened")


GE0, GT0, GE1 = (
    "greater_than_or_equal_to(min_value=0)",
    "greater_than(min_value=0)",
    "greater_than_or_equal_to(min_value=1)",
)
LE1, LT1, LE2 = (
    "less_than_or_equal_to(max_value=1)",
    "less_than(max_value=1)",
    "less_than_or_equal_to(max_value=2.5)",
)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ([GE0], []),
        ([GT0], [GE0]),
        ([GE1], [GT0]),
        ([LE1], [LE2]),
        ([LT1], [LE1]),
        ([GE1, LE1], [GE0, LE2]),
        (["in_range(include_max=True, include_min=True, max_value=1, min_value=0)"], [GE0]),
        (["isin(allowed_values=('a', 'b'))"], ["isin(allowed_values=('a', 'b', 'c'))"]),
        (["isin(allowed_values=('a'))"], ["isin(allowed_values={'a', 'b'})"]),
        (["isin(allowed_values=('a', 'b'))"], []),
        (["str_length(exact_value=None, max_value=None, min_value=1)"], []),
        (["rising(by=<function by>)"], []),
    ],
)
def test_bounds_break_readers_where_fewer_values_are_allowed(
    narrow: list[str], wide: list[str]
) -> None:
    a, b = _with(3, checks=narrow), _with(3, checks=wide)

    assert _found(b, a) == [("ratio", "bounds", False)]
    assert _found(a, b) == [("ratio", "bounds", True)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([GE0, LE2], [GE1]),
        (["isin(allowed_values=('a', 'b'))"], ["isin(allowed_values=('b', 'c'))"]),
        (["rising(by=1)"], ["rising(by=2)"]),
    ],
    ids=["a bound for another", "a value for another", "an own check"],
)
def test_bounds_that_are_neither_wider_nor_narrower_break(one: list[str], other: list[str]) -> None:
    assert _found(_with(3, checks=one), _with(3, checks=other)) == [("ratio", "bounds", False)]


def test_bounds_that_say_the_same_are_no_change() -> None:
    in_range = "in_range(include_max=True, include_min=True, max_value=1, min_value=0)"

    assert _found(_with(3, checks=[GE0, LE1]), _with(3, checks=[in_range])) == []


def test_a_column_with_the_same_values_was_renamed() -> None:
    columns = [*COLUMNS[:2], _column("distance", checks=[GE1]), COLUMNS[3], _column("extra"), GRAIN]
    after = Contract(columns, BEFORE.summary)

    changes = contract_changes(BEFORE, after, lambda was, now: (was, now) == ("gap_m", "distance"))

    assert [(c.column, c.kind) for c in changes] == [
        ("distance", "renamed"), ("distance", "bounds"), ("extra", "added"),
    ]  # fmt: skip
    assert changes[0].told == "gap_m was renamed to distance"
    assert not changes[0].compatible


def test_a_renamed_key_is_not_another_grain() -> None:
    columns = [COLUMNS[0], _column("begin_ns", "Int64"), *COLUMNS[2:]]
    after = Contract([*columns, {**GRAIN, "grain": ["log_id", "begin_ns"]}], BEFORE.summary)

    changes = contract_changes(BEFORE, after, lambda was, now: True)

    assert [(c.column, c.kind) for c in changes] == [("begin_ns", "renamed")]


def test_other_type_other_column_even_if_the_values_are_asked_for() -> None:
    after = Contract([*COLUMNS[:2], _column("label", "String"), COLUMNS[3], GRAIN], BEFORE.summary)

    changes = contract_changes(BEFORE, after, lambda was, now: True)

    assert [(c.column, c.kind) for c in changes] == [("gap_m", "removed"), ("label", "added")]


def test_each_column_has_one_successor() -> None:
    """Of two that hold the same values, one is the old one by another name, and one is new."""
    before = Contract([COLUMNS[0], _column("a"), _column("b"), {**GRAIN, "grain": ["log_id"]}])
    after = Contract([COLUMNS[0], _column("c"), {**GRAIN, "grain": ["log_id"]}])

    changes = contract_changes(before, after, lambda was, now: True)

    assert [c.told for c in changes] == ["a was renamed to c", "b was removed"]


def test_schemas_as_authors_write_them() -> None:
    class Before(MetricFrame):
        """One row per log_id, start_ns."""

        start_ns: int
        speed_mps: float = Field(ge=0)
        side: str = Field(isin=["left", "right"])

        class Config:
            unique = ["log_id", "start_ns"]

    class After(MetricFrame):
        """One row per log_id."""

        start_ns: int
        speed_kmh: float = Field(ge=0)
        side: str = Field(isin=["left", "right", "both"])

        class Config:
            unique = ["log_id"]

    changes = _found(Contract(contract(Before)), Contract(contract(After)))

    assert changes == [
        ("speed_kmh", "unit", False), ("side", "bounds", True), ("", "grain", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("checks", "told"),
    [
        ([GE0, LE1], "0 to 1"),
        ([GE0], "0 or more"),
        ([GT0, LE2], "more than 0 and 2.5 or less"),
        ([LT1], "less than 1"),
        (["isin(allowed_values=('b', 'a'))"], "one of a, b"),
        (["rising(by=1)"], "rising(by=1)"),
    ],
)
def test_bounds_are_told_in_words(checks: list[str], told: str) -> None:
    [change] = contract_changes(_with(3, checks=checks), _with(3, checks=[]))

    assert change.told == f"ratio may have more values: {told} before, any now"
