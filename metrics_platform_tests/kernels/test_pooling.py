"""Groups, and the group of everything."""

import polars as pl
import pytest

from metrics_platform.kernels.pooling import aggregated

ROWS = pl.LazyFrame({"release": ["a", "a", "b"], "place": ["x", "y", "x"], "events": [1, 2, 4]})


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        pytest.param([], [(7,)], id="everything"),
        pytest.param(["release"], [("a", 3), ("b", 4)], id="one"),
        pytest.param(["release", "place"], [("a", "x", 1), ("a", "y", 2), ("b", "x", 4)], id="two"),
    ],
)
def test_sums(by: list[str], expected: list[tuple[object, ...]]) -> None:
    made = aggregated(ROWS, by, events=pl.col("events").sum()).collect()
    assert sorted(made.rows()) == expected


def test_of_no_rows_everything_is_nothing_and_there_is_no_group() -> None:
    none = ROWS.clear()
    assert aggregated(none, [], events=pl.col("events").sum()).collect().rows() == [(0,)]
    assert aggregated(none, ["release"], events=pl.col("events").sum()).collect().rows() == []
