"""What `check` found, as Markdown for a pull request."""

from collections.abc import Iterable, Iterator, Sequence

from metrics_platform.authoring.locking.changes import Change, Kind, Report
from metrics_platform.authoring.locking.report import (
    ORDER,
    TITLES,
    around_told,
    contract_told,
    counts_told,
    fails_told,
    listed,
    next_steps,
    opening,
    owes,
    plural,
    title,
    with_unit,
)
from metrics_platform.checks.value_change import ColumnChange, ValueChange

# GitHub takes 65,536 characters in a comment, and some of these have more than one byte.
_MOST_CHARACTERS = 60_000
_MOST_ROWS = 100
_BAR = "\\|"
_QUIET = (Kind.NEW, Kind.AFFECTED)


def as_markdown(report: Report) -> str:
    """Return `report` so that GitHub renders it: a table, what to do, and details to unfold.

    What doesn't fit into a comment is left out, and that it is is told.
    """
    loud = [
        change
        for kind in (*ORDER, Kind.UNCHANGED)
        for change in report.changed
        if change.kind is kind and (change.problem or kind not in _QUIET)
    ]
    parts = [f"## {_verdict(report)}", _escaped(opening(report)) + "."]
    if loud:
        parts.append(_table(loud[:_MOST_ROWS]))
        if len(loud) > _MOST_ROWS:
            parts.append(f"… and {len(loud) - _MOST_ROWS} more.")
    for kind in _QUIET:
        names = [c.name for c in report.changed if c.kind is kind and not c.problem]
        if names:
            parts.append(f"**{TITLES[kind]}:** {listed([f'`{name}`' for name in names])}")
    parts += _todo(report)
    parts += _bullets([*report.environment, *report.corpus])
    room = _MOST_CHARACTERS - sum(len(part) + 2 for part in parts)
    details = [_details(change) for change in loud]
    shown = 0
    for part in details:
        room -= len(part) + 2
        if room < 0:
            break
        shown += 1
    parts += details[:shown]
    if shown < len(details):
        parts.append(
            f"Details of {len(details) - shown} more don't fit here: "
            "`metrics-platform check --json` has all."
        )
    return "\n\n".join(parts) + "\n"


def _verdict(report: Report) -> str:
    owed = sum(change.due is not None for change in report.changes)
    if owed:
        return f"❌ Metrics: {plural(owed, 'version')} owed"
    if report.unmet:
        return "❌ Metrics: a required version is missing"
    if not report.passed:
        return "❌ Metrics: logs fail that didn't"
    if not report.locked:
        return "⚠️ Metrics: `metrics.lock` is not up to date"
    return "✅ Metrics: " + ("every change has its version" if report.changed else "unchanged")


def _table(changes: Sequence[Change]) -> str:
    rows = [
        (
            f"`{change.name}`",
            title(change),
            _where(change),
            _versions(change),
            f"**{change.due}**" if change.due else "",
        )
        for change in changes
    ]
    return _table_of(("Definition", "What changed", "Where", "Version", "Owed"), rows)


def _where(change: Change) -> str:
    values = change.values
    if values is None or not values.changed_logs:
        return ""
    return f"{values.changed_logs} of {plural(values.logs, 'log')}"


def _versions(change: Change) -> str:
    before, after = change.before, change.after
    return f"{before} → {after}" if before and after and before != after else before or after or ""


def _todo(report: Report) -> Iterator[str]:
    owed = [
        f'- `{change.name}`: write `version="{change.due}"` in `{change.file}`, {owes(change)}'
        for change in report.changes
        if change.due
    ]
    failing = fails_told(report)
    told = [f"- {_escaped(told)}" for told in (*failing, *report.unmet, *report.outdated)]
    steps = [f"- {step}" for step in next_steps(report)]
    if owed or told or steps:
        yield "**To do**\n\n" + "\n".join([*owed, *told, *steps])


def _bullets(told: Iterable[str]) -> Iterator[str]:
    lines = [f"- {_escaped(sentence)}" for sentence in told]
    if lines:
        yield "\n".join(lines)


def _details(change: Change) -> str:
    """Return what is known of one change, folded."""
    parts = [*_bullets(contract_told(change))]
    if change.values is not None:
        parts += _values(change.values, most_changed=not change.fails)
    parts += _bullets(around_told(change))
    # GitHub renders Markdown inside of HTML only after an empty line.
    inside = "\n\n".join(parts)
    summary = f"<code>{change.name}</code>: {title(change).lower()}"
    return f"<details><summary>{summary}</summary>\n\n{inside}\n\n</details>"


def _values(values: ValueChange, *, most_changed: bool) -> Iterator[str]:
    told = ", ".join(counts_told(values))
    if told:
        yield f"{told}."
    if values.columns:
        yield _table_of(
            ("Column", "Logs", "Rows", "Largest difference", "relative"),
            [_column_cells(column) for column in values.columns[:_MOST_ROWS]],
        )
    if not (most_changed and values.most_changed):
        return
    yield _table_of(
        ("Changed most", ""),
        [
            # Inside of a table, a bar ends the cell even there.
            (f"`{log.log_id.replace('|', _BAR)}`", _escaped(log.told))
            for log in values.most_changed
        ],
    )


def _column_cells(column: ColumnChange) -> tuple[str, ...]:
    absolute, relative = column.largest_absolute, column.largest_relative
    return (
        f"{'summary ' if column.summary else ''}`{column.column}`",
        str(column.logs),
        "" if column.summary else str(column.rows),
        "" if absolute is None else with_unit(absolute, column.column),
        "" if relative is None else f"{relative:.2%}",
    )


def _table_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _escaped(text: str) -> str:
    """Return text that stays on its line and in its cell, whatever an error's message holds."""
    flat = " ".join(text.split())
    for sign, written in (
        ("\\", "\\\\"),
        ("&", "&amp;"),
        ("<", "&lt;"),
        ("|", "\\|"),
        ("*", "\\*"),
    ):
        flat = flat.replace(sign, written)
    return flat
