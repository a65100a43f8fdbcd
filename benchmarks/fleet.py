"""A fleet end to end: 10,000 recordings in the inbox, all driving metrics, the real daemon.

The recordings are MCAP logs of 10 s, written beforehand. The clock runs from the start of the
daemon until every log has a result of every definition, so it includes starting processes, ticks
of the sensor and waiting in the queue. 100,000 older logs are registered as partitions before.

The definitions are the driving metrics and all that they need (`_fleet_definitions.py`), which
also takes the time of what runs do: reading recordings, computing, reading and writing Parquet,
the index; what is left of a run's time is Dagster's. Peak memory is that of daemon, code server,
runs and Postgres together, shared pages counted once.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread

from dagster import DagsterInstance, DagsterRunStatus

from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.dev import dagster_environment, running
from metrics_platform.orchestration.partitions import LOG
from metrics_platform.store import INBOX, Store
from metrics_platform.testing.mcap_writer import write_mcap
from metrics_platform.testing.synthetic import synthetic_logs

LOGS = int(os.environ.get("FLEET_LOGS", "10000"))
OLDER_LOGS = 100_000
SPANS = "FLEET_SPANS"
_SECONDS, _TRACKS = 10.0, 5
_WRITTEN_AT_ONCE = 100
_POLL_S, _LONGEST_S = 2.0, 3_600.0
_GIB = 1024**2  # Linux tells KiB


def run() -> dict[str, float]:
    from benchmarks._fleet_definitions import CATALOG

    home = Path(tempfile.mkdtemp(prefix="fleet-"))
    spans = home / "spans"
    spans.mkdir()
    settings = Settings(home=home, root=str(home / "objects"), quiet_s=0.0)
    try:
        _upload(Path(settings.root) / INBOX)
        with _environment(settings, spans) as environment, Store.open(settings) as store:
            with DagsterInstance.get() as instance:
                instance.add_dynamic_partitions(LOG, [f"old-{n:06d}" for n in range(OLDER_LOGS)])
                started = time.perf_counter()
                script = Path(sys.executable).with_name("dagster-daemon")
                command = [str(script), "run", "-m", "benchmarks._fleet_definitions"]
                with (
                    running(command, settings, home / "daemon.log") as daemon,
                    _peak_memory(daemon.pid, environment) as peak,
                ):
                    _wait(store, home / "daemon.log", daemon)
                    seconds = time.perf_counter() - started
                run_s, runs = _runs(instance)
            done = store.catalog()
    except BaseException:
        print(f"what is left of it: {home}", file=sys.stderr)
        raise
    assert len(done) == len(CATALOG), "a definition has no results"
    outcomes = done.select("computed", "abstained", "failed").sum_horizontal()
    assert (outcomes == LOGS).all(), "a log has no outcome"
    assert not done["failed"].sum(), "something failed"
    shares = _shares(spans, run_s)
    shutil.rmtree(home)
    return {
        "logs_per_s": LOGS / seconds,
        "seconds": seconds,
        "definitions": float(len(CATALOG)),
        "runs": float(runs),
        "run_ms_per_asset_log": run_s * 1e3 / (LOGS * len(CATALOG)),
        **shares,
        "peak_memory_gib": peak[0],
    }


@contextmanager
def _environment(settings: Settings, spans: Path) -> Iterator[dict[str, str]]:
    """Set what the daemon's processes inherit."""
    before = dict(os.environ)
    os.environ.update(dagster_environment(settings))
    os.environ[SPANS] = str(spans)
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    try:
        yield dict(os.environ)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _upload(inbox: Path) -> None:
    inbox.mkdir(parents=True)
    # Forked children would inherit Polars' locks without its threads.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        firsts = range(0, LOGS, _WRITTEN_AT_ONCE)
        list(pool.map(_write, [str(inbox)] * len(firsts), firsts))


def _write(inbox: str, first: int) -> None:
    count = min(_WRITTEN_AT_ONCE, LOGS - first)
    frames = synthetic_logs(count, seconds=_SECONDS, tracks=_TRACKS, seed=first)
    parts = {
        name: {key[0]: rows for key, rows in frame.group_by("log_id", maintain_order=True)}
        for name, frame in frames.items()
    }
    for number, log_id in enumerate(sorted(parts["recordings"])):
        of_log = {name: parts[name].get(log_id, frame.clear()) for name, frame in frames.items()}
        write_mcap(Path(inbox) / f"new-{first + number:06d}.mcap", of_log)


def _wait(store: Store, log: Path, daemon: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _LONGEST_S
    query = "SELECT state, request_key IS NOT NULL FROM metrics_platform.logs"
    while True:
        time.sleep(_POLL_S)
        with store.postgres.engine.connect() as connection:
            found = Counter(tuple(row) for row in connection.exec_driver_sql(query))
        if found == {("read", False): LOGS}:
            return
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the daemon did not finish ({dict(found)}); its output is in {log}")


def _runs(instance: DagsterInstance) -> tuple[float, int]:
    """Return the seconds that all runs took together, and how many there were."""
    records = [
        record
        for record in instance.get_run_records()
        if record.dagster_run.status is DagsterRunStatus.SUCCESS
    ]
    return sum((r.end_time or 0) - (r.start_time or 0) for r in records), len(records)


def _shares(spans: Path, run_s: float) -> dict[str, float]:
    told: Counter[str] = Counter()
    for file in spans.iterdir():
        told.update(json.loads(file.read_text()))
    told["dagster"] = run_s - sum(told.values())
    return {f"share_{name}": seconds / run_s for name, seconds in sorted(told.items())}


@contextmanager
def _peak_memory(root: int, environment: dict[str, str]) -> Iterator[list[float]]:
    """Sample the memory of all processes that have our data directory in their environment."""
    peak, stop = [0.0], Event()
    mark = f"METRICS_PLATFORM_HOME={environment['METRICS_PLATFORM_HOME']}".encode()

    def sample() -> None:
        while not stop.wait(1.0):
            peak[0] = max(peak[0], sum(_pss(pid) for pid in _ours(mark)) / _GIB)

    thread = Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def _ours(mark: bytes) -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            is_ours = mark in (folder / "environ").read_bytes()
            # Postgres is started by whoever comes first, below the same directory.
            if is_ours or mark.partition(b"=")[2] in (folder / "cmdline").read_bytes():
                yield int(folder.name)
        except OSError:
            continue


def _pss(pid: int) -> int:
    """Return KiB, where a page that n processes share counts as 1/n."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
