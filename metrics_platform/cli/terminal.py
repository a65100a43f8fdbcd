"""What all commands share: where they print, and how they name things."""

import sys
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console

Name = Annotated[str, typer.Argument(help="A metric or signal, as `metrics` lists them.")]
Output = Annotated[
    Path | None, typer.Option(help="Write to this .csv, .json or .parquet file instead.")
]
LOGS_SHOWN = 60
_PIPE_WIDTH = 160

# A pipe has no width of its own: wide enough for most tables, so that lines can be cut and sorted.
# What is printed names files, logs and packages: `[export]` there is no markup, and `:x:` no emoji.
out = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, markup=False, emoji=False)
err = Console(stderr=True, markup=False, emoji=False)


def reason_last(summary: pl.DataFrame) -> pl.DataFrame:
    """Put the reason behind the numbers, and leave it out where no log has one."""
    columns = [name for name in summary.columns if name != "reason"]
    return summary.select(*columns, *(["reason"] if summary["reason"].count() else []))
