"""The object root: a folder, `s3://…` or `gs://…` behind one small interface."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import GCSStore, LocalStore, ObjectStore, S3Store

from metrics_platform.core.errors import StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import ClientConfig, RetryConfig

_PAGE_SIZE = 1_000
_CHUNK_BYTES = 8 * 1024 * 1024
# http is spoken only where an endpoint says http://, as emulators and on-premises stores do.
_CLIENT: "ClientConfig" = {"allow_http": True, "connect_timeout": "5s", "timeout": "300s"}
_RETRIES: "RetryConfig" = {"max_retries": 6, "retry_timeout": timedelta(seconds=60)}


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
        return {"allow_http": "true", "max_retries": 6} if "://" in self.root else None

    def polars_path(self, path: str) -> str:
        """Return the address of `path` for `pl.scan_parquet`."""
        return f"{self.root}/{path}"

    def put(self, path: str, content: bytes) -> None:
        """Write an object; it is there whole, and on disk, or not at all."""
        with _named(self.root):
            obstore.put(self._store, path, content)
            if isinstance(self._store, LocalStore):
                _flush(Path(self.root), path)

    def get(self, path: str) -> bytes:
        """Return the content of an object.

        Raises:
            StoreError: There is no such object.
        """
        with _named(self.root):
            return bytes(self._found(path).bytes())

    def pages(
        self, prefix: str, *, after: str | None = None, page_size: int = _PAGE_SIZE
    ) -> Iterator[list[ObjectInfo]]:
        """Yield the objects below `prefix` in the order of their paths.

        Args:
            prefix: A folder, relative to the root.
            after: Only objects whose path comes after this one.
            page_size: Most objects in one page.
        """
        with _named(self.root):
            local = isinstance(self._store, LocalStore)
            found = obstore.list(self._store, prefix, offset=after, chunk_size=page_size)
            # A folder is listed as its file system has it, the clouds in the order of names.
            batches = [sorted(found.collect(), key=lambda m: m["path"])] if local else found
            for batch in batches:
                page = [
                    ObjectInfo(m["path"], m["size"], m["e_tag"], m["last_modified"]) for m in batch
                ]
                for start in range(0, len(page), page_size):
                    yield page[start : start + page_size]

    def download(self, path: str, folder: Path) -> Sequence[Path]:
        """Bring an object, or all objects below a prefix, into `folder`.

        Returns:
            The files, which keep their path below the parent of `path`.

        Raises:
            StoreError: There is no such object, and nothing below such a prefix.
        """
        parent, _, _ = path.rpartition("/")
        found = [info.path for page in self.pages(path) for info in page]
        made = []
        for name in found or [path]:
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
                try:
                    obstore.delete(self._store, path)
                except FileNotFoundError:
                    continue

    def _found(self, path: str) -> "GetResult":
        try:
            return obstore.get(self._store, path)
        except FileNotFoundError as error:
            raise StoreError(f"object root {self.root} holds no {path!r}") from error


@contextmanager
def _named(root: str) -> Iterator[None]:
    """Name the root in whatever goes wrong with it."""
    try:
        yield
    except (BaseError, OSError) as error:
        raise StoreUnavailableError(
            f"object root {root} cannot be used: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _flush(root: Path, path: str) -> None:
    """Have file and folders on disk before the index says that they are there."""
    for name in (root / path, *list((root / path).parents)[: path.count("/") + 1]):
        descriptor = os.open(name, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
