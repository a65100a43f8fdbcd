"""The formats there are, found by looking into the package: a new one is one new file."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import cast

from metrics_platform import readers, signals
from metrics_platform.core.definitions import Signal
from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.core.fingerprints import code_digest, fingerprint
from metrics_platform.readers.cleaning import clean
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import Reader
from metrics_platform.readers.ego_track import with_ego_track

_SHOWN_BYTES = 16
_SHOWN_ENTRIES = 8


@cache
def formats() -> Mapping[str, Reader]:
    """Return the readers by the name of their format, in alphabetical order."""
    found: dict[str, Reader] = {}
    for entry in sorted(pkgutil.iter_modules(readers.__path__), key=lambda entry: entry.name):
        module = importlib.import_module(f"{readers.__name__}.{entry.name}")
        if hasattr(module, "recognises") and hasattr(module, "read"):
            found[entry.name] = cast(Reader, module)
    return MappingProxyType(found)


@cache
def recorded_signals() -> Mapping[str, Signal]:
    """Return the signals that readers take from a log, by name, in alphabetical order."""
    modules = [
        importlib.import_module(f"{signals.__name__}.{entry.name}")
        for entry in pkgutil.iter_modules(signals.__path__)
    ]
    found = {
        value.name: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Signal) and value.function is None
    }
    return MappingProxyType(dict(sorted(found.items())))


def find_reader(path: Path) -> Reader:
    """Return the reader of the recording at `path`, judged by its contents.

    Raises:
        UnreadableLogError: There is nothing, or nothing that a reader recognises. The message
            says what was looked at, and which formats there are.
    """
    for reader in formats().values():
        if reader.recognises(path):
            return reader
    raise UnreadableLogError(
        f"{path.name} is not a recording in a known format: {_looked_at(path)}; "
        f"formats: {', '.join(formats())}"
    )


def reader_fingerprint(signal: Signal, format_name: str, config: ReaderConfig) -> str:
    """Return 16 hex digits over all that decides the rows of `signal` from a log of a format.

    Args:
        signal: A recorded one.
        format_name: Empty for a log that no reader recognises.
        config: A change of it may change any log's rows.
    """
    return _fingerprint(signal.name, format_name, config)


@cache
def _fingerprint(name: str, format_name: str, config: ReaderConfig) -> str:
    parts = (fingerprint(recorded_signals()[name], {}), *_reading_code(format_name), repr(config))
    return blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


@cache
def _reading_code(format_name: str) -> tuple[str, ...]:
    """Return what all signals have in common; it takes far longer than what they haven't."""
    reader = formats().get(format_name)
    return (
        code_digest(clean),
        code_digest(with_ego_track),
        code_digest(reader.read) if reader else "",
    )


def _looked_at(path: Path) -> str:
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir())
        more = ", …" if len(names) > _SHOWN_ENTRIES else ""
        return (
            f"a folder with {', '.join(names[:_SHOWN_ENTRIES])}{more}"
            if names
            else "it is an empty folder"
        )
    if not path.exists():
        return "there is no such file or folder"
    with path.open("rb") as file:
        first = file.read(_SHOWN_BYTES)
    size = path.stat().st_size
    return f"a file of {size} bytes that begins with {first!r}" if first else "it is an empty file"
