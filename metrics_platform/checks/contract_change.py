"""How the contract of one version differs from that of another, and whom that would break.

A change is compatible where all that reads the older version can read the newer one: it got a
column more, or values that no bound forbade before are allowed now.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

from metrics_platform.core.frames import UNITS

Kind = Literal[
    "added", "removed", "renamed", "unit", "retyped", "widened", "nullability", "bounds",
    "checks", "grain", "order", "summary",
]  # fmt: skip

# Types of numbers by what they hold: one that comes later holds all that an earlier one does.
_WIDENING = (
    ("Int8", "Int16", "Int32", "Int64", "Int128"),
    ("UInt8", "UInt16", "UInt32", "UInt64", "Int128"),
    ("UInt8", "Int16"),
    ("UInt16", "Int32"),
    ("UInt32", "Int64"),
    ("Float32", "Float64"),
)
_NUMERIC = frozenset(name for names in _WIDENING for name in names)
_SUFFIXES = sorted((suffix for suffix in UNITS if suffix[0] == "_"), key=len, reverse=True)


@dataclass(frozen=True)
class Contract:
    """What a version promises.

    Attributes:
        columns: As `core.frames.contract` has them: one entry per column, then one for the rows.
        summary: Summary scalar to its type.
    """

    columns: Sequence[Mapping[str, Any]]
    summary: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ContractChange:
    """One difference between two contracts.

    Attributes:
        column: Or summary scalar; empty where it is about the rows as a whole.
        kind: What became of it. `bounds` and `nullability` go either way, `summary` is a scalar
            that came, went or has another type.
        compatible: Whether all that reads the older version can read the newer one.
        told: A sentence.
    """

    column: str
    kind: Kind
    compatible: bool
    told: str


def contract_changes(
    before: Contract,
    after: Contract,
    same_values: Callable[[str, str], bool] | None = None,
) -> list[ContractChange]:
    """Return all differences: by column in the order of `after`, then of rows and the summary.

    Args:
        before: Of the older version.
        after: Of the newer one.
        same_values: Says whether the older version's first column and the newer one's second hold
            the same values; it then was renamed. None where there are no values to look at.
    """
    old, new = _by_name(before), _by_name(after)
    removed = [name for name in old if name not in new]
    added = [name for name in new if name not in old]
    found = []
    names = {name: name for name in old if name in new}
    for was, now, kind in _pairs(removed, added, old, new, same_values):
        names[was] = now
        found.append(_other_name(was, now, kind))
    found += [_gone(was) for was in removed if was not in names]
    became = {now: was for was, now in names.items()}
    for now, column in new.items():
        if now in became:
            same_unit = not any(c.column == now and c.kind == "unit" for c in found)
            found += _column_changes(old[became[now]], column, same_unit=same_unit)
        else:
            found.append(_come(now, column))
    kept = [names[name] for name in old if name in names]
    if kept != [now for now in new if now in became]:
        found.append(
            ContractChange("", "order", True, "the columns are in another order than before")
        )
    return [*found, *_row_changes(before, after, names), *_summary_changes(before, after)]


def _by_name(contract: Contract) -> dict[str, Mapping[str, Any]]:
    return {column["name"]: column for column in contract.columns if "name" in column}


def _pairs(
    removed: Sequence[str],
    added: Sequence[str],
    old: Mapping[str, Mapping[str, Any]],
    new: Mapping[str, Mapping[str, Any]],
    same_values: Callable[[str, str], bool] | None,
) -> Iterator[tuple[str, str, Literal["renamed", "unit"]]]:
    """Find which of the added columns are removed ones by another name, each at most once.

    What plainly changed its unit comes first. Two names with a unit only one of which is known may
    well be a change of unit, too, unless the values are the same.
    """

    def renamed(was: str, now: str) -> bool:
        same_type = old[was]["dtype"] == new[now]["dtype"]
        return same_values is not None and same_type and same_values(was, now)

    def unit_changed(was: str, now: str) -> bool:
        numbers = {old[was]["dtype"], new[now]["dtype"]} <= _NUMERIC
        return numbers and _other_unit(was, now)

    left = list(added)
    waiting = list(removed)
    rules: tuple[tuple[Literal["renamed", "unit"], Callable[[str, str], bool]], ...] = (
        ("unit", lambda was, now: unit_changed(was, now) and bool(_unit(was) and _unit(now))),
        ("renamed", renamed),
        ("unit", unit_changed),
    )
    for kind, holds in rules:
        for was in list(waiting):
            now = next((name for name in left if holds(was, name)), None)
            if now is not None:
                waiting.remove(was)
                left.remove(now)
                yield was, now, kind


def _unit(name: str) -> str | None:
    """Return the suffix of `name` that says its unit, None where no known one does."""
    return next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), None)


def _other_unit(was: str, now: str) -> bool:
    """Say whether both names have one stem, and at least one of them a known unit after it."""
    for known, other in ((was, now), (now, was)):
        suffix = _unit(known)
        if suffix is None:
            continue
        stem = known.removesuffix(suffix)
        rest = other.removeprefix(stem)
        # A unit that isn't known is one word, or one `per` another.
        one_word = rest.removeprefix("_").removeprefix("per_")
        if stem and other.startswith(stem) and rest[:1] in ("", "_") and "_" not in one_word:
            return True
    return False


def _other_name(was: str, now: str, kind: Literal["renamed", "unit"]) -> ContractChange:
    if kind == "renamed":
        return ContractChange(now, kind, False, f"{was} was renamed to {now}")
    of, to = (UNITS.get(_unit(name) or "", "none that is known") for name in (was, now))
    return ContractChange(now, kind, False, f"{was} became {now}: its unit was {of} and is {to}")


def _gone(was: str) -> ContractChange:
    return ContractChange(was, "removed", False, f"{was} was removed")


def _come(now: str, column: Mapping[str, Any]) -> ContractChange:
    null = ", may be null" if column["nullable"] else ""
    return ContractChange(now, "added", True, f"{now} was added ({column['dtype']}{null})")


def _column_changes(
    was: Mapping[str, Any], now: Mapping[str, Any], *, same_unit: bool
) -> Iterator[ContractChange]:
    name = now["name"]
    types = f"{name} was {was['dtype']} and is {now['dtype']}"
    if was["dtype"] != now["dtype"]:
        if _widened(was["dtype"], now["dtype"]):
            yield ContractChange(name, "widened", True, f"{types}, which holds all it did")
        else:
            yield ContractChange(name, "retyped", False, types)
    if was["nullable"] and not now["nullable"]:
        yield ContractChange(name, "nullability", False, f"{name} may no longer be null")
    if now["nullable"] and not was["nullable"]:
        yield ContractChange(name, "nullability", True, f"{name} may be null now")
    # Bounds in another unit can't be compared.
    if same_unit and was["checks"] != now["checks"]:
        of, to = (_Allowed.by(column["checks"]) for column in (was, now))
        told = f"{of} before, {to} now"
        if not to.holds(of):
            yield ContractChange(name, "bounds", False, f"{name} may have fewer values: {told}")
        elif not of.holds(to):
            yield ContractChange(name, "bounds", True, f"{name} may have more values: {told}")


def _widened(was: str, now: str) -> bool:
    if was.startswith("List(") and now.startswith("List("):
        return _widened(was[5:-1], now[5:-1])
    return any(
        was in names and now in names and names.index(was) < names.index(now) for names in _WIDENING
    )


def _row_changes(
    before: Contract, after: Contract, names: Mapping[str, str]
) -> Iterator[ContractChange]:
    was, now = before.columns[-1], after.columns[-1]
    if [names.get(name, name) for name in was["grain"]] != list(now["grain"]):
        yield ContractChange(
            "",
            "grain",
            False,
            f"a row was one per {', '.join(was['grain'])} and is one per {', '.join(now['grain'])}",
        )
    for check in now["checks"]:
        if check not in was["checks"]:
            yield ContractChange("", "checks", False, f"rows must now pass {check}")
    for check in was["checks"]:
        if check not in now["checks"]:
            yield ContractChange("", "checks", True, f"rows need no longer pass {check}")


def _summary_changes(before: Contract, after: Contract) -> Iterator[ContractChange]:
    for name, dtype in before.summary.items():
        if name not in after.summary:
            yield ContractChange(name, "summary", False, f"summary {name} was removed")
        elif after.summary[name] != dtype:
            now = after.summary[name]
            told = f"summary {name} was {dtype} and is {now}"
            yield ContractChange(name, "summary", _widened(dtype, now), told)
    for name, dtype in after.summary.items():
        if name not in before.summary:
            yield ContractChange(name, "summary", True, f"summary {name} was added ({dtype})")


@dataclass(frozen=True)
class _Allowed:
    """The values that a column's checks let through.

    A bound is its value, and whether the value itself is allowed, so that bounds have an order.
    """

    least: tuple[float, int] = (-inf, 0)
    most: tuple[float, int] = (inf, 0)
    among: frozenset[object] | None = None
    others: frozenset[str] = frozenset()

    @classmethod
    def by(cls, checks: Sequence[str]) -> "_Allowed":
        least, most = [cls.least], [cls.most]
        among: frozenset[object] | None = None
        others = set()
        for check in checks:
            match _parsed(check):
                case "greater_than_or_equal_to", {"min_value": int() | float() as value}:
                    least.append((value, 0))
                case "greater_than", {"min_value": int() | float() as value}:
                    least.append((value, 1))
                case "less_than_or_equal_to", {"max_value": int() | float() as value}:
                    most.append((value, 0))
                case "less_than", {"max_value": int() | float() as value}:
                    most.append((value, -1))
                case "in_range", {
                    "min_value": int() | float() as low,
                    "max_value": int() | float() as high,
                    "include_min": bool() as with_low,
                    "include_max": bool() as with_high,
                }:
                    least.append((low, 0 if with_low else 1))
                    most.append((high, 0 if with_high else -1))
                case "isin", {"allowed_values": values}:
                    # A single one has lost its comma.
                    several = values if isinstance(values, tuple | set) else [values]
                    among = frozenset(several) if among is None else among & frozenset(several)
                case _:
                    others.add(check)
        return cls(max(least), min(most), among, frozenset(others))

    def __str__(self) -> str:
        (low, above), (high, below) = self.least, self.most
        bounds = [
            *([f"more than {low:.15g}" if above else f"{low:.15g} or more"] if low > -inf else []),
            *(
                [f"less than {high:.15g}" if below else f"{high:.15g} or less"]
                if high < inf
                else []
            ),
        ]
        if len(bounds) == 2 and not above and not below:
            bounds = [f"{low:.15g} to {high:.15g}"]
        among = [] if self.among is None else [f"one of {', '.join(sorted(map(str, self.among)))}"]
        return " and ".join([*bounds, *among, *sorted(self.others)]) or "any"

    def holds(self, other: "_Allowed") -> bool:
        """Say whether all that `other` lets through is let through here, as far as can be told."""
        return (
            self.least <= other.least
            and self.most >= other.most
            and (self.among is None or (other.among is not None and other.among <= self.among))
            and self.others <= other.others
        )


def _parsed(check: str) -> tuple[str, dict[str, object]]:
    """Return name and statistics of a check; nothing where these aren't plain values."""
    try:
        call = ast.parse(check, mode="eval").body
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            values = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
            return call.func.id, values
    except (SyntaxError, ValueError):
        pass
    return "", {}
