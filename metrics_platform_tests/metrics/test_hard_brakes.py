"""Braking events, on paper and in real logs."""

import polars as pl
import pytest

from metrics_platform.metrics.hard_brakes import hard_brakes
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import START_NS, scenario
from metrics_platform_tests.metrics.builders import STEP_NS, ego_states_of, result_of
from metrics_platform_tests.metrics.conftest import RealLogs

# start in steps, duration in s, peak in m/s2
Event = tuple[int, float, float]


@pytest.mark.parametrize(
    ("decelerations", "expected"),
    [
        pytest.param([0, 0, 0], [], id="none"),
        pytest.param([0, 3, 3, 0], [(1, 0.2, 3)], id="at_the_threshold"),
        pytest.param([0, 2.9, 2.9, 0], [], id="just_below"),
        pytest.param([0, 5, 0, 0], [], id="one_sample_is_too_short"),
        pytest.param([4, 6, 5], [(0, 0.3, 6)], id="all_the_time"),
        pytest.param([0, 4, 4, 0, 0, 7, 7], [(1, 0.6, 7)], id="a_short_dip_is_bridged"),
        pytest.param(
            [4, 4, 0, 0, 0, 0, 0, 0, 7, 7], [(0, 0.2, 4), (8, 0.2, 7)], id="a_long_dip_is_not"
        ),
        pytest.param([-9, -9, -9], [], id="accelerates"),
    ],
)
def test_events(decelerations: list[float], expected: list[Event]) -> None:
    states = ego_states_of(
        len(decelerations),
        longitudinal_velocity_mps=10.0,
        speed_mps=10.0,
        longitudinal_acceleration_mps2=[-value for value in decelerations],
    )
    made = result_of(hard_brakes, ego_states=states)
    events = made.rows.select("start_ns", "duration_s", "peak_deceleration_mps2").rows()
    assert events == [
        (start * STEP_NS, pytest.approx(duration), peak) for start, duration, peak in expected
    ]
    assert made.summary["hard_brakes"].item() == len(expected)


def test_braking_in_reverse_is_acceleration_forward() -> None:
    states = ego_states_of(
        4, longitudinal_velocity_mps=-3.0, speed_mps=3.0, longitudinal_acceleration_mps2=4.0
    )
    made = result_of(hard_brakes, ego_states=states)
    assert made.rows["peak_deceleration_mps2"].to_list() == [4.0]
    pulling_away = states.with_columns(longitudinal_acceleration_mps2=-4.0)
    assert result_of(hard_brakes, ego_states=pulling_away).rows.is_empty()


def test_an_event_does_not_go_across_a_gap() -> None:
    states = ego_states_of(
        6,
        segment_index=[0, 0, 0, 1, 1, 1],
        longitudinal_velocity_mps=10.0,
        speed_mps=[10, 9, 8, 7, 6, 5],
        longitudinal_acceleration_mps2=-5.0,
    )
    events = result_of(hard_brakes, ego_states=states).rows
    assert events["duration_s"].to_list() == pytest.approx([0.3, 0.3])
    assert events.select("start_speed_mps", "end_speed_mps").rows() == [(10, 8), (7, 5)]


def test_a_synthetic_brake() -> None:
    frames = scenario("hard_brake", deceleration_mps2=6.0, duration_s=2.0, brake_at_s=4.0)
    event = compute_on(frames, "hard_brakes").rows.row(0, named=True)
    # The derivative looks 0.2 s ahead and behind, which blurs both ends by that much.
    assert (event["start_ns"] - START_NS) * 1e-9 == pytest.approx(4.0, abs=0.2)
    assert event["duration_s"] == pytest.approx(2.0, abs=0.2)
    assert event["peak_deceleration_mps2"] == pytest.approx(6.0, rel=0.1)
    assert event["start_speed_mps"] - event["end_speed_mps"] == pytest.approx(12.0, abs=1.0)


@pytest.mark.parametrize(
    ("log", "threshold_mps2", "expected"),
    [
        pytest.param("comma2k19", 3.0, 0, id="comma2k19"),
        pytest.param("comma2k19", 2.0, 1, id="comma2k19_lower_threshold"),
        pytest.param("7fab2350", 3.0, 0, id="argoverse_7fab"),
        pytest.param("robot", 3.0, 0, id="robot"),
    ],
)
def test_real_logs(real_logs: RealLogs, log: str, threshold_mps2: float, expected: int) -> None:
    states = compute_on(real_logs(log), "ego_states").rows.lazy()
    events = hard_brakes(states, threshold_mps2=threshold_mps2)
    assert isinstance(events, pl.LazyFrame)
    assert len(events.collect()) == expected
