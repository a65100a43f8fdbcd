"""How a version that differs is judged, and what is told of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import polars as pl
import pytest
from scipy import stats

from metrics_platform.checks.distributions import shifts
from metrics_platform.checks.finding import Finding
from metrics_platform.checks.regression import regression, version_step
from metrics_platform.checks.value_change import Values, value_change
from metrics_platform.core import Outcome, Status, Tolerance
from metrics_platform.core.statuses import COMPUTED
from metrics_platform_tests.store.builders import brakes, definition

FAILED = Outcome(Status.FAILED, "boom")


def _values(
    peaks: Mapping[str, Sequence[float | None]], others: Mapping[str, Outcome] | None = None
) -> Values:
    rows = brakes(peaks).with_columns(category=pl.lit("hard"))
    of_logs = rows.group_by("log_id").agg(peak_mps2=pl.col("peak_deceleration_mps2").max())
    logs = pl.DataFrame({"log_id": sorted(peaks)}, schema={"log_id": pl.String})
    outcomes = {**dict.fromkeys(peaks, COMPUTED), **(others or {})}
    return Values(rows, outcomes, logs.join(of_logs, on="log_id", how="left").sort("log_id"))


def _strata(logs: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "log_id": logs,
            "release": ["1.0" if n < 2 else "2.0" for n in range(len(logs))],
            "place": ["harbour"] * len(logs),
            "tags": [["rain"] if n % 2 else [] for n in range(len(logs))],
            "pinned": [n == 0 for n in range(len(logs))],
        },
        schema_overrides={"tags": pl.List(pl.String)},
    )


def _judged(
    before: Values,
    after: Values,
    version: str = "1.1.0",
    than: str = "1.0.0",
    tolerance: float = 0.0,
    notes: Sequence[str] = (),
) -> Finding:
    change = value_change(
        before,
        after,
        key=["log_id", "start_ns"],
        tolerances={name: Tolerance(tolerance) for name in ("peak_deceleration_mps2", "peak_mps2")},
        most=99,
    )
    strata = _strata(sorted(before.outcomes))
    of = definition(version=version)
    return regression(of, than, change, before, after, strata, notes)


BEFORE = {"a": [1.0, 2.0], "b": [3.0], "c": [4.0], "d": [5.0]}
AFTER = {**BEFORE, "a": [1.0, 2.5], "b": [3.1]}


@pytest.mark.parametrize("version", ["1.0.1", "1.1.0", "2.0.0"])
def test_equal_values_pass(version: str) -> None:
    finding = _judged(_values(BEFORE), _values(BEFORE), version)

    assert finding.passed
    assert finding.description == f"{version} gives what 1.0.0 gave in 4 logs"
    assert finding.facts == {"logs": 4, "changed_logs": 0, "lost_logs": 0, "pinned_logs": 1}


@pytest.mark.parametrize(
    ("than", "version", "severity", "told"),
    [
        ("1.0.0", "1.0.1", "error", "1.0.1 is a patch, which changes none"),
        ("1.0.0", "1.1.0", "warning", "2 of 4 logs differ from 1.0.0, as a minor version may"),
        ("1.0.0", "2.0.0", "warning", "as a major version may"),
        ("1.1.0", "1.0.9", "warning", "as a minor version may"),
        ("1.0.2", "1.0.1", "error", "1.0.1 is a patch"),
    ],
    ids=["patch", "minor", "major", "back by a minor", "back by a patch"],
)
def test_other_values_are_judged_by_the_version(
    than: str, version: str, severity: str, told: str
) -> None:
    finding = _judged(_values(BEFORE), _values(AFTER), version, than)

    assert not finding.passed
    assert finding.severity == severity
    assert told in finding.description


def test_what_is_tolerated_passes() -> None:
    assert _judged(_values(BEFORE), _values(AFTER), "1.0.1", tolerance=0.6).passed
    assert not _judged(_values(BEFORE), _values(AFTER), "1.0.1", tolerance=0.4).passed


def test_a_log_that_was_computed_and_fails_is_an_error_in_any_version() -> None:
    after = _values({k: v for k, v in AFTER.items() if k != "c"}, {"c": FAILED})

    finding = _judged(_values(BEFORE), after, "2.0.0")

    assert finding.severity == "error"
    assert finding.facts["lost_logs"] == 1
    assert finding.description == (
        "1 log that 1.0.0 computed can no longer be computed; 2 of 4 logs differ from 1.0.0, as a "
        "major version may"
    )
    assert "computed -> failed: boom" in str(finding.markdown)


def test_a_log_that_can_be_computed_at_last_is_no_error() -> None:
    before = _values({k: v for k, v in BEFORE.items() if k != "c"}, {"c": FAILED})

    finding = _judged(before, _values(BEFORE))

    assert not finding.passed
    assert (finding.severity, finding.facts["lost_logs"]) == ("warning", 0)


def test_the_markdown_tells_of_scalars_columns_logs_and_strata() -> None:
    markdown = str(
        _judged(_values(BEFORE), _values(AFTER), notes=["3 logs were left out"]).markdown
    )

    assert "hard_brakes **1.1.0** against **1.0.0**, a minor step, on 4 logs, 1 of them" in markdown
    assert "| `peak_mps2` | 4 | 3.5 → 3.65 | 3.5 → 3.55 | 4.85 | 2 / 0 | 0.5 | 0.5 |" in markdown
    assert "| `peak_deceleration_mps2` | 2 | 2 | 0.5 m/s² | 20.00% |" in markdown
    assert "| `a` | peak_mps2 2 -> 2.5 |" in markdown
    assert "| release 1.0 | 2 of 2 |" in markdown
    assert "| tag rain | 1 of 2 |" in markdown
    assert "release 2.0" not in markdown
    # All logs are of one place: that says nothing.
    assert "harbour" not in markdown
    assert markdown.endswith("- 3 logs were left out")


def test_a_bar_in_a_name_stays_in_its_cell() -> None:
    finding = _judged(_values({"route|17": [1.0]}), _values({"route|17": [2.0]}))

    assert "| `route\\|17` | peak_mps2 1 -> 2 |" in str(finding.markdown)


def test_columns_of_one_version_alone_are_named() -> None:
    after = _values(BEFORE)
    after = replace(after, rows=after.rows.rename({"category": "kind"}))

    finding = _judged(_values(BEFORE), after, "2.0.0")

    assert not finding.passed
    assert finding.severity == "warning"
    assert finding.description == (
        "all else is equal in 4 logs, but column category is gone, column kind is new"
    )


def _of_another_type(values: Values) -> Values:
    return replace(values, rows=values.rows.cast({"peak_deceleration_mps2": pl.String}))


@pytest.mark.parametrize(
    ("become", "told"),
    [
        (lambda v: replace(v, rows=v.rows.drop("category")), "column category is gone"),
        (lambda v: replace(v, rows=v.rows.with_columns(x=1)), "column x is new"),
        (_of_another_type, "column peak_deceleration_mps2 is String and was Float64"),
        (lambda v: replace(v, summary=v.summary.drop("peak_mps2")), "summary peak_mps2 is gone"),
        (lambda v: replace(v, summary=v.summary.with_columns(y=1)), "summary y is new"),
    ],
    ids=["column gone", "column new", "column retyped", "scalar gone", "scalar new"],
)
def test_a_patch_with_what_cannot_be_compared_is_an_error(
    become: Callable[[Values], Values], told: str
) -> None:
    finding = _judged(_values(BEFORE), become(_values(BEFORE)), "1.0.1")

    assert (finding.passed, finding.severity) == (False, "error")
    assert finding.description == (
        f"all else is equal in 4 logs, but {told}, and 1.0.1 is a patch, which changes none"
    )


def test_a_log_that_was_abstained_from_and_fails_is_an_error_in_any_version() -> None:
    abstained = Outcome(Status.ABSTAINED, "no tracks")
    before, after = (_values(BEFORE, {"e": outcome}) for outcome in (abstained, FAILED))

    finding = _judged(before, after, "2.0.0")
    back = _judged(after, before, "2.0.0")

    assert (finding.severity, finding.facts["lost_logs"]) == ("error", 1)
    assert finding.description == "1 log that 1.0.0 abstained from fails now"
    assert (back.severity, back.facts["lost_logs"]) == ("warning", 0)


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [("1.2.3", "1.2.4", "patch"), ("1.2.3", "1.3.0", "minor"), ("1.2.3", "10.2.3", "major")],
)
def test_the_step_between_versions(before: str, after: str, step: str) -> None:
    assert version_step(before, after) == version_step(after, before) == step


def test_shifts_by_hand() -> None:
    before = pl.DataFrame({"log_id": list("abcd"), "x": [1, 2, 3, None], "flag": [True] * 4})
    after = pl.DataFrame(
        {"log_id": list("dcba"), "x": [4.0, 2.0, 2.5, 2.0], "flag": [True] * 4, "text": ["t"] * 4}
    )

    [x, flag] = shifts(before, after, {})

    assert (x.scalar, x.up, x.down, x.changed) == ("x", 2, 1, True)
    assert (x.before.logs, x.after.logs) == (3, 4)
    assert (x.before.mean, x.before.median) == (2.0, 2.0)
    assert x.before.p95 == pytest.approx(2.9)
    assert x.after.mean == 2.625
    assert (x.came, x.went) == (1, 0)
    assert x.p_sign == 1.0
    assert x.p_rank == pytest.approx(stats.wilcoxon([1.0, 0.5, -1.0]).pvalue)
    assert (flag.scalar, flag.changed, flag.p_sign) == ("flag", False, None)


def test_a_shift_of_all_logs_is_told_from_noise() -> None:
    logs = [f"{n:03}" for n in range(100)]
    before = pl.DataFrame({"log_id": logs, "x": [float(n) for n in range(100)]})
    up = before.with_columns(pl.col("x") + 1)
    noise = before.with_columns(pl.col("x") + pl.Series([(-1.0) ** n for n in range(100)]))

    [of_up], [of_noise] = shifts(before, up, {}), shifts(before, noise, {})
    assert (of_up.p_sign or 1) < 1e-20
    assert (of_up.p_rank or 1) < 1e-15
    assert of_noise.p_sign == of_noise.p_rank == 1.0


def test_a_small_shift_of_all_logs_is_seen_though_logs_differ_by_far_more() -> None:
    logs = [f"{n:03}" for n in range(100)]
    before = pl.DataFrame({"log_id": logs, "x": [7.0 + n for n in range(100)]})

    [shift] = shifts(before, before.with_columns(pl.col("x") * 1.01), {})

    assert (shift.p_rank or 1) < 1e-15


def test_a_value_that_comes_in_one_log_and_goes_in_another_is_a_change() -> None:
    before = pl.DataFrame({"log_id": ["a", "b"], "x": [None, 1.0]})
    after = pl.DataFrame({"log_id": ["a", "b"], "x": [1.0, None]})

    [shift] = shifts(before, after, {})

    assert (shift.changed, shift.came, shift.went, shift.p_sign) == (True, 1, 1, None)


def test_shifts_have_the_tolerances_of_values() -> None:
    at_ns = 1_700_000_000_000_000_000
    before = pl.DataFrame({"log_id": ["a"], "x": [10.0], "y": [10.0], "start_ns": [at_ns]})
    after = pl.DataFrame({"log_id": ["a"], "x": [10.4], "y": [10.4], "start_ns": [at_ns + 10**9]})

    found = shifts(before, after, {"x": Tolerance(absolute=0.5)})

    assert [(shift.scalar, shift.up) for shift in found] == [("x", 0), ("y", 1), ("start_ns", 1)]


def test_what_is_infinite_rises_and_has_no_rank() -> None:
    before = pl.DataFrame({"log_id": ["a"], "x": [1.0]})

    [shift] = shifts(before, before.with_columns(x=pl.lit(float("inf"))), {})

    assert (shift.up, shift.p_rank) == (1, None)


def test_without_values_there_is_nothing_to_tell() -> None:
    none = pl.DataFrame({"log_id": ["a"], "x": [None]}, schema={"log_id": pl.String, "x": pl.Int64})

    [shift] = shifts(none, none, {})

    assert (shift.changed, shift.before.mean, shift.p_sign, shift.p_rank) == (
        False, None, None, None,
    )  # fmt: skip
