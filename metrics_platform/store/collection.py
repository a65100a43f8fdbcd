"""Garbage collection: files that no result points to any more, and objects that no commit knows.

The index goes first, the objects after it. A crash in between leaves objects that the next
collection takes. Nobody is held up: a file that results point to cannot be deleted, and whoever
comes to commit an object that was taken for an orphan is refused, and puts it anew.
"""

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from metrics_platform.core.errors import StoreError
from metrics_platform.store.index import files, results
from metrics_platform.store.objects import ObjectInfo, ObjectRoot
from metrics_platform.store.parameters import among
from metrics_platform.store.postgres import Postgres

_DOMAINS = ("log", "sim")
# As `parquet.path_of` makes them.
_OURS = re.compile(
    rf"({'|'.join(_DOMAINS)})/[^/]+/v[^/]+/\d{{4}}-\d\d-\d\d"
    r"/(?P<file_id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.parquet"
)
_AT_ONCE = 1_000
_DELETED_AT_ONCE = 16
# More orphans than objects that are known, and than this, are no leftovers: they are the files of
# another index.
_PLAUSIBLE_ORPHANS = 10
_MOST_ORPHANS = 100_000
_STRANGERS_TOLD = 10


@dataclass(slots=True)
class Collected:
    """What was taken, or would be.

    Attributes:
        files: That no result has pointed to for longer than the grace.
        orphans: Objects that no commit knows, older than the grace.
        size_bytes: Of both.
        waiting: Files that no result points to, not for so long yet.
        strangers: Objects beside ours that the platform did not make; they are left alone.
        examples: Some of these.
    """

    files: int = 0
    orphans: int = 0
    size_bytes: int = 0
    waiting: int = 0
    strangers: int = 0
    examples: list[str] = field(default_factory=list)

    def tell_stranger(self, path: str) -> None:
        """Count an object that is not ours."""
        self.strangers += 1
        if len(self.examples) < _STRANGERS_TOLD:
            self.examples.append(path)


@dataclass(slots=True)
class _Listed:
    """What a listing of the object root tells.

    Attributes:
        orphans: Objects that no commit knows, and those whose name was taken by an earlier gc.
        unknown: How many of these the index has never heard of.
        recognised: Objects that a commit or a compaction of this index made.
    """

    orphans: list[ObjectInfo] = field(default_factory=list)
    unknown: int = 0
    recognised: int = 0


def collect(
    postgres: Postgres, objects: ObjectRoot, *, grace: timedelta, dry_run: bool, force: bool
) -> Collected:
    """Take what nobody needs; see `Store.gc`."""
    if grace < timedelta(0):
        raise StoreError(f"grace must not be negative, got {grace}")
    collected = Collected()
    found = _listed(postgres, objects, grace, collected)
    orphans = found.orphans
    if not force:
        _check_plausible(objects, found)
    if dry_run:
        unreferenced = postgres.query(lambda connection: _unreferenced(connection, grace))
        collected.files, collected.size_bytes, collected.waiting = unreferenced
        collected.orphans = len(orphans)
        collected.size_bytes += sum(orphan.size_bytes for orphan in orphans)
        return collected
    postgres.transaction(_note_unreferenced)
    while batch := postgres.transaction(lambda connection: _drop_files(connection, grace)):
        collected.files += len(batch)
        collected.size_bytes += sum(size_bytes for _, size_bytes in batch)
        _delete(objects, [path for path, _ in batch])
    for start in range(0, len(orphans), _AT_ONCE):
        _take_orphans(postgres, objects, orphans[start : start + _AT_ONCE], collected)
    held, _, waiting = postgres.query(lambda connection: _unreferenced(connection, grace))
    collected.waiting = held + waiting
    return collected


def _is_referenced() -> sa.Exists:
    return sa.exists().where(results.c.file_id == files.c.file_id)


def _has_waited(grace: timedelta) -> sa.ColumnElement[bool]:
    # By the clock of the database alone, which also says since when.
    return files.c.unreferenced_at <= sa.func.now() - sa.literal(grace)


def _note_unreferenced(connection: sa.Connection) -> None:
    """Note from when on no result has pointed to a file."""
    f = files.c
    pointed_to = sa.update(files).where(f.unreferenced_at.is_not(None), _is_referenced())
    connection.execute(pointed_to.values(unreferenced_at=None))
    left = sa.update(files).where(
        f.unreferenced_at.is_(None), f.removed_at.is_(None), ~_is_referenced()
    )
    connection.execute(left.values(unreferenced_at=sa.func.clock_timestamp()))


