"""A broken contract is told with all that is needed to find the rows."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandera.polars import Field, check

from metrics_platform.core import Metric, MetricFrame, Signal, metric
from metrics_platform.core.errors import ContractError
from metrics_platform.core.frames import in_order, polars_schema
from metrics_platform.core.validation import validate


class Brakes(MetricFrame):
    """One row per log_id, start_ns."""

    start_ns: int
    peak_mps2: float = Field(ge=0, nullable=True)
    kind: str = Field(isin=["soft", "hard"])

    class Config:
        unique = ["log_id", "start_ns"]

    @check("peak_mps2")
    def below_twenty(cls, data: Any) -> pl.LazyFrame:
        below: pl.LazyFrame = data.lazyframe.select(pl.col(data.key) < 20)
        return below


@metric(version="1.2.0", rows=Brakes, owner="tests", summary={"brakes": pl.len()})
def brakes(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """Brakes."""
    return ego_states


def _frame(**columns: list[Any]) -> pl.DataFrame:
    good: dict[str, list[Any]] = {
        "log_id": ["a", "b", "b", "c"],
        "start_ns": [1, 1, 2, 1],
        "peak_mps2": [1.0, 2.0, None, 4.0],
        "kind": ["soft", "soft", "hard", "hard"],
    }
    return pl.DataFrame({**good, **columns})


def _broken(frame: pl.DataFrame, definition: Metric | Signal = brakes) -> ContractError:
    with pytest.raises(ContractError) as caught:
        validate(definition, frame)
    return caught.value


def test_a_good_frame_comes_back_as_it_is() -> None:
    assert validate(brakes, _frame()).equals(_frame())


def test_an_empty_frame_is_good() -> None:
    assert validate(brakes, _frame().clear()).is_empty()


def test_the_message_names_metric_column_check_rows_and_logs() -> None:
    error = _broken(_frame(peak_mps2=[1.0, -2.0, None, -4.0]))
    assert str(error) == (
        "metric brakes 1.2.0 breaks its contract:\n"
        "  column peak_mps2: check greater_than_or_equal_to(0) fails for 2 of 4 rows, "
        "in 2 logs (b, c); first rows:\n"
        "    {'log_id': 'b', 'start_ns': 1, 'peak_mps2': -2.0, 'kind': 'soft'}\n"
        "    {'log_id': 'c', 'start_ns': 1, 'peak_mps2': -4.0, 'kind': 'hard'}"
    )
    assert error.log_ids == ("b", "c")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused_in_a_nullable_column_too(number: float) -> None:
    error = _broken(_frame(peak_mps2=[1.0, None, number, 4.0]))
    assert "column peak_mps2: check" in str(error)
    assert error.log_ids == ("b",)


@pytest.mark.parametrize(
    ("columns", "expected", "log_ids"),
    [
        pytest.param({"kind": ["soft", "soft", "hard", "mad"]}, "check isin", ("c",), id="isin"),
        pytest.param({"peak_mps2": [25.0, 1.0, 2.0, 3.0]}, "check below_twenty", ("a",), id="own"),
        pytest.param({"kind": ["soft", None, "hard", "hard"]}, "not_nullable", ("b",), id="null"),
        pytest.param(
            {"start_ns": [1, 2, 2, 1]}, "frame: check multiple_fields_uniqueness", ("b",), id="key"
        ),
    ],
)
def test_the_logs_at_fault_are_known(
    columns: dict[str, list[Any]], expected: str, log_ids: tuple[str, ...]
) -> None:
    error = _broken(_frame(**columns))
    assert expected in str(error)
    assert error.log_ids == log_ids


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        pytest.param(_frame().drop("kind"), "frame: column kind is missing", id="missing"),
        pytest.param(
            _frame().with_columns(extra=1), "frame: column extra is not in the schema", id="extra"
        ),
        pytest.param(
            _frame().with_columns(pl.col("start_ns").cast(pl.Float64)),
            "column start_ns: expected dtype('Int64'), got Float64",
            id="type",
        ),
        pytest.param(
            _frame().select("start_ns", "log_id", "peak_mps2", "kind"),
            "column start_ns is not in the order of the schema: .select(…)",
            id="order",
        ),
        pytest.param(_frame().drop("log_id"), "frame: column log_id is missing", id="no-log_id"),
    ],
)
def test_where_the_whole_frame_is_at_fault_no_log_is_blamed(
    frame: pl.DataFrame, expected: str
) -> None:
    error = _broken(frame)
    assert expected in str(error)
    assert error.log_ids == ()


@pytest.mark.parametrize(
    ("starts", "ordered"),
    [
        pytest.param([1, 2, 3], True, id="in_order"),
        pytest.param([1, 3, 2], False, id="not_in_order"),
        pytest.param([1, 2, 2], False, id="twice"),
        pytest.param([None, 1, 2], False, id="unknown"),
        pytest.param([], True, id="none"),
    ],
)
def test_order_and_doubles_are_told_at_once(starts: list[int | None], ordered: bool) -> None:
    rows = {"log_id": ["a"] * len(starts), "start_ns": starts}
    assert in_order(Brakes, pl.DataFrame(rows, {"log_id": pl.String, "start_ns": pl.Int64})) is (
        ordered
    )


def test_the_first_column_of_the_key_counts_most() -> None:
    rows = {"log_id": ["a", "a", "b"], "start_ns": [1, 5, 2]}
    assert in_order(Brakes, pl.DataFrame(rows))
    assert not in_order(Brakes, pl.DataFrame(rows).reverse())
    assert not in_order(Brakes, pl.DataFrame(rows).drop("log_id"))


def test_doubles_are_found_in_rows_that_are_in_order_but_for_them() -> None:
    frame = _frame(log_id=["a", "a"], start_ns=[1, 1], peak_mps2=[1.0, 1.0], kind=["soft"] * 2)
    assert "log_id" in str(_broken(frame))


def test_a_row_without_a_log_is_nobodys() -> None:
    error = _broken(_frame(log_id=["a", "b", "b", None]))
    assert "column log_id: check not_nullable fails for 1 of 4 rows; first rows:" in str(error)
    assert error.log_ids == ()


def test_many_rows_and_logs_are_shown_in_part() -> None:
    frame = pl.DataFrame(
        {
            "log_id": [f"{number:03}" for number in range(500)],
            "start_ns": 1,
            "peak_mps2": -1.0,
            "kind": "soft",
        },
        schema=polars_schema(Brakes),
    )
    error = _broken(frame)
    assert "fails for 500 of 500 rows, in 500 logs (000, 001, 002, …)" in str(error)
    assert len(str(error).splitlines()) == 5
    assert len(error.log_ids) == 500


@given(st.lists(st.none() | st.floats(), max_size=8))
def test_only_finite_numbers_from_0_to_20_and_nulls_pass(peaks: list[float | None]) -> None:
    frame = pl.DataFrame(
        {
            "log_id": "a",
            "start_ns": range(len(peaks)),
            "peak_mps2": peaks,
            "kind": "soft",
        },
        schema=polars_schema(Brakes),
    )
    good = all(peak is None or 0 <= peak < 20 for peak in peaks)
    if good:
        assert len(validate(brakes, frame)) == len(peaks)
    else:
        assert _broken(frame).log_ids == ("a",)
