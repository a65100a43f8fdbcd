"""What an operator does to the store, while readers and writers go on."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from metrics_platform.store.collection import Collected, collect
from metrics_platform.store.compaction import Compaction, compact
from metrics_platform.store.index import versions
from metrics_platform.store.merge_policy import TARGET_BYTES, Which
from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.retention import Retained, retain

_GRACE = timedelta(hours=24)
_KEEP_COMMITS = timedelta(days=400)


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
            StoreError: Rows cannot be read or are not those that the index says, of all that it
                names; nothing of their files was changed. Whatever else was due is compacted.
            StoreUnavailableError: The object root does not answer. What is done stays done.
        """
        asked = {versions.c.name: name, versions.c.domain: domain, versions.c.version: version}
        chosen = [column == value for column, value in asked.items() if value is not None]
        return compact(self.postgres, self.objects, chosen, target_bytes=target_bytes, which=which)

    def gc(
        self, *, grace: timedelta = _GRACE, dry_run: bool = False, force: bool = False
    ) -> Collected:
        """Delete files that no result points to, and objects that no commit knows.

        Args:
            grace: For how long they have been so. It has to be longer than any reader holds on to
                what `scan` returned; a writer is never harmed.
            dry_run: Only tell.
            force: Also where there are more unknown objects than known ones.

        Raises:
            StoreError: The object root seems to be that of another index: there are more unknown
                objects than known ones, and more than ten or no known one. Nothing is deleted.
        """
        return collect(self.postgres, self.objects, grace=grace, dry_run=dry_run, force=force)

    def retain(
        self,
        *,
        keep_superseded: timedelta | None = None,
        keep_versions: int | None = None,
        in_use: Collection[tuple[str, str]] = (),
        keep_commits: timedelta | None = _KEEP_COMMITS,
        dry_run: bool = False,
    ) -> Retained:
        """Delete results that nobody will ask for again; `gc` takes their files.

        What is current in a version that is kept always stays. None keeps everything.

        Args:
            keep_superseded: How long a result is kept after another one has superseded it; `as_of`
                reaches back so far, and is refused beyond.
            keep_versions: How many versions of each name are kept: the highest that have results,
                not counting those of shadows. What is promoted always stays, and so does what was
                promoted within the time of `keep_superseded`.
            in_use: Name and version of what is kept all the same: what today's code writes need
                not be the highest.
            keep_commits: How long it is kept what each commit did and cost.
            dry_run: Only tell.
        """
        return retain(
            self.postgres,
            keep_superseded=keep_superseded,
            keep_versions=keep_versions,
            in_use=in_use,
            keep_commits=keep_commits,
            dry_run=dry_run,
        )
