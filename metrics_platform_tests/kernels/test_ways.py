"""The way up to a moment."""

from typing import Any

import polars as pl
import pytest

from metrics_platform.kernels.ways import driven, driven_at
from metrics_platform_tests.metrics.builders import ego_states_of
from metrics_platform_tests.metrics.missions import drive, ns

STILL = 0.005


def way_at(states: pl.DataFrame, *seconds: float) -> Any:
    moments = pl.LazyFrame({"log_id": ["log"] * len(seconds), "at": [ns(at) for at in seconds]})
    return (
        driven_at(moments, driven(states.lazy(), STILL), "at")
        .sort("at")
        .select("way_m", "known_s")
        .collect()
        .rows()
    )


@pytest.mark.parametrize(
    ("at_s", "way_m", "known_s"),
    [
        pytest.param(-1.0, 0.0, 0.0, id="before"),
        pytest.param(0.0, 0.0, 0.0, id="at_the_start"),
        pytest.param(0.025, 0.25, 0.025, id="between_the_first_two"),
        pytest.param(0.1, 1.0, 0.1, id="at_a_state"),
        pytest.param(0.125, 1.25, 0.125, id="between_two"),
        pytest.param(0.3, 3.0, 0.3, id="at_the_end"),
        pytest.param(9.0, 3.0, 0.3, id="after"),
    ],
)
@pytest.mark.parametrize("speed_mps", [10.0, -10.0], ids=["forward", "reverse"])
def test_the_way_up_to_a_moment(
    at_s: float, way_m: float, known_s: float, speed_mps: float
) -> None:
    found = way_at(drive(0.3, speed_mps), at_s)
    assert found == [(pytest.approx(way_m), pytest.approx(known_s))]


def test_nothing_is_added_in_a_gap() -> None:
    states = ego_states_of(
        4,
        timestamp_ns=[ns(0.0), ns(0.1), ns(5.0), ns(5.1)],
        x_m=[0, 1, 50, 51],
        speed_mps=10,
        segment_index=[0, 0, 1, 1],
    )
    assert way_at(states, 0.1, 2.5, 5.0, 5.05) == [
        (1.0, pytest.approx(0.1)),
        (1.0, pytest.approx(0.1)),
        (1.0, pytest.approx(0.1)),
        (pytest.approx(1.5), pytest.approx(0.15)),
    ]


def test_after_the_end_no_other_log_goes_on() -> None:
    states = pl.concat([drive(0.3, log_id=log) for log in ("log", "next")])
    later = states.with_columns(
        pl.col("timestamp_ns") + pl.when(pl.col("log_id") == "next").then(ns(5.0)).otherwise(0)
    )
    assert way_at(later, 2.0) == [(pytest.approx(3.0), pytest.approx(0.3))]


def test_one_state_is_no_way() -> None:
    assert way_at(drive(0.0), 0.0, 1.0) == [(0.0, 0.0), (0.0, 0.0)]


def test_noise_while_standing_is_no_way() -> None:
    states = ego_states_of(3, x_m=[0, 0.01, 0], speed_mps=0.004)
    assert way_at(states, 1.0) == [(0.0, pytest.approx(0.2))]


def test_a_step_counts_if_it_is_fast_at_one_end() -> None:
    states = ego_states_of(4, x_m=[0, 1, 2, 3], speed_mps=[0.0, 1.0, 0.0, 0.0])
    assert way_at(states, 0.1, 0.2, 0.3) == [
        (1.0, pytest.approx(0.1)),
        (2.0, pytest.approx(0.2)),
        (2.0, pytest.approx(0.3)),
    ]
