"""Does a new version give what the one it replaces gave?"""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from metrics_platform.checks.distributions import Shift, shifts
from metrics_platform.checks.finding import Finding
from metrics_platform.checks.sampling import STRATA, by_stratum
from metrics_platform.checks.value_change import ColumnChange, ValueChange, Values
from metrics_platform.core.definitions import Definition
from metrics_platform.core.frames import unit
from metrics_platform.core.statuses import Status

_LOGS_SHOWN = 10
_STRATA_SHOWN = 6
_COLUMNS_SHOWN = 12
_SCALARS_SHOWN = 12


def regression(
    definition: Definition,
    than: str,
    change: ValueChange,
    before: Values,
    after: Values,
    strata: pl.DataFrame,
    notes: Sequence[str] = (),
    picture: str | None = None,
) -> Finding:
    """Judge how a version differs from another by what its number says: a patch changes nothing.

    A log that was computed and no longer is, or fails and did not, is an error whatever the number
    says. What cannot be compared, such as a column that is gone, is a change like any other.

    Args:
        definition: The newer version.
        than: The older version.
        change: Between the two; its `most_changed` has all logs that changed.
        before: Of the older one. Rows are not looked at.
        after: Of the newer one.
        strata: The compared logs, as `sample` gives them.
        notes: What else to know of the comparison, in sentences.
        picture: Of the difference, as Markdown.
    """
    lost, failing = [], []
    for log_id in before.outcomes.keys() & after.outcomes.keys():
        was, now = before.outcomes[log_id].status, after.outcomes[log_id].status
        if was is Status.COMPUTED and now is not Status.COMPUTED:
            lost.append(log_id)
        elif was is not Status.FAILED and now is Status.FAILED:
            failing.append(log_id)
    step = version_step(than, definition.version)
    moved = shifts(before.summary, after.summary, definition.tolerances)
    told = _told(definition.version, than, step, change, len(lost), len(failing))
    parts = [
        f"{definition.name} **{definition.version}** against **{than}**, a {step} step, on "
        f"{_plural(change.logs)}, {int(strata['pinned'].sum())} of them pinned.",
        told,
        picture or "",
        *_titled("By distribution", _scalars(moved)),
        *_titled("By column", _columns(change)),
        *_titled("By log, those that changed most", _logs(change)),
        *_titled("By release, place and tag", _worst_strata(change, strata)),
        "\n".join(f"- {note}" for note in notes),
    ]
    return Finding(
        passed=change.equal,
        description=". ".join([told.rstrip("."), *notes]),
        severity="error" if lost or failing or step == "patch" else "warning",
        facts={
            "logs": change.logs,
            "changed_logs": change.changed_logs,
            "lost_logs": len(lost) + len(failing),
            "pinned_logs": int(strata["pinned"].sum()),
        },
        markdown="\n\n".join(part for part in parts if part),
    )


def version_step(before: str, after: str) -> Literal["major", "minor", "patch"]:
    """Return which part of the version is another, be it greater or less."""
    old, new = before.split("."), after.split(".")
    if old[0] != new[0]:
        return "major"
    return "minor" if old[1] != new[1] else "patch"


def _told(version: str, than: str, step: str, change: ValueChange, lost: int, failing: int) -> str:
    if change.equal:
        return f"{version} gives what {than} gave in {_plural(change.logs)}."
    parts = []
    if lost:
        parts.append(f"{_plural(lost)} that {than} computed can no longer be computed")
    if failing:
        parts.append(f"{_plural(failing)} that {than} abstained from {_verb(failing)} now")
    if differing := change.changed_logs - lost - failing:
        differ = f"{differing} of {_plural(change.logs)} differ from {than}"
        if step == "patch":
            parts.append(
                f"{differ} by more than is tolerated, and {version} is a patch, which changes none"
            )
        else:
            parts.append(f"{differ}, as a {step} version may")
    if change.not_compared:
        equal = "" if change.changed_logs else f"all else is equal in {_plural(change.logs)}, but "
        only = f", and {version} is a patch, which changes none" if step == "patch" else ""
        parts.append(f"{equal}{', '.join(change.not_compared)}{only}")
    return "; ".join(parts) + "."


