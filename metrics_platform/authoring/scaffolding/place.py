"""Where a new metric goes: into the platform, into an author's package, or into a new one."""

import importlib.util
import keyword
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metrics_platform.authoring.project import PYPROJECT, find_project
from metrics_platform.core.catalog import ENTRY_POINT_GROUP
from metrics_platform.core.errors import ConfigurationError, UnknownNameError

_PLATFORM = "metrics-platform"
_TESTS = "tests"
# What may lie in a folder that is empty all the same.
_NO_CONTENT = re.compile(r"\..*|LICENSE.*|.*\.md")


@dataclass(frozen=True)
class Place:
    """Folders and modules of metrics and their tests.

    Attributes:
        root: The project's folder.
        package: Module below which metrics are found.
        metrics: Its folder.
        tests: Folder of the tests.
        first_party: It is the platform itself.
        begun: The project is there already.
    """

    root: Path
    package: str
    metrics: Path
    tests: Path
    first_party: bool = False
    begun: bool = True


def find_place(folder: Path, package: str | None = None) -> Place:
    """Return where a metric goes that is written in `folder`.

    Args:
        folder: In a project, or empty.
        package: Which package, where a project has several; the name of the new one.

    Raises:
        ConfigurationError: It is neither in a project with metrics nor empty, or the package cannot
            be.
        UnknownNameError: The project has no such package.
    """
    if not any((above / PYPROJECT).is_file() for above in (folder, *folder.parents)):
        return _new(folder, package)
    project = find_project(folder)
    told = tomllib.loads((project.root / PYPROJECT).read_text(encoding="utf-8"))
    if project.name == _PLATFORM:
        name = "metrics_platform"
        return Place(
            root=project.root,
            package=f"{name}.metrics",
            metrics=project.root / name / "metrics",
            tests=project.root / f"{name}_tests" / "metrics",
            first_party=True,
        )
    return _of_author(project.root, told, package)


def _of_author(root: Path, told: Mapping[str, Any], package: str | None) -> Place:
    declared = told.get("project", {}).get("entry-points", {}).get(ENTRY_POINT_GROUP, {})
    packages = [str(value) for value in declared.values()]
    if not packages:
        raise ConfigurationError(
            f"{root / PYPROJECT} names no package with metrics: add\n\n"
            f'[project.entry-points."{ENTRY_POINT_GROUP}"]\n'
            'ours = "our_package"\n\nand install it anew, or go to an empty folder'
        )
    if package is not None and package not in packages:
        raise UnknownNameError("package with metrics", package, packages)
    chosen = package or packages[0]
    below = Path(*chosen.split("."))
    folders = [source / below for source in (root, root / "src") if (source / below).is_dir()]
    if not folders:
        raise ConfigurationError(
            f"{root / PYPROJECT} names {chosen!r}, and there is no folder {below} or src/{below}"
        )
    pytest = told.get("tool", {}).get("pytest", {}).get("ini_options", {})
    tests = [path for path in pytest.get("testpaths", []) if (root / path).is_dir()]
    return Place(root, chosen, folders[0], root / (tests[0] if tests else _TESTS))


def _new(folder: Path, package: str | None) -> Place:
    for path in sorted(folder.iterdir()):
        if not _NO_CONTENT.fullmatch(path.name) and not (path / "pyvenv.cfg").is_file():
            raise ConfigurationError(
                f"{folder} is in no project and isn't empty (there is {path.name}): go to an empty "
                f"folder, or to one with a {PYPROJECT}"
            )
    name = package or re.sub(r"\W+", "_", folder.name).strip("_").lower()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ConfigurationError(
            f"{name!r} cannot be a package: name one in snake_case with --package"
        )
    if name == _TESTS or importlib.util.find_spec(name) is not None:
        raise ConfigurationError(
            f"there is a package {name!r} already: name another one with --package"
        )
    return Place(folder, name, folder / name, folder / _TESTS, begun=False)
