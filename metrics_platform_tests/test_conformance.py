"""Every derived signal and metric keeps the contract, and breaking it is found out."""

import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from pandera.polars import Field

from metrics_platform.core import Definition, Metric, MetricFrame, metric
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.definitions import Function
from metrics_platform.testing.conformance import assert_conforms
from metrics_platform_tests.metrics.builders import ego_states_of

DERIVED = default_catalog().derived
TESTS = Path(__file__).parent


@pytest.mark.parametrize("definition", DERIVED, ids=lambda definition: definition.name)
def test_it_conforms(definition: Definition) -> None:
    assert_conforms(definition)


@pytest.mark.parametrize("definition", DERIVED, ids=lambda definition: definition.name)
def test_it_has_a_test_file(definition: Definition) -> None:
    assert definition.function is not None
    _, folder, module = definition.function.__module__.rsplit(".", 2)
    assert (TESTS / folder / f"test_{module}.py").is_file()


class TopSpeed(MetricFrame):
    """One row per log_id: the greatest speed."""

    speed_mps: float = Field(ge=0)


class UnitlessSpeed(MetricFrame):
    """One row per log_id: the greatest speed."""

    speed: float


class SpeedOfWhat(MetricFrame):
    """The greatest speed."""

    speed_mps: float


def declared(rows: type[MetricFrame] = TopSpeed) -> Callable[[Function], Metric]:
    return metric(version="1.0.0", rows=rows, owner="tests", summary={"logs": pl.len()})


def by_log(ego_states: pl.LazyFrame, speed: pl.Expr) -> pl.LazyFrame:
    return ego_states.group_by("log_id").agg(speed_mps=speed)


@declared()
def sound(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    return by_log(ego_states, pl.col("speed_mps").max())


@declared()
def mixes_logs(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    greatest = pl.col("speed_mps").max()
    return by_log(ego_states.with_columns(speed_mps=greatest), greatest)


@declared()
def carries_over_in_a_loop(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    greatest, by_name = 0.0, {}
    states = ego_states.select("log_id", "speed_mps").sort("log_id").collect()
    for log_id, speed in states.iter_rows():
        greatest = max(greatest, speed)
        by_name[log_id] = greatest
    columns = {"log_id": list(by_name), "speed_mps": list(by_name.values())}
    return pl.LazyFrame(columns, schema={"log_id": pl.String, "speed_mps": pl.Float64})


@declared()
def of_all_rows(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    return ego_states.select(pl.col("log_id").first(), pl.col("speed_mps").max())


@declared()
def loses_the_log(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    return ego_states.select("speed_mps")


@declared()
def misspells(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    return by_log(ego_states, pl.col("speed").max())


@declared()
def rows_without_types(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    rows = by_log(ego_states, pl.col("speed_mps").max()).collect().rows(named=True)
    return pl.LazyFrame(rows or {"log_id": [], "speed_mps": []})


@declared()
def takes_the_first_row(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    return by_log(ego_states, pl.col("speed_mps").first())


@declared()
def draws_lots(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    return by_log(ego_states, pl.col("speed_mps").max() + random.random() * 1e-12)


@declared()
def integers_on_no_rows(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    return by_log(ego_states, pl.len())


@declared()
def makes_up_a_row(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    made_up = pl.LazyFrame({"log_id": ["nobody"], "speed_mps": [0.0]})
    return pl.concat([by_log(ego_states, pl.col("speed_mps").max()), made_up])


@declared()
def raises_on_a_short_log(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    return by_log(ego_states, pl.col("speed_mps").slice(25, 1).first())


@declared(UnitlessSpeed)
def says_no_unit(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    return by_log(ego_states, pl.col("speed_mps").max()).rename({"speed_mps": "speed"})


@declared(SpeedOfWhat)
def says_no_grain(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Do what the test says.

    Formula: as it stands here.

    Source: none but this test.

    Reference: none.
    """
    return by_log(ego_states, pl.col("speed_mps").max())


@declared()
def says_no_source(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Find the greatest speed.

    Formula: max(v).

    Reference: none.
    """
    return by_log(ego_states, pl.col("speed_mps").max())


def test_a_sound_metric_passes() -> None:
    assert_conforms(sound)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        pytest.param(
            mixes_logs,
            r"mixes_logs: speed_mps of log '\w+' is \S+, and \S+ when computed log by log\. "
            r"It mixes logs: .*\.group_by\(\"log_id\", …\) .*\.over\(\"log_id\"\) .* "
            r"Look at \S*test_conformance\.py:\d+\.",
            id="mixes_logs",
        ),
        pytest.param(
            carries_over_in_a_loop,
            r"computed log by log\. .* a loop over rows must start anew with each log",
            id="loop",
        ),
        pytest.param(
            of_all_rows,
            r"1 rows out of no rows\. An aggregate .* \.group_by\(\"log_id\"\)\.agg",
            id="aggregate",
        ),
        pytest.param(loses_the_log, r'missing.*keep it: \.group_by\("log_id", …\)', id="no_log_id"),
        pytest.param(
            misspells,
            r"ego_states has no column 'speed'; did you mean 'speed_mps'\? It has: ",
            id="misspelt",
        ),
        pytest.param(
            rows_without_types, r"got .*Null.* pl\.DataFrame\(rows, schema=…\)", id="no_types"
        ),
        pytest.param(
            takes_the_first_row,
            r"from shuffled rows\. It relies on the order .*sort",
            id="order",
        ),
        pytest.param(
            draws_lots, r"when computed again\. It gives other results.* random", id="repeatable"
        ),
        pytest.param(integers_on_no_rows, "on an empty input expected", id="types"),
        pytest.param(makes_up_a_row, "1 rows out of no rows", id="row_from_nowhere"),
        pytest.param(raises_on_a_short_log, "failed on valid input", id="short_log"),
        pytest.param(says_no_unit, r"'speed' says no unit: .* it is called 'speed_mps'", id="unit"),
        pytest.param(says_no_grain, "must say what a row is", id="grain"),
        pytest.param(says_no_source, "a paragraph on where the definition comes from", id="source"),
    ],
)
def test_a_broken_rule_is_found(definition: Definition, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert_conforms(definition)


def test_an_author_may_bring_frames_of_their_own() -> None:
    states = pl.concat([ego_states_of(3, log_id=log_id, speed_mps=2.0) for log_id in "ab"])
    assert_conforms(sound, {"ego_states": states})
    with pytest.raises(AssertionError, match="failed on valid input"):
        assert_conforms(raises_on_a_short_log, {"ego_states": states})
