"""The small plot on every materialization: whatever the numbers are, it costs no run."""

import math

import polars as pl
import pytest

from metrics_platform.orchestration.plots import summary_plot


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1.5], "**x** 1.5"),
        ([2.0, 2.0, 2.0], "**x** over 3 logs: 2"),
        ([0.0, 0.0], "**x** over 2 logs: 0"),
        ([4.000000000000001, 4.0, 3.9999999999999996], "**x** over 3 logs: 4"),
        ([1.0, None, 3.0], "**x** over 2 logs: 1 … 2 … 3"),
        ([math.nan, 1.0, math.inf, 3.0], "**x** over 2 logs: 1 … 2 … 3"),
        ([-1e308, 0.0, 1.7e308], "**x** over 3 logs: -1e+308 … 0 … 1.7e+308"),
        ([1e-300, 2e-300], "**x** over 2 logs: 1e-300 … 1.5e-300 … 2e-300"),
    ],
    ids=["one", "equal", "zeros", "last bit", "a null", "not finite", "huge", "tiny"],
)
def test_numbers_of_any_kind(values: list[float | None], shown: str) -> None:
    plot = summary_plot(pl.DataFrame({"log_id": "a", "x": values}))

    assert plot is not None
    assert plot.startswith(shown)
    assert len(plot) < 1_000


@pytest.mark.parametrize(
    "summary",
    [
        pl.DataFrame(),
        pl.DataFrame({"log_id": ["a"]}),
        pl.DataFrame({"log_id": ["a"], "x": [None]}, schema={"log_id": pl.String, "x": pl.Float64}),
        pl.DataFrame({"log_id": ["a"], "x": [math.nan]}),
    ],
    ids=["no frame", "no scalar", "null", "nan"],
)
def test_without_numbers_there_is_no_plot(summary: pl.DataFrame) -> None:
    assert summary_plot(summary) is None


def test_two_scalars_are_enough() -> None:
    plot = summary_plot(pl.DataFrame({name: [1.0, 2.0, 5.0] for name in "abc"}))

    assert plot is not None
    assert plot.count("data:image/png") == 2
