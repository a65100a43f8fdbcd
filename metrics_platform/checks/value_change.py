"""How the values of one version differ from those of another, over the logs that both have.

Rows are matched by their key within the log, or by their position where they have none, and all
logs are compared at once.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from metrics_platform.checks.differences import Differences, differences
from metrics_platform.core.definitions import Tolerance
from metrics_platform.core.statuses import Outcome, Status

# The last bits of a sum depend on its order, and so on the machine.
DEFAULT_TOLERANCE = Tolerance(relative=1e-9, absolute=1e-12)
MOST_CHANGED = 3
_LONGEST_VALUE = 40
_LONGEST_REASON = 200
# Of one that is another: mostly its key, and what was measured.
_COLUMNS_OF_A_ROW = 3
# Of a log: another status says more than rows that came or went, and these more than a value.
_OTHER_STATUS = 10.0
_OTHER_ROWS = 5.0


@dataclass(frozen=True)
class Values:
    """What one version gave.

    Attributes:
        rows: Of the computed logs.
        outcomes: Per log.
        summary: One row per computed log: `log_id` and the summary scalars.
    """

    rows: pl.DataFrame
    outcomes: Mapping[str, Outcome]
    summary: pl.DataFrame


@dataclass(frozen=True)
class ColumnChange:
    """A column, or a summary scalar, of which values changed.

    Attributes:
        column: Its name.
        logs: In which a value changed.
        rows: In which it did; of a summary scalar, that is the logs again.
        largest_absolute: Of the differences, in the column's unit, seconds where it holds times;
            None where they have no size: text, or null on one side.
        largest_relative: To the greater of the two values.
        summary: Whether it is a summary scalar.
    """

    column: str
    logs: int
    rows: int
    largest_absolute: float | None
    largest_relative: float | None
    summary: bool = False


@dataclass(frozen=True)
class LogChange:
    """What changed in one log.

    Attributes:
        log_id: Of the log.
        told: What changed most: `min_ttc_s 2 -> 1.9`, `3 rows -> 4`, `computed -> failed: why`.
        score: Greater is more.
    """

    log_id: str
    told: str
    score: float


@dataclass(frozen=True)
class ValueChange:
    """How two versions differ.

    Attributes:
        logs: That both have, and so were compared.
        changed_logs: Of these.
        columns: Those with other values, in the order of the rows, then of the summary.
        most_changed: Three logs, unless more were asked for; the one that changed most first.
        outcomes: Logs with another status.
        rows_added: Rows with a key that the older version doesn't have.
        rows_removed: Rows with a key that the newer version doesn't have.
        not_compared: Columns and summary scalars that are gone, new or of a type that has nothing
            in common with the other, each with which of these it is: `gap_m is gone`.
    """

    logs: int
    changed_logs: int
    columns: Sequence[ColumnChange]
    most_changed: Sequence[LogChange]
    outcomes: int
    rows_added: int = 0
    rows_removed: int = 0
    not_compared: Sequence[str] = ()

    @property
    def equal(self) -> bool:
        """Whether all could be compared, and nothing differs by more than its tolerance."""
        return not self.changed_logs and not self.not_compared


def value_change(
    before: Values,
    after: Values,
    *,
    key: Sequence[str],
    tolerances: Mapping[str, Tolerance],
    default: Tolerance = DEFAULT_TOLERANCE,
    most: int = MOST_CHANGED,
) -> ValueChange:
    """Compare two versions on the logs that both have an outcome of.

    Columns that only one of them has, or has as something that can't be compared (text and a
    number), are named in `not_compared`: what becomes of them is for `contract_changes` to say.

    Args:
        before: Of the older version.
        after: Of the newer one.
        key: Columns that tell the rows of a log apart. Rows that share one are matched in order.
        tolerances: By column or summary scalar. Without one, numbers that are no fractions must be
            equal.
        default: Of fractions.
        most: Logs to tell of.
    """
    logs = before.outcomes.keys() & after.outcomes.keys()
    status = {
        log_id: f"{was.status} -> {_told_outcome(now)}"
        for log_id in logs
        if (was := before.outcomes[log_id]).status != (now := after.outcomes[log_id]).status
    }
    computed = [
        log_id
        for log_id in logs
        if log_id not in status and before.outcomes[log_id].status is Status.COMPUTED
    ]
    rows, summary = (
        differences(was, now, computed, key=identity, tolerances=tolerances, default=default)
        for was, now, identity in (
            (before.rows, after.rows, key),
            (before.summary, after.summary, ["log_id"]),
        )
    )
    return ValueChange(
        logs=len(logs),
        changed_logs=len({*status, *rows.logs, *summary.logs}),
        columns=[*_columns(rows, summary=False), *_columns(summary, summary=True)],
        most_changed=_most_changed(status, rows, summary, most),
        outcomes=len(status),
        rows_added=int(rows.counts["added"].sum()),
        rows_removed=int(rows.counts["removed"].sum()),
        not_compared=(
            *(f"column {told}" for told in rows.not_compared),
            # Without a computed log there are no scalars.
            *(f"summary {told}" for told in summary.not_compared if computed),
        ),
    )


def merged(changes: Sequence[ValueChange], *, most: int = MOST_CHANGED) -> ValueChange:
    """Return as one what was compared batch by batch, no log in two of them."""
    columns: dict[tuple[bool, str], ColumnChange] = {}
    for column in (column for change in changes for column in change.columns):
        name = (column.summary, column.column)
        columns[name] = _added(columns[name], column) if name in columns else column
    logs = sorted((log for change in changes for log in change.most_changed), key=_rank)
    return ValueChange(
        logs=sum(change.logs for change in changes),
        changed_logs=sum(change.changed_logs for change in changes),
        columns=sorted(columns.values(), key=lambda column: column.summary),
        most_changed=logs[:most],
        outcomes=sum(change.outcomes for change in changes),
        rows_added=sum(change.rows_added for change in changes),
        rows_removed=sum(change.rows_removed for change in changes),
        not_compared=tuple(
            dict.fromkeys(told for change in changes for told in change.not_compared)
        ),
    )


def _added(one: ColumnChange, other: ColumnChange) -> ColumnChange:
    absolute = (one.largest_absolute, other.largest_absolute)
    relative = (one.largest_relative, other.largest_relative)
    return replace(
        one,
        logs=one.logs + other.logs,
        rows=one.rows + other.rows,
        largest_absolute=max((size for size in absolute if size is not None), default=None),
        largest_relative=max((size for size in relative if size is not None), default=None),
    )


def _columns(found: Differences, *, summary: bool) -> Iterable[ColumnChange]:
    by_column = found.values.group_by("column", maintain_order=True).agg(
        pl.col("log_id").n_unique(), pl.len(), pl.col("absolute").max(), pl.col("relative").max()
    )
    for name, logs, rows, absolute, relative in by_column.iter_rows():
        yield ColumnChange(name, logs, rows, absolute, relative, summary)


def _most_changed(
    status: Mapping[str, str], rows: Differences, summary: Differences, most: int
) -> Sequence[LogChange]:
    scores = dict.fromkeys(status, _OTHER_STATUS)
    by_log = pl.concat([rows.values, summary.values]).group_by("log_id").agg(pl.col("score").max())
    share = (pl.col("added") + pl.col("removed")) / pl.max_horizontal("before", "now")
    by_rows = rows.counts.select("log_id", _OTHER_ROWS + share)
    for log_id, score in [*by_log.iter_rows(), *by_rows.iter_rows()]:
        scores[log_id] = max(scores.get(log_id, 0.0), score)
    first = heapq.nsmallest(most, scores, key=lambda log_id: (-scores[log_id], log_id))
    told = {log_id: text for log_id, text in status.items() if log_id in first}
    told |= _told([log_id for log_id in first if log_id not in told], rows, summary)
    return [LogChange(log_id, told[log_id], scores[log_id]) for log_id in first]


def _rank(log: LogChange) -> tuple[float, str]:
    return -log.score, log.log_id


def _told(log_ids: Sequence[str], rows: Differences, summary: Differences) -> Mapping[str, str]:
    """Tell of logs: of rows where they came or went, then of the scalar or value."""
    told: dict[str, list[str]] = {log_id: [] for log_id in log_ids}
    for log_id, before, now, added, _ in rows.counts.iter_rows():
        if log_id in told:
            told[log_id].append(_rows_told(before, now, added, rows.moved(log_id)))
    # What people read of a log is its summary.
    values = {**_largest(rows), **_largest(summary)}
    return {
        log_id: ", ".join([*parts, *([values[log_id]] if log_id in values else [])])
        for log_id, parts in told.items()
    }


def _rows_told(
    before: int, now: int, added: int, moved: Mapping[str, tuple[object, object]]
) -> str:
    rows = "1 row" if before == 1 else f"{before} rows"
    if before != now:
        return f"{rows} -> {now}"
    if moved:
        shown = list(moved.items())[:_COLUMNS_OF_A_ROW]
        columns = ", ".join(f"{name} {_both(*both)}" for name, both in shown)
        which = "the row" if before == 1 else f"1 of {rows}"
        return f"{which} is another: {columns}"
    return f"{added} of {rows} are others"


def _largest(found: Differences) -> Mapping[str, str]:
    """Tell of the value of each log that changed most."""
    at_most = pl.col("at", "column").get(pl.col("score").arg_max())
    by_log = found.values.group_by("log_id").agg(at_most)
    return {
        log_id: f"{column} {_both(*found.values_at(at, column))}"
        for log_id, at, column in by_log.iter_rows()
    }


def _told_outcome(outcome: Outcome) -> str:
    if not outcome.reason:
        return str(outcome.status)
    reason = " ".join(outcome.reason.split())
    return f"{outcome.status}: {_cut(reason, _LONGEST_REASON)}"


def _both(was: object, now: object) -> str:
    """Return two values so that they can be told apart."""
    short = [f"{v:.6g}" if isinstance(v, float) else _shown(v) for v in (was, now)]
    return " -> ".join(short if short[0] != short[1] else map(repr, (was, now)))


def _shown(value: object) -> str:
    if isinstance(value, pl.Series):
        value = value.to_list()
    return "null" if value is None else _cut(str(value), _LONGEST_VALUE)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
