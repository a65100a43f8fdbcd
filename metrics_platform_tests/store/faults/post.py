"""What a process that works on the store has to know."""

from collections.abc import Mapping
from dataclasses import dataclass

from metrics_platform.core.settings import Settings
from metrics_platform_tests.store.faults.journal import Journal

LONGEST_PAUSE_S = 0.02


@dataclass(frozen=True)
class Post:
    """What one process is to do, and where.

    Attributes:
        settings: Of the store.
        journal: Where it notes what it did.
        task: One of `workers.TASKS`.
        number: Among those of the same task.
        environment: Variables that it needs beside those of the process that starts it.
        seed: Of its random choices.
    """

    settings: Settings
    journal: Journal
    task: str
    number: int
    environment: Mapping[str, str]
    seed: int = 0

    @property
    def name(self) -> str:
        """What it is called in the journal."""
        return f"{self.task}-{self.number}"
