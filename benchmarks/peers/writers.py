"""Many processes that commit at the same time: the same race for us and for every peer.

So it knows only the standard library. All processes are started once. For each number of writers,
that many of them prepare their logs, commit one log each untimed and one after another, so that
connections and caches are warm, wait for one another, and then commit log by log.
"""

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, Protocol

LOGS = 4_000
ROWS_PER_LOG = 50
WRITERS = (1, 4, 16, 64)
# Each writer's first commit has a log of its own, beyond those that are timed.
ALL_LOGS = LOGS + max(WRITERS)

_ERRORS_SHOWN = 2


class Writer(Protocol):
    """What one process commits with."""

    def prepare(self, table: str, log: int) -> Any:
        """Return the rows of a log as this system takes them."""

    def commit(self, table: str, prepared: Any) -> None:
        """Return once they are committed."""


def race(
    open_writer: Callable[[], Writer],
    make_table: Callable[[str], None],
    read_back: Callable[[str], Mapping[int, int]],
    budget_s: float,
) -> dict[str, float]:
    """Return rates, latencies, and what became of the commits, by number of writers.

    Args:
        open_writer: Called once in every process.
        make_table: Called with the name of a table that holds nothing yet.
        read_back: Returns how many rows each log has.
        budget_s: Nobody begins a commit after so long.
    """
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for _ in range(max(WRITERS)):
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(open_writer, there), daemon=True)
        process.start()
        # Else nobody would notice that the process has died.
        there.close()
        pipes.append(here)
        processes.append(process)
    figures: dict[str, float] = {}
    try:
        # Else the first heats would compete with the start of all the others.
        for pipe in pipes:
            pipe.recv()
        for writers in WRITERS:
            table = f"brakes_{writers}"
            make_table(table)
            figures |= _heat(pipes[:writers], table, read_back, budget_s)
    finally:
        for process in processes:
            process.terminate()
            process.join()
    return figures


def _heat(
    pipes: Sequence[Connection],
    table: str,
    read_back: Callable[[str], Mapping[int, int]],
    budget_s: float,
) -> dict[str, float]:
    writers = len(pipes)
    for number, pipe in enumerate(pipes):
        pipe.send((table, list(range(number, LOGS, writers)), LOGS + number, budget_s))
    for pipe in pipes:
        pipe.recv()
    for pipe in pipes:
        pipe.send("warm up")
        pipe.recv()
    for pipe in pipes:
        pipe.send("go")
    made = [pipe.recv() for pipe in pipes]
    seconds = sorted(took for one in made for took in one["seconds"])
    acknowledged = [log for one in made for log in one["logs"]]
    errors = [error for one in made for error in one["errors"]]
    for error in errors[:_ERRORS_SHOWN]:
        print(f"{table}: {error}")
    wall_s = max(one["ended"] for one in made) - min(one["started"] for one in made)
    stored = read_back(table)
    return {
        f"per_s_{writers}": len(acknowledged) / wall_s,
        f"p50_ms_{writers}": _quantile(seconds, 0.5) * 1e3,
        f"p99_ms_{writers}": _quantile(seconds, 0.99) * 1e3,
        f"cpu_ms_{writers}": sum(one["cpu_s"] for one in made) * 1e3 / max(len(acknowledged), 1),
        f"commits_{writers}": len(acknowledged),
        f"failed_{writers}": len(errors),
        f"lost_{writers}": sum(stored.get(log, 0) < ROWS_PER_LOG for log in acknowledged),
        f"doubled_{writers}": sum(rows > ROWS_PER_LOG for rows in stored.values()),
    }


def _work(open_writer: Callable[[], Writer], pipe: Connection) -> None:
    writer = open_writer()
    pipe.send("open")
    while True:
        table, logs, first, budget_s = pipe.recv()
        warm_up, *prepared = [writer.prepare(table, log) for log in (first, *logs)]
        pipe.send("prepared")
        pipe.recv()
        writer.commit(table, warm_up)
        pipe.send("warm")
        pipe.recv()
        pipe.send(_committed(writer, table, dict(zip(logs, prepared, strict=True)), budget_s))


def _committed(
    writer: Writer, table: str, prepared: Mapping[int, Any], budget_s: float
) -> dict[str, Any]:
    # The monotonic clock is one for all processes.
    started, cpu_s = time.monotonic(), time.process_time()
    logs, seconds, errors = [], [], []
    for log, rows in prepared.items():
        begun = time.monotonic()
        if begun - started > budget_s:
            break
        try:
            writer.commit(table, rows)
        except Exception as error:  # Whatever a peer raises: its caller has to do it again.
            errors.append(f"{type(error).__name__}: {error}"[:300])
            continue
        logs.append(log)
        seconds.append(time.monotonic() - begun)
    return {
        "started": started,
        "ended": time.monotonic(),
        "cpu_s": time.process_time() - cpu_s,
        "logs": logs,
        "seconds": seconds,
        "errors": errors,
    }


def _quantile(ordered: Sequence[float], q: float) -> float:
    return ordered[min(int(len(ordered) * q), len(ordered) - 1)] if ordered else float("nan")
