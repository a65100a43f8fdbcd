"""What all commands share: where they print, and how they name things."""

import os
import sys
from pathlib import Path
from typing import Annotated, TextIO

import polars as pl
import typer
from rich.console import Console

Name = Annotated[str, typer.Argument(help="A metric or signal, as `metrics` lists them.")]
Output = Annotated[
    Path | None, typer.Option(help="Write to this .csv, .json or .parquet file instead.")
]
LOGS_SHOWN = 60
_PIPE_WIDTH = 160


def console_on(stream: TextIO, *, stderr: bool = False) -> Console:
    """Return what prints to `stream`."""
    # A pipe has no width of its own, unless COLUMNS says one: wide enough for most tables, so that
    # lines can be cut and sorted.
    own = stream.isatty() or "COLUMNS" in os.environ
    # What is printed names files, logs and packages: `[export]` there is no markup, `:x:` no emoji.
    return Console(width=None if own else _PIPE_WIDTH, stderr=stderr, markup=False, emoji=False)


out = console_on(sys.stdout)
err = console_on(sys.stderr, stderr=True)


def reason_last(summary: pl.DataFrame) -> pl.DataFrame:
    """Put the reason behind the numbers, and leave it out where no log has one."""
    columns = [name for name in summary.columns if name != "reason"]
    return summary.select(*columns, *(["reason"] if summary["reason"].count() else []))
