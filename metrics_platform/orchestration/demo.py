"""A first look: a small fleet is uploaded, and the platform takes it in as it would a real one."""

import shutil
import tempfile
import time
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.errors import ConfigurationError, StoreError
from metrics_platform.core.settings import Settings
from metrics_platform.delivery.tables import coverage_line, log_overview, print_frame
from metrics_platform.orchestration.dev import daemon, running
from metrics_platform.store import INBOX, Store
from metrics_platform.testing.demo_fleet import write_demo_fleet

_LOGS = 24
_POLL_S = 0.5
_LONGEST_S = 600.0
# Metric to the scalar of it that is shown for each log; together they fit into 80 columns.
_SHOWN = {
    "distance_driven": "distance_m",
    "hard_brakes": "hard_brakes",
    "time_headway": "min_headway_s",
}
_NEXT = """
[bold]What next[/]
  metrics-platform dev                        the Dagster UI: lineage, runs, checks
  metrics-platform show hard_brakes --rows    every event, with its log and moment
  metrics-platform logs                       all logs, and what is known of them
"""


def run_demo(settings: Settings, out: Console) -> None:
    """Upload the fleet, run the daemon until all of it is computed, print what came out.

    Raises:
        ConfigurationError: The object root isn't a folder, where uploading means copying.
        StoreError: The platform has not finished in ten minutes.
    """
    if "://" in settings.root:
        raise ConfigurationError(
            f"the demo copies its logs into a folder, got METRICS_PLATFORM_ROOT={settings.root}"
        )
    inbox = Path(settings.root) / INBOX
    uploaded = _upload(inbox)
    what = f"{uploaded} recordings uploaded to" if uploaded else "the recordings are already in"
    out.print(f"{what} {inbox}", highlight=False, soft_wrap=True)
    log = settings.home / "dagster.log"
    with Store.open(settings) as store:
        with running(daemon(), settings, log) as process, _progress(out) as progress:
            task = progress.add_task("the daemon takes them in", total=None)
            deadline = time.monotonic() + _LONGEST_S
            while not _all_taken_in(store, progress, task):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise StoreError(f"the daemon did not finish; its output is in {log}")
                time.sleep(_POLL_S)
        _report(out, store)


def _upload(inbox: Path) -> int:
    """Copy the fleet into the inbox; what is there already is left alone."""
    inbox.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        write_demo_fleet(Path(folder), _LOGS)
        new = [file for file in sorted(Path(folder).iterdir()) if not (inbox / file.name).exists()]
        for file in new:
            # A folder that is copied isn't whole until it is: it comes under its name at the end.
            unfinished = inbox / f"{file.name}.part"
            (shutil.copytree if file.is_dir() else shutil.copyfile)(file, unfinished)
            unfinished.rename(inbox / file.name)
    return sum(not file.name.endswith(".log.json") for file in new)


def _all_taken_in(store: Store, progress: Progress, task: TaskID) -> bool:
    """Say whether the runs over all logs in the inbox have succeeded, and show how far they are."""
    logs = store.registry.logs()
    results = store.catalog()
    done = int(results.select(pl.sum_horizontal("computed", "abstained", "failed")).sum().item())
    progress.update(task, completed=done, total=len(logs) * len(default_catalog()) or None)
    return len(logs) > 0 and not store.registry.requests() and (logs["state"] != "registered").all()


def _report(out: Console, store: Store) -> None:
    logs = log_overview(store.registry.logs(), store.registry.rejected())
    states = logs.group_by("state").len().sort("len", descending=True).rows()
    by_state = ", ".join(f"{count} {state}" for state, count in states)
    out.print(f"{len(logs)} logs: {by_state}", highlight=False)
    for log_id in logs.filter("truncated")["log_id"]:
        cut_off = " is cut off; recovered as far as it goes"
        out.print(Text.assemble((log_id, "yellow"), cut_off))
    for log_id, reason in logs.drop_nulls("reason").select("log_id", "reason").iter_rows():
        out.print(Text.assemble((log_id, "bold red"), f" is put aside: {reason}"), soft_wrap=True)
    summaries = {metric.name: store.summary(metric.name) for metric in default_catalog().metrics}
    shown = summaries[next(iter(_SHOWN))].select("log_id", "release").sort("log_id")
    for name, scalar in _SHOWN.items():
        values = summaries[name].select("log_id", scalar)
        shown = shown.join(values, on="log_id", how="left", maintain_order="left")
    out.print()
    print_frame(out, shown, "Results by log, a few of them")
    by_release = shown.drop_nulls("release").group_by("release").agg(
        logs=pl.len(),
        distance_m=pl.col("distance_m").sum(),
        hard_brakes=pl.col("hard_brakes").sum(),
        hard_brakes_per_km=pl.col("hard_brakes").sum() / pl.col("distance_m").sum() * 1_000,
    )  # fmt: skip
    print_frame(out, by_release.sort("release"), "And by release")
    told: dict[str, list[str]] = {}
    for name, summary in summaries.items():
        told.setdefault(coverage_line(summary["status"]), []).append(name)
    for line, names in told.items():
        out.print(Text.assemble((line, "bold"), f": {', '.join(sorted(names))}"))
    out.print(_NEXT, highlight=False, markup=True)


def _progress(out: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("results"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=out, transient=True)
