"""Source files, cut into the pieces that a fingerprint is made of."""

import ast
import symtable
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from metrics_platform.core.errors import DefinitionError

# Of `@metric(…)` only `summary` decides values: the rest is elsewhere or for people.
_DEFINING_DECORATORS = frozenset({"metric", "signal"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED = (*_FUNCTIONS, ast.ClassDef)
_SCOPES = (*_NAMED, ast.Lambda)


@dataclass(frozen=True)
class Piece:
    """Some statements of a module, without what changes no value.

    Attributes:
        text: Equal for equal code.
        references: Module, and dotted names to follow from it, in the order of their appearance.
    """

    text: str
    references: Sequence[tuple[str, tuple[str, ...]]]


@dataclass(frozen=True, eq=False)
class Source:
    """One parsed file.

    Attributes:
        module: Its dotted name.
        tree: Never changed.
        is_package: It is an `__init__.py`, so relative imports start from itself.
        bindings: Name to the top-level statements that decide its value.
        imports: Name to the (module, name there) it may come from; "" for the module itself,
            and under "*" the modules of which everything is taken.
    """

    module: str
    tree: ast.Module
    is_package: bool
    bindings: Mapping[str, Sequence[ast.stmt]]
    imports: Mapping[str, Sequence[tuple[str, str]]]

    def function(self, name: str, line: int) -> Piece:
        """Return the function `name`; where there are several, that at `line`.

        Raises:
            DefinitionError: There is none.
        """
        named = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, _FUNCTIONS) and node.name == name
        ]
        here = [n for n in named if _first_line(n) <= line <= n.lineno]
        if not here and len(named) != 1:
            raise DefinitionError(f"{self.module} has no function {name!r} at line {line}")
        return _piece((here or named)[0], self)


@cache
def binding(source: Source, name: str) -> Piece:
    """Return what decides the value of `name` at the top level of `source`."""
    pieces = [_piece(node, source) for node in source.bindings[name]]
    return Piece(
        "\n".join(piece.text for piece in pieces),
        [reference for piece in pieces for reference in piece.references],
    )


@cache
def parse(module: str, path: Path, _modified_ns: int) -> Source:
    """Return the file at `path`; it is read again once it has another time of change."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    is_package = path.name == "__init__.py"
    bindings: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        # A name bound under `if` or `try` depends on all of that statement.
        for name in dict.fromkeys(_bound_names(_statements([statement]))):
            bindings.setdefault(name, []).append(statement)
    imports = _imports(_statements(tree.body), module, is_package)
    return Source(module, tree, is_package, bindings, imports)


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _statements(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield what runs when the module is imported: functions and classes aren't looked into."""
    for node in nodes:
        yield node
        if not isinstance(node, _SCOPES):
            yield from _statements(ast.iter_child_nodes(node))


def _bound_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, _NAMED):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from _root(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            # `TABLE.update(…)`: it changes what the name stands for.
            yield from _root(node.value.func)


def _root(node: ast.expr) -> list[str]:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return [node.id] if isinstance(node, ast.Name) else []


def _imports(
    nodes: Iterable[ast.AST], module: str, is_package: bool
) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                # `import a.b` binds `a`.
                target = alias.name if alias.asname else alias.name.partition(".")[0]
                found.setdefault(alias.asname or target, []).append((target, ""))
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, module, is_package)
            for alias in node.names:
                found.setdefault(alias.asname or alias.name, []).append((origin, alias.name))
    return found


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    parts = module.split(".") if node.level else []
    parts = parts[: len(parts) - node.level + is_package] if node.level else []
    return ".".join([*parts, node.module] if node.module else parts)


def _piece(node: ast.stmt, source: Source) -> Piece:
    stripped = ast.fix_missing_locations(_Strip().visit(deepcopy(node)))
    local = _imports(ast.walk(stripped), source.module, source.is_package)
    references: list[tuple[str, tuple[str, ...]]] = []
    shared = _global_names(stripped)
    for chain in _chains(stripped):
        for origin, name in local.get(chain[0], ()):
            references.append((origin, (name, *chain[1:]) if name else chain[1:]))
        if chain[0] in shared:
            references.append((source.module, chain))
    return Piece(ast.unparse(_NumberLocals().visit(stripped)), list(dict.fromkeys(references)))


def _global_names(node: ast.AST) -> set[str]:
    """Return the names that `node` looks up in its module, as Python itself scopes them."""
    text = ast.unparse(node)
    try:
        queue = [symtable.symtable(text, "<piece>", "exec")]
    except SyntaxError:
        # An inner function by itself, with `nonlocal`.
        return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
    found = set()
    for table in queue:
        queue.extend(table.get_children())
        for symbol in table.get_symbols():
            at_top = table.get_type() == "module" and symbol.is_referenced()
            if at_top or (symbol.is_global() and table.get_type() != "module"):
                found.add(symbol.get_name())
    return found


def _chains(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Yield dotted names, each as long as it goes, in the order of the code."""
    if isinstance(node, ast.Name):
        yield (node.id,)
    elif isinstance(node, ast.Attribute) and (chain := _dotted(node)):
        yield chain
    else:
        for child in ast.iter_child_nodes(node):
            yield from _chains(child)


def _dotted(node: ast.expr) -> tuple[str, ...]:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else ()


class _Strip(ast.NodeTransformer):
    """Take away what changes no value: docstrings, annotations, words for people."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        # In the body of a class annotations are its fields, and stay.
        kept = [
            _undescribed(child) if isinstance(child, ast.AnnAssign) else self.visit(child)
            for child in node.body
        ]
        node.body = [child for child in kept if child is not None] or [ast.Pass()]
        return node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        node.decorator_list = [
            kept for decorator in node.decorator_list for kept in _that_decide(decorator)
        ]
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return ast.Assign([node.target], self.visit(node.value))

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)


def _undescribed(field: ast.AnnAssign) -> ast.AnnAssign:
    """Take the words for people out of `name: type = Field(…)`; an empty Field says nothing."""
    call = field.value
    if isinstance(call, ast.Call) and _dotted(call.func)[-1:] == ("Field",):
        call.keywords = [word for word in call.keywords if word.arg not in _FOR_PEOPLE]
        if not call.keywords and not call.args:
            field.value = None
    return field


_FOR_PEOPLE = frozenset({"description", "title"})


def _that_decide(decorator: ast.expr) -> list[ast.expr]:
    if not isinstance(decorator, ast.Call) or _DEFINING_DECORATORS.isdisjoint(
        _dotted(decorator.func)[-1:]
    ):
        return [decorator]
    return [keyword.value for keyword in decorator.keywords if keyword.arg == "summary"]


class _NumberLocals(ast.NodeTransformer):
    """Number the variables that each outermost function assigns, in the order of the code."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return _with_numbered_locals(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return _with_numbered_locals(node)


def _with_numbered_locals(function: ast.AST) -> ast.AST:
    assigned: dict[str, str] = {}
    # Names that also stand somewhere as plain text, or are bound elsewhere, stay as they are.
    fixed: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                # No name that code can have.
                assigned.setdefault(name, f"${len(assigned)}")
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                fixed.update(names)
            case ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                fixed.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                fixed.add(name)
            case ast.MatchMapping(rest=str(name)):
                fixed.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                fixed.add(name)
            case ast.ClassDef(name=name):
                fixed.add(name)
            case ast.alias(name=name, asname=other):
                fixed.add(other or name.partition(".")[0])
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in assigned and node.id not in fixed:
            node.id = assigned[node.id]
    return function
