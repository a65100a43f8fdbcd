"""Words in pictures: headings, and rows that have no time."""

from collections.abc import Sequence

import polars as pl

from metrics_platform.core.definitions import Definition
from metrics_platform.core.frames import unit
from metrics_platform.delivery.pictures.moments import Event

_ROWS, _COLUMNS, _VALUES, _LINE = 12, 8, 5, 158


def headline(
    definition: Definition, log_id: str, source: str, other_sources: Sequence[str]
) -> tuple[str, str]:
    """Return the heading of a picture, and the line below it."""
    title = f"{definition.name} {definition.version}   ·   log {log_id}"
    told = definition.description.splitlines()[0]
    if source:
        also = f" (not drawn: {', '.join(other_sources)})" if other_sources else ""
        told += f"   ·   road users from {source}{also}"
    return title, told


def moment_text(chosen: Event | None, of: int, at_s: float, why: str, first: Sequence[str]) -> str:
    """Return the sentence on the moment that is shown; of the numbers, `first` comes first."""
    if chosen is None:
        return f"At {at_s:.2f} s."
    shown = sorted(chosen.row, key=lambda name: name not in first)
    numbers = [
        f"{name} {value:,.3f}"
        for name in shown
        if isinstance(value := chosen.row[name], float) and name not in ("x_m", "y_m")
    ]
    words = [
        f"{name} {value}"
        for name in shown
        if isinstance(value := chosen.row[name], str)
        and name != "source"
        and not name.endswith("_id")
    ]
    because = f", {why}" if why else ""
    values = ", ".join([*numbers[:_VALUES], *words])
    return _cut(f"At {at_s:.2f} s: event {chosen.number} of {of}{because}: {values}")


def value_text(name: str, value: object) -> str:
    """Return a value with the unit that its column's name says."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:,.3f}" if isinstance(value, float) else f"{value}"
    of = unit(name)
    plain = of is None or of in ("index", "count", "score", "ratio")
    return text if plain else f"{text} {of}"


def table_of(rows: pl.DataFrame, definition: Definition) -> str:
    """Return rows without a time as a table in text; one row stands upright."""
    if rows.is_empty():
        return f"{definition.name} has no rows of this log"
    names = [name for name in rows.columns if name != "log_id"]
    if len(rows) == 1:
        [row] = rows.select(names).rows(named=True)
        width = max(map(len, names))
        return "\n".join(f"{name:<{width}}  {value_text(name, row[name])}" for name in names)
    shown = rows.select(names[:_COLUMNS]).head(_ROWS)
    cells = [shown.columns, *([_cell(value) for value in row] for row in shown.rows())]
    widths = [max(len(line[at]) for line in cells) for at in range(len(shown.columns))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in cells]
    if left := [
        *([f"{len(rows) - len(shown)} rows"] if len(rows) > len(shown) else []),
        *([f"{len(names) - _COLUMNS} columns"] if len(names) > _COLUMNS else []),
    ]:
        lines.append(f"and {' and '.join(left)} more")
    return "\n".join(lines)


def _cut(text: str) -> str:
    """Return as much as fits into a line, to a whole value."""
    return text if len(text) <= _LINE else f"{text[:_LINE].rpartition(',')[0]}, …"


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "-" if value is None else str(value)
