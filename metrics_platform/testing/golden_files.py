"""Golden files: frames as JSON with a row per line, which people can review in a diff."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from polars import selectors as cs

from metrics_platform.core.errors import ConfigurationError

_NOT_HELD = (pl.Binary, pl.Object, pl.Decimal, pl.Unknown)


@dataclass(frozen=True)
class Golden:
    """What a golden file holds.

    Attributes:
        columns: Of each frame by name: name and type of its columns, in their order.
        frames: Rows of each frame by name, as JSON has them.
        outcomes: Per log what became of it; empty for a plain frame.
    """

    columns: Mapping[str, Mapping[str, str]]
    frames: Mapping[str, list[dict[str, Any]]]
    outcomes: Mapping[str, str]

    def frame(self, name: str, like: pl.DataFrame) -> pl.DataFrame:
        """Return those columns of a frame that `like` has with the same type."""
        told = self.columns[name]
        same = {c: dtype for c, dtype in like.schema.items() if told.get(c) == str(dtype)}
        schema = _plain(like.select(list(same))).schema
        rows = [{column: row[column] for column in same} for row in self.frames[name]]
        return pl.DataFrame(rows, schema=schema, orient="row").cast(same)  # type: ignore[arg-type]


def golden_of(frames: Mapping[str, pl.DataFrame], outcomes: Mapping[str, str]) -> Golden:
    """Return what a file of these frames would hold.

    Raises:
        ConfigurationError: A column has a type that the file cannot hold.
    """
    return Golden(
        {name: {c: str(dtype) for c, dtype in f.schema.items()} for name, f in frames.items()},
        {name: _plain(frame).to_dicts() for name, frame in frames.items()},
        outcomes,
    )


def read_golden(path: Path) -> Golden:
    """Return what is in the file.

    Raises:
        ConfigurationError: It isn't a golden file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Golden(content["columns"], content["frames"], content["outcomes"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} is no golden file: {error}") from error


def write_golden(path: Path, golden: Golden) -> None:
    """Write the file, and the folders that it needs."""
    frames = ",\n".join(
        f"    {json.dumps(name)}: [{_lines(map(_json, rows))}]"
        for name, rows in golden.frames.items()
    )
    columns = _lines(f"{json.dumps(n)}: {_json(c)}" for n, c in golden.columns.items())
    outcomes = _lines(f"{_json(log)}: {_json(told)}" for log, told in golden.outcomes.items())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'{{\n  "columns": {{{columns}}},\n  "outcomes": {{{outcomes}}},\n'
        f'  "frames": {{\n{frames}\n  }}\n}}\n',
        encoding="utf-8",
    )


def _lines(items: Iterable[str]) -> str:
    """Return items of a list or an object, each on a line of its own."""
    lines = ",".join(f"\n      {item}" for item in items)
    return f"{lines}\n    " if lines else ""


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Return times as numbers, and words out of a list of words as text."""
    for name, dtype in frame.schema.items():
        inner = dtype
        while isinstance(inner, pl.List | pl.Array):
            inner = inner.inner  # type: ignore[assignment]
        if isinstance(inner, _NOT_HELD) or (inner is not dtype and inner.is_temporal()):
            raise ConfigurationError(f"column {name!r}: a golden file cannot hold {dtype}")
    return frame.with_columns(
        cs.temporal().to_physical(), cs.by_dtype(pl.Categorical, pl.Enum).cast(pl.String)
    )
