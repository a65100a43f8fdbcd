"""All signals and metrics there are, found by looking: no registry file, no import list."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import entry_points
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

from metrics_platform.core.definitions import Definition, Metric, Signal
from metrics_platform.core.errors import DefinitionError, MetricsPlatformError, UnknownNameError
from metrics_platform.core.fingerprints import Code, fingerprint

# Authors list modules of their own under this name in their pyproject.toml.
ENTRY_POINT_GROUP = "metrics_platform.definitions"
_OWN_PACKAGES = ("metrics_platform.signals", "metrics_platform.metrics")


class Catalog:
    """Definitions by name, in an order in which each comes after what it needs.

    Shadows stand aside: nothing depends on them, and going through a catalog leaves them out.

    Raises:
        DefinitionError: Two share a name, one needs what isn't there, or they need each other; or a
            shadow is one of nothing, or has the version of what it is a shadow of.

    Attributes:
        shadows: The next version of some metrics, by name.
    """

    def __init__(self, definitions: Iterable[Definition]) -> None:
        by_name: dict[str, Definition] = {}
        self.shadows: dict[str, Definition] = {}
        for definition in definitions:
            if definition.shadow:
                if self.shadows.setdefault(definition.name, definition) is not definition:
                    raise DefinitionError(f"two shadows are of {definition.name!r}")
            elif by_name.setdefault(definition.name, definition) is not definition:
                raise DefinitionError(f"two definitions are named {definition.name!r}")
        for name, shadow in self.shadows.items():
            _check_shadow(shadow, by_name.get(name), by_name)
        for definition in [*by_name.values(), *self.shadows.values()]:
            for dependency in definition.dependencies:
                if dependency not in by_name:
                    error = UnknownNameError("signal or metric", dependency, by_name)
                    raise DefinitionError(f"{definition.name} needs {dependency!r}: {error}")
        try:
            graph = {name: sorted(by_name[name].dependencies) for name in sorted(by_name)}
            order = list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            raise DefinitionError(f"definitions need each other: {error.args[1]}") from error
        self._by_name = {name: by_name[name] for name in order}

    def __getitem__(self, name: str) -> Definition:
        if name not in self._by_name:
            raise UnknownNameError("signal or metric", name, self._by_name)
        return self._by_name[name]

    def __iter__(self) -> Iterator[Definition]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def labelled(self, label: str) -> Definition:
        """Return a definition by its name, or a shadow by its label `shadow/<name>`."""
        by_label = {shadow.label: shadow for shadow in self.shadows.values()}
        if label not in by_label and label not in self._by_name:
            raise UnknownNameError("signal or metric", label, [*self._by_name, *by_label])
        return by_label.get(label) or self[label]

    @property
    def with_shadows(self) -> Sequence[Definition]:
        """All definitions, and the shadows behind them."""
        return [*self, *self.shadows.values()]

    @property
    def metrics(self) -> Sequence[Metric]:
        """All metrics."""
        return [definition for definition in self if isinstance(definition, Metric)]

    @property
    def recorded(self) -> Sequence[Signal]:
        """Signals that readers take from a log."""
        return [d for d in self if isinstance(d, Signal) and d.function is None]

    @property
    def derived(self) -> Sequence[Definition]:
        """Metrics and signals that are computed from others."""
        return [definition for definition in self if definition.function is not None]

    def upstream(self, *names: str) -> Sequence[Definition]:
        """Return what `names` need, near and far, and themselves, in an order to compute them.

        They may be labels of shadows.
        """
        wanted: set[str] = set()
        shadows = [shadow for name in names if (shadow := self.labelled(name)).shadow]
        queue = [name for name in names if name in self._by_name]
        queue += [name for shadow in shadows for name in shadow.dependencies]
        while queue:
            current = queue.pop()
            if current not in wanted:
                wanted.add(current)
                queue.extend(self[current].dependencies)
        return [*(definition for definition in self if definition.name in wanted), *shadows]

    def downstream(self, *names: str) -> Sequence[Definition]:
        """Return all that needs one of `names`, near or far, in an order to compute them."""
        reached = {self[name].name for name in names}
        found = []
        for definition in self:
            if not reached.isdisjoint(definition.dependencies):
                reached.add(definition.name)
                found.append(definition)
        return found

    def unmet(self) -> Mapping[tuple[str, str], str]:
        """Return which requirements don't hold: (consumer, dependency) to what is wrong."""
        return {
            (consumer.name, name): f"{consumer.name} {consumer.version} requires {name} {wanted}, "
            f"and {name} is {self[name].version}"
            for consumer in [*self, *self.shadows.values()]
            for name, wanted in consumer.requires.items()
            if self[name].version not in wanted
        }

    def check_requirements(self) -> None:
        """See that every definition gets the versions that it requires.

        Raises:
            DefinitionError: One doesn't; the message names all.
        """
        if unmet := self.unmet():
            raise DefinitionError("; ".join(unmet.values()))

    @cached_property
    def shadow_fingerprints(self) -> Mapping[str, str]:
        """Fingerprint of every shadow, by the name of its metric."""
        return {
            name: fingerprint(shadow, self.fingerprints, self._code)
            for name, shadow in self.shadows.items()
        }

    def fingerprint_of(self, definition: Definition) -> str:
        """Return the fingerprint of one of these, be it a shadow."""
        of = self.shadow_fingerprints if definition.shadow else self.fingerprints
        return of[definition.name]

    @cached_property
    def own_fingerprints(self) -> Mapping[str, str]:
        """Fingerprint of every definition by itself, whatever its dependencies are like."""
        return {d.name: fingerprint(d, dict.fromkeys(d.dependencies, ""), self._code) for d in self}

    @cached_property
    def fingerprints(self) -> Mapping[str, str]:
        """Fingerprint of every definition, its dependencies' included."""
        found: dict[str, str] = {}
        for definition in self:
            found[definition.name] = fingerprint(definition, found, self._code)
        return found

    @cached_property
    def _code(self) -> Code:
        return Code()


