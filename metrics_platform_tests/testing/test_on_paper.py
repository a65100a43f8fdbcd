"""Rows by hand: what isn't said is plain, and valid."""

import polars as pl
import pytest
from pandera.polars import Field

from metrics_platform.core import Definition, MetricFrame, Signal
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.errors import ContractError, UnknownNameError
from metrics_platform.core.validation import validate
from metrics_platform.testing.on_paper import LOG_ID, STEP_NS, by_hand


@pytest.mark.parametrize(
    "definition", list(default_catalog()), ids=lambda definition: definition.name
)
def test_a_plain_row_of_every_signal_and_metric_is_valid(definition: Definition) -> None:
    row = by_hand(definition)
    assert row["log_id"].to_list() == [LOG_ID]
    assert validate(definition, row).equals(row)


def test_what_is_said_stands_there() -> None:
    states = by_hand("ego_states", speed_mps=[1.0, 2.0], x_m=3)
    said = states.select("timestamp_ns", "speed_mps", "x_m", "y_m", "ego_length_m")
    assert said.rows() == [(0, 1.0, 3.0, 0.0, None), (STEP_NS, 2.0, 3.0, 0.0, None)]


class Bounded(MetricFrame):
    """One row per log_id."""

    below_m: float = Field(lt=-2)
    above_m: float = Field(gt=3)
    between_m: float = Field(ge=5, le=6)
    word: str = Field(isin=["b", "a"])
    text: str = Field(str_length={"min_value": 2})
    told: bool
    many_m: list[float]

    class Config:
        unique = ["log_id"]


BOUNDED = Signal(name="bounded", version="1.0.0", rows=Bounded, owner="tests")


def test_the_plainest_value_lies_within_bounds() -> None:
    [row] = by_hand(BOUNDED).drop("log_id", "many_m").rows()
    assert row == (-3.0, 4.0, 5.0, "b", "xx", False)


def test_a_list_as_a_value_is_one_per_row() -> None:
    frame = by_hand(BOUNDED, log_id=["a", "b"], many_m=[[1.0], [2.0, 3.0]])
    assert frame["many_m"].to_list() == [[1.0], [2.0, 3.0]]
    assert by_hand(BOUNDED)["many_m"].dtype == pl.List(pl.Float64)


def test_an_unknown_column_is_told() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'speed_mps'"):
        by_hand("ego_states", sped_mps=1.0)


def test_rows_that_cannot_be_are_refused() -> None:
    with pytest.raises(ContractError, match="speed_mps"):
        by_hand("ego_states", speed_mps=-1.0)
    with pytest.raises(ContractError):
        by_hand("ego_states", timestamp_ns=[0, 0])
