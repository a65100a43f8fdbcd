"""Listing objects whose names the object store client refuses, along with all the others.

S3 takes `a//b`, `a/../b` and control characters in a name, and so do file systems take bytes that
are no text. The client fails the whole page of a listing for one such name: whoever can write to
the inbox could stop it with one file. Here the names come from elsewhere.
"""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.fs
from obstore.store import LocalStore, ObjectStore, S3Store

Named = tuple[str, int, datetime]
"""Path relative to the root, size in bytes, time of the last change."""

# The client's own files in the making, which it doesn't list either.
_STAGED = re.compile(r"#\d+$")
# An empty part, `.` or `..`; a control character; surrogates, which stand for bytes that are no
# UTF-8. One expression, since every name in the inbox is looked at again and again.
_IMPOSSIBLE = re.compile(r"(?:\A|/)\.{0,2}(?:/|\Z)|[\x00-\x1f\x7f\ud800-\udfff]")


def is_usable(path: str) -> bool:
    """Say whether the client can name the object at `path`."""
    return _IMPOSSIBLE.search(path) is None


def all_names(store: ObjectStore, root: str, prefix: str) -> list[Named] | None:
    """Return all objects below `prefix`, sorted by path; None where there is no other way to them.

    Args:
        store: The client that failed.
        root: As configured.
        prefix: Folder below the root.
    """
    if isinstance(store, LocalStore):
        return sorted(_in_folder(Path(root), prefix))
    if isinstance(store, S3Store):
        return sorted(_in_bucket(root.partition("://")[2], prefix))
    return None


def _in_folder(root: Path, prefix: str) -> Iterator[Named]:
    seen: set[str] = set()
    for folder, folders, names in os.walk(root / prefix, followlinks=True):
        # A link to a folder above would lead round and round.
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
            continue
        seen.add(real)
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not _STAGED.search(name):
                status = path.stat()
                changed = datetime.fromtimestamp(status.st_mtime, UTC)
                yield str(path.relative_to(root)), status.st_size, changed


def _in_bucket(root: str, prefix: str) -> Iterator[Named]:
    # It takes credentials from where the other client does; these two it does not look for.
    files = pyarrow.fs.S3FileSystem(
        region=_variable("AWS_REGION", "AWS_DEFAULT_REGION"),
        endpoint_override=_variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    )
    for info in files.get_file_info(pyarrow.fs.FileSelector(f"{root}/{prefix}", recursive=True)):
        if info.type == pyarrow.fs.FileType.File:
            yield info.path.removeprefix(f"{root}/"), info.size, info.mtime


def _variable(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)