def _drop_files(connection: sa.Connection, grace: timedelta) -> list[tuple[str, int]]:
    """Delete some files from the index that have waited; return path and size of each."""
    f = files.c
    waited = sa.select(f.file_id).where(_has_waited(grace), f.removed_at.is_(None))
    # Whoever is about to point to one of them holds it, or waits until it is gone and is refused.
    locked = waited.order_by(f.file_id).limit(_AT_ONCE).with_for_update(skip_locked=True)
    some = f.file_id == sa.any_(sa.literal(list(connection.scalars(locked)), ARRAY(sa.Uuid)))
    # A statement of its own sees what was committed until they were locked.
    dropped = sa.delete(files).where(some, ~_is_referenced()).returning(f.path, f.size_bytes)
    found = [(row.path, row.size_bytes) for row in connection.execute(dropped)]
    connection.execute(sa.update(files).where(some).values(unreferenced_at=None))
    return found


def _unreferenced(connection: sa.Connection, grace: timedelta) -> tuple[int, int, int]:
    """Return files that no result points to: those to take and their bytes; those that wait."""
    f = files.c
    # Without grace nothing waits, not even for being noted.
    is_due = sa.func.coalesce(_has_waited(grace), not grace)
    size_bytes = sa.func.coalesce(sa.func.sum(f.size_bytes).filter(is_due), 0)
    query = sa.select(
        sa.func.count().filter(is_due),
        sa.cast(size_bytes, sa.BigInteger),
        sa.func.count().filter(~is_due),
    ).where(f.removed_at.is_(None), ~_is_referenced())
    due, due_bytes, waiting = connection.execute(query).one()
    return due, due_bytes, waiting


def _listed(
    postgres: Postgres, objects: ObjectRoot, grace: timedelta, collected: Collected
) -> _Listed:
    """Return what there is that looks like ours; orphans only if older than the grace.

    Their age is the object store's time against this machine's. Clocks that differ by more than
    the grace cost a writer a second put, and nothing else.
    """
    before = datetime.now(UTC) - grace
    found = _Listed()
    for domain in _DOMAINS:
        for page in objects.pages(domain):
            for info in page:
                if not _OURS.fullmatch(info.path):
                    collected.tell_stranger(info.path)
            ours = [info for info in page if _OURS.fullmatch(info.path)]
            known = _known(postgres, [info.path for info in ours])
            old = [info for info in ours if info.last_modified <= before]
            found.orphans += [info for info in old if known.get(info.path, True)]
            found.unknown += sum(info.path not in known for info in old)
            found.recognised += sum(not is_tombstone for is_tombstone in known.values())
            if len(found.orphans) >= _MOST_ORPHANS:
                # The others another time.
                return found
    return found


def _known(postgres: Postgres, paths: Sequence[str]) -> dict[str, bool]:
    """Return those of `paths` that are in the index, and whether each is a tombstone."""
    query = sa.select(files.c.path, files.c.removed_at.is_not(None)).where(
        among(files.c.path, paths)
    )
    if not paths:
        return {}
    return postgres.query(lambda connection: {path: t for path, t in connection.execute(query)})


def _check_plausible(objects: ObjectRoot, found: _Listed) -> None:
    """See that the objects are those of this index: an empty one recognises nothing at all.

    Raises:
        StoreError: They hardly are.
    """
    most = max(found.recognised, _PLAUSIBLE_ORPHANS) if found.recognised else 0
    if found.unknown > most:
        raise StoreError(
            f"{objects.root} holds {found.unknown} objects that this index does not know, and "
            f"{found.recognised} that it does: no object was deleted, as they may be those of "
            "another index"
        )


def _take_orphans(
    postgres: Postgres, objects: ObjectRoot, some: Sequence[ObjectInfo], collected: Collected
) -> None:
    """Have the index refuse these objects from now on, and delete them."""
    paths = [info.path for info in some]
    tombstones = [
        {
            "file_id": UUID(match["file_id"]),
            "path": path,
            "row_count": 0,
            "size_bytes": 0,
            "committed_at": sa.func.clock_timestamp(),
            "removed_at": sa.func.clock_timestamp(),
        }
        for path in paths
        if (match := _OURS.fullmatch(path))
    ]
    # Where its writer is faster, there is a conflict, and the object is no orphan.
    statement = insert(files).values(tombstones).on_conflict_do_nothing()
    postgres.query(lambda connection: connection.execute(statement))
    known = _known(postgres, paths)
    taken = [info for info in some if known.get(info.path, False)]
    _delete(objects, [info.path for info in taken])
    collected.orphans += len(taken)
    collected.size_bytes += sum(info.size_bytes for info in taken)
    for path in paths:
        if path not in known:
            # Another path has its id: somebody has copied one of our objects.
            collected.tell_stranger(path)


def _delete(objects: ObjectRoot, paths: Iterable[str]) -> None:
    with ThreadPoolExecutor(_DELETED_AT_ONCE) as pool:
        list(pool.map(lambda path: objects.delete([path]), paths))
