"""What it takes to compute: time and memory of this process."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_STATUS, _PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")
# Written into it, the kernel counts the peak from now on.
_FORGET_PEAK = "5"
_PEAKS: list[int] = []


@dataclass
class Cost:
    """Filled in when the block ends.

    Attributes:
        seconds: Wall time.
        peak_bytes: The most that the process ever held until then, libraries and all.
        added_bytes: By how much it rose in between above what it held at the start.
    """

    seconds: float = 0.0
    peak_bytes: int = 0
    added_bytes: int = 0


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure what a block takes.

    Memory that was freed before can be used again without being added. Where the kernel doesn't
    tell what is held (other than Linux), `added_bytes` is by how much the highest peak ever rose.
    """
    cost = Cost()
    before = _held()
    started = time.perf_counter()
    yield cost
    cost.seconds = time.perf_counter() - started
    cost.added_bytes = max(_most() - before, 0)
    cost.peak_bytes = _highest()


def _held() -> int:
    """Return what is held now, and have the peak counted from here."""
    _highest()
    try:
        _PEAK.write_text(_FORGET_PEAK)
        return _told("VmRSS")
    except (OSError, LookupError):
        return _ever()


def _highest() -> int:
    """Return the highest peak of all, those that the kernel has forgotten for us included."""
    _PEAKS[:] = [max([*_PEAKS, _most(), _ever()])]
    return _PEAKS[0]


def _most() -> int:
    try:
        return _told("VmHWM")
    except (OSError, LookupError):
        return _ever()


def _told(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise LookupError(name)


def _ever() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kilobytes elsewhere.
    return most if sys.platform == "darwin" else most * 1024
