"""The `metrics-platform` command."""

import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.status import Status

from metrics_platform.core import Definition
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.compute import compute_chain
from metrics_platform.core.errors import ConfigurationError, MetricsPlatformError
from metrics_platform.core.frames import grain
from metrics_platform.core.log_ids import check_log_id
from metrics_platform.core.settings import load_settings
from metrics_platform.delivery.reference import reference
from metrics_platform.delivery.tables import (
    coverage_line,
    log_overview,
    print_frame,
    write_frame,
)

app = typer.Typer(
    help="Versioned metrics for autonomous vehicles and delivery robots.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
err = Console(stderr=True)

Name = Annotated[str, typer.Argument(help="A metric or signal, as `metrics` lists them.")]
Output = Annotated[
    Path | None, typer.Option(help="Write to this .csv, .json or .parquet file instead.")
]
_PORT = 3000
_PIPE_WIDTH = 160
_ROWS_SHOWN = 30
_LOGS_SHOWN = 60

# A pipe has no width of its own: wide enough for most tables, so that lines can be cut and sorted.
out = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def main() -> None:
    """Run the command; an error that the platform raises on purpose is told in one sentence."""
    try:
        app()
    except MetricsPlatformError as error:
        err.print(f"[bold red]error:[/] {error}", highlight=False, markup=True)
        sys.exit(1)


@app.command()
def demo() -> None:
    """Take in a small fleet of made-up MCAP logs, as real ones would be, and print the results."""
    from metrics_platform.orchestration.demo import run_demo

    run_demo(load_settings(), out)


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Of the web UI, on this machine only.")] = _PORT,
) -> None:
    """Run the web UI, the daemon and the embedded Postgres until Ctrl-C."""
    from metrics_platform.orchestration.dev import running, ui_and_daemon

    settings = load_settings()
    command = ui_and_daemon(port)
    out.print(f"Web UI:  [bold]http://127.0.0.1:{port}[/]  (ready in about ten seconds)")
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


@app.command()
def run(
    name: Name,
    logs: Annotated[list[Path], typer.Argument(help="Recordings: files or folders.")],
    output: Output = None,
) -> None:
    """Compute a metric on recordings and print it: no Dagster, no server, nothing is stored."""
    from metrics_platform.readers.config import ReaderConfig
    from metrics_platform.readers.reading import read_logs

    catalog = default_catalog()
    definition = catalog[name]
    paths = _by_log_id(logs)
    config = ReaderConfig.load(load_settings().readers)
    started = time.perf_counter()
    with _spinner(f"reading {len(paths)} logs"):
        batch = read_logs(paths, config)
    computed = compute_chain(catalog, [name], batch.signals, list(paths))[name]
    seconds = time.perf_counter() - started
    if output:
        write_frame(computed.rows, output)
        out.print(f"{len(computed.rows)} rows written to {output}")
    else:
        print_frame(out, computed.rows, f"{name} {definition.version}: rows", most=_ROWS_SHOWN)
    outcomes = pl.DataFrame(
        [(log_id, str(o.status), o.reason) for log_id, o in computed.outcomes.items()],
        schema=["log_id", "status", "reason"],
        orient="row",
    )
    summary = outcomes.join(computed.summary, on="log_id", how="left", maintain_order="left")
    print_frame(out, _reason_last(summary), f"{name} {definition.version}: summary")
    out.print(f"{coverage_line(outcomes['status'])}, in {seconds:.2f} s")


@app.command()
def logs(
    state: Annotated[str | None, typer.Option(help="Only logs in this state.")] = None,
    output: Output = None,
) -> None:
    """List the logs that the platform knows, and why those it could not read were put aside."""
    from metrics_platform.store import Store

    settings = load_settings()
    with Store.open(settings) as store:
        frame = log_overview(store.registry.logs(), store.registry.rejected())
    if state:
        frame = frame.filter(pl.col("state") == state)
    if output:
        write_frame(frame, output)
        return
    if frame.is_empty():
        out.print(f"no such logs; recordings are taken from {settings.inbox}")
        return
    print_frame(out, frame, "logs", most=_LOGS_SHOWN)
    states = frame.group_by("state").len().sort("state").rows()
    out.print(", ".join(f"{count} {name}" for name, count in states))


@app.command()
def show(
    name: Name,
    log: Annotated[list[str] | None, typer.Option(help="Only this log; may be repeated.")] = None,
    rows: Annotated[bool, typer.Option(help="All rows rather than one line per log.")] = False,
    version: Annotated[str | None, typer.Option(help="The newest one if not given.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(help="What was current then (local time).")
    ] = None,
    output: Output = None,
) -> None:
    """Show stored results of a metric or signal: the summary per log, or all rows."""
    from metrics_platform.store import Store

    definition = default_catalog()[name]
    moment = as_of.astimezone() if as_of else None
    with Store.open(load_settings()) as store:
        summary = store.summary(name, version=version, logs=log, as_of=moment)
        if rows:
            frame = store.scan(name, version=version, logs=log, as_of=moment).collect()
        else:
            frame = _reason_last(summary)
    if output:
        write_frame(frame, output)
        out.print(f"{len(frame)} rows written to {output}")
    else:
        print_frame(out, frame, f"{name}: {_first_line(definition)}", most=_LOGS_SHOWN)
    out.print(coverage_line(summary["status"]))


@app.command()
def metrics(
    markdown: Annotated[
        bool, typer.Option(help="The whole reference, as Markdown: formulas, sources, columns.")
    ] = False,
) -> None:
    """List all metrics and signals: what they need, and what a row of them is."""
    catalog = default_catalog()
    if markdown:
        sys.stdout.write(reference(catalog))
        return
    frame = pl.DataFrame(
        {
            "name": [d.name for d in catalog],
            "kind": [type(d).__name__.lower() for d in catalog],
            "version": [d.version for d in catalog],
            "needs": [
                ", ".join(f"({n})" if n in d.optional else n for n in d.dependencies) or "recording"
                for d in catalog
            ],
            "one row per": [", ".join(grain(d.rows)) for d in catalog],
            "owner": [d.owner for d in catalog],
        }
    )
    print_frame(out, frame.sort("kind", "name"), "metrics and signals")


def _by_log_id(paths: list[Path]) -> dict[str, Path]:
    """Name each recording as the inbox would: by its file's stem or its folder."""
    found: dict[str, Path] = {}
    for path in paths:
        resolved = path.resolve()
        if not resolved.exists():
            raise ConfigurationError(f"there is no recording at {path}")
        log_id = check_log_id(resolved.name if resolved.is_dir() else resolved.stem)
        if found.setdefault(log_id, resolved) != resolved:
            raise ConfigurationError(f"{path} and {found[log_id]} would both be log {log_id!r}")
    return found


def _reason_last(summary: pl.DataFrame) -> pl.DataFrame:
    """Put the reason behind the numbers, and leave it out where no log has one."""
    columns = [name for name in summary.columns if name != "reason"]
    return summary.select(*columns, *(["reason"] if summary["reason"].count() else []))


def _first_line(definition: Definition) -> str:
    return definition.description.partition("\n")[0]


def _spinner(what: str) -> Status:
    return err.status(what)
