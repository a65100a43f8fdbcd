"""What the processes under test have done, as they themselves have noted it, on disk."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from metrics_platform_tests.store.faults.marks import Generations


@dataclass(frozen=True)
class Journal:
    """A folder with a file per process; who is killed loses nothing that it has noted."""

    folder: Path

    def note(self, name: str, *lines: str) -> None:
        """Append lines to the file of `name`, on disk when this returns."""
        text = "".join(f"{line}\n" for line in lines)
        descriptor = os.open(self.folder / f"{name}.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def acknowledge(self, writer: str, generations: Generations) -> None:
        """Note that these generations were written."""
        now = time.time()
        self.note(writer, *(f"{group} {number} {now!r}" for group, number in generations.items()))

    def acknowledged(self, writer: str = "write-*", until: datetime | None = None) -> Generations:
        """Return the newest generation of each group that had been acknowledged by then."""
        latest = float("inf") if until is None else until.timestamp()
        found: dict[str, int] = {}
        for line in self._lines(writer):
            group, number, at = line.split()
            if float(at) <= latest:
                found[group] = max(found.get(group, 0), int(number))
        return found

    def counted(self, name: str) -> Counter[str]:
        """Return the sums of what was noted as `<what> <number>` by all whose name fits."""
        found: Counter[str] = Counter()
        for line in self._lines(name):
            what, number = line.split()
            found[what] += int(number)
        return found

    def _lines(self, name: str) -> Iterator[str]:
        for file in self.folder.glob(f"{name}.txt"):
            # The last line may be half written at this moment.
            yield from file.read_text().rpartition("\n")[0].splitlines()

    def fail(self, name: str, trace: str) -> None:
        """Leave word that something is wrong."""
        (self.folder / f"{name}-{os.getpid()}.failed").write_text(trace)

    def failures(self) -> list[str]:
        """Return what is wrong."""
        return [file.read_text() for file in sorted(self.folder.glob("*.failed"))]

    def stop(self) -> None:
        """Tell all of them to come to an end."""
        (self.folder / "stop").touch()

    @property
    def stopping(self) -> bool:
        """Whether they are to."""
        return (self.folder / "stop").exists()
