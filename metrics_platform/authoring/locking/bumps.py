"""Writing a version into the source of a definition, and touching nothing else of the file."""

import ast
from pathlib import Path

from metrics_platform.authoring.locking.changes import Report
from metrics_platform.authoring.locking.working_tree import WorkingTree
from metrics_platform.authoring.project import source_file
from metrics_platform.core.definitions import Definition
from metrics_platform.core.errors import DefinitionError


def write_versions(tree: WorkingTree, report: Report) -> dict[str, str]:
    """Write the versions that are owed; return them by name.

    Raises:
        DefinitionError: One is not written out where it is declared.
    """
    due = {change.name: change.due for change in report.changes if change.due}
    for name, version in due.items():
        write_version(tree.definitions[name], version)
    return due


def write_version(definition: Definition, version: str) -> Path:
    """Write `version` in place of the one that `definition` has; return the file.

    Raises:
        DefinitionError: Its version is not written out where it is declared.
    """
    path = source_file(definition)
    content = path.read_bytes() if path else b""
    literal = _literal(ast.parse(content), definition)
    if path is None or literal is None or literal.end_col_offset is None:
        raise DefinitionError(
            f"the version of {definition.name} isn't written out where it is declared "
            f"({path}): set {version} by hand"
        )
    lines = content.splitlines(keepends=True)
    at = literal.lineno - 1
    line, first, last = lines[at], literal.col_offset, literal.end_col_offset
    written = line[first:last].replace(definition.version.encode(), version.encode())
    lines[at] = line[:first] + written + line[last:]
    path.write_bytes(b"".join(lines))
    return path


def _literal(tree: ast.Module, definition: Definition) -> ast.Constant | None:
    """Return where the version stands: in the decorator, or in the call that makes a signal."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == definition.name:
            calls = [call for call in node.decorator_list if isinstance(call, ast.Call)]
        elif isinstance(node, ast.Call) and _keyword(node, "name") == definition.name:
            calls = [node]
        else:
            continue
        for call in calls:
            for word in call.keywords:
                if word.arg == "version" and _value(word.value) == definition.version:
                    assert isinstance(word.value, ast.Constant)
                    return word.value
    return None


def _keyword(call: ast.Call, name: str) -> object:
    return next((_value(word.value) for word in call.keywords if word.arg == name), None)


def _value(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None
