"""How a mission's time is spent."""

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.metrics.phase_times import phase_times, pooled
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.missions import ns, phases_of, recording_of

Row = tuple[str, float, int, float, int]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            [(0.0, "driving"), (10.0, "kerb_wait"), (40.0, "driving"), (50.0, "driving"),
             (70.0, "kerb_wait"), (90.0, "stop")],
            [("driving", 40.0, 2, 30.0, 40), ("kerb_wait", 50.0, 2, 30.0, 10),
             ("stop", 10.0, 1, 10.0, 90)],
            id="two_waits",
        ),
        pytest.param(
            [(30.0, "driving")],
            [("driving", 70.0, 1, 70.0, 30), ("unknown", 30.0, 1, 30.0, 0)],
            id="known_from_the_middle",
        ),
        pytest.param(
            [(0.0, "stop"), (40.0, "driving"), (60.0, "stop")],
            [("driving", 20.0, 1, 20.0, 40), ("stop", 80.0, 2, 40.0, 0)],
            id="of_equal_visits_the_earliest",
        ),
        pytest.param(
            [(-5.0, "driving"), (100.0, "stop")], [("driving", 100.0, 1, 100.0, 0)],
            id="beyond_both_ends",
        ),
    ],
)  # fmt: skip
def test_time_per_phase(changes: list[tuple[float, str]], expected: list[Row]) -> None:
    made = result_of(
        phase_times, mission_phases=phases_of(*changes), recordings=recording_of(100.0)
    )
    assert made.rows.drop("log_id").rows() == [
        (phase, pytest.approx(total), visits, pytest.approx(longest), ns(start))
        for phase, total, visits, longest, start in expected
    ]
    assert made.summary["duration_s"].item() == pytest.approx(100.0)


def test_waits_at_kerbs_and_stops_are_told() -> None:
    changes = [(0.0, "driving"), (10.0, "kerb_wait"), (40.0, "stop"), (70.0, "kerb_wait")]
    made = result_of(phase_times, mission_phases=phases_of(*changes), recordings=recording_of(75.0))
    expected = (75.0, 1, 30.0, 2, 35.0, 30.0)
    assert made.summary.drop("log_id").row(0) == tuple(map(pytest.approx, expected))


def test_a_mission_without_a_wait_had_none() -> None:
    made = result_of(
        phase_times, mission_phases=phases_of((0.0, "driving")), recordings=recording_of(10.0)
    )
    assert made.summary.drop("log_id").row(0) == (10.0, 0, 0.0, 0, 0.0, None)


def test_a_log_of_one_sample_takes_no_time() -> None:
    made = result_of(
        phase_times, mission_phases=phases_of((0.0, "driving")), recordings=recording_of(0.0)
    )
    assert made.rows.is_empty()
    assert made.summary["kerb_waits"].item() == 0


def test_a_log_without_phases_abstains() -> None:
    outcome = result_of(phase_times, recordings=recording_of(10.0)).outcomes["log"]
    assert outcome.status is Status.ABSTAINED


def test_a_fleet_is_its_logs_added_up() -> None:
    waits = [
        (phases_of((0.0, "kerb_wait")), recording_of(10.0)),
        (phases_of((0.0, "kerb_wait"), (3.0, "driving")), recording_of(10.0)),
    ]
    named = [
        [frame.with_columns(log_id=pl.lit(str(number))) for frame in frames]
        for number, frames in enumerate(waits)
    ]
    made = result_of(
        phase_times,
        mission_phases=pl.concat([phases for phases, _ in named]),
        recordings=pl.concat([recording for _, recording in named]),
    )
    fleet = pooled(made.rows.lazy(), []).filter(phase="kerb_wait").collect()
    assert fleet.rows() == [("kerb_wait", pytest.approx(13.0), 2, pytest.approx(10.0))]
