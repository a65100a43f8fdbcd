"""Hard turns, on paper and in real logs."""

import math

import polars as pl
import pytest

from metrics_platform.metrics.hard_turns import hard_turns
from metrics_platform.testing.conformance import assert_conforms
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import STEP_NS, ego_states_of, result_of
from metrics_platform_tests.metrics.conftest import RealLogs


@pytest.mark.parametrize(
    ("lateral", "expected"),
    [
        # start in steps, duration in s, peak in m/s2
        pytest.param([0, 1, 0], [], id="none"),
        pytest.param([0, 3.92, 3.92, 0], [(1, 0.2, 3.92)], id="at_the_threshold"),
        pytest.param([0, 3.9, 3.9, 0], [], id="just_below"),
        pytest.param([0, 9, 0], [], id="one_state_is_too_short"),
        pytest.param([-5, -6, -4], [(0, 0.3, -6)], id="to_the_right"),
        pytest.param([5, 5, 0, -7, -7], [(0, 0.5, -7)], id="a_swerve_is_one"),
        pytest.param([5, 5, -5, -5], [(0, 0.4, 5)], id="equal_on_both_sides"),
        pytest.param([5, 5, *[0] * 6, 5, 5], [(0, 0.2, 5), (8, 0.2, 5)], id="two"),
    ],
)
def test_lateral_acceleration(
    lateral: list[float], expected: list[tuple[int, float, float]]
) -> None:
    states = ego_states_of(len(lateral), speed_mps=9.0, lateral_acceleration_mps2=lateral)
    made = result_of(hard_turns, ego_states=states)
    rows = made.rows.select("start_ns", "duration_s", "peak_lateral_acceleration_mps2").rows()
    assert rows == [
        (start * STEP_NS, pytest.approx(duration), peak) for start, duration, peak in expected
    ]
    peaks = [abs(peak) for _, _, peak in expected]
    assert made.summary.row(0)[1:3] == (len(expected), max(peaks, default=None))


def test_turning_on_the_spot() -> None:
    states = ego_states_of(4, yaw_rate_radps=[0.9, -1.0, -0.95, 0.9])
    row = result_of(hard_turns, ego_states=states).rows.row(0, named=True)
    assert row["duration_s"] == pytest.approx(0.2)
    assert (row["peak_yaw_rate_radps"], row["peak_lateral_acceleration_mps2"]) == (-1.0, 0.0)


def test_an_event_does_not_go_across_a_gap() -> None:
    states = ego_states_of(4, segment_index=[0, 0, 1, 1], lateral_acceleration_mps2=5.0)
    assert result_of(hard_turns, ego_states=states).rows["duration_s"].to_list() == pytest.approx(
        [0.2, 0.2]
    )


def test_it_conforms_on_hard_turns() -> None:
    states = [
        ego_states_of(9, log_id=log, lateral_acceleration_mps2=[5.0, -6.0, *[0.0] * 5, side, side])
        for log, side in (("a", -5.0), ("b", 7.0))
    ]
    assert_conforms(hard_turns, {"ego_states": pl.concat(states)})


@pytest.mark.parametrize(("speed_mps", "events"), [(6.0, 0), (8.0, 1)])
def test_a_synthetic_turn(speed_mps: float, events: int) -> None:
    made = compute_on(scenario("turn", speed_mps=speed_mps, radius_m=12.0), "hard_turns")
    assert made.summary["hard_turns"].item() == events
    if events:
        # On a circle it is v^2 / r, and v / r.
        row = made.rows.row(0, named=True)
        assert row["peak_lateral_acceleration_mps2"] == pytest.approx(64 / 12, rel=0.02)
        assert row["peak_yaw_rate_radps"] == pytest.approx(8 / 12, rel=0.02)
        assert row["duration_s"] == pytest.approx(10.0, abs=0.2)


@pytest.mark.parametrize(
    ("log", "events"),
    [
        pytest.param("comma2k19", 0, id="comma2k19"),
        pytest.param("adcf7d18", 0, id="argoverse_adcf"),
        # At the end of its way it turns on the spot.
        pytest.param("robot", 1, id="robot"),
    ],
)
def test_real_logs(real_logs: RealLogs, log: str, events: int) -> None:
    made = compute_on(real_logs(log), "hard_turns")
    assert made.summary["hard_turns"].item() == events
    assert all(math.isfinite(peak) for peak in made.rows["peak_yaw_rate_radps"])
