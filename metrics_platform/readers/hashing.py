"""Telling recordings apart by their bytes."""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from metrics_platform.readers.contents import SIDECAR

_PIECE_BYTES = 1 << 20
_DIGEST_BYTES = 16


def content_hash(path: Path) -> str:
    """Return 32 hex digits over the bytes of a recording: the same for it under another name.

    Of a folder, the names of the files below it count, but not its own. What people say about
    the recording in `log.json` isn't part of it.

    Raises:
        OSError: A file cannot be read.
    """
    if not path.is_dir():
        return file_hash(path)
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for file in sorted(entry for entry in path.rglob("*") if entry.is_file()):
        name = file.relative_to(path).as_posix()
        if name != SIDECAR:
            digest.update(f"{name}\0{file_hash(file)}\n".encode())
    return digest.hexdigest()


def file_hash(file: Path) -> str:
    """Return 32 hex digits over the bytes of a file; empty where there is none.

    Raises:
        OSError: It cannot be read.
    """
    if not file.exists():
        return ""
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for piece in _pieces(file):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE_BYTES):
            yield piece
