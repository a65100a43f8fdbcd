"""Headway along the lane, on paper and in the reference simulation."""

import polars as pl
import pytest

from metrics_platform.metrics.lane_headway import lane_headway
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.leads import leads_of
from metrics_platform_tests.metrics.sumo import simulated


def test_the_least_time_and_the_least_gap_need_not_coincide() -> None:
    leads = leads_of([20.0, 15.0, 12.0], actor_speed_mps=[10.0, 20.0, 10.0])
    made = result_of(lane_headway, lead_vehicles=leads)
    row = made.rows.row(0, named=True)
    assert (row["min_headway_s"], row["gap_m"], row["min_gap_m"]) == (0.75, 15.0, 12.0)
    assert row["at_ns"] == 100_000_000
    assert made.summary.row(0) == ("log", 0.75, 12.0, 1)


@pytest.mark.parametrize(
    ("leads", "expected"),
    [
        pytest.param(leads_of([2.0], actor_speed_mps=0.0), [], id="standing"),
        pytest.param(leads_of([9.0], lead_index=1), [], id="behind_somebody_else"),
        pytest.param(leads_of([-1.0]), [(0.0, 0.0)], id="overlap"),
        pytest.param(leads_of([9.0, 9.0]), [(0.9, 9.0)], id="earliest_of_equal_ones"),
        pytest.param(leads_of([9.0], other_speed_mps=20.0), [(0.9, 9.0)], id="drives_off"),
    ],
)
def test_edge_cases(leads: pl.DataFrame, expected: list[tuple[float, float]]) -> None:
    made = result_of(lane_headway, lead_vehicles=leads)
    assert made.rows.select("min_headway_s", "gap_m").rows() == expected
    assert all(at == 0 for at in made.rows["at_ns"])


def test_each_that_it_follows_has_a_row() -> None:
    leads = pl.concat([leads_of([9.0]), leads_of([5.0], other_id="c", timestamp_ns=7)])
    made = result_of(lane_headway, lead_vehicles=leads)
    assert made.rows.select("other_id", "min_headway_s").rows() == [("b", 0.9), ("c", 0.5)]


def test_sumo_keeps_the_least_gap_of_its_car_following_model() -> None:
    made = compute_on(simulated(), "lane_headway")
    # Krauss: one second to react, and 2.5 m at standstill; less only where somebody cuts in.
    gaps = made.rows["min_gap_m"]
    assert gaps.min() == pytest.approx(made.summary["min_gap_m"].item())
    assert (gaps >= 2.4).mean() > 0.95  # type: ignore[operator]
    assert made.rows["min_headway_s"].median() == pytest.approx(1.3, abs=0.4)
