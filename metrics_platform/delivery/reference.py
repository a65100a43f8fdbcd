"""The reference of all definitions, as Markdown: what the code promises, for people.

Nothing in it is written by hand. Docstrings give the words, schemas the columns, declarations the
rest, so it cannot say other than what runs.
"""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from metrics_platform.core import Definition, Metric
from metrics_platform.core.catalog import Catalog
from metrics_platform.core.frames import grain, plain_text, unit

_INTRODUCTION = """\
# Signals and metrics

Made by `make docs` from the definitions themselves; `metrics-platform metrics` lists them. Axes are
those of ISO 8855: x forward, y left, z up; headings are counter-clockwise. Times are nanoseconds on
the recording's clock. A log in which nothing happened is computed: counts are 0, extremes are
null. One that lacks what a metric needs is not: the metric abstains, and says why."""

_ARGUMENT = re.compile(r"^ {4}(\w+): ", re.MULTILINE)
_SIGNS = {
    "greater_than": ">",
    "greater_than_or_equal_to": "≥",
    "less_than": "<",
    "less_than_or_equal_to": "≤",
}
_SECTIONS = ("Args", "Raises", "Returns")


def reference(catalog: Catalog) -> str:
    """Return the whole document, with a newline at its end."""
    derived = [d for d in catalog.derived if not isinstance(d, Metric)]
    owners = sorted({metric.owner for metric in catalog.metrics})
    parts = [
        _INTRODUCTION,
        *_overview("Recorded signals", catalog.recorded),
        *_overview("Derived signals", derived),
    ]
    for owner in owners:
        metrics = [metric for metric in catalog.metrics if metric.owner == owner]
        parts += _overview(f"Metrics of {owner}", metrics)
    for definition in sorted(catalog, key=lambda d: (isinstance(d, Metric), d.name)):
        parts += _section(definition)
    return "\n\n".join(parts) + "\n"


def _overview(heading: str, definitions: Sequence[Definition]) -> Iterator[str]:
    yield f"## {heading}"
    rows = [
        (f"[`{d.name}`](#{d.name})", ", ".join(grain(d.rows)), _first_sentence(d))
        for d in sorted(definitions, key=lambda d: d.name)
    ]
    yield _table(("Name", "One row per", "What"), rows)


def _section(definition: Definition) -> Iterator[str]:
    yield f"## {definition.name}"
    kind = type(definition).__name__
    needs = ", ".join(f"`{name}`" for name in _optional_in_brackets(definition))
    yield (
        f"{kind}, version {definition.version}, owned by {definition.owner}. "
        f"Needs {needs or 'a recording'}."
    )
    paragraphs, sections = _parsed(definition.description)
    if definition.function is not None:
        yield from (_marked(paragraph) for paragraph in paragraphs)
        rows_paragraphs, _ = _parsed(inspect.getdoc(definition.rows) or "")
        yield from rows_paragraphs
    else:
        yield from paragraphs
    yield from _settings(definition, sections.get("Args", {}))
    yield _columns(definition)
    if definition.summary:
        yield _summary(definition)


def _settings(definition: Definition, told: Mapping[str, str]) -> Iterator[str]:
    rows = [
        (f"`{name}`", _code(value), told.get(name, ""))
        for name, value in definition.settings.items()
    ]
    if rows:
        yield _table(("Setting", "Value", "Meaning and source"), rows)


def _columns(definition: Definition) -> str:
    columns = definition.rows.to_schema().columns
    rows = [
        (
            f"`{name}`",
            unit(name) or str(column.dtype.type),
            ", ".join([*map(_bound, column.checks), *["or null"] * column.nullable]),
            column.description or "",
        )
        for name, column in columns.items()
        if name != "log_id"
    ]
    return _table(("Column", "Unit or type", "Values", "What"), rows)


def _bound(check: Any) -> str:
    """Return what a column's check allows, as a person writes it."""
    statistics = list((check.statistics or {}).values())
    if check.name in _SIGNS and len(statistics) == 1:
        return f"{_SIGNS[check.name]} {statistics[0]:g}"
    if check.name == "isin":
        return " or ".join(f"`{value}`" for value in statistics[0])
    return str(check.error)


def _summary(definition: Definition) -> str:
    told = []
    for name in definition.summary:
        least, most = definition.plausible.get(name, (None, None))
        bounds = [f"at least {least:g}"] if least is not None else []
        bounds += [f"at most {most:g}"] if most is not None else []
        told.append(f"`{name}`" + (f" (plausible: {' and '.join(bounds)})" if bounds else ""))
    return f"Per log: {', '.join(told)}."


def _parsed(docstring: str) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Return the paragraphs of a docstring as single lines, and its sections' items."""
    paragraphs: list[str] = []
    sections: dict[str, dict[str, str]] = {}
    for block in re.split(r"\n\s*\n", docstring.strip()):
        head, _, body = block.partition("\n")
        if head.rstrip(":") in _SECTIONS and head.endswith(":"):
            found = list(_ARGUMENT.finditer(body))
            ends = [*(match.start() for match in found[1:]), len(body)]
            sections[head.rstrip(":")] = {
                match[1]: _one_line(body[match.end() : end])
                for match, end in zip(found, ends, strict=True)
            }
        else:
            paragraphs.append(_one_line(block))
    return paragraphs, sections


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _marked(paragraph: str) -> str:
    return re.sub(r"^(Formula|Source|Reference): ", r"**\1.** ", paragraph)


def _first_sentence(definition: Definition) -> str:
    first = _parsed(definition.description)[0][0]
    # What a row is stands in the section.
    told = re.sub(r"; one row per [^.]*|^One row per [^:]*: ", "", first, flags=re.IGNORECASE)
    return told[:1].upper() + told[1:]


def _optional_in_brackets(definition: Definition) -> list[str]:
    names = definition.dependencies
    return [f"({name})" if name in definition.optional else name for name in names]


def _code(value: object) -> str:
    return f"`{plain_text(value)}`"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
