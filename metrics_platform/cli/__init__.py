"""The `metrics-platform` command."""

import gc
import sys
from collections.abc import Callable, Sequence

import typer
from rich.text import Text

from metrics_platform.cli import local, lock, new, operate, promotion, results, run
from metrics_platform.cli.terminal import err
from metrics_platform.core.errors import MetricsPlatformError

app = typer.Typer(
    help="Versioned metrics for autonomous vehicles and delivery robots.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _command in (*local.COMMANDS, *results.COMMANDS):
    app.command()(_command)
_AUTHORS: Sequence[Callable[..., None]] = (
    *new.COMMANDS,
    *run.COMMANDS,
    *lock.COMMANDS,
    *promotion.COMMANDS,
)
for _author_command in _AUTHORS:
    app.command(rich_help_panel="For authors")(_author_command)
for _operator_command in operate.COMMANDS:
    app.command(rich_help_panel="For operators")(_operator_command)


# Objects made before Python looks for garbage; as it comes, it looks after 700.
_BETWEEN_COLLECTIONS = 50_000


def main() -> None:
    """Run the command; an error that the platform raises on purpose is told in one sentence."""
    # What is imported stays as long as the command: going through it over and over for garbage
    # took a sixth of the time of a short one.
    gc.freeze()
    gc.set_threshold(_BETWEEN_COLLECTIONS)
    try:
        app()
    except MetricsPlatformError as error:
        err.print(Text.assemble(("error:", "bold red"), f" {error}"))
        sys.exit(1)
