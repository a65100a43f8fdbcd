"""The test file of a new metric."""

from typing import Any

from metrics_platform.authoring.scaffolding.example_rows import (
    rows_expected,
    rows_of_other,
    rows_of_signal,
)
from metrics_platform.authoring.scaffolding.python_text import WIDTH, brackets, docstring, exploded
from metrics_platform.authoring.scaffolding.skeleton import Grain, Skeleton

_INDENT = 4
# Of an item within the brackets of a statement: its margin, and the comma behind it.
_AROUND = 2 * _INDENT + 1


def metric_test_source(plan: Skeleton, module: str, *, first_party: bool) -> str:
    """Return the source of a test file.

    Args:
        plan: What the metric computes.
        module: Where the metric stands.
        first_party: It belongs to the platform, where one test sees of all metrics that they keep
            the contract.
    """
    given = [
        (plan.signal, rows_of_signal(plan)),
        *((other, rows_of_other(other)) for other in plan.others),
    ]
    frames = [
        brackets(
            f'"{signal.name}": by_hand(',
            [f'"{signal.name}"', *(_column(name, values) for name, values in columns.items())],
            ")",
            around=_AROUND,
        )
        for signal, columns in given
    ]
    expected = [
        brackets(
            "{",
            [f'"{name}": {_result(name, value)}' for name, value in row.items()],
            "}",
            around=_AROUND,
        )
        for row in rows_expected(plan)
    ]
    lines = [
        docstring(f"{plan.name.replace('_', ' ').capitalize()}, on paper."),
        "",
        *_imports(plan, module, first_party=first_party),
        "",
        "",
        "def test_by_hand() -> None:",
        exploded("frames = {", frames, "}", indent=_INDENT),
        f"    made = compute_on(frames, {plan.name})",
        exploded("assert made.rows.to_dicts() == [", expected, "]", indent=_INDENT),
    ]
    if not first_party:
        lines += ["", "", "def test_it_keeps_the_contract() -> None:"]
        lines += [f"    assert_conforms({plan.name})"]
    return "\n".join([*lines, ""])


def _imports(plan: Skeleton, module: str, *, first_party: bool) -> list[str]:
    approx = ["import pytest"] if plan.grain is Grain.EVENT else []
    tested = f"from {module} import {plan.name}"
    if len(tested) > WIDTH:
        tested = exploded(f"from {module} import (", [plan.name], ")")
    if first_party:
        helpers = "from metrics_platform.testing import by_hand, compute_on"
        return [*approx, *([""] if approx else []), tested, helpers]
    helpers = "from metrics_platform.testing import assert_conforms, by_hand, compute_on"
    return [*approx, helpers, "", tested]


def _column(name: str, values: list[Any]) -> str:
    return brackets(f"{name}=[", [_text(value) for value in values], "]", around=_AROUND + _INDENT)


def _result(name: str, value: Any) -> str:
    # A sum of steps.
    return f"pytest.approx({value:g})" if name == "duration_s" else _text(value)


def _text(value: Any) -> str:
    match value:
        case bool() | None | float():
            return repr(value)
        case int():
            return f"{value:_}"
    return f'"{value}"'
