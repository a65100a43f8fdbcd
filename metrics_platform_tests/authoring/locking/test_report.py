"""What `check` prints, and what machines read."""

import json
from dataclasses import replace
from io import StringIO

from rich.console import Console

from metrics_platform.authoring.locking.changes import Kind, Report
from metrics_platform.authoring.locking.report import as_json, as_text, values_told
from metrics_platform.checks.value_change import ValueChange
from metrics_platform_tests.authoring.locking.reports import (
    BREAKING,
    FAILING,
    NEW,
    OWING,
    REFACTORED,
    UNCHANGED,
    report,
)


def _printed(of: Report, width: int = 100) -> str:
    console = Console(file=StringIO(), width=width, markup=False, emoji=False)
    console.print(as_text(of))
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    assert all(line == line.rstrip() for line in lines if line.startswith("    "))
    return "\n".join(line.rstrip() for line in lines)


def test_what_is_unchanged_is_but_counted() -> None:
    told = _printed(report(UNCHANGED))

    assert told == "\n".join(
        [
            "robots against metrics.lock on 40 logs: 1 unchanged, 0 changed",
            "",
            "No version is owed.",
        ]
    )


def test_changed_values_say_where_how_much_and_what_to_write() -> None:
    told = _printed(report(OWING, UNCHANGED))

    assert (
        told
        == """\
robots against metrics.lock on 40 logs: 1 unchanged, 1 changed

gaps  1.2.3, owes 1.3.0  values changed
    12 of 40 logs changed
    1 log with another status
    3 rows came, 2 went
    gap_m: 134 rows in 12 logs, by up to 0.21 m (3.40%)
    side: 2 rows in 1 log
    summary min_gap_m: 9 logs, by up to 0.5 m (25.00%)
    most in cut-in: computed -> failed: a|b <c> *d*
    most in follow: 3 rows -> 4
    most in stop|1: min_gap_m 2 -> 1.5
    affects near_gaps
    write version="1.3.0" in robots/metrics/gaps.py: a minor step is owed

1 version owed.
`metrics-platform check --bump` writes the versions that are owed."""
    )


def test_a_breaking_change_names_whom_it_breaks() -> None:
    told = _printed(report(BREAKING))

    assert "speeds  1.0.0 -> 2.0.0  contract changed, breaking" in told
    assert "    breaking: speed_mps became speed_kmh\n    compatible: place was added" in told
    assert "    values equal in 40 logs" in told
    assert "    breaks gaps, which requires <2,>=1\n    read by stops, which takes any ver" in told
    assert "owed" not in told.replace("No version is owed", "")


def test_what_is_worst_comes_first_and_what_fails_last() -> None:
    told = _printed(FAILING)

    at = [told.index(name) for name in ("speeds  ", "gaps  ", "turns  ", "New: ", "Affected by ")]
    assert at == sorted(at)
    assert "1 unchanged, 6 changed" in told
    assert "polars 2.1.0 -> 2.2.0" in told
    assert "jerks  1.0.0" not in told
    assert "jerks  1.1.0 -> 1.0.0, owes 1.1.0" in told
    assert "it went down from 1.1.0 to 1.0.0" in told
    assert "2 versions owed." in told
    assert "gaps 1.2.3 requires speeds <2,>=1, and speeds is 2.0.0" in told
    assert "speeds is 2.0.0 and 1.0.0 in metrics.lock" in told
    assert "metrics-platform lock" not in told


def test_what_is_fine_but_not_locked_is_to_be_accepted() -> None:
    told = _printed(report(REFACTORED, NEW, outdated=["turns is another"]))

    assert told.endswith(
        "No version is owed.\nturns is another\n`metrics-platform lock` accepts what changed."
    )


def test_lines_that_are_too_long_stay_indented() -> None:
    told = _printed(report(OWING), width=50)

    assert all(len(line) <= 50 for line in told.splitlines()[2:])
    assert "\n    robots/metrics/gaps.py: a minor step is owed" in told


def test_what_cannot_be_compared_is_named_and_not_called_equal() -> None:
    told = ("column gap_m is gone", "summary min_gap_m is new")
    equal = ValueChange(3, 0, [], [], 0, not_compared=told)
    changed = replace(equal, changed_logs=2)

    named = "not compared: column gap_m is gone, summary min_gap_m is new"
    assert list(values_told(equal)) == [named, "all else is equal in 3 logs"]
    assert list(values_told(changed)) == [named, "2 of 3 logs changed"]


def test_json_has_all_of_it_under_the_documented_keys() -> None:
    found = json.loads(as_json(FAILING))

    assert list(found) == [
        "format", "passed", "locked", "project", "base", "logs", "counts", "problems", "outdated",
        "unmet", "environment", "corpus", "computed", "seconds", "changes",
    ]  # fmt: skip
    assert all(f"`{key}`" in str(as_json.__doc__) for key in found)
    assert (found["passed"], found["locked"], found["format"]) == (False, False, 1)
    assert found["counts"] == {
        "unchanged": 2, "new": 1, "removed": 0, "affected": 1, "implementation changed": 1,
        "values changed": 1, "contract changed": 1,
    }  # fmt: skip
    assert len(found["problems"]) == 3
    by_name = {entry["name"]: entry for entry in found["changes"]}
    assert set(by_name) == {change.name for change in FAILING.changes}
    for entry in by_name.values():
        assert all(f"`{key}`" in str(as_json.__doc__) for key in entry)
    gaps = by_name["gaps"]
    assert (gaps["kind"], gaps["owed"], gaps["due"]) == (Kind.VALUES, "minor", "1.3.0")
    assert gaps["values"]["changed_logs"] == 12
    assert gaps["values"]["columns"][1] == {
        "column": "side", "logs": 1, "rows": 2, "largest_absolute": None, "largest_relative": None,
        "summary": False,
    }  # fmt: skip
    assert gaps["values"]["most_changed"][2]["told"] == "min_gap_m 2 -> 1.5"
    assert by_name["stops"]["values"] is None
    assert by_name["speeds"]["breaking"]
    assert by_name["speeds"]["consumers"][0] == {
        "name": "gaps", "requires": "<2,>=1", "broken": True,
    }  # fmt: skip


def test_json_of_the_same_report_is_the_same_text() -> None:
    assert as_json(FAILING) == as_json(FAILING)
    assert json.loads(as_json(report(UNCHANGED)))["passed"] is True
