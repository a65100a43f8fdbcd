"""Commands for one machine: the demo, and the UI."""

import signal
from typing import Annotated

import typer
from rich.text import Text

from metrics_platform.cli.terminal import out
from metrics_platform.core.settings import load_settings

_PORT = 3000


def demo() -> None:
    """Take in a small fleet of made-up MCAP logs, as real ones would be, and print the results."""
    from metrics_platform.orchestration.demo import run_demo

    run_demo(load_settings(), out)


def dev(
    port: Annotated[int, typer.Option(help="Of the web UI, on this machine only.")] = _PORT,
) -> None:
    """Run the web UI, the daemon and the embedded Postgres until Ctrl-C."""
    from metrics_platform.orchestration.dev import running, ui_and_daemon

    settings = load_settings()
    command = ui_and_daemon(port)
    address = (f"http://127.0.0.1:{port}", "bold")
    out.print(Text.assemble("Web UI:  ", address, "  (ready in about ten seconds)"))
    out.print(f"Inbox:   {settings.inbox}  (put logs here)")
    out.print("Ctrl-C stops everything.\n")
    # A supervisor stops us with SIGTERM; and where we are started in the background, a shell
    # would have us ignore Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with running(command, settings) as process:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            out.print("\nStopping …")
            return
    raise typer.Exit(status)


COMMANDS = (demo, dev)
