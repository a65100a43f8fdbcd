"""Statements, reduced to what decides values, and what else they lead to.

Whoever computes one changed metric waits for all fingerprints, so a tree is gone through as few
times as can be, and changed in its place: copying it took longer than all the rest.
"""

import ast
import symtable
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

# Of `@metric(…)` only `summary` decides values: the rest is elsewhere or for people.
_DEFINING_DECORATORS = frozenset({"metric", "signal"})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
NAMED = (*FUNCTIONS, ast.ClassDef)


@dataclass(frozen=True)
class Piece:
    """Some statements of a module, without what changes no value.

    Attributes:
        text: Equal for equal code.
        references: Module, and dotted names to follow from it, in the order of their appearance.
        has_summary: The code of the summary is in it, as an argument of its decorator.
    """

    text: str
    references: Sequence[tuple[str, tuple[str, ...]]]
    has_summary: bool = False


def piece_of(
    node: ast.stmt, module: str, *, is_package: bool, in_module: Callable[[str], bool]
) -> Piece:
    """Make a piece of a statement, which is changed on the way.

    Args:
        node: Stands in `module`.
        module: Dotted name.
        is_package: It is an `__init__.py`.
        in_module: Whether a name may stand for something of the module.
    """
    decorators = getattr(node, "decorator_list", ())
    has_summary = any(_is_defining(made) and _summaries(made) for made in decorators)
    kept = _stripped(node)
    if not kept:
        return Piece("", [])
    seen = _Names(kept[0])
    local = imports_of(seen.imports, module, is_package=is_package)
    shared = seen.shared(in_module)
    references: list[tuple[str, tuple[str, ...]]] = []
    for chain in dict.fromkeys(seen.chains):
        for origin, name in local.get(chain[0], ()):
            references.append((origin, (name, *chain[1:]) if name else chain[1:]))
        if chain[0] in shared:
            references.append((module, chain))
    _number_locals(kept[0])
    return Piece(ast.unparse(kept[0]), list(dict.fromkeys(references)), has_summary)


def imports_of(
    nodes: Iterable[ast.AST], module: str, *, is_package: bool
) -> dict[str, list[tuple[str, str]]]:
    """Return by the name that it binds what is imported, as `Source.imports` has it."""
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


class _Names:
    """What names a statement uses, and how.

    Attributes:
        chains: Dotted names, each as long as it goes, in the order of the code.
        imports: Statements that import.
    """

    def __init__(self, node: ast.stmt) -> None:
        self.chains: list[tuple[str, ...]] = []
        self.imports: list[ast.AST] = []
        self._node = node
        self._loaded: set[str] = set()
        self._bound: set[str] = set()
        self._declared = False
        self._look(node)

    def _look(self, node: ast.AST) -> None:
        kind = type(node)
        if kind is ast.Name or kind is ast.Attribute:
            root, attributes = node, []
            while isinstance(root, ast.Attribute):
                attributes.append(root.attr)
                root = root.value
            if isinstance(root, ast.Name):
                self.chains.append((root.id, *reversed(attributes)))
                (self._loaded if isinstance(root.ctx, ast.Load) else self._bound).add(root.id)
                return
            # `f(x).a`: what it is called on is further in.
            self._look(root)
            return
        if kind in _BINDERS:
            self._bound.update(_BINDERS[kind](node))
            self._declared |= kind is ast.Global or kind is ast.Nonlocal
        elif kind is ast.Import or kind is ast.ImportFrom:
            self.imports.append(node)
        for child in _children(node):
            self._look(child)

    def shared(self, in_module: Callable[[str], bool]) -> set[str]:
        """Return the names that are looked up in the module, as Python itself scopes them."""
        # Whether a name is the module's or bound here only matters where it can be both.
        if self._declared or any(map(in_module, self._loaded & self._bound)):
            return _global_names(self._node)
        return self._loaded - self._bound


def bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Yield the lists of statements that stand in a statement."""
    for name in _BODIES:
        if inner := getattr(node, name, None):
            yield inner
    for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield part.body


_BODIES = ("body", "orelse", "finalbody")


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield as `ast.iter_child_nodes` does, without operators and contexts, in half of its time."""
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            for item in value:
                if isinstance(item, ast.AST):
                    yield item
        elif isinstance(value, ast.AST) and name != "ctx" and name != "op":
            yield value


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


def _dotted(node: ast.expr) -> tuple[str, ...]:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else ()


def _stripped(node: ast.stmt, *, is_field: bool = False) -> list[ast.stmt]:
    """Take away what changes no value: docstrings, annotations, words for people.

    Only statements are gone through: none of it stands within an expression.

    Returns:
        The statement without, or none.
    """
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return []
    if isinstance(node, ast.AnnAssign):
        # In the body of a class annotations are its fields, and stay.
        if is_field:
            return [_undescribed(node)]
        if node.value is None:
            return []
        return [ast.copy_location(ast.Assign([node.target], node.value), node)]
    if isinstance(node, FUNCTIONS):
        node.returns = None
        node.decorator_list = [
            kept for decorator in node.decorator_list for kept in _that_decide(decorator)
        ]
        given = node.args
        rest = [argument for argument in (given.vararg, given.kwarg) if argument is not None]
        for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, *rest):
            argument.annotation = None
    in_class = isinstance(node, ast.ClassDef)
    for body in bodies(node):
        body[:] = [kept for inner in body for kept in _stripped(inner, is_field=in_class)]
    if isinstance(node, NAMED):
        node.body = node.body or [ast.Pass()]
    return [node]


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
    return _summaries(decorator) if _is_defining(decorator) else [decorator]


def _is_defining(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and not _DEFINING_DECORATORS.isdisjoint(
        _dotted(decorator.func)[-1:]
    )


def _summaries(decorator: ast.expr) -> list[ast.expr]:
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    return [keyword.value for keyword in keywords if keyword.arg == "summary"]


def _number_locals(node: ast.AST) -> None:
    """Number the variables that each outermost function assigns, in the order of the code."""
    if isinstance(node, FUNCTIONS):
        _number_locals_of(node)
        return
    for body in bodies(node):
        for inner in body:
            _number_locals(inner)


def _number_locals_of(function: ast.AST) -> None:
    assigned: dict[str, str] = {}
    # Names that also stand somewhere as plain text, or are bound elsewhere, stay as they are.
    fixed: set[str] = set()
    names: list[ast.Name] = []
    queue = [function]
    for node in queue:
        if isinstance(node, ast.Name):
            names.append(node)
            if isinstance(node.ctx, ast.Store):
                # No name that code can have.
                assigned.setdefault(node.id, f"${len(assigned)}")
        else:
            if type(node) in _BINDERS:
                fixed.update(_BINDERS[type(node)](node))
            queue += _children(node)
    for name in names:
        if name.id in assigned and name.id not in fixed:
            name.id = assigned[name.id]


# How statements bind names, other than by assigning to them.
_BINDERS: Mapping[type, Callable[..., Iterable[str]]] = {
    ast.Global: lambda node: node.names,
    ast.Nonlocal: lambda node: node.names,
    ast.arg: lambda node: (node.arg,),
    ast.ExceptHandler: lambda node: (node.name,) if node.name else (),
    ast.MatchAs: lambda node: (node.name,) if node.name else (),
    ast.MatchStar: lambda node: (node.name,) if node.name else (),
    ast.MatchMapping: lambda node: (node.rest,) if node.rest else (),
    ast.FunctionDef: lambda node: (node.name,),
    ast.AsyncFunctionDef: lambda node: (node.name,),
    ast.ClassDef: lambda node: (node.name,),
    ast.alias: lambda node: (node.asname or node.name.partition(".")[0],),
}
