"""What lies in the inbox, told as logs: one file or one folder each, once it is all there.

A log is in the inbox when its upload is over. Object stores show an object only then; a folder,
or a file that is copied to a local disk, is seen while it grows. So a log is taken once none of
its objects has changed for a while (`quiet_s`), and is left alone

- as long as there is a marker, `_UPLOADING` inside its folder or `<name>.uploading` beside it,
- and where its name is one that copying tools give to unfinished files.

A log that was taken too early all the same changes later, and is then taken again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import groupby
from pathlib import PurePosixPath

from metrics_platform.store.objects import PAGE_SIZE, ObjectInfo, ObjectRoot
from metrics_platform.store.odd_names import is_usable

INBOX = "inbox"

UPLOADING_MARKER = "_UPLOADING"
UPLOADING_SUFFIX = ".uploading"
SIDECAR_SUFFIX = ".log.json"
# rsync, browsers, FTP clients, gsutil and the local object store itself.
_UNFINISHED = (".part", ".partial", ".tmp", ".filepart", ".crdownload", ".gstmp", UPLOADING_SUFFIX)


@dataclass(frozen=True)
class Arrival:
    """A log in the inbox.

    Attributes:
        log_id: The file's name without its last suffix, or the folder's name.
        source: The file or folder below the inbox.
        size_bytes: Of all its objects.
        source_tag: Another value means another content.
        last_modified: Of the object that changed last.
    """

    log_id: str
    source: str
    size_bytes: int
    source_tag: str
    last_modified: datetime


def sweep(
    root: ObjectRoot, *, quiet_s: float, after: str | None = None, page_size: int = PAGE_SIZE
) -> Iterator[tuple[list[Arrival], str | None]]:
    """Walk the inbox in the order of names, page by page.

    Args:
        root: The object root; the inbox is a prefix of it.
        quiet_s: For how long nothing must have changed in a log.
        after: What an earlier walk yielded beside its last page; from the start if None.
        page_size: Objects that are looked at together.

    Yields:
        The logs of a page whose upload is over, and where a later walk would go on: None after
        the last page.
    """
    held: list[ObjectInfo] = []
    for page in root.pages(INBOX, after=after, page_size=page_size):
        held += [replace(info, path=info.path.removeprefix(f"{INBOX}/")) for info in page]
        # The last log may go on in the next page: with the rest of a folder, or the recording
        # that a sidecar belongs to.
        last = _log_of(held[-1].path)
        first = next(at for at, info in enumerate(held) if _log_of(info.path) == last)
        whole, held = held[:first], held[first:]
        if whole:
            now = datetime.now(UTC)
            usable = [info.path for info in whole if is_usable(info.path)]
            after = f"{INBOX}/{usable[-1]}" if usable else after
            yield arrivals(whole, now=now, quiet_s=quiet_s), after
    yield arrivals(held, now=datetime.now(UTC), quiet_s=quiet_s), None


def arrivals(objects: Sequence[ObjectInfo], *, now: datetime, quiet_s: float) -> list[Arrival]:
    """Return the logs among `objects` whose upload is over, sorted by source.

    Args:
        objects: All objects of the inbox, or of a stretch of it that splits no folder.
        now: With time zone.
        quiet_s: For how long nothing must have changed.
    """
    found = [
        # Its whole path is no log id, and so tells what has to be renamed.
        Arrival(_shown(o.path), _shown(o.path), o.size_bytes, "", o.last_modified)
        for o in objects
        if not is_usable(o.path)
    ]
    objects = [o for o in objects if is_usable(o.path)]
    sidecars = {o.path.removesuffix(SIDECAR_SUFFIX): o for o in objects if _is_sidecar(o.path)}
    held = {o.path.removesuffix(UPLOADING_SUFFIX) for o in objects if _is_hold(o.path)}
    ordered = sorted(objects, key=lambda o: (_top(o.path), o.path))
    for source, group in groupby(ordered, key=lambda o: _top(o.path)):
        members = list(group)
        is_folder = members[-1].path != source
        if is_folder:
            # Consoles make a folder as an empty object of its name.
            members = [member for member in members if member.path != source]
        names = [PurePosixPath(member.path).name for member in members]
        if source in held or source.startswith(".") or UPLOADING_MARKER in names:
            continue
        if any(name.endswith(_UNFINISHED) for name in names) or _is_sidecar(source):
            continue
        log_id = source if is_folder else PurePosixPath(source).stem
        if not is_folder and log_id in sidecars:
            members.append(sidecars[log_id])
        changed = max(member.last_modified for member in members)
        # A time in the future came with the file, from a vehicle's clock that was ahead.
        if abs((now - changed).total_seconds()) >= quiet_s:
            size = sum(member.size_bytes for member in members)
            found.append(Arrival(log_id, source, size, _tag(members), changed))
    return sorted(found, key=lambda arrival: arrival.source)


def _top(path: str) -> str:
    return path.partition("/")[0]


def _shown(path: str) -> str:
    """Return `path` as text, where its bytes are none."""
    return path.encode("utf-8", "backslashreplace").decode()


def _log_of(path: str) -> str:
    """Return the name that a recording, its sidecar and its marker have in common."""
    top = _top(path).removesuffix(UPLOADING_SUFFIX)
    if "/" in path:
        return top
    return top.removesuffix(SIDECAR_SUFFIX) if _is_sidecar(top) else PurePosixPath(top).stem


def _is_sidecar(path: str) -> bool:
    return "/" not in path and path.endswith(SIDECAR_SUFFIX)


def _is_hold(path: str) -> bool:
    return "/" not in path and path.endswith(UPLOADING_SUFFIX)


def _tag(members: Iterable[ObjectInfo]) -> str:
    digest = blake2b(digest_size=12)
    for member in sorted(members, key=lambda o: o.path):
        version = member.etag or member.last_modified.isoformat()
        digest.update(f"{member.path}\0{member.size_bytes}\0{version}\n".encode())
    return digest.hexdigest()
