"""The object root: a folder, `s3://…` or `gs://…` behind one small interface."""

import os
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import GCSStore, LocalStore, ObjectStore, S3Store

from metrics_platform.core.errors import StoreError, StoreUnavailableError
from metrics_platform.store.odd_names import Named, all_names, is_usable

if TYPE_CHECKING:
    from obstore import GetResult, ObjectMeta
    from obstore.store import ClientConfig, RetryConfig

PAGE_SIZE = 1_000
# What the client says where it cannot list.
_REFUSED = ("invalid path", "File system loop")
_HEADS_AT_ONCE = 16
_CHUNK_BYTES = 8 * 1024 * 1024
# http is spoken only where an endpoint says http://, as emulators and on-premises stores do.
_CLIENT: "ClientConfig" = {"allow_http": True, "connect_timeout": "5s", "timeout": "300s"}
_MOST_REPEATS = 6
_RETRIES: "RetryConfig" = {
    "max_retries": _MOST_REPEATS,
    "retry_timeout": timedelta(seconds=60),
}
# The client repeats requests, but neither a deletion on S3 whose connection breaks, nor a listing
# that is cut off. What it says then; and what it says once it has repeated often enough.
_BROKEN = ("error sending request", "response body error")
_EXHAUSTED = f"after {_MOST_REPEATS} retries"


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object of a listing.

    Attributes:
        path: Relative to the root.
        size_bytes: Of its content.
        etag: Another one means other content; on a folder it is made of inode, time and size.
        last_modified: With time zone.
    """

    path: str
    size_bytes: int
    etag: str | None
    last_modified: datetime


@dataclass(frozen=True)
class ObjectRoot:
    """Objects below one root; paths are relative to it, with `/` between their parts.

    Every method raises `StoreUnavailableError`, which names the root, where the root is missing,
    read-only or doesn't answer.

    Attributes:
        root: As configured.
    """

    root: str
    _store: ObjectStore
    _durable: set[Path] = field(default_factory=set)

    @classmethod
    def open(cls, root: str) -> "ObjectRoot":
        """Return the root; a folder is made if it isn't there.

        Credentials and endpoints of clouds come from the environment, the same for us and for
        Polars: `AWS_*` and `GOOGLE_*`.
        """
        scheme, separator, rest = root.partition("://")
        bucket, _, prefix = rest.partition("/")
        with _named(root):
            if not separator:
                Path(root).mkdir(parents=True, exist_ok=True)
                return cls(root, LocalStore(root))
            if scheme == "s3":
                store: ObjectStore = S3Store(
                    bucket,
                    prefix=prefix or None,
                    client_options=_CLIENT,
                    retry_config=_RETRIES,
                )
            else:
                store = GCSStore(
                    bucket,
                    prefix=prefix or None,
                    client_options=_CLIENT,
                    retry_config=_RETRIES,
                )
            return cls(root, store)

    @property
    def storage_options(self) -> dict[str, Any] | None:
        """What Polars needs beside the environment to reach the same objects."""
        return {"allow_http": "true", "max_retries": _MOST_REPEATS} if "://" in self.root else None

    def polars_path(self, path: str) -> str:
        """Return the address of `path` for `pl.scan_parquet`."""
        return f"{self.root}/{path}"

    def put(self, path: str, content: bytes | memoryview) -> None:
        """Write an object; it is there whole, and on disk, or not at all."""
        with _named(self.root):
            if isinstance(self._store, LocalStore):
                _put_file(Path(self.root) / path, content, path.count("/"), self._durable)
            else:
                obstore.put(self._store, path, content)

    def get(self, path: str) -> bytes:
        """Return the content of an object.

        Raises:
            StoreError: There is no such object.
        """
        with _named(self.root):
            return bytes(self._found(path).bytes())

    def pages(
        self, prefix: str, *, after: str | None = None, page_size: int = PAGE_SIZE
    ) -> Iterator[list[ObjectInfo]]:
        """Yield the objects below `prefix` in the order of their paths.

        An object whose name the client refuses is among them, without an `etag`: it can be told
        of, and not be read.

        Args:
            prefix: A folder, relative to the root.
            after: Only objects whose path comes after this one.
            page_size: Most objects in one page.
        """
        attempt = 0
        with _named(self.root):
            while True:
                try:
                    for page in self._pages(prefix, after, page_size):
                        yield page
                        after, attempt = page[-1].path, 0
                    return
                except BaseError as error:
                    attempt += 1
                    if _is_to_be_repeated(error, attempt):
                        continue
                    if not any(words in str(error) for words in _REFUSED):
                        raise
                    names = all_names(self._store, self.root, prefix)
                    if names is None:
                        raise
                # The page that has the name in it is made by hand, then it goes on as usual.
                for page in self._pages_by_hand(names, after or "", page_size):
                    yield page
                    usable = [info.path for info in page if info.etag]
                    if usable:
                        after = usable[-1]
                        break
                else:
                    return

    def _pages(self, prefix: str, after: str | None, page_size: int) -> Iterator[list[ObjectInfo]]:
        local = isinstance(self._store, LocalStore)
        found = obstore.list(self._store, prefix, offset=after, chunk_size=page_size)
        # A folder is listed as its file system has it, the clouds in the order of names.
        batches = [sorted(found.collect(), key=lambda m: m["path"])] if local else found
        for batch in batches:
            page = [_info(meta) for meta in batch]
            for start in range(0, len(page), page_size):
                yield page[start : start + page_size]

    def _pages_by_hand(
        self, names: Sequence[Named], after: str, page_size: int
    ) -> Iterator[list[ObjectInfo]]:
        rest = [named for named in names if named[0] > after]
        with ThreadPoolExecutor(_HEADS_AT_ONCE) as pool:
            for start in range(0, len(rest), PAGE_SIZE):
                found = pool.map(self._looked_at, rest[start : start + PAGE_SIZE])
                page = [info for info in found if info is not None]
                for first in range(0, len(page), page_size):
                    yield page[first : first + page_size]

    def _looked_at(self, named: Named) -> ObjectInfo | None:
        path, size_bytes, last_modified = named
        if not is_usable(path):
            return ObjectInfo(path, size_bytes, None, last_modified)
        try:
            return _info(obstore.head(self._store, path))
        except FileNotFoundError:
            # It was deleted meanwhile.
            return None

    def download(self, path: str, folder: Path) -> Sequence[Path]:
        """Bring an object, or all objects below a prefix, into `folder`.

        What a folder cannot hold stays away: names that the client refuses, which may lead out of
        it, and the empty objects that consoles make for folders.

        Returns:
            The files, which keep their path below the parent of `path`.

        Raises:
            StoreError: There is no such object, and nothing below such a prefix.
        """
        parent, _, _ = path.rpartition("/")
        below = [info.path for page in self.pages(path) for info in page if is_usable(info.path)]
        folders = {str(above) for name in below for above in PurePosixPath(name).parents}
        made = []
        for name in [name for name in below if name not in folders] or [path]:
            target = folder / name.removeprefix(parent).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            with _named(self.root), target.open("wb") as file:
                for chunk in self._found(name).stream(min_chunk_size=_CHUNK_BYTES):
                    file.write(chunk)
            made.append(target)
        return made

    def delete(self, paths: Iterable[str]) -> None:
        """Delete objects; one that isn't there counts as deleted."""
        with _named(self.root):
            for path in paths:
                self._delete(path)

    def _delete(self, path: str) -> None:
        for attempt in count(1):
            try:
                obstore.delete(self._store, path)
                return
            except FileNotFoundError:
                return
            except BaseError as error:
                if not _is_to_be_repeated(error, attempt):
                    raise

    def _found(self, path: str) -> "GetResult":
        try:
            return obstore.get(self._store, path)
        except FileNotFoundError as error:
            raise StoreError(f"object root {self.root} holds no {path!r}") from error


