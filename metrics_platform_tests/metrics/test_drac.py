"""Deceleration rate to avoid a crash, on paper and against SUMO."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.metrics.drac import drac
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.leads import leads_of
from metrics_platform_tests.metrics.sumo import FOLLOWING, conflicts, simulated


@pytest.mark.parametrize(
    ("leads", "expected"),
    [
        # 5 m/s to lose within 5 m: 25 / (2 * 5).
        pytest.param(leads_of([10.0, 5.0, 8.0]), (2.5, 1), id="greatest"),
        pytest.param(leads_of([5.0, 5.0]), (2.5, 0), id="earliest_of_equal_ones"),
        pytest.param(leads_of([10.0], other_speed_mps=0.0), (5.0, 0), id="stands_ahead"),
        pytest.param(leads_of([5.0], other_speed_mps=10.0), None, id="same_speed"),
        pytest.param(leads_of([5.0], other_speed_mps=12.0), None, id="drives_off"),
        pytest.param(leads_of([0.0]), None, id="touching"),
        pytest.param(leads_of([-1.0]), None, id="overlap"),
    ],
)
def test_greatest_rate(leads: pl.DataFrame, expected: tuple[float, int] | None) -> None:
    made = result_of(drac, lead_vehicles=leads)
    if expected is None:
        assert made.rows.is_empty()
        assert made.summary.row(0) == ("log", None, 0)
        return
    rate, step = expected
    row = made.rows.row(0, named=True)
    assert row["max_drac_mps2"] == pytest.approx(rate)
    assert row["at_ns"] == step * 100_000_000
    assert made.summary["critical_encounters"].item() == int(rate > 3.35)


@given(st.floats(0.5, 50), st.floats(1, 30), st.floats(0, 30))
def test_braking_so_hard_just_avoids_it(gap: float, actor: float, other: float) -> None:
    leads = leads_of([gap], actor_speed_mps=actor, other_speed_mps=other)
    made = result_of(drac, lead_vehicles=leads).rows
    if actor - other <= 0:
        assert made.is_empty()
        return
    rate = made["max_drac_mps2"].item()
    until = (actor - other) / rate if rate else 0.0
    ahead = gap + other * until - (actor * until - rate * until**2 / 2)
    assert ahead == pytest.approx(0, abs=1e-6 * gap)


def test_sumo() -> None:
    found = compute_on(simulated(), "drac").rows
    expected = (
        conflicts()
        .filter(pl.col("maxDRAC_type") == FOLLOWING[0])
        .group_by("actor_id", "other_id")
        .agg(pl.col("maxDRAC").max())
    )
    both = expected.join(found, on=["actor_id", "other_id"], how="left")
    assert len(both) == 201
    assert (both["max_drac_mps2"] - both["maxDRAC"]).abs().max() < 0.0051  # type: ignore[operator]
