"""Results as tables that a person reads in a terminal."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from metrics_platform.core.errors import ConfigurationError

_STYLES = {
    "computed": "green",
    "read": "green",
    "abstained": "yellow",
    "failed": "bold red",
    "quarantined": "bold red",
    "rejected": "bold red",
}
_REASON_LENGTH = 240
# Longer texts are folded within their column.
_TEXT_WIDTH = 60
_LEAST_TEXT_WIDTH = 16
_GAP = 3


def print_frame(
    console: Console, frame: pl.DataFrame, title: str, *, most: int | None = None
) -> None:
    """Print `frame`: numbers to the right, states in colour, nulls as a dash.

    Where its columns don't fit side by side, they go into several tables below one another, each
    with the first column again; where not even two of them do, each row is a list of its own. No
    number is ever cut short.

    Args:
        console: Where to.
        frame: Any frame; its first column says what a row is about.
        title: Above the table.
        most: Rows to show; a line counts those left out. All if None.
    """
    shown = frame if most is None else frame.head(most)
    cells = {name: [_cell(value) for value in shown[name]] for name in shown.columns}
    widths = {
        name: min(_TEXT_WIDTH, max([len(name), *(len(cell) for cell in column)]))
        for name, column in cells.items()
    }
    beside_first = console.width - widths[shown.columns[0]] - _GAP
    least = {
        name: max([0, *(len(cell) for cell in column)])
        if shown[name].dtype.is_numeric()
        else min(_LEAST_TEXT_WIDTH, widths[name])
        for name, column in cells.items()
    }
    if max([*list(least.values())[1:], 0]) > beside_first:
        _print_lists(console, cells, title)
    else:
        _print_tables(console, shown, cells, widths, title)
    if len(shown) < len(frame):
        rest = len(frame) - len(shown)
        console.print(f"{rest} more rows; --output FILE.csv writes them all\n", style="dim")


def _print_lists(console: Console, cells: Mapping[str, list[Text]], title: str) -> None:
    console.print(title, style="bold", highlight=False, markup=False)
    for row in zip(*cells.values(), strict=True):
        for name, cell in zip(cells, row, strict=True):
            console.print(Text.assemble(f"{name}: ", cell), overflow="fold", soft_wrap=False)
        console.print()


def _print_tables(
    console: Console,
    shown: pl.DataFrame,
    cells: Mapping[str, list[Text]],
    widths: Mapping[str, int],
    title: str,
) -> None:
    for at, names in enumerate(_stacked(widths, console.width)):
        table = Table(
            title=title if at == 0 else None,
            title_justify="left",
            title_style="bold",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            show_edge=False,
        )
        for name in names:
            numeric = shown[name].dtype.is_numeric()
            justify: Literal["left", "right"] = "right" if numeric else "left"
            room = console.width - (0 if name == names[0] else widths[names[0]] + _GAP)
            # A longer header is folded.
            width = min(widths[name], room)
            table.add_column(
                name, justify=justify, min_width=width, max_width=width, overflow="fold"
            )
        for row in zip(*(cells[name] for name in names), strict=True):
            table.add_row(*row)
        console.print(table, "")


def _stacked(widths: Mapping[str, int], available: int) -> list[list[str]]:
    """Deal out columns to tables that fit into `available`, the first column to all of them."""
    first, *others = widths
    stacks = [[first]]
    used = widths[first]
    for name in others:
        if used + _GAP + widths[name] > available and len(stacks[-1]) > 1:
            stacks.append([first])
            used = widths[first]
        stacks[-1].append(name)
        used += _GAP + widths[name]
    return stacks


def log_overview(logs: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """Return one row per log or rejected source: what a person asks of the logs first.

    Args:
        logs: Of the log registry.
        rejected: Of the log registry; a source that could not become a log has no id but its path.
    """
    known = logs.select(
        "log_id", "state", "revision", "format", "duration_s", "release", "vehicle", "place",
        "truncated", pl.col("request_key").is_not_null().alias("in_run"), "reason",
    )  # fmt: skip
    others = rejected.select(log_id="source", state=pl.lit("rejected"), reason="reason")
    return pl.concat([known, others], how="diagonal")


def coverage_line(statuses: Iterable[str]) -> str:
    """Return how many logs were computed, abstained and failed, as one sentence."""
    counts: dict[str, int] = {}
    for status in statuses:
        counts[status] = counts.get(status, 0) + 1
    total = sum(counts.values())
    rest = [f"{counts[status]} {status}" for status in ("abstained", "failed") if status in counts]
    return ", ".join([f"{counts.get('computed', 0)} of {total} logs computed", *rest])


def _write_csv(frame: pl.DataFrame, path: Path) -> None:
    """Write a list as its values with spaces between, since a field of CSV holds one text."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    texts = pl.col(lists).list.eval(pl.element().cast(pl.String)).list.join(" ")
    frame.with_columns(texts).write_csv(path)


_WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    ".csv": _write_csv,
    ".json": pl.DataFrame.write_json,
    ".parquet": pl.DataFrame.write_parquet,
}


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write `frame` to `path` in the format that its ending names.

    Raises:
        ConfigurationError: The ending names none of them, or it can't be written there.
    """
    check_target(path)
    with writing(path):
        _WRITERS[path.suffix](frame, path)


def check_target(path: Path, endings: Sequence[str] = tuple(_WRITERS)) -> None:
    """See that a file can be written, before long work is done for it.

    Raises:
        ConfigurationError: Its name has another ending, or there is no such folder.
    """
    if path.suffix not in endings:
        raise ConfigurationError(
            f"cannot write {path.name!r}: its name must end in one of {', '.join(endings)}"
        )
    if not path.parent.is_dir():
        raise ConfigurationError(f"cannot write {path}: there is no folder {path.parent}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell as an error of the platform's that `path` can't be written."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror or error}") from error


def _cell(value: object) -> Text:
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, float):
        return Text(f"{value:,.3f}")
    if isinstance(value, list | pl.Series):
        return Text(", ".join(_cell(item).plain for item in value))
    text = str(value)
    if len(text) > _REASON_LENGTH:
        text = f"{text[:_REASON_LENGTH]}…"
    return Text(text, style=_STYLES.get(text, ""))