def _check_shadow(
    shadow: Definition, of: Definition | None, known: Mapping[str, Definition]
) -> None:
    if of is None:
        error = UnknownNameError("metric", shadow.name, known)
        raise DefinitionError(f"a shadow is declared of {shadow.name!r}: {error}")
    if shadow.version == of.version:
        raise DefinitionError(
            f"{shadow.name} and its shadow are both {of.version}: the shadow needs another version"
        )


@cache
def default_catalog() -> Catalog:
    """Return what the platform and the installed packages define."""
    return Catalog(_found_in(_modules()))


def _modules() -> Iterator[ModuleType]:
    for name in _OWN_PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__, f"{name}."):
            with _telling_where(name):
                imported = importlib.import_module(module.name)
            yield imported
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        with _telling_where(entry_point.value):
            top = entry_point.load()
        yield top
        for submodule in pkgutil.walk_packages(getattr(top, "__path__", []), f"{top.__name__}."):
            with _telling_where(entry_point.value):
                imported = importlib.import_module(submodule.name)
            yield imported


@contextmanager
def _telling_where(package: str) -> Iterator[None]:
    """Say of whatever goes wrong while `package` is imported in which line of it that is."""
    try:
        yield
    # A package is other people's code: it may raise anything.
    except Exception as error:
        text = str(error)
        if isinstance(error, SyntaxError):
            text = error.msg
        if not isinstance(error, MetricsPlatformError):
            text = f"{type(error).__name__}: {text}"
        where = _line_of(error, package.partition(":")[0].partition(".")[0])
        told = where or f"the package {package} cannot be imported"
        raise DefinitionError(f"{told}: {text}") from error


def _line_of(error: Exception, package: str) -> str | None:
    """Return file and line of the innermost code of `package` that an error went through."""
    lines = [(frame.filename, frame.lineno) for frame in extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((error.filename, error.lineno))
    for file, line in reversed(lines):
        parts = Path(file).parts
        if package in parts[:-1] or parts[-1] == f"{package}.py":
            above = len(parts) - 1 - parts[::-1].index(package) if package in parts else -1
            return f"{'/'.join(parts[above:])}, line {line}"
    return None


def _found_in(modules: Iterable[ModuleType]) -> Iterator[Definition]:
    seen: set[int] = set()
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Definition) and id(value) not in seen:
                seen.add(id(value))
                yield value
