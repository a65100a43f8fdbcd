"""What authors wait for, and which faults `check` and the conformance checks find.

The times are of whole processes in a copy of the library with a lock of its own: `check --all`,
`check` of what hasn't changed, and of one metric or one kernel that has; `watch_s` is from a save
to the end of what `run --watch` tells. Each fault in mutants.toml is put into a copy, alone;
it is caught where `check` says other values or another contract, or where the conformance checks
fail. That the code has changed is not enough. Writes docs/mutants.md.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import IO

from benchmarks._mutants import (
    Found,
    Mutant,
    all_mutants,
    copied_library,
    edited,
    environment,
    tried,
    written_lock,
)

_TIMES = 3
_WORKERS = 2
_COMMAND = "from metrics_platform.cli import main; main()"
_ONE_METRIC = ("metrics/hard_brakes.py", "mps2: float = 3.0", "mps2: float = 3.1")
# Twelve definitions use it, and its values stay.
_ONE_KERNEL = ("kernels/stretches.py", "_SLACK_S = 1e-6", "_SLACK_S = 2e-6")
DOCS = Path("docs/mutants.md")


def run() -> dict[str, float]:
    with TemporaryDirectory() as folder:
        copies = [copied_library(Path(folder) / str(number)) for number in range(_WORKERS)]
        for copy in copies:
            written_lock(copy)
        figures = _times(copies[0])
        findings = _findings(copies)
    faults = [found for mutant, found in findings if not mutant.equivalent]
    for mutant, found in findings:
        if found.caught == bool(mutant.equivalent):
            print(f"{'' if found.caught else 'not '}caught: {mutant.told}")
    DOCS.write_text(_documented(findings), encoding="utf-8")
    return figures | {
        "mutants": float(len(faults)),
        "mutants_caught_ratio": _share(found.caught for found in faults),
        "mutants_caught_by_check_ratio": _share(bool(f.changed or f.refused) for f in faults),
        "mutants_caught_by_conformance_ratio": _share(bool(f.breaks) for f in faults),
        "equivalent_mutants": float(len(findings) - len(faults)),
    }


def _share(told: Iterable[bool]) -> float:
    answers = list(told)
    return sum(answers) / len(answers)


def _times(copy: Path) -> dict[str, float]:
    figures = {
        "check_full_s": _least(copy, "check", "--all"),
        "check_unchanged_s": _least(copy, "check"),
    }
    with edited(copy, *_ONE_METRIC):
        figures["check_one_metric_s"] = _least(copy, "check", code=1)
    with edited(copy, *_ONE_KERNEL):
        figures["check_one_kernel_s"] = _least(copy, "check", code=1)
    return figures | {"watch_s": _watching(copy)}


def _watching(copy: Path) -> float:
    """Return the least seconds from a save until `run --watch` has told all of the new result."""
    command = [sys.executable, "-u", "-c", _COMMAND, "run", "hard_brakes", "--watch"]
    file, old, _ = _ONE_METRIC
    seconds = []
    with subprocess.Popen(
        [*command, "--synthetic", "hard_brake"],
        cwd=copy, env=environment(copy), stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        _read_until(process.stdout, "Watching")
        for digit in range(1, _TIMES + 1):
            with edited(copy, file, old, old.replace("3.0", f"3.{digit}")):
                started = time.perf_counter()
                _read_until(process.stdout, "Memory")
                seconds.append(time.perf_counter() - started)
            # The edit is taken back, which is a save, too.
            _read_until(process.stdout, "Memory")
        process.send_signal(signal.SIGINT)
    return min(seconds)


def _read_until(lines: IO[str], beginning: str) -> None:
    for line in lines:
        if line.startswith(beginning):
            return
    raise RuntimeError(f"the command ended before it said {beginning!r}")


def _least(copy: Path, *arguments: str, code: int = 0) -> float:
    """Return the least seconds of some runs: what it takes where nothing else is going on."""
    seconds = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _COMMAND, *arguments],
            cwd=copy, env=environment(copy), capture_output=True, text=True,
        )  # fmt: skip
        seconds.append(time.perf_counter() - started)
        if done.returncode != code:
            raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return min(seconds)


def _findings(copies: list[Path]) -> list[tuple[Mutant, Found]]:
    free: SimpleQueue[Path] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def one(mutant: Mutant) -> tuple[Mutant, Found]:
        copy = free.get()
        try:
            return mutant, tried(copy, mutant)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        return list(pool.map(one, all_mutants()))


_HEAD = """\
# Faults that are found

`make bench BENCH=authors` puts faults that somebody could make into a copy of the library, one at a
time, and asks `metrics-platform check` and the conformance checks. The exact texts are in
[mutants.toml](../benchmarks/mutants.toml).

The share below is that of a corpus which was made better by what it had missed, so of faults that
nobody has thought of, expect less to be found. All faults were written down before they were tried:

| | At first found | Then the corpus got |
|---|---|---|
| the first 73 | 62 (85 %) | drives that reverse and stop, a climb, a circle, gaps in the poses |
| another 24 | 18 (75 %) | a lane change, a road user out of sight, sessions that overlap |

A fault counts as found where `check` says other values or another contract, or where a conformance
check fails; that the code has changed is not enough. This file is written by the benchmark.
"""


def _documented(findings: list[tuple[Mutant, Found]]) -> str:
    faults = [(mutant, found) for mutant, found in findings if not mutant.equivalent]
    equal = [mutant for mutant, _ in findings if mutant.equivalent]
    caught = sum(found.caught for _, found in faults)
    rows = [
        f"| {mutant.file} | {mutant.fault} | {_check(found)} | {_conformance(found)} |"
        for mutant, found in faults
    ]
    lines = [
        _HEAD,
        f"Found: **{caught} of {len(faults)}**.",
        "",
        "| File | Fault | `check` finds other | Conformance |",
        "|---|---|---|---|",
        *rows,
        "",
        "No log can tell these from the library as it is, so they are no faults:",
        "",
        *(f"- {mutant.file}, {mutant.fault}: {mutant.equivalent}." for mutant in equal),
    ]
    return "\n".join(lines) + "\n"


def _check(found: Found) -> str:
    if found.refused:
        return "it does not load"
    shown = ", ".join(found.changed[:2])
    more = f" and {len(found.changed) - 2} more" if len(found.changed) > 2 else ""
    return f"{shown}{more}" or "-"


def _conformance(found: Found) -> str:
    return "fails" if found.breaks else "-"
