"""Fingerprints: has the code that makes a number changed?

Read from source, never from bytecode: the function, and every function, class and constant of the
project that it reaches by name, in whatever module. Comments, formatting, docstrings, annotations
and the names of local variables don't count. Code of other distributions doesn't either.
"""

import ast
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from metrics_platform.core.definitions import Definition
from metrics_platform.core.errors import DefinitionError
from metrics_platform.core.frames import contract

_PLATFORM = __name__.partition(".")[0]
# Declarations that `Definition` adds itself, or that are for people.
_DEFINING_DECORATORS = frozenset({"metric", "signal"})


def fingerprint(definition: Definition, upstream: Mapping[str, str]) -> str:
    """Return 16 hex digits over all that decides the values of `definition`.

    Args:
        definition: A metric or signal.
        upstream: Fingerprint of each of its dependencies.

    Raises:
        DefinitionError: The source of its function cannot be found.
    """
    parts: dict[str, Any] = {
        "contract": contract(definition.rows),
        "settings": {name: repr(value) for name, value in definition.settings.items()},
        "optional": sorted(definition.optional),
        "upstream": {name: upstream[name] for name in definition.dependencies},
    }
    if definition.function is not None:
        parts["code"] = code_digest(definition.function)
    return _digest(json.dumps(parts, sort_keys=True))


def code_digest(function: Callable[..., Any]) -> str:
    """Return 16 hex digits over the code of `function` and of what it reaches in its project."""
    function = inspect.unwrap(function)
    source = _module(function.__module__)
    if source is None:
        raise DefinitionError(
            f"the source of {function.__qualname__} cannot be found, so its version would mean "
            "nothing: define it in a file, not at a prompt"
        )
    node = source.function_at(function.__code__.co_firstlineno, function.__name__)
    projects = frozenset({_PLATFORM, function.__module__.partition(".")[0]})
    pieces = {"": _normalised(node)}
    if closure := inspect.getclosurevars(function).nonlocals:
        pieces["<closure>"] = repr(sorted((name, repr(value)) for name, value in closure.items()))
    queue = list(_references(node, source))
    while queue:
        module, name = queue.pop()
        key = f"{module}:{name}"
        if key in pieces or module.partition(".")[0] not in projects:
            continue
        found = _module(module)
        if found is None:
            continue
        nodes = found.bindings.get(name, [])
        pieces[key] = "\n".join(_normalised(node) for node in nodes)
        for node in nodes:
            queue.extend(_references(node, found))
        if not nodes and name in found.imports:
            queue.append(found.imports[name])
    # What a helper is called and where it stands doesn't change what it does.
    body = [pieces.pop(""), *sorted(pieces.values())]
    return _digest("\n".join(body))


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class _Module:
    """One parsed source file: what its top level binds, and what it imports from where."""

    name: str
    tree: ast.Module
    bindings: Mapping[str, list[ast.stmt]]
    imports: Mapping[str, tuple[str, str]]

    def function_at(self, line: int, name: str) -> ast.stmt:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                if first <= line <= node.lineno:
                    return node
        raise DefinitionError(f"{self.name} has no function {name!r} at line {line}")


def _module(name: str) -> _Module | None:
    path = _source_path(name)
    if path is None:
        return None
    return _parse(name, path, path.stat().st_mtime_ns)


def _source_path(name: str) -> Path | None:
    loaded = sys.modules.get(name)
    file = getattr(loaded, "__file__", None)
    if file is None and loaded is None:
        try:
            spec = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            return None
        file = spec.origin if spec else None
    return Path(file) if file and file.endswith(".py") else None


