"""What `check` found: as text for people, as JSON for machines.

Markdown for a pull request is made in `pull_request`.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group
from rich.text import Text

from metrics_platform.authoring.locking.changes import Change, Kind, Report
from metrics_platform.checks.value_change import ColumnChange, ValueChange
from metrics_platform.core.frames import unit

# Of the JSON; it rises when a key goes or means something else.
FORMAT = 1
# What is worth most attention comes first; of these two, names are enough.
ORDER = (Kind.CONTRACT, Kind.VALUES, Kind.IMPLEMENTATION, Kind.REMOVED, Kind.NEW, Kind.AFFECTED)
_INDENT = "    "
_COLUMNS_SHOWN = 6
_NAMES_SHOWN = 12


def as_json(report: Report) -> str:
    """Return `report` as JSON: all there is to know, keys in a fixed order.

    Keys of the whole: `format`, `passed`, `locked`, `project`, `base`, `logs`, `counts` (kind to
    how many), `problems`, `outdated`, `unmet`, `environment`, `corpus`, `computed`, `seconds`, and
    `changes`, one entry per definition, the unchanged ones included.

    Keys of an entry: `name`, `kind`, `before`, `after`, `owed` (none, patch, minor, major), `due`
    (the version to write, null where that of the code will do), `breaking`, `file`, `contract`
    (`column`, `kind`, `compatible`, `told`), `values` (null where they weren't compared: `logs`,
    `changed_logs`, `outcomes`, `rows_added`, `rows_removed`, `columns` with `column`, `logs`,
    `rows`, `largest_absolute`, `largest_relative`, `summary`, and `most_changed` with `log_id`,
    `told`, `score`), `because`, `affects`, `consumers` (`name`, `requires`, `broken`), `fails` (on
    which logs it fails and didn't, and why; null where on none), `waits_for` (what upstream fails),
    `notes`.
    """
    whole = {
        "format": FORMAT,
        "passed": report.passed,
        "locked": report.locked,
        "project": report.project,
        "base": report.base,
        "logs": report.logs,
        "counts": {str(kind): count for kind, count in _counts(report).items()},
        "problems": list(report.problems),
        "outdated": list(report.outdated),
        "unmet": list(report.unmet),
        "environment": list(report.environment),
        "corpus": list(report.corpus),
        "computed": list(report.computed),
        "seconds": report.seconds,
        "changes": [_entry(change) for change in report.changes],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)


def _entry(change: Change) -> dict[str, Any]:
    return {
        "name": change.name,
        "kind": str(change.kind),
        "before": change.before,
        "after": change.after,
        "owed": change.owed.name.lower(),
        "due": change.due,
        "breaking": change.breaking,
        "file": change.file,
        "contract": [asdict(found) for found in change.contract],
        "values": None if change.values is None else _values_entry(change.values),
        "because": list(change.because),
        "affects": list(change.affects),
        "consumers": [asdict(consumer) for consumer in change.consumers],
        "fails": change.fails,
        "waits_for": list(change.waits_for),
        "notes": list(change.notes),
    }


def _values_entry(values: ValueChange) -> dict[str, Any]:
    # What can't be compared is in the contract.
    return {name: value for name, value in asdict(values).items() if name != "not_compared"}


@dataclass(frozen=True)
class _Indented:
    """A sentence whose lines all begin further to the right, with no blanks at their ends."""

    told: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        for line in Text(self.told).wrap(console, options.max_width - len(_INDENT)):
            line.rstrip()
            yield Text(_INDENT).append_text(line)


def as_text(report: Report) -> Group:
    """Return `report` for a terminal: what changed, what it owes and what to do; never all of it.

    Unchanged definitions are only counted.
    """
    lines: list[Text | _Indented] = [Text(opening(report))]
    for told in (*report.environment, *report.corpus):
        lines.append(Text(f"  {told}", "dim"))
    for kind in (*ORDER, Kind.UNCHANGED):
        of_kind = [change for change in report.changed if change.kind is kind]
        if kind in (Kind.NEW, Kind.AFFECTED):
            quiet = [change for change in of_kind if not change.problem]
            if quiet:
                names = listed([change.name for change in quiet])
                lines += [Text(), Text.assemble((f"{TITLES[kind]}: ", "bold"), names)]
            of_kind = [change for change in of_kind if change.problem]
        for change in of_kind:
            lines += [Text(), _headline(change)]
            lines += [_Indented(told) for told in sentences(change)]
    lines += [Text(), *_closing(report)]
    return Group(*lines)


TITLES = {
    Kind.CONTRACT: "Contract changed",
    Kind.VALUES: "Values changed",
    Kind.IMPLEMENTATION: "Implementation changed, values equal",
    Kind.NEW: "New",
    Kind.REMOVED: "Removed",
    Kind.AFFECTED: "Affected by others, values equal",
    Kind.UNCHANGED: "Another version, nothing changed",
}


def opening(report: Report) -> str:
    """Return how much has changed, as a sentence."""
    unchanged = len(report.changes) - len(report.changed)
    logs = f" on {plural(report.logs, 'log')}" if report.logs else ""
    return (
        f"{report.project} against {report.base}{logs}: {unchanged} unchanged, "
        f"{len(report.changed)} changed"
    )


def _headline(change: Change) -> Text:
    style = "red" if change.problem else "green"
    return Text.assemble(
        (change.name, "bold"), "  ", (versions(change), style), f"  {title(change).lower()}"
    )


def title(change: Change) -> str:
    """Return what kind of change it is."""
    breaking = ", breaking" if change.breaking else ""
    return f"{TITLES[change.kind]}{breaking}"


def versions(change: Change) -> str:
    """Return the versions before and now, and what is owed beyond."""
    if change.before is None or change.after is None:
        return change.before or change.after or ""
    came = change.after if change.before == change.after else f"{change.before} -> {change.after}"
    return f"{came}, owes {change.due}" if change.due else came


def sentences(change: Change) -> Iterator[str]:
    """Yield all that is told of one change, the version to write last."""
    yield from contract_told(change)
    if change.values is not None:
        yield from values_told(change.values, most_changed=not change.fails)
    yield from around_told(change)
    if change.due:
        yield f'write version="{change.due}" in {change.file}: {owes(change)}'


def contract_told(change: Change) -> Iterator[str]:
    """Yield what has become of the contract."""
    for found in change.contract:
        yield f"{'compatible' if found.compatible else 'breaking'}: {found.told}"


def around_told(change: Change) -> Iterator[str]:
    """Yield where a change comes from, whom it reaches, and what to know of the comparison."""
    if change.waits_for:
        yield f"what it owes shows once {listed(change.waits_for)} is mended"
    if change.because:
        yield f"because of {listed(change.because)}"
    if change.affects:
        yield f"affects {listed(change.affects)}"
    for consumer in change.consumers:
        wants = f"requires {consumer.requires}" if consumer.requires else "takes any version"
        yield f"{'breaks' if consumer.broken else 'read by'} {consumer.name}, which {wants}"
    yield from change.notes


def owes(change: Change) -> str:
    """Return why the version in the code won't do."""
    if change.lowered:
        return f"it went down from {change.before} to {change.after}"
    return f"a {change.owed.name.lower()} step is owed"


def counts_told(values: ValueChange) -> Iterator[str]:
    """Yield in how many logs something changed, and how many rows came or went."""
    if values.equal:
        if values.logs:
            yield f"values equal in {plural(values.logs, 'log')}"
        return
    if values.not_compared:
        yield f"not compared: {listed(values.not_compared)}"
        if not values.changed_logs:
            yield f"all else is equal in {plural(values.logs, 'log')}"
            return
    yield f"{values.changed_logs} of {plural(values.logs, 'log')} changed"
    if values.outcomes:
        yield f"{plural(values.outcomes, 'log')} with another status"
    if values.rows_added or values.rows_removed:
        yield f"{plural(values.rows_added, 'row')} came, {values.rows_removed} went"


def values_told(values: ValueChange, *, most_changed: bool = True) -> Iterator[str]:
    """Yield in how many logs what changed, by how much, and the logs in which it changed most."""
    yield from counts_told(values)
    for column in values.columns[:_COLUMNS_SHOWN]:
        kind = "summary " if column.summary else ""
        where = plural(column.logs, "log")
        rows = "" if column.summary else f"{plural(column.rows, 'row')} in "
        yield f"{kind}{column.column}: {rows}{where}{size_told(column)}"
    if len(values.columns) > _COLUMNS_SHOWN:
        yield f"and {plural(len(values.columns) - _COLUMNS_SHOWN, 'more column')}"
    for log in values.most_changed if most_changed else ():
        yield f"most in {log.log_id}: {' '.join(log.told.split())}"


def size_told(column: ColumnChange) -> str:
    """Return the largest differences of a column; nothing where they have no size."""
    if column.largest_absolute is None:
        return ""
    told = f", by up to {with_unit(column.largest_absolute, column.column)}"
    if column.largest_relative is None:
        return told
    return f"{told} ({column.largest_relative:.2%})"


def with_unit(size: float, column: str) -> str:
    """Return a size in the column's unit; a ratio has none."""
    of = unit(column)
    return f"{size:.3g} {of}" if of and of != "ratio" else f"{size:.3g}"


def next_steps(report: Report) -> Iterator[str]:
    """Yield what to do, as sentences; nothing where all is well and locked."""
    if any(change.due for change in report.changes):
        yield "`metrics-platform check --bump` writes the versions that are owed."
    if report.unmet:
        yield "Change what `requires` asks for, or the version that it is about."
    if report.passed and not report.locked:
        yield "`metrics-platform lock` accepts what changed."


def fails_told(report: Report) -> Iterator[str]:
    """Yield which definitions fail now on logs on which they didn't, and what to do."""
    for change in report.changes:
        if change.fails and change.problem:
            yield change.problem


def _closing(report: Report) -> Iterator[Text]:
    owed = sum(change.due is not None for change in report.changes)
    for told in (*fails_told(report), *report.unmet):
        yield Text(told, "red")
    if owed:
        yield Text(f"{plural(owed, 'version')} owed.", "bold red")
    elif report.passed:
        yield Text("No version is owed.", "bold green")
    for told in report.outdated:
        yield Text(told, "yellow")
    for told in next_steps(report):
        yield Text(told)


def _counts(report: Report) -> dict[Kind, int]:
    counts = Counter(change.kind for change in report.changes)
    return {kind: counts[kind] for kind in Kind}


def listed(names: Sequence[str]) -> str:
    """Return some of `names`, and how many more there are."""
    shown = ", ".join(names[:_NAMES_SHOWN])
    rest = len(names) - _NAMES_SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


def plural(count: int, word: str) -> str:
    """Return `count` and `word` in its number."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
