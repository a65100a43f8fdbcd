"""The way by pose and by wheels."""

import polars as pl
import pytest

from metrics_platform.metrics.distance_driven import distance_driven
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import ego_states_of, result_of
from metrics_platform_tests.metrics.conftest import RealLogs


def speeds_of(times_s: list[float], speeds_mps: list[float]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "log_id": ["log"] * len(times_s),
            "timestamp_ns": [round(time * 1e9) for time in times_s],
            "speed_mps": speeds_mps,
        }
    )


@pytest.mark.parametrize(
    ("columns", "distance_m", "duration_s"),
    [
        pytest.param({"x_m": [0, 3, 6], "speed_mps": 30}, 6.0, 0.2, id="straight"),
        pytest.param(
            {"x_m": [0, 3, 3], "y_m": [0, 0, 4], "speed_mps": 30}, 7.0, 0.2, id="round_a_corner"
        ),
        pytest.param({"x_m": [0, 4, 8], "z_m": [0, 3, 6], "speed_mps": 30}, 10.0, 0.2, id="uphill"),
        pytest.param({"x_m": [0, -3, -6], "speed_mps": 30}, 6.0, 0.2, id="backwards"),
        pytest.param(
            {"x_m": [0, 0.001, 0], "speed_mps": 0.004}, 0.0, 0.2, id="noise_while_standing"
        ),
        pytest.param({"x_m": [0, 0, 1], "speed_mps": [0, 0, 9]}, 1.0, 0.2, id="pulls_away"),
        pytest.param(
            {"x_m": [0, 1, 50, 51], "speed_mps": 9, "segment_index": [0, 0, 1, 1]},
            2.0,
            0.2,
            id="not_across_a_gap",
        ),
    ],
)
def test_distance(columns: dict[str, object], distance_m: float, duration_s: float) -> None:
    rows = len(columns["x_m"])  # type: ignore[arg-type]
    made = result_of(distance_driven, ego_states=ego_states_of(rows, **columns))
    assert made.rows["distance_m"].item() == pytest.approx(distance_m)
    assert made.rows["duration_s"].item() == pytest.approx(duration_s)
    assert made.rows["odometer_distance_m"].item() is None


def moving(seconds: float, speed_mps: float) -> pl.DataFrame:
    rows = round(seconds * 10) + 1
    x_m = [speed_mps * i / 10 for i in range(rows)]
    return ego_states_of(rows, x_m=x_m, speed_mps=speed_mps)


@pytest.mark.parametrize(
    ("times_s", "speeds_mps", "expected_m"),
    [
        pytest.param([0, 0.4, 0.8], [10, 20, 10], 12.0, id="trapezes"),
        pytest.param([0, 0.4, 0.8], [-10, -10, -10], 8.0, id="reverse"),
        pytest.param([0, 0.00018, 0.4], [10, 12, 12], 4.79982, id="two_stamps_at_once"),
        pytest.param([0, 0.4, 5.0], [10, 10, 10], 4.0, id="not_across_a_gap"),
        pytest.param([50, 50.4], [10, 10], 4.0, id="at_another_time"),
        pytest.param([0], [10], None, id="one_stamp"),
    ],
)
def test_odometer(times_s: list[float], speeds_mps: list[float], expected_m: float | None) -> None:
    speeds = speeds_of(times_s, speeds_mps)
    made = result_of(distance_driven, ego_states=moving(0.9, 10.0), vehicle_speeds=speeds)
    assert made.rows["odometer_distance_m"].item() == pytest.approx(expected_m)
    # Over less than 10 m the two are not compared.
    assert made.rows["disagreement_ratio"].item() is None


@pytest.mark.parametrize(
    ("speed_mps", "expected"),
    [
        pytest.param(10.0, 0.0, id="agrees"),
        pytest.param(9.9, -0.01, id="small_wheels"),
        pytest.param(-10.2, 0.02, id="reverse"),
    ],
)
def test_disagreement(speed_mps: float, expected: float) -> None:
    speeds = speeds_of([0, 0.4, 0.8, 1.2, 1.6, 2.0], [speed_mps] * 6)
    made = result_of(distance_driven, ego_states=moving(2.0, 10.0), vehicle_speeds=speeds)
    assert made.rows["disagreement_ratio"].item() == pytest.approx(expected, abs=1e-9)


def test_wheels_are_compared_over_the_time_that_both_cover() -> None:
    states, speeds = moving(10.0, 10.0), speeds_of([i / 10 for i in range(31)], [10.0] * 31)
    row = result_of(distance_driven, ego_states=states, vehicle_speeds=speeds).rows.row(
        0, named=True
    )
    assert row["distance_m"] == pytest.approx(100)
    assert row["odometer_distance_m"] == pytest.approx(30)
    assert row["disagreement_ratio"] == pytest.approx(0, abs=1e-9)


def test_a_synthetic_drive() -> None:
    made = compute_on(scenario("cruise", speed_mps=12.0, seconds=10), "distance_driven")
    assert made.rows.row(0)[1:4] == pytest.approx((120.0, 10.0, 120.0))


def test_a_turn_is_as_long_as_its_arc() -> None:
    made = compute_on(scenario("turn", speed_mps=6.0, radius_m=20.0, seconds=10), "distance_driven")
    # Chords of 0.6 m are shorter than their arcs by their cube over 24 radii squared.
    assert made.rows["distance_m"].item() == pytest.approx(
        60 - 100 * 0.6**3 / (24 * 20**2), abs=1e-4
    )


@pytest.mark.parametrize(
    ("log", "distance_m"),
    [
        pytest.param("3b3570b4", 50.28, id="argoverse_3b35"),
        pytest.param("7fab2350", 74.92, id="argoverse_7fab"),
        pytest.param("adcf7d18", 40.33, id="argoverse_adcf"),
        # Of the 34.32 m of its poses, 0.66 m are across a gap of 1.76 s.
        pytest.param("robot", 33.66, id="robot"),
    ],
)
def test_real_logs(real_logs: RealLogs, log: str, distance_m: float) -> None:
    made = compute_on(real_logs(log), "distance_driven")
    assert made.rows["distance_m"].item() == pytest.approx(distance_m, abs=0.01)


def test_pose_and_wheels_of_comma2k19_disagree_as_published(
    real_logs: RealLogs,
) -> None:
    made = compute_on(real_logs("comma2k19"), "distance_driven")
    row = made.rows.row(0, named=True)
    assert row["distance_m"] == pytest.approx(1011.82, rel=1e-3)
    assert row["odometer_distance_m"] == pytest.approx(1003.84, rel=1e-3)
    assert row["disagreement_ratio"] == pytest.approx(1003.84 / 1011.82 - 1, abs=1e-3)
    assert row["duration_s"] == pytest.approx(59.95, abs=0.01)
