"""Source files, cut into the pieces that a fingerprint is made of."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock

from metrics_platform.core.errors import DefinitionError
from metrics_platform.core.pieces import FUNCTIONS, NAMED, Piece, bodies, imports_of, piece_of

_SCOPES = (*NAMED, ast.Lambda)
# Making a piece changes the tree that all threads share.
_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True, eq=False)
class Source:
    """One parsed file.

    Attributes:
        module: Its dotted name.
        text: All of it.
        is_package: It is an `__init__.py`, so relative imports start from itself.
        bindings: Name to the top-level statements that decide its value.
        imports: Name to the (module, name there) it may come from; "" for the module itself,
            and under "*" the modules of which everything is taken.
        functions: Name to the functions of that name, in whatever they stand: lines of the first
            decorator and of `def`, and the function itself where it stands in nothing.
    """

    module: str
    text: str
    is_package: bool
    bindings: Mapping[str, Sequence[ast.stmt]]
    imports: Mapping[str, Sequence[tuple[str, str]]]
    functions: Mapping[str, Sequence[tuple[int, int, ast.stmt | None]]]
    _pieces: dict[ast.stmt, Piece] = field(default_factory=dict)

    def function(self, name: str, line: int) -> Piece:
        """Return the function `name`; where there are several, that at `line`.

        Raises:
            DefinitionError: There is none.
        """
        named = self.functions.get(name, ())
        here = [found for found in named if found[0] <= line <= found[1]]
        if not here and len(named) != 1:
            raise DefinitionError(f"{self.module} has no function {name!r} at line {line}")
        _, at, statement = (here or named)[0]
        if statement is None:
            # A tree of its own: what it stands in may be a piece, too.
            again = _functions(ast.parse(self.text).body)
            return self._piece(next(node for node in again if node.lineno == at))
        return self.piece(statement)

    def piece(self, statement: ast.stmt) -> Piece:
        """Return the piece of a top-level statement, which is made once."""
        with _ONE_AT_A_TIME:
            if statement not in self._pieces:
                self._pieces[statement] = self._piece(statement)
            return self._pieces[statement]

    def _piece(self, statement: ast.stmt) -> Piece:
        return piece_of(
            statement, self.module, is_package=self.is_package, in_module=self._may_have
        )

    def _may_have(self, name: str) -> bool:
        return (
            name in self.bindings or name in self.imports or "*" in self.imports or self.is_package
        )


@cache
def binding(source: Source, name: str) -> Piece:
    """Return what decides the value of `name` at the top level of `source`."""
    pieces = [source.piece(statement) for statement in source.bindings[name]]
    return Piece(
        "\n".join(piece.text for piece in pieces),
        [reference for piece in pieces for reference in piece.references],
    )


@cache
def parse(module: str, path: Path, _modified_ns: int) -> Source:
    """Return the file at `path`; it is read again once it has another time of change."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, str(path))
    is_package = path.name == "__init__.py"
    imports = imports_of(_statements(tree.body), module, is_package=is_package)
    functions: dict[str, list[tuple[int, int, ast.stmt | None]]] = {}
    top = set(tree.body)
    for node in _functions(tree.body):
        found = (_first_line(node), node.lineno, node if node in top else None)
        functions.setdefault(node.name, []).append(found)
    bindings = _bindings(tree.body, imports)
    return Source(module, text, is_package, bindings, imports, functions)


def _bindings(
    body: Sequence[ast.stmt], imports: Mapping[str, Sequence[tuple[str, str]]]
) -> dict[str, list[ast.stmt]]:
    found: dict[str, list[ast.stmt]] = {}
    calls: list[tuple[ast.stmt, list[ast.expr]]] = []
    for statement in body:
        inner = list(_statements([statement]))
        # A name bound under `if` or `try` depends on all of that statement.
        for name in dict.fromkeys(_bound_names(inner)):
            found.setdefault(name, []).append(statement)
        if called := list(_called(inner)):
            calls.append((statement, called))
    # What is given to a function, and what the function stores into, may be changed by it.
    objects = {name for name, origins in imports.items() if any(name for _, name in origins)}
    bound = frozenset(found)
    known = bound | objects
    defined = {node.name: node for node in body if isinstance(node, FUNCTIONS)}
    for statement, called in calls:
        for call in called:
            changed = _given(call) if isinstance(statement, ast.Expr) else []
            if (root := next(iter(_root(_callee(call))), "")) in defined:
                changed += _stored_into(defined[root])
            elif isinstance(_callee(call), ast.Attribute) and root in bound:
                # `@REGISTRY.add(…)`
                changed += [root]
            for name in dict.fromkeys(changed):
                if name in known and statement not in found.setdefault(name, []):
                    found[name].append(statement)
    return found


def _called(nodes: Iterable[ast.AST]) -> Iterator[ast.expr]:
    """Yield what is called when the module is imported, for what it does besides."""
    for node in nodes:
        if isinstance(node, NAMED):
            yield from node.decorator_list
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield node.value


def _callee(call: ast.expr) -> ast.expr:
    """Return `f` of `f`, `f(x)` and `f(x)(y)`."""
    while isinstance(call, ast.Call):
        call = call.func
    return call


def _given(call: ast.expr) -> list[str]:
    """Return the names among the arguments of `f(…)` and `f(…)(…)`."""
    names: list[str] = []
    while isinstance(call, ast.Call):
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            inner = _statements([argument])
            names += [node.id for node in inner if isinstance(node, ast.Name)]
        call = call.func
    return names


def _stored_into(function: ast.stmt) -> list[str]:
    """Return what a function changes that it hasn't made: names that it only reads, or global."""
    inner = list(ast.walk(function))
    own = {node.arg for node in inner if isinstance(node, ast.arg)}
    own |= {n.id for n in inner if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own -= {name for node in inner if isinstance(node, ast.Global) for name in node.names}
    return [name for name in _bound_names(inner) if name not in own]


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _functions(body: Sequence[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield all functions, also those in functions and classes, outer ones first."""
    queue = list(body)
    for node in queue:
        if isinstance(node, FUNCTIONS):
            yield node
        for inner in bodies(node):
            queue += inner


def _statements(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield what runs when the module is imported: functions and classes aren't looked into."""
    for node in nodes:
        yield node
        if not isinstance(node, _SCOPES):
            yield from _statements(ast.iter_child_nodes(node))


def _bound_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, NAMED):
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
