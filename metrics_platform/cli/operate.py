"""Commands for those who run the platform."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Annotated, Literal

import polars as pl
import typer

from metrics_platform.cli.terminal import LOGS_SHOWN, Name, Output, out
from metrics_platform.core import Status
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.errors import ConfigurationError
from metrics_platform.core.settings import load_settings
from metrics_platform.delivery.tables import print_frame, write_frame

# Times before the year 1 cannot be told.
_MOST_DAYS = 100_000


def _a_number(value: float | None) -> float | None:
    # Neither smaller nor larger than anything, so no bound refuses it.
    if value is not None and isnan(value):
        raise typer.BadParameter("nan is no number")
    return value


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
    version: Annotated[
        str | None, typer.Option(help="The promoted one, or else the highest, if not given.")
    ] = None,
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
    from metrics_platform.delivery.staleness import (
        ask_for_backfill,
        late_names,
        stale_definitions,
        stale_logs,
        staleness_line,
        told_logs,
    )
    from metrics_platform.readers.config import ReaderConfig
    from metrics_platform.store import Store

    settings, catalog = load_settings(), default_catalog()
    config = ReaderConfig.load(settings.readers)
    names = [catalog.labelled(name).label for name in names or ()] or None
    expected = expected_results(catalog, config, names)
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
            late = None
            if names:
                needed = [of.label for of in catalog.upstream(*names)]
                all_counts = store.ledger(expected_results(catalog, config, needed))
                late = late_names(all_counts, catalog, names)
            asked = ask_for_backfill(store, counts, late)
            if asked:
                out.print(
                    f"asked for: {', '.join(asked)}; the sensor `backfills` requests the runs"
                )
            if idle := sorted({*(names or ())} - {*asked}):
                out.print(f"nothing to ask for: up to date with all they need: {', '.join(idle)}")
            elif not asked:
                out.print("nothing to ask for")


def compact(
    name: Annotated[
        str | None, typer.Argument(help="A metric or signal; all if none is named.")
    ] = None,
    which: Annotated[
        Literal["due", "dirty", "all"],
        typer.Option(
            help="Files that are worth it now; those with rows that count no more; these and all "
            "small ones."
        ),
    ] = "due",
) -> None:
    """Merge small files of results into large ones; readers and writers go on meanwhile."""
    from metrics_platform.store import Store

    if name is not None:
        name = default_catalog()[name].name
    with Store.open(load_settings()) as store:
        done = store.compact(name, which=which)
    if done:
        print_frame(out, pl.DataFrame(done).select("name", pl.exclude("name")), "compacted")
    else:
        out.print("nothing to compact")


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    grace_h: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=24 * _MOST_DAYS,
            callback=_a_number,
            help="Hours for which nothing has pointed to what goes: longer than anybody reads. "
            "METRICS_PLATFORM_GC_GRACE_H if not given.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also where the index knows less than half of the objects."),
    ] = False,
) -> None:
    """Delete results that are kept no longer, and objects that nothing points to any more."""
    from metrics_platform.store import Store

    settings = load_settings()
    grace = timedelta(hours=settings.gc_grace_h if grace_h is None else grace_h)
    days = settings.keep_superseded_days
    with Store.open(settings) as store:
        retained = store.retain(
            keep_superseded=None if days is None else timedelta(days=days),
            keep_versions=settings.keep_versions,
            in_use=[(of.name, of.version) for of in default_catalog().with_shadows],
            dry_run=dry_run,
        )
        collected = store.gc(grace=grace, dry_run=dry_run, force=force)
    would = "would be deleted" if dry_run else "deleted"
    lines = [
        f"{retained.superseded} superseded results {would}",
        f"{retained.of_versions} results of {len(retained.versions)} old versions {would}"
        + "".join(f"\n  {version}" for version in retained.versions),
        f"{collected.files} files and {collected.orphans} orphans {would}, "
        f"{collected.size_bytes / 1e6:.1f} MB; {collected.waiting} more have not waited for "
        f"{grace / timedelta(hours=1):g} h",
    ]
    if collected.strangers:
        lines.append(
            f"{collected.strangers} objects are not ours and stay: {', '.join(collected.examples)}"
        )
    out.print("\n".join(lines), highlight=False, soft_wrap=True)


def archive(
    log_ids: Annotated[
        list[str] | None, typer.Argument(help="Logs; all that are old enough if none are named.")
    ] = None,
    days: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=_MOST_DAYS,
            callback=_a_number,
            help="For which nothing new was learnt of a log. METRICS_PLATFORM_ARCHIVE_AFTER_DAYS "
            "if neither this nor logs are given.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
) -> None:
    """Take old logs out of Dagster's partitions; their results stay, and other content returns."""
    from metrics_platform.orchestration.archive import archive as take_out
    from metrics_platform.orchestration.dev import instance_of
    from metrics_platform.store import Store

    settings = load_settings()
    if days is None and not log_ids:
        days = settings.archive_after_days
    if days is None and not log_ids:
        raise ConfigurationError(
            "which logs? Name them, or say --days, or set METRICS_PLATFORM_ARCHIVE_AFTER_DAYS"
        )
    before = None if days is None else datetime.now(UTC) - timedelta(days=days)
    with Store.open(settings) as store, instance_of(settings) as instance:
        if unknown := sorted({*(log_ids or ())} - {*store.registry.sizes(log_ids or ())}):
            raise ConfigurationError(
                f"no such logs: {', '.join(map(repr, unknown))}; `metrics-platform logs` lists all"
            )
        done = take_out(store, instance, before=before, log_ids=log_ids, dry_run=dry_run)
    out.print(
        f"{len(done.log_ids)} logs {'would be archived' if dry_run else 'archived'}"
        + (f"; runs are about {len(done.in_runs)} more" if done.in_runs else ""),
        highlight=False,
    )


COMMANDS: tuple[Callable[..., None], ...] = (export, compact, gc, archive, stale)
