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
        pytest.param(mixes_logs, "other rows when computed log by log", id="mixes_logs"),
        pytest.param(takes_the_first_row, "when computed from shuffled rows", id="order"),
        pytest.param(draws_lots, "other rows when computed again", id="repeatable"),
        pytest.param(integers_on_no_rows, "on an empty input expected", id="types"),
        pytest.param(makes_up_a_row, "1 rows out of no rows", id="row_from_nowhere"),
        pytest.param(raises_on_a_short_log, "failed on valid input", id="short_log"),
        pytest.param(says_no_unit, "say no unit: speed", id="unit"),
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
