"""Fingerprints: has the code that makes a number changed?

Read from source, never from bytecode: the function, and every function, class and constant that it
reaches by name, in whatever module of its own project or of the platform. Comments, formatting,
docstrings, annotations, names of local variables, and where a helper stands don't count. What a
method is called on is found by the class's name, never by following types.
"""

import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

from metrics_platform.core.definitions import Definition
from metrics_platform.core.errors import DefinitionError
from metrics_platform.core.frames import MetricFrame, contract, plain_text
from metrics_platform.core.own_modules import is_own
from metrics_platform.core.pieces import Piece
from metrics_platform.core.sources import Source, binding, parse

_Reference = tuple[str, str]


def fingerprint(
    definition: Definition, upstream: Mapping[str, str], code: "Code | None" = None
) -> str:
    """Return 16 hex digits over all that decides the values of `definition`.

    Args:
        definition: A metric or signal.
        upstream: Fingerprint of each of its dependencies.
        code: Where there are many, what is kept from one to the next.

    Raises:
        DefinitionError: The source of its function cannot be found.
    """
    code = code or Code()
    parts: dict[str, Any] = {
        "contract": contract(definition.rows),
        "checks": _own_checks(definition.rows, code),
        "settings": {
            name: code.of_value(value, _package(definition.function))
            for name, value in definition.settings.items()
        },
        "optional": sorted(definition.optional),
        "upstream": {name: upstream[name] for name in definition.dependencies},
    }
    if definition.function is not None:
        parts["code"] = code.digest(definition.function, definition.name)
        if definition.summary and not code.has_summary(definition.function):
            # Their code is preferred: how Polars writes expressions differs between its versions.
            parts["summary"] = {name: str(expr) for name, expr in definition.summary.items()}
    return _digest(json.dumps(parts, sort_keys=True))


def code_digest(function: Callable[..., Any]) -> str:
    """Return 16 hex digits over the code of `function` and of what it reaches in its project.

    Raises:
        DefinitionError: Its source cannot be found.
    """
    return Code().digest(function)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _package(function: Callable[..., Any] | None) -> str:
    return inspect.unwrap(function).__module__.partition(".")[0] if function else ""


def _own_checks(rows: type[MetricFrame], code: "Code") -> dict[str, str]:
    """Return the code of checks that an author wrote as methods of the schema."""
    return {
        name: code.digest(method.__func__)
        for schema in rows.__mro__[: rows.__mro__.index(MetricFrame)]
        for name, method in vars(schema).items()
        if isinstance(method, classmethod)
    }


