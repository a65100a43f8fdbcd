"""How time and memory grow with the number of logs: everything, over 1 to 1,000 logs.

Each count runs in a process of its own: synthetic logs of 10 s with every family of recorded
signals, through every derived definition, by `compute_chain`, results kept. A chain over one log
runs before the clock does, so that imports and first calls don't count. Time is that of the chain;
peak memory is that of the process, with the inputs.

The figures `growth_A_to_B_logs` are the time of B logs over B / A times that of A: 1 is linear, and
less means that logs share the cost of a call. From 1 to 1,000 nearly all is shared cost; from 100
to 1,000 it shows whether anything grows faster than the logs.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_COUNTS = (1, 10, 100, 1_000)
_SECONDS = 10.0
_TRACKS = 5
_SLOWEST_SHOWN = 10
_GIB = 1024**2  # Linux tells KiB


def run() -> dict[str, float]:
    seconds, figures = {}, {}
    for count in _COUNTS:
        measured = _in_process(count)
        seconds[count] = measured["seconds"]
        figures[f"seconds_{count}_logs"] = measured["seconds"]
        figures[f"peak_memory_gib_{count}_logs"] = measured["peak_memory_gib"]
    most, before = _COUNTS[-1], _COUNTS[-2]
    slowest = sorted(measured["ms_per_log"].items(), key=lambda item: -item[1])
    print("slowest, in ms per log:")
    for name, ms in slowest[:_SLOWEST_SHOWN]:
        print(f"  {name}  {ms:.3f}")
    return figures | {
        f"growth_1_to_{most}_logs": seconds[most] / (most * seconds[1]),
        f"growth_{before}_to_{most}_logs": seconds[most] / (most / before * seconds[before]),
        "definitions": float(len(slowest)),
        "ms_per_log": seconds[most] * 1e3 / most,
        "slowest_definition_ms_per_log": slowest[0][1],
        "peak_memory_gib": figures[f"peak_memory_gib_{most}_logs"],
    }


def _in_process(count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.growth", str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _measure(count: int) -> dict[str, Any]:
    from metrics_platform.core import Computed, Status
    from metrics_platform.core.catalog import default_catalog
    from metrics_platform.core.compute import compute_chain
    from metrics_platform.testing.families import with_families
    from metrics_platform.testing.inputs import computed_of, log_ids_of
    from metrics_platform.testing.synthetic import synthetic_logs

    catalog = default_catalog()
    names = [definition.name for definition in catalog.derived]

    def chain(logs: int) -> tuple[float, dict[str, Computed]]:
        frames = with_families(synthetic_logs(logs, seconds=_SECONDS, tracks=_TRACKS))
        recorded, log_ids = computed_of(frames), log_ids_of(frames)
        started = time.perf_counter()
        made = dict(compute_chain(catalog, names, recorded, log_ids))
        return time.perf_counter() - started, made

    chain(1)
    seconds, made = chain(count)
    failed = [name for name in names if made[name].logs_with(Status.FAILED)]
    assert not failed, failed
    return {
        "seconds": seconds,
        "ms_per_log": {name: made[name].seconds * 1e3 / count for name in names},
        "peak_memory_gib": _peak_kib() / _GIB,
    }


def _peak_kib() -> int:
    """Return the greatest memory of this process; `ru_maxrss` has that of its parent, too."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]))))
