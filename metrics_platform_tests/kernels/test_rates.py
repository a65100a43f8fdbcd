"""Intervals against tables that were printed long before this code."""

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.kernels.rates import binomial_interval, poisson_interval


def poisson(count: int, confidence: float = 0.95) -> Any:
    ends = poisson_interval("n", confidence)
    row = pl.LazyFrame({"n": [count]}).select(low=ends[0], high=ends[1]).collect().row(0)
    return row


def binomial(count: int, of: int, confidence: float = 0.95) -> Any:
    ends = binomial_interval("n", "of", confidence)
    frame = pl.LazyFrame({"n": [count], "of": [of]})
    row = frame.select(low=ends[0], high=ends[1]).collect().row(0)
    return row


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [
        pytest.param(0, 0.0, 3.689, id="none"),
        pytest.param(1, 0.0253, 5.572, id="one"),
        pytest.param(2, 0.242, 7.225, id="two"),
        pytest.param(5, 1.623, 11.668, id="five"),
        pytest.param(10, 4.795, 18.390, id="ten"),
        pytest.param(20, 12.217, 30.888, id="twenty"),
        pytest.param(100, 81.364, 121.627, id="hundred"),
    ],
)
def test_garwood_as_tabulated(count: int, low: float, high: float) -> None:
    assert poisson(count) == (pytest.approx(low, abs=6e-4), pytest.approx(high, abs=6e-4))


def test_another_confidence() -> None:
    # At 90 %, without an event: -ln 0.05.
    assert poisson(0, 0.9) == (0.0, pytest.approx(-math.log(0.05)))


def _at_most(count: int, mean: float) -> float:
    return math.fsum(
        math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(count + 1)
    )


@given(count=st.integers(1, 300), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_the_ends_of_a_count_are_where_its_tails_are(count: int, confidence: float) -> None:
    low, high = poisson(count, confidence)
    tail = (1 - confidence) / 2
    assert 1 - _at_most(count - 1, low) == pytest.approx(tail, abs=1e-9)
    assert _at_most(count, high) == pytest.approx(tail, abs=1e-9)


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        pytest.param(0, 10, 0.0, 0.3085, id="none"),
        pytest.param(10, 10, 0.6915, 1.0, id="all"),
        pytest.param(5, 10, 0.1871, 0.8129, id="half"),
        pytest.param(1, 20, 0.0013, 0.2487, id="one"),
        pytest.param(0, 0, 0.0, 1.0, id="no_trial"),
    ],
)
def test_clopper_and_pearson_as_tabulated(count: int, of: int, low: float, high: float) -> None:
    assert binomial(count, of) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


@given(of=st.integers(1, 200), data=st.data())
def test_the_ends_of_a_share_are_those_of_the_other_share_turned_round(
    of: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, of))
    low, high = binomial(count, of)
    other_low, other_high = binomial(of - count, of)
    assert low <= count / of <= high
    assert (low, high) == (pytest.approx(1 - other_high), pytest.approx(1 - other_low))
