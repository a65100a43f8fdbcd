"""What a signal or metric is: a versioned function with a schema, and what is sound of it.

Parameter names are the dependencies, keyword-only parameters are settings.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from packaging.specifiers import SpecifierSet

from metrics_platform.core.errors import DefinitionError, UnknownNameError
from metrics_platform.core.frames import MetricFrame, empty_frame, grain, polars_schema
from metrics_platform.core.unit_advice import columns_of_other_units, unit_advice
from metrics_platform.core.unknown_columns import unknown_column

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")

_TO_SAY = "that says what it measures and in what unit, and of a metric how: 'Formula: …'"

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


@dataclass(frozen=True, slots=True)
class Tolerance:
    """By how much a value may differ and still count as the same: by either of the two.

    Attributes:
        absolute: In the unit of the column.
        relative: To the greater of the two values.
    """

    absolute: float = 0.0
    relative: float = 0.0


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
        requires: Dependency to the versions of it that are good, such as `>=2,<3`; any version
            of those that are not named.
        tolerances: Column or summary name to what another version may change and still be no
            regression.
        shadow: It is the next version of the metric of this name, and runs beside it.
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
    requires: Mapping[str, SpecifierSet] = field(default_factory=dict)
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    shadow: bool = False

    def __post_init__(self) -> None:
        _require(bool(_NAME.fullmatch(self.name)), self, "its name must be snake_case")
        _require(
            bool(_VERSION.fullmatch(self.version)),
            self,
            f"version must be MAJOR.MINOR.PATCH, got {self.version!r}",
        )
        _require(
            _is_documented(self.rows),
            self,
            f"{self.rows.__name__} needs a docstring that says what a row is, such as "
            "'One row per log_id, start_ns: a hard brake.'",
        )
        other_units = [unit_advice(name) for name in columns_of_other_units(self.rows)]
        _require(not other_units, self, f"in {self.rows.__name__}, {'; '.join(other_units)}")
        self._check_names("optional", "parameter", self.optional, self.dependencies)
        self._check_names("requires", "parameter", self.requires, self.dependencies)
        self._check_names("plausible", "summary", self.plausible, self.summary)
        values = {*self.summary, *polars_schema(self.rows).names()}
        self._check_names("tolerances", "column or summary", self.tolerances, values)
        # Without `unique`, they are matched by their position.
        keys = {"log_id", *grain(self.rows)} - self.summary.keys()
        tolerated = ", ".join(sorted(keys & self.tolerances.keys()))
        _require(
            not tolerated,
            self,
            f"tolerances names {tolerated}, by which rows are told apart: one with another value "
            "there is another row, however little it differs",
        )
        if self.function is not None:
            _require(bool(inspect.getdoc(self.function)), self, f"it needs a docstring {_TO_SAY}")
            _require(bool(self.dependencies), self, "it must take at least one signal or metric")
        self._check_summaries()

    @property
    def description(self) -> str:
        """What a person reads of it: the function's docstring, or else its schema's."""
        return inspect.getdoc(self.function or self.rows) or ""

    @property
    def label(self) -> str:
        """What tells it from a metric of the same name: `shadow/<name>` for a shadow of that."""
        return f"shadow/{self.name}" if self.shadow else self.name

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

    def _check_names(
        self, argument: str, kind: str, named: Iterable[str], known: Iterable[str]
    ) -> None:
        known = frozenset(known)
        for name in sorted(named):
            if name not in known:
                error = UnknownNameError(f"{kind} of it", name, known)
                raise DefinitionError(f"{self._title}: {argument} names what isn't there: {error}")

    def _check_summaries(self) -> None:
        """Try them on no rows: better now than in the run of a thousand logs."""
        for name in self.summary:
            free = name not in _NO_SCALARS
            _require(free, self, f"summary {name!r} needs another name: a column has it")
        try:
            together = empty_frame(self.rows).select(**self.summary).shape
        except pl.exceptions.PolarsError:
            together = (0, 0)
        # One by one takes several times as long, and tells which.
        if together != (1, len(self.summary)):
            for name, expression in self.summary.items():
                self._check_summary(name, expression)

    def _check_summary(self, name: str, expression: pl.Expr) -> None:
        try:
            scalars = empty_frame(self.rows).select(expression)
        except pl.exceptions.PolarsError as error:
            told = str(error)
            if isinstance(error, pl.exceptions.ColumnNotFoundError):
                columns = polars_schema(self.rows).names()
                told = unknown_column(error, {self.rows.__name__: columns})
            raise DefinitionError(
                f"{self._title}: summary {name!r} does not fit {self.rows.__name__}: {told}"
            ) from error
        _require(
            scalars.shape == (1, 1),
            self,
            f"summary {name!r} must give one scalar per log, and gives "
            f"{scalars.height} rows and {scalars.width} columns where there are no rows",
        )

    @property
    def _title(self) -> str:
        kind = type(self).__name__.lower()
        return f"shadow of {kind} {self.name!r}" if self.shadow else f"{kind} {self.name!r}"

    def __call__(self, *inputs: pl.LazyFrame, **settings: Any) -> pl.LazyFrame | Rows:
        """Call the function as it was written, for tests and notebooks."""
        _require(self.function is not None, self, "it is recorded, there is nothing to call")
        assert self.function is not None
        return self.function(*inputs, **settings)


class Signal(Definition):
    """A typed frame taken from a log by a reader, or derived from other signals."""


class Metric(Definition):
    """A versioned, pure function from signals and other metrics to a typed frame."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(bool(self.summary), self, "summary must name at least one scalar per log")


def _is_setting(parameter: inspect.Parameter) -> bool:
    return parameter.kind is parameter.KEYWORD_ONLY


def _has_default(parameter: inspect.Parameter) -> bool:
    return parameter.default is not parameter.empty


def _is_documented(rows: type[MetricFrame]) -> bool:
    """Say whether it, or a schema that it extends, has a docstring; the base's says nothing."""
    own = rows.__mro__[: rows.__mro__.index(MetricFrame)]
    return any((vars(schema).get("__doc__") or "").strip() for schema in own)


def _require(condition: bool, definition: Definition, message: str) -> None:
    if not condition:
        raise DefinitionError(f"{definition._title}: {message}")