@cache
def _parse(name: str, path: Path, _modified_ns: int) -> _Module:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    bindings: dict[str, list[ast.stmt]] = {}
    imports: dict[str, tuple[str, str]] = {}
    is_package = path.name == "__init__.py"
    for node in _top_level(tree.body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                target = alias.name if alias.asname else alias.name.partition(".")[0]
                imports[alias.asname or target] = (target, "")
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, name, is_package)
            for alias in node.names:
                imports[alias.asname or alias.name] = (origin, alias.name)
        else:
            for bound in _bound_names(node):
                bindings.setdefault(bound, []).append(node)
    return _Module(name, tree, bindings, imports)


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements of a module, those under `if`, `try` and `with` too."""
    for node in body:
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from _top_level(child for child in ast.walk(node) if child in _children(node))
        else:
            yield node


def _children(node: ast.stmt) -> list[ast.stmt]:
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + (1 if is_package else 0)]
    return ".".join([*parts, node.module] if node.module else parts)


def _bound_names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    return [
        child.id
        for child in ast.walk(node)
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)
    ]


def _references(node: ast.AST, source: _Module) -> Iterator[tuple[str, str]]:
    """Yield (module, name) for every name in `node` that the module's top level explains."""
    for child in ast.walk(node):
        if isinstance(child, ast.Attribute):
            chain = _chain(child)
            if chain and chain[0] in source.imports:
                yield from _through_modules(source.imports[chain[0]], chain[1:])
        elif isinstance(child, ast.Name):
            if child.id in source.bindings:
                yield source.name, child.id
            elif child.id in source.imports:
                yield from _through_modules(source.imports[child.id], [])


def _chain(node: ast.expr) -> list[str]:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return [node.id, *names] if isinstance(node, ast.Name) else []


def _through_modules(origin: tuple[str, str], attributes: list[str]) -> Iterator[tuple[str, str]]:
    module, name = origin
    names = [name, *attributes] if name else attributes
    while names and _is_module(f"{module}.{names[0]}"):
        module, names = f"{module}.{names[0]}", names[1:]
    if names:
        yield module, names[0]


def _is_module(name: str) -> bool:
    if not name.startswith(_PLATFORM) and name.partition(".")[0] not in sys.modules:
        return False
    return name in sys.modules or _source_path(name) is not None


def _normalised(node: ast.AST) -> str:
    copy = ast.parse(ast.unparse(node)).body[0]
    copy = _Strip().visit(copy)
    if isinstance(copy, ast.FunctionDef):
        local = _local_names(copy)
        copy = _Rename(local).visit(copy)
    return ast.unparse(ast.fix_missing_locations(copy))


def _local_names(function: ast.FunctionDef) -> dict[str, str]:
    """Number the variables that a function assigns, in the order in which they appear."""
    numbered: dict[str, str] = {}
    shared = {
        name
        for child in ast.walk(function)
        if isinstance(child, ast.Global | ast.Nonlocal)
        for name in child.names
    }
    for child in ast.walk(function):
        if (
            isinstance(child, ast.Name)
            and isinstance(child.ctx, ast.Store)
            and child.id not in shared
        ):
            numbered.setdefault(child.id, f"_{len(numbered)}")
    parameters = {child.arg for child in ast.walk(function) if isinstance(child, ast.arg)}
    return {name: new for name, new in numbered.items() if name not in parameters}


class _Rename(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.names.get(node.id, node.id)
        return node


class _Strip(ast.NodeTransformer):
    """Take away what changes no value: docstrings, annotations, words for people."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        node.decorator_list = [_without_words(decorator) for decorator in node.decorator_list]
        return self._body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._body(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None or not isinstance(node.target, ast.Name):
            return node
        return ast.copy_location(ast.Assign([node.target], self.visit(node.value)), node)

    def _body(self, node: ast.FunctionDef | ast.ClassDef) -> ast.AST:
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)


def _without_words(decorator: ast.expr) -> ast.expr:
    """Of `@metric(...)` only `summary` decides values; the rest is elsewhere or for people."""
    if isinstance(decorator, ast.Call) and _chain(decorator.func)[-1:] and (
        _chain(decorator.func)[-1] in _DEFINING_DECORATORS
    ):
        decorator.keywords = [k for k in decorator.keywords if k.arg == "summary"]
    return decorator
