"""`run`: computing a metric on recordings, without Dagster, a server or the store."""

import time
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.status import Status

from metrics_platform.cli.terminal import Name, Output, err, out, reason_last
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.compute import compute_chain
from metrics_platform.core.errors import ConfigurationError
from metrics_platform.core.log_ids import check_log_id
from metrics_platform.core.settings import load_settings
from metrics_platform.delivery.tables import coverage_line, print_frame, write_frame

_ROWS_SHOWN = 30


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
    print_frame(out, reason_last(summary), f"{name} {definition.version}: summary")
    out.print(f"{coverage_line(outcomes['status'])}, in {seconds:.2f} s")


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


def _spinner(what: str) -> Status:
    return err.status(what)


COMMANDS = (run,)