class Code:
    """The source as it stands: each file is looked at once, and each helper followed once.

    Most definitions reach the same kernels.
    """

    def __init__(self) -> None:
        self._sources: dict[str, Source | None] = {}
        self._followed: dict[tuple[_Reference, str], Sequence[_Reference]] = {}
        self._digests: dict[tuple[Callable[..., Any], str | None], str] = {}
        self._own: dict[tuple[str, str], bool] = {}

    def digest(self, function: Callable[..., Any], name: str | None = None) -> str:
        """Return the `code_digest` of a function.

        Args:
            function: Defined in a file.
            name: By which it counts, if not by its own: a shadow takes the place of its metric one
                day, and is the same code then.

        Raises:
            DefinitionError: Its source cannot be found.
        """
        function = inspect.unwrap(function)
        if (function, name) not in self._digests:
            self._digests[function, name] = self._digest_of(function, name)
        return self._digests[function, name]

    def has_summary(self, function: Callable[..., Any]) -> bool:
        """Say whether all that its summary follows from is in the source of a metric's function.

        It isn't where the metric is made in a loop, by a helper, or of a function that has no
        decorator, nor where the arguments of the decorator come from elsewhere.
        """
        function = inspect.unwrap(function)
        return "<locals>" not in function.__qualname__ and self._piece(function).has_summary

    def of_value(self, value: object, package: str) -> str:
        """Return a value that code uses as text that is the same in every process.

        Args:
            value: Any; of functions and objects of the project it is their code that counts.
            package: Top-level name of the code that uses it.

        Raises:
            DefinitionError: It is a function without a name, or its source cannot be found.
        """

        def inner(value: object) -> str:
            return self.of_value(value, package)

        match value:
            case FunctionType() | type():
                if not self._is_own(value.__module__, package):
                    return f"{value.__module__}.{value.__qualname__}"
                if isinstance(value, FunctionType):
                    return self.digest(value)
                return self._of_class(value, package)
            case MethodType():
                return f"{inner(value.__self__)}.{inner(value.__func__)}"
            case partial():
                return f"partial{inner([value.func, value.args, value.keywords])}"
            case object(__dict__=state) if self._is_own(type(value).__module__, package):
                return f"{inner(type(value))}{inner(dict(state))}"
        return plain_text(value, inner)

    def _of_class(self, kind: type, package: str) -> str:
        source, name = self._source(kind.__module__), kind.__qualname__.partition(".")[0]
        if source is None or name not in source.bindings:
            return f"{kind.__module__}.{kind.__qualname__}"
        lines = self._lines(binding(source, name), package)
        return f"{kind.__qualname__} {_digest(chr(10).join(lines))}"

    def _digest_of(self, function: Callable[..., Any], name: str | None) -> str:
        piece = self._piece(function)
        package = _package(function)
        lines = self._lines(piece, package)
        if name is not None and name != function.__name__:
            lines[0] = lines[0].replace(f"def {function.__name__}(", f"def {name}(", 1)
        closure = inspect.getclosurevars(function).nonlocals
        lines += [
            f"{name}={self.of_value(value, package)}" for name, value in sorted(closure.items())
        ]
        return _digest("\n".join(lines))

    def _lines(self, piece: Piece, package: str) -> list[str]:
        """Return the text of a piece, and that of all that it reaches."""
        pieces = [piece]
        reached: list[Sequence[_Reference]] = [list(self._reached(piece, package))]
        numbers: dict[_Reference, int] = {}
        lines = []
        # A reference is written as the number of what it leads to, in the order of discovery: it
        # makes no difference what module a helper is in, and all the difference which of two it is.
        for piece, references in zip(pieces, reached, strict=True):
            for reference in references:
                if reference not in numbers:
                    numbers[reference] = len(pieces)
                    pieces.append(self._binding(reference))
                    reached.append(self._follow(reference, package))
            lines.append(f"{piece.text}\n{[numbers[reference] for reference in references]}")
        return lines

    def _piece(self, function: Callable[..., Any]) -> Piece:
        source = self._source(function.__module__)
        if source is None:
            raise DefinitionError(
                f"the source of {function.__qualname__} cannot be found, so its version would mean "
                "nothing: define it in a file, not at a prompt"
            )
        if function.__name__ == "<lambda>":
            raise DefinitionError(
                f"{function.__module__}, line {function.__code__.co_firstlineno}: a lambda has no "
                "name by which its code could be found: name it with def"
            )
        return source.function(function.__name__, function.__code__.co_firstlineno)

    def _binding(self, reference: _Reference) -> Piece:
        source = self._source(reference[0])
        assert source is not None
        return binding(source, reference[1])

    def _follow(self, reference: _Reference, package: str) -> Sequence[_Reference]:
        if (reference, package) not in self._followed:
            reached = list(self._reached(self._binding(reference), package))
            self._followed[reference, package] = reached
        return self._followed[reference, package]

    def _reached(self, piece: Piece, package: str) -> Iterator[_Reference]:
        for module, names in piece.references:
            yield from self._find(module, names, package, set())

    def _find(
        self,
        module: str,
        names: tuple[str, ...],
        package: str,
        seen: set[tuple[str, ...]],
    ) -> Iterator[_Reference]:
        """Follow dotted names from a module, through imports and packages, to what binds them."""
        if (module, *names) in seen or not self._is_own(module, package):
            return
        seen.add((module, *names))
        source = self._source(module)
        if not names:
            # The module itself is handed around: nobody can tell what is taken from it.
            yield from ((module, name) for name in (source.bindings if source else ()))
            return
        head, rest = names[0], names[1:]
        if source is not None:
            if head in source.bindings:
                yield module, head
            for origin, name in source.imports.get(head, ()):
                yield from self._find(origin, (name, *rest) if name else rest, package, seen)
            if head not in source.bindings and head not in source.imports:
                for origin, _ in source.imports.get("*", ()):
                    yield from self._find(origin, names, package, seen)
        bound = source is not None and head in source.bindings
        # What is no package has no modules in it: looking for them goes to the disk.
        if not bound and (source is None or source.is_package) and _is_module(f"{module}.{head}"):
            yield from self._find(f"{module}.{head}", rest, package, seen)

    def _is_own(self, module: str, package: str) -> bool:
        key = module.partition(".")[0], package
        if key not in self._own:
            self._own[key] = is_own(*key)
        return self._own[key]

    def _source(self, module: str) -> Source | None:
        if module not in self._sources:
            self._sources[module] = _source(module)
        return self._sources[module]


def _source(module: str) -> Source | None:
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None) if loaded else _origin(module)
    if not file or not file.endswith(".py") or not (path := Path(file)).is_file():
        return None
    return parse(module, path, path.stat().st_mtime_ns)


def _is_module(name: str) -> bool:
    return name in sys.modules or _origin(name) is not None


def _origin(module: str) -> str | None:
    """Return where a module that isn't imported would come from; "" for a namespace package."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return None if spec is None else (spec.origin or "")
