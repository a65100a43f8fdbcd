"""What is to be published, whatever the format; and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl


@dataclass(frozen=True)
class Publication:
    """The current rows of one version.

    Attributes:
        domain: log or sim.
        name: Of the signal or metric.
        version: Of it.
        is_current: It is what readers get who ask for no version.
        columns: Of the table.
        root: The object root.
        row_counts: Rows of each object, by its path below the root; all of them are current.
    """

    domain: str
    name: str
    version: str
    is_current: bool
    columns: pl.Schema
    root: str
    row_counts: Mapping[str, int]

    @property
    def table(self) -> str:
        """The name of the table, in a namespace named after the domain."""
        return f"{self.name}_v{self.version.replace('.', '_')}"

    @cached_property
    def addresses(self) -> list[str]:
        """Where the objects are, as any engine finds them."""
        root = self.root if "://" in self.root else str(Path(self.root).absolute())
        return [f"{root}/{path}" for path in self.row_counts]

    @property
    def row_count(self) -> int:
        """How many rows the table has to have."""
        return sum(self.row_counts.values())

    def missing_from(self, published: set[str]) -> list[str] | None:
        """Return what is to be added to a table of `published` objects; None: begin anew."""
        if published - set(self.addresses):
            return None
        return [address for address in self.addresses if address not in published]


@dataclass(frozen=True, slots=True)
class Published:
    """What an export did.

    Attributes:
        table: `<domain>.<name>_v1_0_0`.
        address: Of the catalog, without password; of an Iceberg table, of its metadata.
        files: That the table consists of.
        rows: In them.
        changed: False where the table was up to date.
    """

    table: str
    address: str
    files: int
    rows: int
    changed: bool
