"""Mean speeds, on paper, against nuPlan and in real logs."""

import pytest

from metrics_platform.metrics.mean_speed import mean_speed
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import ego_states_of, result_of
from metrics_platform_tests.metrics.conftest import RealLogs
from metrics_platform_tests.metrics.nuplan import scene


@pytest.mark.parametrize(
    ("speeds", "expected"),
    [
        pytest.param([10.0, 10.0, 4.0, 0.0], (6.0, 8.0, 10.0, 0.75), id="stops"),
        pytest.param([0.0, 0.05, 0.1], (0.05, None, 0.1, 0.0), id="never_moves"),
        pytest.param([3.0], (3.0, 3.0, 3.0, 1.0), id="one_state"),
    ],
)
def test_by_hand(speeds: list[float], expected: tuple[float | None, ...]) -> None:
    made = result_of(mean_speed, ego_states=ego_states_of(len(speeds), speed_mps=speeds))
    for found, value in zip(made.summary.row(0)[1:], expected, strict=True):
        assert found == (None if value is None else pytest.approx(value))


def test_reversing_is_no_negative_speed() -> None:
    states = ego_states_of(2, speed_mps=2.0, longitudinal_velocity_mps=-2.0)
    assert result_of(mean_speed, ego_states=states).rows["mean_speed_mps"].item() == 2.0


def test_nuplan_scene() -> None:
    case = scene("ego_mean_speed-ego_mean_speed")
    assert case.expected == [("VALUE", 7.5)]
    made = result_of(mean_speed, ego_states=case.ego_states)
    assert made.rows["mean_speed_mps"].item() == 7.5


def test_a_synthetic_drive() -> None:
    made = compute_on(scenario("cruise", speed_mps=12.0), "mean_speed")
    assert made.rows["mean_speed_mps"].item() == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("log", "mean_mps", "max_mps"),
    [
        # 1011.82 m by pose in 60.02 s.
        pytest.param("comma2k19", 16.858, 20.004, id="comma2k19"),
        pytest.param("robot", 0.354, 0.5, id="robot"),
    ],
)
def test_real_logs(real_logs: RealLogs, log: str, mean_mps: float, max_mps: float) -> None:
    row = compute_on(real_logs(log), "mean_speed").rows.row(0, named=True)
    assert row["mean_speed_mps"] == pytest.approx(mean_mps, abs=0.01)
    assert row["max_speed_mps"] == pytest.approx(max_mps, abs=0.01)
