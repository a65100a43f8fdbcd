"""`@metric` and `@signal`: a function becomes a versioned definition.

Parameter names are the dependencies, keyword-only parameters are settings.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from metrics_platform.core.errors import DefinitionError
from metrics_platform.core.frames import MetricFrame, empty_frame

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")

# Columns that stand beside the scalars wherever summaries are shown.
_NO_SCALARS = frozenset({"log_id", "status", "reason", "release", "vehicle", "place"})


@dataclass(frozen=True)
class Rows:
    """What a function may return in place of a plain frame, to abstain for some of its logs.

    Attributes:
        rows: As the schema has it.
        abstained: Columns `log_id` and `reason`, one row per log that has no answer.
    """

    rows: pl.LazyFrame
    abstained: pl.LazyFrame


Function = Callable[..., pl.LazyFrame | Rows]


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A signal or metric: what it is called, what it needs, what it promises.

    Attributes:
        name: Of the function; the asset and the folder of its results carry it too.
        version: Semantic: major = not comparable, minor = other values, patch = neither.
        rows: Schema of its frame.
        owner: Team that answers for it.
        function: None for a recorded signal, which readers take from the log.
        optional: Dependencies without which it is computed all the same, on no rows of them.
        summary: Name to expression over the rows of one log, giving one scalar.
        plausible: Summary name to the (least, greatest) value that is believed without a look.
        tags: Free words to find it by.
    """

    name: str
    version: str
    rows: type[MetricFrame]
    owner: str
    function: Function | None = None
    optional: frozenset[str] = frozenset()
    summary: Mapping[str, pl.Expr] = field(default_factory=dict)
    plausible: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        _require(bool(_NAME.fullmatch(self.name)), self, "its name must be snake_case")
        _require(
            bool(_VERSION.fullmatch(self.version)),
            self,
            f"version must be MAJOR.MINOR.PATCH, got {self.version!r}",
        )
        _require(bool(inspect.getdoc(self.rows)), self, f"{self.rows.__name__} needs a docstring")
        unknown = sorted(self.optional.difference(self.dependencies))
        _require(not unknown, self, f"optional names no parameter of it: {unknown}")
        unknown = sorted(set(self.plausible).difference(self.summary))
        _require(not unknown, self, f"plausible names no summary of it: {unknown}")
        if self.function is not None:
            _require(bool(inspect.getdoc(self.function)), self, "it needs a docstring")
            _require(bool(self.dependencies), self, "it must take at least one signal or metric")
        for name, expression in self.summary.items():
            self._check_summary(name, expression)

    @property
    def description(self) -> str:
        """What a person reads of it: the function's docstring, or else its schema's."""
        return inspect.getdoc(self.function or self.rows) or ""

    @property
    def dependencies(self) -> Sequence[str]:
        """Names of the signals and metrics it takes, in the order of its parameters."""
        if self.function is None:
            return ()
        return [name for name, parameter in self._parameters.items() if not _is_setting(parameter)]

    @property
    def settings(self) -> Mapping[str, Any]:
        """Keyword-only parameters and their defaults."""
        if self.function is None:
            return {}
        return {
            name: parameter.default
            for name, parameter in self._parameters.items()
            if _is_setting(parameter)
        }

    @property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        assert self.function is not None
        parameters = inspect.signature(self.function).parameters
        for name, parameter in parameters.items():
            variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            _require(not variadic, self, f"parameter *{name} names no dependency")
            if _is_setting(parameter):
                _require(_has_default(parameter), self, f"setting {name!r} needs a default")
            else:
                _require(
                    not _has_default(parameter),
                    self,
                    f"parameter {name!r} has a default: settings come after `*`, and signals "
                    "that can be missing are named in `optional`",
                )
        return parameters

    def _check_summary(self, name: str, expression: pl.Expr) -> None:
        """Try it on no rows: better now than in the run of a thousand logs."""
        _require(
            name not in _NO_SCALARS, self, f"summary {name!r} needs another name: a column has it"
        )
        try:
            scalars = empty_frame(self.rows).select(expression)
        except pl.exceptions.PolarsError as error:
            raise DefinitionError(
                f"{self._title}: summary {name!r} does not fit {self.rows.__name__}: {error}"
            ) from error
        _require(
            scalars.shape == (1, 1),
            self,
            f"summary {name!r} must give one scalar per log, and gives "
            f"{scalars.height} rows and {scalars.width} columns where there are no rows",
        )

    @property
    def _title(self) -> str:
        return f"{type(self).__name__.lower()} {self.name!r}"

    def __call__(self, *inputs: pl.LazyFrame, **settings: Any) -> pl.LazyFrame | Rows:
        """Call the function as it was written, for tests and notebooks."""
        _require(self.function is not None, self, "it is recorded, there is nothing to call")
        assert self.function is not None
        return self.function(*inputs, **settings)


class Signal(Definition):
    """A typed frame taken from a log by a reader, or derived from other signals."""


class Metric(Definition):
    """A versioned, pure function from signals and other metrics to a typed frame."""


def metric(
    *,
    version: str,
    rows: type[MetricFrame],
    owner: str,
    summary: Mapping[str, pl.Expr],
    optional: Sequence[str] = (),
    plausible: Mapping[str, tuple[float | None, float | None]] | None = None,
    tags: Sequence[str] = (),
) -> Callable[[Function], Metric]:
    """Make a metric of a function; see `Definition` for what the arguments mean.

    Raises:
        DefinitionError: The declaration is not sound; the message says what to do.
    """

    def decorate(function: Function) -> Metric:
        made = Metric(
            name=function.__name__,
            version=version,
            rows=rows,
            owner=owner,
            function=function,
            optional=frozenset(optional),
            summary=dict(summary),
            plausible=dict(plausible or {}),
            tags=frozenset(tags),
        )
        _require(bool(summary), made, "summary must name at least one scalar per log")
        return made

    return decorate


def signal(
    *,
    version: str,
    rows: type[MetricFrame],
    owner: str,
    optional: Sequence[str] = (),
    tags: Sequence[str] = (),
) -> Callable[[Function], Signal]:
    """Make a derived signal of a function; see `Definition` for what the arguments mean."""

    def decorate(function: Function) -> Signal:
        return Signal(
            name=function.__name__,
            version=version,
            rows=rows,
            owner=owner,
            function=function,
            optional=frozenset(optional),
            tags=frozenset(tags),
        )

    return decorate


def _is_setting(parameter: inspect.Parameter) -> bool:
    return parameter.kind is parameter.KEYWORD_ONLY


def _has_default(parameter: inspect.Parameter) -> bool:
    return parameter.default is not parameter.empty


def _require(condition: bool, definition: Definition, message: str) -> None:
    if not condition:
        raise DefinitionError(f"{definition._title}: {message}")
