"""The project in which an author works: a folder, and the definitions that are written in it."""

import inspect
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metrics_platform.core.catalog import ENTRY_POINT_GROUP, Catalog
from metrics_platform.core.definitions import Definition
from metrics_platform.core.errors import ConfigurationError, UnknownNameError

PYPROJECT = "pyproject.toml"
# What is installed for good may lie below the project, and is no part of it: nobody changes it.
INSTALLED = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True)
class Project:
    """A folder with a `pyproject.toml`.

    Attributes:
        root: The folder.
        name: As `pyproject.toml` has it; the folder's name where it has none.
    """

    root: Path
    name: str

    @property
    def corpora(self) -> Path:
        """Folder of the corpora, a folder of recordings each."""
        return self.root / "corpora"

    def definitions(self, catalog: Catalog) -> Mapping[str, Definition]:
        """Return what of `catalog` is written in this project, shadows left out, by name.

        Raises:
            ConfigurationError: There is nothing.
        """
        found = {d.name: d for d in catalog if self.file(d) is not None}
        if not found:
            raise ConfigurationError(
                f"no metric or signal of {self.root} is installed: write one with "
                "`metrics-platform new NAME`, or name its module in pyproject.toml under "
                f"[project.entry-points.{ENTRY_POINT_GROUP!r}] and run `pip install -e .`"
            )
        return found

    def named(self, catalog: Catalog, names: list[str]) -> Mapping[str, Definition]:
        """Return those of the project's definitions that are in `names`; all if it is empty.

        Raises:
            UnknownNameError: The project has none of that name.
        """
        known = self.definitions(catalog)
        for name in names:
            if name not in known:
                raise UnknownNameError(f"metric or signal of {self.name}", name, known)
        return {name: d for name, d in known.items() if not names or name in names}

    def file(self, definition: Definition) -> str | None:
        """Return where `definition` is written, relative to the project; None if elsewhere."""
        source = source_file(definition)
        if source is None or not source.is_relative_to(self.root):
            return None
        below = source.relative_to(self.root)
        return None if INSTALLED.intersection(below.parts) else below.as_posix()


def find_project(folder: Path | None = None) -> Project:
    """Return the project at or above `folder`; that of the working directory if None.

    Raises:
        ConfigurationError: There is none, or its `pyproject.toml` is not TOML.
    """
    start = (folder or Path.cwd()).resolve()
    for root in (start, *start.parents):
        if (root / PYPROJECT).is_file():
            return Project(root, _name(root))
    raise ConfigurationError(
        f"there is no {PYPROJECT} in {start} or above it: go to the folder of your project, or "
        "begin one with `metrics-platform new NAME`"
    )


def source_file(definition: Definition) -> Path | None:
    """Return the file in which `definition` is written; None where it is in none."""
    function = definition.function
    module = inspect.unwrap(function).__module__ if function else definition.rows.__module__
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file).resolve() if file else None


def _name(root: Path) -> str:
    path = root / PYPROJECT
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    return str(told.get("project", {}).get("name") or root.name)
