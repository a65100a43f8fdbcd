"""What is told at a glance is what Pandera says, and where it can't be told, Pandera is asked."""

import subprocess
import sys
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandera.errors import SchemaErrors
from pandera.polars import Field, check

from metrics_platform.core import MetricFrame
from metrics_platform.core.frames import polars_schema
from metrics_platform.core.plain_checks import plainly_good


class Bounded(MetricFrame):
    """One row per log_id, number_count: every check that is told at a glance."""

    number_count: int = Field(ge=0)
    above_m: float = Field(gt=0, nullable=True)
    within_ratio: float = Field(ge=-1, le=1)
    below_s: float = Field(lt=3, nullable=True)
    kind: str = Field(isin=["soft", "hard"])

    class Config:
        unique = ["log_id", "number_count"]


class Odd(MetricFrame):
    """One row per log_id: a check of its own."""

    number_count: int = Field(ge=0)

    @check("number_count")
    def even(cls, data: Any) -> pl.LazyFrame:
        even: pl.LazyFrame = data.lazyframe.select(pl.col(data.key) % 2 == 0)
        return even


class Named(MetricFrame):
    """One row per log_id: a check that only is called as one of Pandera's."""

    number_count: int = Field()

    @check("number_count", name="greater_than_or_equal_to", statistics={"min_value": 0})
    def even(cls, data: Any) -> pl.LazyFrame:
        even: pl.LazyFrame = data.lazyframe.select(pl.col(data.key) % 2 == 0)
        return even


_NUMBERS = st.none() | st.sampled_from([-1.5, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0])
_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "log_id": st.none() | st.sampled_from("ab"),
            "number_count": st.none() | st.integers(-1, 2),
            "above_m": _NUMBERS,
            "within_ratio": _NUMBERS,
            "below_s": _NUMBERS,
            "kind": st.none() | st.sampled_from(["soft", "hard", "mad"]),
        }
    ),
    max_size=3,
)
_GOOD: dict[str, Any] = {
    "log_id": "a", "number_count": 1, "above_m": 1.0, "within_ratio": 1.0, "below_s": None,
    "kind": "soft",
}  # fmt: skip


def _passes(frame: pl.DataFrame) -> bool:
    try:
        Bounded.to_schema().validate(frame, lazy=True)
    except SchemaErrors:
        return False
    return True


def _told(frame: pl.DataFrame, rows: type[MetricFrame] = Bounded) -> bool:
    return plainly_good(rows, frame, distinct=False)


@given(_ROWS)
def test_it_is_what_pandera_says(rows: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame(rows, schema=polars_schema(Bounded))
    assert _told(frame) is _passes(frame)


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        pytest.param({}, True, id="good"),
        pytest.param({"number_count": -1}, False, id="ge"),
        pytest.param({"above_m": 0.0}, False, id="gt"),
        pytest.param({"within_ratio": 1.1}, False, id="le"),
        pytest.param({"below_s": 3.0}, False, id="lt"),
        pytest.param({"kind": "mad"}, False, id="isin"),
        pytest.param({"within_ratio": None}, False, id="null"),
        pytest.param({"above_m": float("nan")}, False, id="nan"),
        pytest.param({"below_s": float("-inf")}, False, id="infinite"),
    ],
)
def test_each_check_is_looked_at(changes: dict[str, Any], good: bool) -> None:
    rows = [_GOOD, {**_GOOD, "number_count": 2, **changes}, {**_GOOD, "number_count": 3}]
    assert _told(pl.DataFrame(rows, schema=polars_schema(Bounded))) is good


def test_doubles_are_looked_for_unless_there_are_known_to_be_none() -> None:
    frame = pl.DataFrame([_GOOD, _GOOD], schema=polars_schema(Bounded))
    assert not plainly_good(Bounded, frame, distinct=False)
    assert plainly_good(Bounded, frame, distinct=True)


@pytest.mark.parametrize("rows", [Odd, Named])
def test_a_check_of_an_author_is_not_told_at_a_glance(rows: type[MetricFrame]) -> None:
    assert not _told(pl.DataFrame({"log_id": ["a"], "number_count": [2]}), rows)


def test_other_columns_types_or_order_get_a_closer_look() -> None:
    frame = pl.DataFrame([_GOOD], schema=polars_schema(Bounded))
    assert _told(frame)
    assert not _told(frame.with_columns(extra=1))
    assert not _told(frame.drop("kind"))
    assert not _told(frame.select(reversed(frame.columns)))
    assert not _told(frame.cast({"number_count": pl.Float64}))


def test_it_knows_as_much_once_pandera_has_looked_at_a_frame() -> None:
    # Which it has in this process.
    code = (
        "from metrics_platform_tests.core.test_plain_checks import *\n"
        "from metrics_platform_tests.core.test_plain_checks import _GOOD, _passes, _told\n"
        "good = pl.DataFrame([_GOOD], schema=polars_schema(Bounded))\n"
        "assert _passes(good) and _told(good)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
