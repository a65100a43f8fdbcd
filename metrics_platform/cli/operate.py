"""Commands for those who run the platform."""

from collections.abc import Callable
from typing import Annotated, Literal

import typer

from metrics_platform.cli.terminal import LOGS_SHOWN, Name, Output, out
from metrics_platform.core import Status
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.settings import load_settings
from metrics_platform.delivery.staleness import (
    ask_for_backfill,
    stale_definitions,
    stale_logs,
    staleness_line,
    told_logs,
)
from metrics_platform.delivery.tables import print_frame, write_frame


def export(
    name: Name,
    target: Annotated[
        str,
        typer.Argument(
            help="Of a DuckLake, its catalog: a file or postgresql://… Of an Iceberg table, where "
            "its metadata go: a folder, s3://… or gs://…"
        ),
    ],
    kind: Annotated[
        Literal["ducklake", "iceberg"], typer.Option(help="What to publish it as.")
    ] = "ducklake",
    version: Annotated[str | None, typer.Option(help="The newest one if not given.")] = None,
    catalog: Annotated[
        str | None,
        typer.Option(help="SQL catalog of an Iceberg table: postgresql://… or sqlite:///…"),
    ] = None,
) -> None:
    """Publish current rows for other engines, files in place; once more brings it up to date."""
    from metrics_platform.delivery.export import Kind
    from metrics_platform.delivery.export import export as publish
    from metrics_platform.store import Store

    name = default_catalog()[name].name
    with Store.open(load_settings()) as store:
        published = publish(store, name, target, kind=Kind(kind), version=version, catalog=catalog)
    done = "published" if published.changed else "was up to date"
    out.print(
        f"{published.table} {done}: {published.rows} rows in {published.files} files",
        highlight=False,
    )
    out.print(published.address, highlight=False, soft_wrap=True)


def stale(
    names: Annotated[
        list[str] | None, typer.Argument(help="Metrics or signals; all if none are named.")
    ] = None,
    logs: Annotated[
        bool, typer.Option("--logs", help="One line per metric and log, with the reason.")
    ] = False,
    output: Output = None,
    request: Annotated[
        bool, typer.Option("--request", help="Have what is missing or stale computed again.")
    ] = False,
) -> None:
    """Show which results are missing, or stand on other code or inputs than there are now."""
    from metrics_platform.checks.expected import expected_results
    from metrics_platform.readers.config import ReaderConfig
    from metrics_platform.store import Store

    settings, catalog = load_settings(), default_catalog()
    expected = expected_results(catalog, ReaderConfig.load(settings.readers), names or None)
    # Of all metrics, those that abstain are too many: a log lacks what most of them need.
    also = (Status.FAILED, Status.ABSTAINED) if names else (Status.FAILED,)
    with Store.open(settings) as store:
        counts = store.ledger(expected)
        if logs:
            most = None if output else LOGS_SHOWN
            frame = stale_logs(store.ledger_logs(expected, also=also, most=most))
        else:
            frame = stale_definitions(counts, quiet=not names and output is None)
        if output:
            write_frame(frame, output)
            out.print(f"{len(frame)} rows written to {output}")
        elif len(frame):
            print_frame(out, frame, "missing, stale and failed logs" if logs else "logs by result")
        if logs and not output and (rest := told_logs(counts, also) - len(frame)):
            out.print(f"{rest} more; --output FILE.csv writes them all", style="dim")
        out.print(staleness_line(counts), highlight=False)
        if request:
            asked = ask_for_backfill(store, counts, names or None)
            out.print(
                f"asked for: {', '.join(asked)}; the sensor `backfills` requests the runs"
                if asked
                else "nothing to ask for"
            )


COMMANDS: tuple[Callable[..., None], ...] = (export, stale)
