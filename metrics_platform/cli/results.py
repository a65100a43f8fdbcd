"""Commands that show what there is."""

import sys
from datetime import datetime
from typing import Annotated

import polars as pl
import typer

from metrics_platform.cli.terminal import LOGS_SHOWN, Name, Output, out, reason_last
from metrics_platform.core import Definition
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.frames import grain
from metrics_platform.core.settings import load_settings
from metrics_platform.delivery.reference import reference
from metrics_platform.delivery.tables import coverage_line, log_overview, print_frame, write_frame


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
    print_frame(out, frame, "logs", most=LOGS_SHOWN)
    states = frame.group_by("state").len().sort("state").rows()
    out.print(", ".join(f"{count} {name}" for name, count in states))


def show(
    name: Name,
    log: Annotated[list[str] | None, typer.Option(help="Only this log; may be repeated.")] = None,
    rows: Annotated[bool, typer.Option(help="All rows rather than one line per log.")] = False,
    version: Annotated[
        str | None, typer.Option(help="The promoted one, or else the highest, if not given.")
    ] = None,
    as_of: Annotated[
        datetime | None, typer.Option(help="What was current then (local time).")
    ] = None,
    output: Output = None,
) -> None:
    """Show stored results of a metric or signal: the summary per log, or all rows."""
    from metrics_platform.delivery.promotion import beside_lines, version_line
    from metrics_platform.store import Store

    catalog = default_catalog()
    definition = catalog.labelled(name)
    name = definition.name
    if definition.shadow and version is None:
        version = definition.version
    moment = as_of.astimezone() if as_of else None
    with Store.open(load_settings()) as store:
        shown = version or store.current_version(name, as_of=moment)
        summary = store.summary(name, version=shown, logs=log, as_of=moment)
        if rows:
            frame = store.scan(name, version=shown, logs=log, as_of=moment).collect()
        else:
            frame = reason_last(summary)
        told = [version_line(store, name, shown, asked=version is not None, as_of=moment)]
        if moment is None:
            told += beside_lines(store, catalog, name, shown, log)
    if output:
        write_frame(frame, output)
        out.print(f"{len(frame)} rows written to {output}")
    else:
        print_frame(out, frame, f"{name}: {_first_line(definition)}", most=LOGS_SHOWN)
    out.print("\n".join(told), highlight=False)
    out.print(coverage_line(summary["status"]))


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
    of_all = catalog.with_shadows
    frame = pl.DataFrame(
        {
            "name": [d.label for d in of_all],
            "kind": [type(d).__name__.lower() for d in of_all],
            "version": [d.version for d in of_all],
            "needs": [
                ", ".join(f"({n})" if n in d.optional else n for n in d.dependencies) or "recording"
                for d in of_all
            ],
            "one row per": [", ".join(grain(d.rows)) for d in of_all],
            "owner": [d.owner for d in of_all],
        }
    )
    print_frame(out, frame.sort("kind", "name"), "metrics and signals")


def _first_line(definition: Definition) -> str:
    return definition.description.partition("\n")[0]


COMMANDS = (logs, show, metrics)
