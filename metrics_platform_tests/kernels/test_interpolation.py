"""Values between samples: linear, the short way round, and never across a gap."""

import math

import polars as pl
import pytest

from metrics_platform.kernels.interpolation import interpolate

SAMPLES = pl.LazyFrame(
    {
        "log_id": ["a", "a", "a", "a", "b", "b"],
        "timestamp_ns": [0, 10, 50, 60, 0, 20],
        "segment": [0, 0, 1, 1, 0, 0],
        "x_m": [0.0, 1.0, 5.0, 7.0, 100.0, 200.0],
        "heading_rad": [3.0, -3.0, 0.0, 0.2, 0.0, 0.0],
        "size_m": [4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
    }
)


def values_at(log_id: str, *moments: int) -> list[dict[str, float]]:
    asked = pl.LazyFrame({"log_id": [log_id] * len(moments), "timestamp_ns": moments})
    return (
        interpolate(
            asked, SAMPLES, segment="segment",
            linear=["x_m"], angles=["heading_rad"], constant=["size_m"],
        )
        .collect()
        .to_dicts()
    )  # fmt: skip


@pytest.mark.parametrize(
    ("log_id", "moment", "expected"),
    [
        pytest.param("a", 0, 0.0, id="first_sample"),
        pytest.param("a", 4, 0.4, id="between"),
        pytest.param("a", 10, 1.0, id="last_before_a_gap"),
        pytest.param("a", 50, 5.0, id="first_after_a_gap"),
        pytest.param("a", 60, 7.0, id="last_of_a_log"),
        pytest.param("b", 5, 125.0, id="another_log"),
    ],
)
def test_values_are_on_the_line_between_neighbours(
    log_id: str, moment: int, expected: float
) -> None:
    assert values_at(log_id, moment)[0]["x_m"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("log_id", "moment"),
    [
        pytest.param("a", -1, id="before_the_first"),
        pytest.param("a", 30, id="in_a_gap"),
        pytest.param("a", 61, id="after_the_last"),
        pytest.param("b", 21, id="after_the_last_of_all"),
        pytest.param("c", 0, id="a_log_without_samples"),
    ],
)
def test_where_nothing_is_known_there_is_no_row(log_id: str, moment: int) -> None:
    assert values_at(log_id, moment) == []


def test_angles_go_the_short_way_round() -> None:
    (row,) = values_at("a", 5)
    assert abs(row["heading_rad"]) == pytest.approx(math.pi)


def test_a_constant_is_that_of_the_sample_before() -> None:
    assert [row["size_m"] for row in values_at("a", 0, 9, 10)] == [4.0, 4.0, 5.0]
