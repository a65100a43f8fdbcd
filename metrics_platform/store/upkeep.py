"""What an operator does to the store, while readers and writers go on."""

from collections.abc import Sequence
from dataclasses import dataclass

from metrics_platform.store.compaction import Compaction, compact
from metrics_platform.store.index import versions
from metrics_platform.store.merge_policy import TARGET_BYTES, Which
from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.postgres import Postgres


@dataclass(frozen=True)
class Upkeep:
    """The part of the store that keeps it fast and small.

    Attributes:
        objects: Where the rows are.
        postgres: Where the index is.
    """

    objects: ObjectRoot
    postgres: Postgres

    def compact(
        self,
        name: str | None = None,
        *,
        domain: str | None = None,
        version: str | None = None,
        target_bytes: int = TARGET_BYTES,
        which: Which = "due",
    ) -> Sequence[Compaction]:
        """Merge small files into large ones, sorted by log; what is read stays the same.

        A version that somebody else compacts at this moment is left to them. A compaction that is
        killed leaves an object that nothing points to, for `gc`.

        Args:
            name: Of a signal or metric; None for all.
            domain: log or sim; None for both.
            version: None for all.
            target_bytes: Size of a full file.
            which: `due` merges what is worth it now, so that no row is rewritten over and over;
                `dirty` rewrites every file that also holds rows that count no more, which
                leaves only files that can be read as they are; `all` does so too, and merges
                whatever is less than half full.

        Returns:
            One for each version in which something was merged.

        Raises:
            StoreError: Rows cannot be read or are not those that the index says; nothing of their
                files was changed.
        """
        asked = {versions.c.name: name, versions.c.domain: domain, versions.c.version: version}
        chosen = [column == value for column, value in asked.items() if value is not None]
        return compact(self.postgres, self.objects, chosen, target_bytes=target_bytes, which=which)
