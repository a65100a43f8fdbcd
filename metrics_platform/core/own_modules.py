"""Whose code a module is: of the project of a function, or of what that is built on."""

import importlib.util
import sys
from pathlib import Path

_PLATFORM = __name__.partition(".")[0]
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def is_own(package: str, of: str) -> bool:
    """Say whether `package` is code of the project that `of` belongs to, or of the platform.

    What is neither installed nor Python's own is somebody's work of today, so it counts too. The
    answer is the same for a project that is installed in editable form and for its wheel.

    Args:
        package: Top-level name.
        of: Top-level name.
    """
    if package in (_PLATFORM, of):
        return True
    if of == _PLATFORM or package in sys.stdlib_module_names:
        return False
    folder = _folder(package)
    if folder is None:
        return False
    return not _is_installed(folder) or package in _installed_with(of)


def _folder(package: str) -> Path | None:
    """Return the folder that `package` is imported from; None where it is in none."""
    loaded = sys.modules.get(package)
    if loaded is not None:
        file, inside = getattr(loaded, "__file__", None), getattr(loaded, "__path__", None)
    elif (spec := importlib.util.find_spec(package)) is not None:
        file, inside = spec.origin, spec.submodule_search_locations
    else:
        return None
    places = list(inside or ()) or [file]
    return Path(places[0]).parent if places[0] else None


def _is_installed(folder: Path) -> bool:
    # `pip install --target` gives the folder any name.
    return not _INSTALLED.isdisjoint(folder.parts) or any(folder.glob("*.dist-info"))


def _installed_with(package: str) -> frozenset[str]:
    """Return the top-level names in the wheels that `package` came in.

    importlib.metadata would read those of all that is installed, which takes a second.
    """
    folder = _folder(package)
    if folder is None or not _is_installed(folder):
        return frozenset()
    found: set[str] = set()
    for record in folder.glob("*.dist-info/RECORD"):
        text = "\n" + record.read_text(encoding="utf-8")
        if f"\n{package}/" in text or f"\n{package}.py," in text:
            paths = (line.partition(",")[0] for line in text.splitlines())
            found |= {path.partition("/")[0].removesuffix(".py") for path in paths}
    return frozenset(found)
