"""Writing a version into the source of a definition, and touching nothing else of the file."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from metrics_platform.authoring.locking.changes import Report
from metrics_platform.authoring.locking.working_tree import WorkingTree
from metrics_platform.authoring.project import source_file
from metrics_platform.core.definitions import Definition
from metrics_platform.core.errors import DefinitionError


@dataclass(frozen=True, order=True)
class _Place:
    """Where a version stands: a file, the line in it from 0 on, and its first and last byte."""

    file: Path
    line: int
    first: int
    last: int


def write_versions(tree: WorkingTree, report: Report) -> dict[str, str]:
    """Write the versions that are owed, all or none; return them by name.

    Raises:
        DefinitionError: One is not written out where it is declared.
    """
    due = {change.name: change.due for change in report.changes if change.due}
    _write([(tree.definitions[name], version) for name, version in due.items()])
    return due


def write_version(definition: Definition, version: str) -> None:
    """Write `version` in place of the one that `definition` has.

    Raises:
        DefinitionError: Its version is not written out in its module.
    """
    _write([(definition, version)])


def _write(versions: Sequence[tuple[Definition, str]]) -> None:
    found: dict[_Place, tuple[str, str]] = {}
    for definition, version in versions:
        place = _place(definition, version)
        other = found.get(place, (definition.version, version))[1]
        # Several definitions may take theirs from one name.
        found[place] = (definition.version, max(version, other, key=Version))
    # From the end on, so that what comes before stays where it is.
    for place, (before, version) in sorted(found.items(), reverse=True):
        lines = place.file.read_bytes().splitlines(keepends=True)
        line = lines[place.line]
        written = line[place.first : place.last].replace(before.encode(), version.encode())
        lines[place.line] = line[: place.first] + written + line[place.last :]
        place.file.write_bytes(b"".join(lines))


def _place(definition: Definition, version: str) -> _Place:
    path = source_file(definition)
    literal = _literal(ast.parse(path.read_bytes()), definition) if path else None
    if path is None or literal is None or literal.end_col_offset is None:
        raise DefinitionError(
            f"the version of {definition.name} isn't written out where it is declared "
            f"({path}): set {version} by hand"
        )
    return _Place(path, literal.lineno - 1, literal.col_offset, literal.end_col_offset)


def _literal(tree: ast.Module, definition: Definition) -> ast.Constant | None:
    """Return where the version stands: in the decorator, or in the call that makes a signal.

    Or where the module gives it a name, and that stands there.
    """
    named = {
        target.id: statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == definition.name:
            calls = [call for call in node.decorator_list if isinstance(call, ast.Call)]
        elif isinstance(node, ast.Call) and _keyword(node, "name") == definition.name:
            calls = [node]
        else:
            continue
        for call in calls:
            for word in call.keywords:
                if word.arg != "version":
                    continue
                value = word.value
                if isinstance(value, ast.Name):
                    value = named.get(value.id, value)
                if isinstance(value, ast.Constant) and value.value == definition.version:
                    return value
    return None


def _keyword(call: ast.Call, name: str) -> object:
    return next((_value(word.value) for word in call.keywords if word.arg == name), None)


def _value(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None
