"""A definition that isn't sound is refused where it is written, with what to do about it."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from pandera.polars import Field

from metrics_platform.core import Metric, MetricFrame, Signal, Tolerance, metric, signal
from metrics_platform.core.errors import DefinitionError


class Speeds(MetricFrame):
    """One row per log."""

    top_speed_mps: float = Field(ge=0)


# Without its docstring a schema says nothing of its grain. That of its base says nothing of it.
Undocumented: type[MetricFrame] = type("Undocumented", (MetricFrame,), {"__module__": __name__})
Blank: type[MetricFrame] = type("Blank", (MetricFrame,), {"__module__": __name__, "__doc__": "   "})
Extended: type[MetricFrame] = type("Extended", (Speeds,), {"__module__": __name__})


class SpeedsInKmh(MetricFrame):
    """One row per log."""

    top_speed_mps: float
    top_speed_kmh: float


class Keyed(Speeds):
    """One row per log_id, speed_mps."""

    speed_mps: float

    class Config:
        unique = ["log_id", "speed_mps"]


SUMMARY = {"top_speed_mps": pl.col("top_speed_mps").max()}
DECLARATION: dict[str, Any] = {
    "version": "1.0.0",
    "rows": Speeds,
    "owner": "planning",
    "summary": SUMMARY,
}


def top_speed(ego_states: pl.LazyFrame, tracks: pl.LazyFrame, *, least_mps: float = 1.0) -> Any:
    """Greatest speed.

    A second line.
    """
    return ego_states


def test_a_definition_says_what_it_needs_and_promises() -> None:
    made = metric(
        **DECLARATION,
        optional=["tracks"],
        plausible={"top_speed_mps": (0, 60)},
        tags=["speed"],
    )(top_speed)
    assert isinstance(made, Metric)
    assert made.name == "top_speed"
    assert list(made.dependencies) == ["ego_states", "tracks"]
    assert made.settings == {"least_mps": 1.0}
    assert made.optional == {"tracks"}
    assert made.tags == {"speed"}
    assert made.description == "Greatest speed.\n\nA second line."


def test_a_derived_signal_needs_no_summary() -> None:
    made = signal(version="0.1.0", rows=Speeds, owner="platform")(top_speed)
    assert isinstance(made, Signal)
    assert made.summary == {}


def test_a_recorded_signal_needs_nothing_and_is_described_by_its_schema() -> None:
    made = Signal(name="speeds", version="1.0.0", rows=Speeds, owner="platform")
    assert (list(made.dependencies), made.settings) == ([], {})
    assert made.description == "One row per log."
    with pytest.raises(DefinitionError, match="signal 'speeds': it is recorded, there is nothing"):
        made()


def first_rows(ego_states: pl.LazyFrame, *, rows_count: int = 1) -> pl.LazyFrame:
    """Return the first rows."""
    return ego_states.head(rows_count)


def test_it_is_called_as_the_function_was_written() -> None:
    made = metric(**DECLARATION)(first_rows)
    frame = pl.LazyFrame({"log_id": ["a", "b", "c"]})
    called = made(frame, rows_count=2)
    assert isinstance(called, pl.LazyFrame)
    assert called.collect()["log_id"].to_list() == ["a", "b"]


def no_docstring(ego_states: pl.LazyFrame) -> Any:
    return ego_states


def needs_nothing(*, least_mps: float = 1.0) -> Any:
    """It."""


def camelCase(ego_states: pl.LazyFrame) -> Any:
    """It."""


def variadic(*frames: pl.LazyFrame) -> Any:
    """It."""


def keywords(ego_states: pl.LazyFrame, **settings: float) -> Any:
    """It."""


def setting_without_default(ego_states: pl.LazyFrame, *, least_mps: float) -> Any:
    """It."""


def setting_before_the_star(ego_states: pl.LazyFrame, least_mps: float = 1.0) -> Any:
    """It."""


@pytest.mark.parametrize(
    ("function", "declaration", "message"),
    [
        pytest.param(camelCase, {}, r"metric 'camelCase': its name must be snake_case", id="name"),
        pytest.param(
            top_speed, {"version": "1.0"}, r"version must be MAJOR.MINOR.PATCH, got '1.0'",
            id="short-version",
        ),
        pytest.param(
            top_speed, {"version": "01.0.0"}, r"version must be MAJOR.MINOR.PATCH, got '01.0.0'",
            id="version-with-leading-zero",
        ),
        pytest.param(
            top_speed, {"rows": Undocumented},
            r"Undocumented needs a docstring that says what a row is, such as 'One row per log_id,",
            id="schema",
        ),
        pytest.param(
            top_speed, {"rows": Blank}, r"Blank needs a docstring that says what a row is",
            id="schema-with-a-blank-docstring",
        ),
        pytest.param(
            top_speed, {"rows": SpeedsInKmh},
            r"in SpeedsInKmh, 'top_speed_kmh' is in m/s here: divide by 3.6 and call it",
            id="unit",
        ),
        pytest.param(
            top_speed, {"optional": ["track"]},
            r"optional names what isn't there: no parameter of it named 'track'; did you mean 'tr",
            id="optional",
        ),
        pytest.param(
            top_speed, {"plausible": {"speed": (0, 1)}},
            r"plausible names what isn't there: no summary of it named 'speed'; there are: top_sp",
            id="plausible",
        ),
        pytest.param(
            top_speed, {"requires": {"ego_state": ">=1"}},
            r"requires names what isn't there: no parameter of it named 'ego_state'; did you",
            id="requires",
        ),
        pytest.param(
            top_speed, {"requires": {"ego_states": "2 or more"}},
            r"requires must give a range of versions of 'ego_states' such as '>=2,<3', got '2",
            id="range-of-versions",
        ),
        pytest.param(
            top_speed, {"tolerances": {"top_speed": 0.1}},
            r"tolerances names what isn't there: no column or summary of it .* 'top_speed_mps'",
            id="tolerances",
        ),
        pytest.param(
            top_speed, {"rows": Keyed, "tolerances": {"speed_mps": 0.1}},
            r"tolerances names speed_mps, by which rows are told apart: one with another value",
            id="tolerance-of-a-key",
        ),
        pytest.param(no_docstring, {}, r"'no_docstring': it needs a docstring that says what it",
                     id="docstring"),
        pytest.param(
            needs_nothing, {}, r"it must take at least one signal or metric", id="no-dependency",
        ),
        pytest.param(variadic, {}, r"parameter \*frames names no dependency", id="variadic"),
        pytest.param(keywords, {}, r"parameter \*settings names no dependency", id="keywords"),
        pytest.param(
            setting_without_default, {}, r"setting 'least_mps' needs a default", id="no-default",
        ),
        pytest.param(
            setting_before_the_star, {},
            r"parameter 'least_mps' has a default: settings come after `\*`", id="no-star",
        ),
        pytest.param(
            top_speed, {"summary": {}}, r"summary must name at least one scalar", id="no-summary",
        ),
        pytest.param(
            top_speed, {"summary": {"x": pl.col("top_speed").max()}},
            r"'top_speed': summary 'x' does not fit Speeds: Speeds has no column 'top_speed'; did "
            r"you mean 'top_speed_mps'\?",
            id="summary-of-an-unknown-column",
        ),
        pytest.param(
            top_speed, {"summary": {"status": pl.len()}}, r"summary 'status' needs another name",
            id="summary-named-as-a-column",
        ),
        pytest.param(
            top_speed, {"summary": {"x": pl.col("top_speed_mps")}},
            r"summary 'x' must give one scalar per log, and gives 0 rows and 1 columns",
            id="summary-of-many-rows",
        ),
        pytest.param(
            top_speed, {"summary": {"x": pl.all().max()}}, r"1 rows and 2 columns",
            id="summary-of-many-columns",
        ),
    ],
)  # fmt: skip
def test_an_unsound_declaration_is_refused(
    function: Callable[..., Any], declaration: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message):
        metric(**{**DECLARATION, **declaration})(function)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {},
            r'@metric is missing .*: \'version\'; it takes @metric\(version="1\.0\.0", .*summary=',
        ),
        (
            {"version": "1.0.0", "rows": Speeds, "owner": "x", "summary": {}, "sumary": {}},
            r"@metric has got an unexpected keyword argument 'sumary'",
        ),
    ],
    ids=["missing", "misspelt"],
)
def test_a_declaration_that_lacks_an_argument_is_shown_one(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message):
        metric(**arguments)
    with pytest.raises(DefinitionError, match=r"@signal .*; it takes @signal\(.*planning\"\)$"):
        signal(**arguments)


def test_a_signal_is_refused_as_one() -> None:
    with pytest.raises(DefinitionError, match=r"^signal 'no_docstring': it needs a docstring"):
        signal(version="1.0.0", rows=Speeds, owner="platform")(no_docstring)


def test_a_schema_that_extends_a_documented_one_is_documented() -> None:
    assert metric(**{**DECLARATION, "rows": Extended})(top_speed).rows is Extended


def test_a_number_is_an_absolute_tolerance() -> None:
    made = metric(
        **{**DECLARATION, "summary": {**SUMMARY, "logs": pl.len()}},
        tolerances={"top_speed_mps": 0.1, "logs": Tolerance(relative=0.01)},
    )(top_speed)
    assert made.tolerances["top_speed_mps"] == Tolerance(absolute=0.1, relative=0.0)
    assert made.tolerances["logs"] == Tolerance(absolute=0.0, relative=0.01)


@pytest.mark.parametrize(
    ("wanted", "good", "bad"),
    [(">=2,<3", "2.9.1", "3.0.0"), ("==1.4.*", "1.4.7", "1.5.0"), ("~=1.2", "1.9.0", "2.0.0")],
)
def test_versions_are_required_in_ranges(wanted: str, good: str, bad: str) -> None:
    made = metric(**DECLARATION, requires={"ego_states": wanted})(top_speed)
    assert good in made.requires["ego_states"]
    assert bad not in made.requires["ego_states"]
    assert str(made.requires["ego_states"]) == wanted


def test_a_derived_signal_requires_versions_too() -> None:
    made = signal(version="1.0.0", rows=Speeds, owner="x", requires={"tracks": ">=1"})(top_speed)
    assert "1.0.0" in made.requires["tracks"]


def test_a_shadow_has_the_name_of_its_metric() -> None:
    made = metric(**DECLARATION, shadow_of="greatest_speed")(top_speed)
    assert (made.name, made.shadow) == ("greatest_speed", True)
    assert not metric(**DECLARATION)(top_speed).shadow
    with pytest.raises(DefinitionError, match=r"^shadow of metric 'greatest_speed': version must"):
        metric(**{**DECLARATION, "version": "2"}, shadow_of="greatest_speed")(top_speed)
