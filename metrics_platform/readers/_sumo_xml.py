"""SUMO's XML files, plain or compressed, element by element without holding them in memory."""

import gzip
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, cast
from xml.parsers import expat

from metrics_platform.core.errors import UnreadableLogError

Attributes = Mapping[str, str]

_GZIP_MAGIC = b"\x1f\x8b"
# What SUMO writes before the root element, the configuration in a comment, is some kilobytes.
_HEAD_BYTES = 1 << 16
# The document ends too early: before the root, inside of an element, of a tag or of a character.
_CUT_OFF = frozenset({"no element found", "unclosed token", "partial character"})


class _Found(Exception):
    """Ends a parse that has seen enough."""


def opened(path: Path) -> IO[bytes]:
    """Return the contents of `path`, uncompressed."""
    with path.open("rb") as file:
        compressed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return cast(IO[bytes], gzip.open(path)) if compressed else path.open("rb")


def root_of(path: Path) -> str | None:
    """Return the name of the root element of `path`; None where it doesn't begin like XML."""
    names: list[str] = []

    def start(name: str, _: Attributes) -> None:
        names.append(name)
        raise _Found

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    try:
        with opened(path) as file:
            head = file.read(_HEAD_BYTES)
        if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            return None
        parser.Parse(head, False)
    except (_Found, expat.ExpatError, OSError, EOFError, zlib.error):
        pass
    return names[0] if names else None


def walk(
    path: Path,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
) -> bool:
    """Call `start` and `end` for each element of `path`; return whether the file was cut off.

    Raises:
        UnreadableLogError: The file is no XML, or damaged before its end.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    if end:
        parser.EndElementHandler = end
    try:
        with opened(path) as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        if expat.ErrorString(error.code) in _CUT_OFF:
            return True
        raise UnreadableLogError(f"{path.name} is not readable XML: {error}") from error
    except EOFError:
        return True
    except (OSError, zlib.error) as error:
        raise UnreadableLogError(f"{path.name} is not readable: {error}") from error
    return False


def number(given: Attributes, name: str, where: str) -> float:
    """Return an attribute as a number.

    Raises:
        UnreadableLogError: It is absent, or not a number.
    """
    try:
        return float(given[name])
    except (KeyError, ValueError) as error:
        raise UnreadableLogError(
            f"{where}: expected a number as {name}, got {given.get(name)!r}"
        ) from error
