"""`@metric` and `@signal`: a function becomes a versioned definition."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

import polars as pl
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from metrics_platform.core.definitions import Function, Metric, Signal, Tolerance
from metrics_platform.core.errors import DefinitionError
from metrics_platform.core.frames import MetricFrame

_P = ParamSpec("_P")
_R = TypeVar("_R")


class VersionRange(SpecifierSet):
    """A range of versions that is shown as its author wrote it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._text = text

    def __str__(self) -> str:
        return self._text

    def __reduce__(self) -> tuple[type["VersionRange"], tuple[str]]:
        return VersionRange, (self._text,)


def _saying_what_it_takes(declare: Callable[_P, _R]) -> Callable[_P, _R]:
    """Refuse arguments that lack or are unknown with an example in place of a TypeError."""

    @wraps(declare)
    def declared(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            inspect.signature(declare).bind(*args, **kwargs)
        except TypeError as error:
            example = ", ".join(
                _EXAMPLE[name] for name in inspect.signature(declare).parameters if name in _EXAMPLE
            )
            wrong = str(error).replace("missing a", "is missing a").replace("got", "has got")
            name = declare.__name__
            raise DefinitionError(f"@{name} {wrong}; it takes @{name}({example})") from None
        return declare(*args, **kwargs)

    return declared


_EXAMPLE = {
    "version": 'version="1.0.0"',
    "rows": "rows=HardBrakes",
    "owner": 'owner="planning"',
    "summary": 'summary={"brakes": pl.len()}',
}


@_saying_what_it_takes
def metric(
    *,
    version: str,
    rows: type[MetricFrame],
    owner: str,
    summary: Mapping[str, pl.Expr],
    optional: Sequence[str] = (),
    plausible: Mapping[str, tuple[float | None, float | None]] | None = None,
    tags: Sequence[str] = (),
    requires: Mapping[str, str] | None = None,
    tolerances: Mapping[str, float | Tolerance] | None = None,
    shadow_of: str | None = None,
) -> Callable[[Function], Metric]:
    """Make a metric of a function; see `Definition` for what the arguments mean.

    Args:
        version: As in `Definition`, as is what isn't told here.
        rows: Schema.
        owner: Team.
        summary: Name to expression.
        optional: Dependencies that may lack.
        plausible: Bounds of summaries.
        tags: Free words.
        requires: Dependency to a range of versions as packaging has them: `>=2,<3`.
        tolerances: A number by itself is an absolute tolerance.
        shadow_of: Name of the metric of which this is the next version. Both are computed, until
            this one takes the other's place and name.

    Raises:
        DefinitionError: The declaration is not sound; the message says what to do.
    """

    def decorate(function: Function) -> Metric:
        return Metric(
            name=shadow_of or function.__name__,
            version=version,
            rows=rows,
            owner=owner,
            function=function,
            optional=frozenset(optional),
            summary=dict(summary),
            plausible=dict(plausible or {}),
            tags=frozenset(tags),
            requires=_version_ranges(function, requires or {}),
            tolerances={
                column: given if isinstance(given, Tolerance) else Tolerance(absolute=given)
                for column, given in (tolerances or {}).items()
            },
            shadow=shadow_of is not None,
        )

    return decorate


@_saying_what_it_takes
def signal(
    *,
    version: str,
    rows: type[MetricFrame],
    owner: str,
    optional: Sequence[str] = (),
    tags: Sequence[str] = (),
    requires: Mapping[str, str] | None = None,
) -> Callable[[Function], Signal]:
    """Make a derived signal of a function; arguments as for `metric`."""

    def decorate(function: Function) -> Signal:
        return Signal(
            name=function.__name__,
            version=version,
            rows=rows,
            owner=owner,
            function=function,
            optional=frozenset(optional),
            tags=frozenset(tags),
            requires=_version_ranges(function, requires or {}),
        )

    return decorate


def _version_ranges(function: Function, requires: Mapping[str, str]) -> dict[str, SpecifierSet]:
    ranges: dict[str, SpecifierSet] = {}
    for name, text in requires.items():
        try:
            ranges[name] = VersionRange(text)
        except InvalidSpecifier as error:
            raise DefinitionError(
                f"{function.__name__}: requires must give a range of versions of {name!r} such as "
                f"'>=2,<3', got {text!r}"
            ) from error
    return ranges
