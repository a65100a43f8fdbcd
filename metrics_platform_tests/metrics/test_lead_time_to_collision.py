"""Least time to collision along the lane, on paper and against SUMO."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.metrics.lead_time_to_collision import lead_time_to_collision
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.leads import leads_of
from metrics_platform_tests.metrics.sumo import FOLLOWING, conflicts, simulated


@pytest.mark.parametrize(
    ("leads", "expected"),
    [
        pytest.param(leads_of([30.0, 20.0, 25.0]), (4.0, 1), id="least"),
        pytest.param(leads_of([20.0, 20.0]), (4.0, 0), id="earliest_of_equal_ones"),
        pytest.param(leads_of([49.9], other_speed_mps=0.0), (4.99, 0), id="stands_ahead"),
        pytest.param(leads_of([50.1]), None, id="beyond_the_horizon"),
        pytest.param(leads_of([5.0], other_speed_mps=10.0), None, id="same_speed"),
        pytest.param(leads_of([5.0], other_speed_mps=11.0), None, id="drives_off"),
        pytest.param(leads_of([0.0], other_speed_mps=11.0), (0.0, 0), id="touching"),
        pytest.param(leads_of([-2.0], actor_speed_mps=0.0), (0.0, 0), id="overlap_at_standstill"),
    ],
)
def test_least_time(leads: pl.DataFrame, expected: tuple[float, int] | None) -> None:
    made = result_of(lead_time_to_collision, lead_vehicles=leads)
    if expected is None:
        assert made.rows.is_empty()
        assert made.summary.row(0) == ("log", None, 0)
        return
    time_s, step = expected
    row = made.rows.row(0, named=True)
    assert row["min_lead_ttc_s"] == pytest.approx(time_s)
    assert (row["at_ns"], row["gap_m"]) == (step * 100_000_000, leads["gap_m"][step])
    assert made.summary["critical_encounters"].item() == int(time_s < 1.5)


@given(st.floats(0.1, 50), st.floats(0, 30), st.floats(0, 30))
def test_it_is_when_both_touch(gap: float, actor: float, other: float) -> None:
    leads = leads_of([gap], actor_speed_mps=actor, other_speed_mps=other)
    made = result_of(lead_time_to_collision, lead_vehicles=leads).rows
    if len(made):
        time = made["min_lead_ttc_s"].item()
        assert actor * time == pytest.approx(gap + other * time, rel=1e-6, abs=1e-6)
    else:
        assert actor * 10 <= (gap + other * 10) * (1 + 1e-9)


def test_sumo() -> None:
    found = compute_on(simulated(), "lead_time_to_collision").rows
    expected = (
        conflicts()
        .filter(pl.col("minTTC_type") == FOLLOWING[0])
        .group_by("actor_id", "other_id")
        .agg(pl.col("minTTC").min())
    )
    both = expected.join(found, on=["actor_id", "other_id"], how="left")
    assert len(both) == 201
    assert (both["min_lead_ttc_s"] - both["minTTC"]).abs().max() < 0.0051  # type: ignore[operator]
    # Beyond these SUMO has nobody closer than 3 s but for five: four actors whose trip ends before
    # the junction, while the road goes on, and one at a gap of 41.9 m that it doesn't look at.
    near = found.filter(pl.col("min_lead_ttc_s") < 2.99)
    beyond = near.join(conflicts(), on=["actor_id", "other_id"], how="anti")
    assert sorted(beyond["actor_id"]) == ["143", "51", "90", "91", "96"]
