"""`run`: computing a metric on some logs, without Dagster, a server or the store."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.text import Text

from metrics_platform.authoring.project import Project, find_project
from metrics_platform.authoring.trying.inputs import Reading, logs_of, recordings, situations
from metrics_platform.authoring.trying.modules import Modules
from metrics_platform.authoring.trying.trial import Bench, Trial
from metrics_platform.authoring.trying.watch import StartAnewError, told, watch
from metrics_platform.cli.terminal import Name, Output, err, out, reason_last
from metrics_platform.core.errors import ConfigurationError, UnknownNameError
from metrics_platform.core.statuses import Status
from metrics_platform.delivery.tables import (
    check_target,
    coverage_line,
    print_frame,
    write_frame,
    writing,
)

_ROWS_SHOWN = 30
_PICTURES = (".png", ".html")
# What the ego did is drawn beside what the metric says.
_DRAWN_BESIDE = "ego_states"
_MB = 1e6


def run(
    name: Name,
    log: Annotated[
        list[Path] | None, typer.Option(help="A recording: file or folder. Can be repeated.")
    ] = None,
    synthetic: Annotated[
        list[str] | None,
        typer.Option(help="A made-up log, such as cut_in or cut_in:gap_m=8. Can be repeated."),
    ] = None,
    corpus: Annotated[
        str | None, typer.Option(help="`synthetic`, or a folder in the project's corpora/.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting, such as threshold_mps2=2.5. Can be repeated."),
    ] = None,
    watching: Annotated[
        bool, typer.Option("--watch", help="Run again at each save, until Ctrl-C.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw one log into this .png file, or .html to move through time."),
    ] = None,
    plot_log: Annotated[
        str | None, typer.Option(help="The log to draw; that of the worst value if not given.")
    ] = None,
    output: Output = None,
) -> None:
    """Compute a metric on some logs and print it: no Dagster, no server, nothing is stored.

    It exits with 1 where a log failed; a log without what the metric takes is no failure.
    """
    if plot:
        check_target(plot, _PICTURES)
    if output:
        check_target(output)
    project = _project()
    reading = _reading(log or [], synthetic or [], corpus, project)
    bench = Bench(name, reading, set_ or [], also=[_DRAWN_BESIDE] if plot else [])

    def once() -> Trial:
        with err.status(name):
            trial = bench.trial()
        _print(trial, output)
        if plot:
            _draw(trial, plot, plot_log)
        return trial

    if watching:
        _watch(bench, once, project)
    elif once().result.logs_with(Status.FAILED):
        raise typer.Exit(1)


def _reading(
    logs: Sequence[Path], synthetic: Sequence[str], corpus: str | None, project: Project | None
) -> Reading:
    given = {"--log": bool(logs), "--synthetic": bool(synthetic), "--corpus": corpus is not None}
    if sum(given.values()) != 1:
        also = " and ".join(option for option, there in given.items() if there)
        raise ConfigurationError(
            "say what to run on: --log PATH, --synthetic SCENARIO or --corpus NAME"
            + (f", but one of them; got {also}" if also else "")
        )
    if logs:
        return recordings(logs)
    return situations(synthetic) if synthetic else logs_of(str(corpus), project)


def _project() -> Project | None:
    """Return the project that we are in; without one, there are no corpora but the built-in one."""
    try:
        return find_project()
    except ConfigurationError:
        return None


def _print(trial: Trial, output: Path | None) -> None:
    result, definition = trial.result, trial.result.definition
    title = f"{definition.name} {definition.version}"
    if output:
        write_frame(result.rows, output)
        out.print(f"{len(result.rows)} rows written to {output}")
    else:
        print_frame(out, result.rows, f"{title}: rows", most=_ROWS_SHOWN)
    outcomes = pl.DataFrame(
        [(log_id, str(o.status), o.reason) for log_id, o in result.outcomes.items()],
        schema=["log_id", "status", "reason"],
        orient="row",
    )
    summary = outcomes.join(result.summary, on="log_id", how="left", maintain_order="left")
    print_frame(out, reason_last(summary), f"{title}: summary")
    reading, computing = trial.reading, trial.computing
    kept = f"; {len(trial.kept)} results kept" if trial.kept else ""
    peak, added = computing.peak_bytes / _MB, computing.added_bytes / _MB
    out.print(coverage_line(outcomes["status"]))
    out.print(
        f"Time: reading {reading.seconds:.2f} s, computing {computing.seconds:.2f} s "
        f"({definition.name} itself {result.seconds:.2f} s{kept})"
    )
    out.print(
        f"Memory: computing added {added:.0f} MB; at most {peak:.0f} MB in this process, "
        "libraries included"
    )


def _draw(trial: Trial, path: Path, log_id: str | None) -> None:
    # A second, for those who draw.
    from metrics_platform.delivery.pictures import focus, page, picture

    result = trial.result
    if log_id is not None and log_id not in result.outcomes:
        raise UnknownNameError("log", log_id, result.outcomes)
    worst = focus(result.rows, result.definition)
    drawn = log_id or (worst.log_id if worst else next(iter(result.outcomes)))
    frames = {name: made.rows for name, made in trial.made.items()}
    if path.suffix == ".png":
        figure = picture(frames, result.rows, result.definition, log_id=drawn)
        with writing(path):
            figure.savefig(path)
    else:
        text = page(frames, result.rows, result.definition, log_id=drawn, summary=result.summary)
        with writing(path):
            path.write_text(text, encoding="utf-8")
    why = f", {worst.why}" if worst and worst.why and log_id is None else ""
    logs = len(result.outcomes)
    choose = f" (of {logs} logs; --plot-log draws another)" if logs > 1 else ""
    out.print(f"{path}: log {drawn}{why}{choose}")


def _watch(bench: Bench, once: Callable[[], object], project: Project | None) -> None:
    modules = Modules(project)

    def again(saved: frozenset[Path], reading_changed: bool) -> bool:
        names = ", ".join(sorted(path.name for path in saved))
        out.rule(Text(f"{datetime.now():%H:%M:%S} {names}"), style="dim")
        if reading_changed:
            bench.forget(unless_up_to_date=True)
        return attempt()

    def attempt() -> bool:
        try:
            once()
        # Whatever their code raises while they write it is theirs to see, and no reason to stop.
        except Exception as error:
            tell(error)
            return False
        return True

    def tell(error: Exception) -> None:
        err.print(Text.assemble(("error:", "bold red"), f" {told(error, modules.folders)}"))

    try:
        good = attempt()
        out.print("Watching; Ctrl-C ends it", style="dim")
        while True:
            try:
                watch(modules, again, runner=__name__, good=good)
            except SyntaxError as error:
                tell(error)
    except KeyboardInterrupt:
        # Polars interrupts its queries by itself, and Python then does it once more, at the next
        # call: that of `suppress` would be too early.
        try:  # noqa: SIM105
            time.sleep(0)
        except KeyboardInterrupt:
            pass
        out.print("\nStopped")
    except StartAnewError as error:
        out.print(f"{error}, which this command runs on: starting anew", style="dim")
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


COMMANDS = (run,)