def _is_to_be_repeated(error: BaseError, attempt: int) -> bool:
    """Say whether to do again what the client does not repeat by itself; if so, after a pause."""
    told = _first_line(error)
    broken = any(words in told for words in _BROKEN) and _EXHAUSTED not in told
    if not broken or attempt > _MOST_REPEATS:
        return False
    time.sleep(0.05 * 2**attempt * random.uniform(0.5, 1.0))
    return True


@contextmanager
def _named(root: str) -> Iterator[None]:
    """Name the root in whatever goes wrong with it."""
    try:
        yield
    except (BaseError, OSError) as error:
        raise StoreUnavailableError(
            f"object root {root} cannot be used: {_first_line(error)}"
        ) from error


def _info(meta: "ObjectMeta") -> ObjectInfo:
    return ObjectInfo(meta["path"], meta["size"], meta["e_tag"], meta["last_modified"])


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _put_file(target: Path, content: bytes | memoryview, depth: int, durable: set[Path]) -> None:
    """Write a file that is there whole, under its name and on disk, or not at all.

    The client would neither flush it, nor its folders, and takes as long to hand it to a thread of
    its own. `durable` are the folders of earlier calls, whose own names are on disk already.
    """
    folder = target.parent
    if folder not in durable:
        folder.mkdir(parents=True, exist_ok=True)
    # As the client names them: it leaves them out of listings.
    unfinished = target.with_name(f"{target.name}#{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        written = 0
        while written < len(content):
            written += os.write(descriptor, memoryview(content)[written:])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    unfinished.rename(target)
    for name in (folder, *([] if folder in durable else folder.parents[:depth])):
        descriptor = os.open(name, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    durable.add(folder)
