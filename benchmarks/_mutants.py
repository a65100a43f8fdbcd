"""Faults put into a copy of the library, one at a time, and what finds them."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
LISTED = _HERE / "mutants.toml"
_FINDER = _HERE / "_try_mutant.py"


@dataclass(frozen=True)
class Mutant:
    """One fault: in `file` of the package, `new` in the place of `old`.

    Attributes:
        equivalent: Why it is none after all, if it isn't: no log can tell the two apart.
    """

    file: str
    fault: str
    old: str
    new: str
    equivalent: str = ""

    @property
    def told(self) -> str:
        return f"{self.file}: {self.fault}"


@dataclass(frozen=True)
class Found:
    """What came out: definitions whose values or contract `check` says to be others, and so on."""

    changed: Sequence[str] = ()
    breaks: str | None = None
    refused: str | None = None

    @property
    def caught(self) -> bool:
        return bool(self.changed or self.breaks or self.refused)


def all_mutants() -> list[Mutant]:
    listed = tomllib.loads(LISTED.read_text(encoding="utf-8"))["mutants"]
    return [Mutant(**mutant) for mutant in listed]


def copied_library(folder: Path) -> Path:
    """Copy the package into `folder`, as a project of its own."""
    root = _HERE.parent
    shutil.copytree(root / "metrics_platform", folder / "metrics_platform")
    shutil.copy(root / "pyproject.toml", folder)
    return folder


@contextmanager
def edited(folder: Path, file: str, old: str, new: str) -> Iterator[None]:
    """Put one text in the place of another, which must be there once, and take it back."""
    path = folder / "metrics_platform" / file
    text, stat = path.read_text(encoding="utf-8"), path.stat()
    if text.count(old) != 1:
        raise ValueError(f"{file} has {text.count(old)} times {old!r}, and not once")
    path.write_text(text.replace(old, new), encoding="utf-8")
    # Python tells compiled files by size and whole seconds: another time, whatever the clock says.
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10 * 10**9))
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def written_lock(folder: Path, names: Sequence[str] = ()) -> None:
    """Write `metrics.lock` of a copy; of a few definitions, if they are named."""
    _in_copy(folder, "lock", names)


def tried(folder: Path, mutant: Mutant, names: Sequence[str] = ()) -> Found:
    """Put a fault into a copy that has a lock, and return what finds it."""
    with edited(folder, mutant.file, mutant.old, mutant.new):
        return Found(**json.loads(_in_copy(folder, "try", names).splitlines()[-1]))


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(folder), "METRICS_PLATFORM_HOME": str(folder / "home")}


def _in_copy(folder: Path, what: str, names: Sequence[str]) -> str:
    command = [sys.executable, str(_FINDER), what, *names]
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{what} in {folder} failed:\n{done.stderr}")
    return done.stdout
