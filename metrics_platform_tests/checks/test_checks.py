"""The checks by themselves: frames in, a finding out."""

from dataclasses import replace

import polars as pl
import pytest

from metrics_platform.checks.contract import contract
from metrics_platform.checks.coverage import coverage
from metrics_platform.checks.up_to_date import Hidden, up_to_date
from metrics_platform.checks.value_range import value_range
from metrics_platform_tests.store.builders import HARD_BRAKES, brakes


def _outcomes(*rows: tuple[str, str, str | None]) -> pl.DataFrame:
    schema = dict.fromkeys(("log_id", "status", "reason"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_rows_that_keep_the_contract_are_counted() -> None:
    finding = contract(HARD_BRAKES, brakes({"a": [1.0, 2.0], "b": [None]}))

    assert finding.passed
    assert finding.facts == {"rows": 3}


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        (pl.col("peak_deceleration_mps2") - 5, "peak_deceleration_mps2"),
        (pl.col("start_ns") * 0, "start_ns"),
        (pl.col("confirmed").cast(pl.Int8), "confirmed"),
    ],
    ids=["below its bound", "not unique", "other type"],
)
def test_rows_that_break_the_contract_are_told_of(spoilt: pl.Expr, told: str) -> None:
    finding = contract(HARD_BRAKES, brakes({"a": [1.0, 2.0]}).with_columns(spoilt))

    assert not finding.passed
    assert finding.severity == "error"
    assert told in finding.description


def test_a_missing_column_breaks_the_contract() -> None:
    finding = contract(HARD_BRAKES, brakes({"a": [1.0]}).drop("category"))

    assert not finding.passed
    assert "category" in finding.description


@pytest.mark.parametrize(
    ("outcomes", "asked", "passed", "description"),
    [
        ([], 0, True, "0 of 0 logs computed, 0 abstained, 0 failed, 0 missing"),
        ([("a", "computed", None)], 1, True, "1 of 1 logs computed, 0 abstained, 0 failed"),
        ([("a", "abstained", "no tracks")], 1, True, "0 of 1 logs computed, 1 abstained"),
        ([("a", "failed", "boom")], 1, False, "1 failed, 0 missing"),
        ([("a", "computed", None)], 3, False, "1 of 3 logs computed, 0 abstained, 0 failed, 2"),
    ],
    ids=["nothing asked", "computed", "abstained", "failed", "missing"],
)
def test_coverage(
    outcomes: list[tuple[str, str, str | None]], asked: int, passed: bool, description: str
) -> None:
    finding = coverage(_outcomes(*outcomes), asked)

    assert finding.passed is passed
    assert description in finding.description


def test_coverage_names_the_failed_before_the_abstained_and_not_all() -> None:
    computed = [("z", "computed", None)]
    failed = [(f"f{n:02}", "failed", "boom") for n in range(15)]
    abstained = [(f"a{n:02}", "abstained", "no tracks") for n in range(15)]

    finding = coverage(_outcomes(*computed, *abstained, *failed), 31)

    assert finding.facts == {"computed": 1, "abstained": 15, "failed": 15, "missing": 0}
    assert finding.examples is not None
    assert finding.examples.rows() == [*failed, *abstained[:5]]


BOUNDED = replace(
    HARD_BRAKES, plausible={"events": (None, 10), "peak_deceleration_mps2": (0.5, 12.0)}
)


def test_a_value_out_of_range_is_a_warning_that_names_the_log() -> None:
    summary = pl.DataFrame(
        {
            "log_id": ["ok", "many", "hard", "soft", "none"],
            "events": [10, 11, 1, 1, 0],
            "peak_deceleration_mps2": [12.0, 5.0, 12.01, 0.49, None],
        }
    )

    finding = value_range(BOUNDED, summary)

    assert not finding.passed
    assert finding.severity == "warning"
    assert finding.facts == {"implausible": 3, "logs": 5}
    assert finding.examples is not None
    assert finding.examples.rows() == [
        ("hard", "peak_deceleration_mps2", 12.01, "0.5 … 12"),
        ("many", "events", 11.0, "any … 10"),
        ("soft", "peak_deceleration_mps2", 0.49, "0.5 … 12"),
    ]


@pytest.mark.parametrize(
    "summary",
    [
        pl.DataFrame({"log_id": ["a"], "events": [1], "peak_deceleration_mps2": [None]}),
        pl.DataFrame({"log_id": ["a"], "events": [1]}),
        pl.DataFrame(schema={"log_id": pl.String}),
    ],
    ids=["null", "a scalar that no log has", "no log computed"],
)
def test_what_is_not_there_is_not_implausible(summary: pl.DataFrame) -> None:
    assert value_range(BOUNDED, summary).passed


def _standings(**counts: int) -> pl.DataFrame:
    known = ("logs", "current", "missing", "stale_code", "stale_inputs")
    return pl.DataFrame({name: [counts.get(name, 0)] for name in known})


def test_what_is_current_is_up_to_date() -> None:
    finding = up_to_date(_standings(logs=5, current=5))

    assert finding.passed
    assert finding.description == "5 logs are up to date"
    assert finding.examples is None


@pytest.mark.parametrize("hidden", [0, 2])
def test_logs_that_readers_dont_see_are_told(hidden: int) -> None:
    finding = up_to_date(_standings(logs=5, current=5), hidden=Hidden("1.0.0", hidden))

    assert finding.passed is (hidden == 0)
    assert finding.facts["hidden"] == hidden
    assert ("2 logs, which have no result of 1.0.0" in finding.description) is (hidden > 0)


def test_missing_and_stale_logs_are_counted_by_cause_and_shown() -> None:
    counts = _standings(logs=9, current=3, missing=1, stale_code=2, stale_inputs=3)
    due = pl.DataFrame({"log_id": ["b", "a"], "standing": ["missing", "stale_code"]})

    finding = up_to_date(counts, due)

    assert not finding.passed
    assert finding.severity == "warning"
    assert finding.description == (
        "6 of 9 logs are not up to date: 1 missing, 2 stale by code, 3 stale by inputs"
    )
    assert finding.facts == counts.row(0, named=True)
    assert finding.examples is not None
    assert finding.examples["log_id"].to_list() == ["a", "b"]
