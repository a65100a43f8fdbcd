"""Least distance to each road user, on paper and in real logs."""

import polars as pl
import pytest

from metrics_platform.metrics.closest_approach import closest_approach
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import START_NS, scenario
from metrics_platform_tests.metrics.builders import STEP_NS, pairs_of, result_of
from metrics_platform_tests.metrics.conftest import RealLogs


@pytest.mark.parametrize(
    ("distances_m", "expected_m", "step"),
    [
        pytest.param([3.0, 1.0, 2.0], 1.0, 1, id="least"),
        pytest.param([3.0, 1.0, 1.0], 1.0, 1, id="earliest_of_equal_ones"),
        pytest.param([3.0, 0.0, 1.0], 0.0, 1, id="overlap"),
        pytest.param([3.0], 3.0, 0, id="seen_once"),
    ],
)
def test_least_distance(distances_m: list[float], expected_m: float, step: int) -> None:
    speeds = [float(i) for i in range(len(distances_m))]
    pairs = pairs_of(len(distances_m), distance_m=distances_m, actor_speed_mps=speeds)
    made = result_of(closest_approach, actor_pairs=pairs)
    assert made.rows.select("distance_m", "at_ns", "actor_speed_mps").row(0) == (
        expected_m,
        step * STEP_NS,
        float(step),
    )
    assert made.summary.row(0) == ("log", expected_m, 1, int(expected_m == 0))


def test_each_road_user_has_a_row() -> None:
    first, second = (pairs_of(2, distance_m=[4.0, far], other_id=f"{far}") for far in (3.0, 5.0))
    made = result_of(closest_approach, actor_pairs=pl.concat([second, first]))
    assert made.rows.select("other_id", "distance_m").rows() == [("3.0", 3.0), ("5.0", 4.0)]


def test_a_synthetic_sidewalk() -> None:
    frames = scenario("sidewalk", clearance_m=0.8, meet_s=5.0)
    row = compute_on(frames, "closest_approach").rows.row(0, named=True)
    assert row["distance_m"] == pytest.approx(0.8)
    # Side by side lasts as long as both boxes take to pass; the first moment of it counts.
    assert (row["at_ns"] - START_NS) * 1e-9 == pytest.approx(5.0 - 0.6 / 2.6, abs=0.1)


@pytest.mark.parametrize(
    ("log", "distance_m"),
    [
        pytest.param("3b3570b4", 0.603, id="argoverse_3b35"),
        pytest.param("7fab2350", 0.591, id="argoverse_7fab"),
        pytest.param("adcf7d18", 0.443, id="argoverse_adcf"),
    ],
)
def test_real_logs(real_logs: RealLogs, log: str, distance_m: float) -> None:
    made = compute_on(real_logs(log), "closest_approach")
    assert made.summary["distance_m"].item() == pytest.approx(distance_m, abs=0.001)
    # It touched nobody.
    assert made.summary["overlaps"].item() == 0