def _verb(logs: int) -> str:
    return "fails" if logs == 1 else "fail"


def _plural(logs: int) -> str:
    return "1 log" if logs == 1 else f"{logs} logs"


def _titled(title: str, text: str) -> list[str]:
    return [f"**{title}**", text] if text else []


def _scalars(found: Sequence[Shift]) -> str:
    changed = [shift for shift in found if shift.changed]
    if not changed:
        return ""
    rows = [
        (
            f"`{s.scalar}`",
            _counted(s),
            _arrow(s.before.mean, s.after.mean),
            _arrow(s.before.median, s.after.median),
            _arrow(s.before.p95, s.after.p95),
            f"{s.up} / {s.down}",
            _p(s.p_sign),
            _p(s.p_rank),
        )
        for s in changed[:_SCALARS_SHOWN]
    ]
    head = ("Scalar", "Logs", "Mean", "Median", "95 %", "Up / down", "p (sign)", "p (rank)")
    equal = len(found) - len(changed)
    also = f"\n\nEqual in all logs: {equal} more." if equal else ""
    return _table(head, rows) + also


def _counted(shift: Shift) -> str:
    """Return how many logs have a value; these may be as many, and others."""
    logs = _arrow(shift.before.logs, shift.after.logs)
    if shift.came and shift.went:
        return f"{logs}, {shift.came} came, {shift.went} went"
    return logs


def _columns(change: ValueChange) -> str:
    rows = [
        (
            f"`{column.column}`",
            "summary" if column.summary else str(column.rows),
            str(column.logs),
            _size(column),
            "" if column.largest_relative is None else f"{column.largest_relative:.2%}",
        )
        for column in change.columns[:_COLUMNS_SHOWN]
    ]
    if change.rows_added or change.rows_removed:
        rows.append(("rows", f"+{change.rows_added} / -{change.rows_removed}", "", "", ""))
    head = ("Column", "Rows", "Logs", "Largest difference", "relative")
    return _table(head, rows) if rows else ""


def _logs(change: ValueChange) -> str:
    rows = [(f"`{log.log_id}`", log.told) for log in change.most_changed]
    return _table(("Log", "What changed"), rows[:_LOGS_SHOWN]) if rows else ""


def _worst_strata(change: ValueChange, strata: pl.DataFrame) -> str:
    """Tell where most logs changed, of what there is more than one of."""
    changed = pl.Series([log.log_id for log in change.most_changed], dtype=pl.String)
    flagged = by_stratum(strata).with_columns(changed=pl.col("log_id").is_in(changed.implode()))
    parts = []
    for dimension in STRATA:
        groups = (
            flagged.unique(["log_id", dimension])
            .group_by(dimension)
            .agg(logs=pl.len(), changed=pl.col("changed").sum())
        )
        if len(groups) > 1:
            named = pl.format(f"{dimension} {{}}", dimension).fill_null(f"no {dimension}")
            parts.append(groups.select(named.alias("stratum"), "logs", "changed"))
    if not parts:
        return ""
    share = pl.col("changed") / pl.col("logs")
    worst = (
        pl.concat(parts)
        .filter(pl.col("changed") > 0)
        .sort(share, "changed", "stratum", descending=[True, True, False])
        .head(_STRATA_SHOWN)
    )
    rows = [(name, f"{changed} of {logs}") for name, logs, changed in worst.iter_rows()]
    return _table(("Where", "Logs changed"), rows) if rows else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    # Names of logs may have a bar in them, too.
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *cells))


def _arrow(was: float | None, now: float | None) -> str:
    shown = ["none" if value is None else f"{value:.4g}" for value in (was, now)]
    return shown[0] if shown[0] == shown[1] else " → ".join(shown)


def _size(column: ColumnChange) -> str:
    if column.largest_absolute is None:
        return ""
    return f"{column.largest_absolute:.3g} {unit(column.column) or ''}".rstrip()


def _p(probability: float | None) -> str:
    if probability is None:
        return ""
    return "< 0.001" if probability < 0.001 else f"{probability:.2g}"
