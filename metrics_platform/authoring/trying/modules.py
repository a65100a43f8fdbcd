"""The modules of the platform and of an author's packages: which have changed, and who uses them.

A module that has changed is forgotten with all that import it, near and far, and imported again
when it is needed: objects of before and after never meet.
"""

import ast
import importlib
import importlib.util
import os
import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path

from metrics_platform.authoring.project import INSTALLED, Project
from metrics_platform.core.catalog import ENTRY_POINT_GROUP, default_catalog

_PLATFORM = __name__.partition(".")[0]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_Stamp = tuple[int, int]


class Modules:
    """Source files that may change, and the modules that were made of them.

    Args:
        project: Whose modules count, besides the platform's and those of the packages that are
            found by their entry point.
    """

    def __init__(self, project: Project | None = None) -> None:
        self._folders = set(_package_folders())
        self._root = project.root if project else None
        self._names: dict[Path, str] = {}
        self._stamps = self._look()

    @property
    def folders(self) -> Sequence[Path]:
        """Where they are."""
        return sorted(self._folders)

    def changed(self) -> frozenset[Path]:
        """Return the files that were written, made or removed since the last call."""
        before, self._stamps = self._stamps, self._look()
        paths = before.keys() | self._stamps.keys()
        return frozenset(path for path in paths if before.get(path) != self._stamps.get(path))

    def affected(
        self, paths: Iterable[Path], running: Container[str] = frozenset()
    ) -> frozenset[str]:
        """Return the modules made of `paths`, and all that import one of these, near or far.

        Args:
            paths: Files that were written.
            running: Modules that are reached only by an import statement of one that has changed,
                and not for being in its folder.
        """
        users = _users(self._names)
        reached: set[str] = set()
        queue = [self._names[path] for path in paths if path in self._names]
        while queue:
            name = queue.pop()
            if name not in reached:
                reached.add(name)
                queue.extend(users.get(name, ()))
                # What is below a package is an attribute of it, which a new one would lack.
                below = (n for n in self._names.values() if n.startswith(f"{name}."))
                queue.extend(n for n in below if n not in running)
        return frozenset(reached)

    def needed_by(self, name: str) -> frozenset[str]:
        """Return `name` and the modules that it imports, near and far."""
        imports = {module: _imports(path) for path, module in self._names.items()}
        reached: set[str] = set()
        queue = [name]
        while queue:
            current = queue.pop()
            if current not in reached and current in imports:
                reached.add(current)
                queue.extend(imports[current])
        return frozenset(reached)

    def forget(self, names: Iterable[str], paths: Iterable[Path]) -> None:
        """Have `names` imported again, and all definitions looked for anew.

        Args:
            names: Of modules.
            paths: Files that were written.
        """
        for name in names:
            module = sys.modules.pop(name, None)
            # `from package import module` takes what the package has, if it has it.
            package, _, attribute = name.rpartition(".")
            if module and getattr(sys.modules.get(package), attribute, None) is module:
                delattr(sys.modules[package], attribute)
        for path in paths:
            # Compiled code is told from old by size and whole seconds: two saves can share both.
            Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
        importlib.invalidate_caches()
        default_catalog.cache_clear()

    def _look(self) -> dict[Path, _Stamp]:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and file.endswith(".py") and self._is_ours(path := Path(file)):
                self._names[path] = name
                self._folders.add(path.parent)
        return {path: stamp for folder in self._folders for path, stamp in _files(folder)}

    def _is_ours(self, path: Path) -> bool:
        if path.parent in self._folders:
            return True
        below = self._root is not None and path.is_relative_to(self._root)
        return below and INSTALLED.isdisjoint(path.parts)


def _package_folders() -> Iterator[Path]:
    """Yield the folders of the packages that hold definitions, without importing them."""
    points = entry_points(group=ENTRY_POINT_GROUP)
    for name in {_PLATFORM, *(point.value.partition(".")[0].partition(":")[0] for point in points)}:
        spec = importlib.util.find_spec(name)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            folder = Path(location)
            if INSTALLED.isdisjoint(folder.parts):
                yield from (folder, *(p for p in folder.rglob("*") if _is_package(p)))


def _is_package(path: Path) -> bool:
    return path.is_dir() and path.name != "__pycache__" and path.name[0] != "."


def _files(folder: Path) -> Iterator[tuple[Path, _Stamp]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(".py"):
            # An editor may put a new file in its place just now.
            with suppress(OSError):
                status = entry.stat()
                yield Path(entry.path), (status.st_mtime_ns, status.st_size)


def _users(names: Mapping[Path, str]) -> dict[str, set[str]]:
    """Return which modules import each one."""
    users: dict[str, set[str]] = {}
    for path, user in names.items():
        for used in _imports(path):
            users.setdefault(used, set()).add(user)
    return users


def _imports(path: Path) -> frozenset[str]:
    """Return all that a file's import statements at its top level may mean: modules, or names."""
    try:
        return _imports_of(path, path.stat().st_mtime_ns)
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
        # As it stands nobody can import it.
        return frozenset()


@lru_cache(maxsize=4_096)
def _imports_of(path: Path, _modified_ns: int) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    package = _package_of(path)
    found: set[str] = set()
    for node in _statements(tree.body):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*parts, node.module] if node.module else parts)
            found.add(origin)
            found.update(f"{origin}.{alias.name}" for alias in node.names)
    return frozenset(found)


def _statements(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield what runs when a module is imported; what functions import is looked up later."""
    for node in nodes:
        yield node
        if isinstance(node, ast.stmt) and not isinstance(node, _FUNCTIONS):
            yield from _statements(ast.iter_child_nodes(node))


def _package_of(path: Path) -> list[str]:
    """Return the names of the package that a file is in, for imports that begin with a dot."""
    parts: list[str] = []
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return parts
