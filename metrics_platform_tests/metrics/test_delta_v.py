"""How hard a collision would be, on paper and against CommonRoad-CriMe."""

import math

import polars as pl
import pytest

from metrics_platform.metrics.delta_v import delta_v
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.builders import approaching, result_of, rows_of
from metrics_platform_tests.metrics.conftest import COMMONROAD, RealLogs


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        pytest.param(approaching([10.0]), 5.0, id="standing"),
        pytest.param(
            approaching([10.0], other_velocity_x_mps=4.0, other_speed_mps=4.0), None, id="too_far"
        ),
        pytest.param(
            approaching([6.0], other_velocity_x_mps=4.0, other_speed_mps=4.0), 3.0, id="rear_end"
        ),
        pytest.param(
            approaching([10.0], other_velocity_x_mps=-20.0, other_speed_mps=20.0),
            15.0,
            id="head_on",
        ),
        pytest.param(
            approaching([5.0], relative_y_m=-3.0, other_velocity_y_mps=5.0, other_speed_mps=5.0),
            math.hypot(10, 5) / 2,
            id="crossing",
        ),
        pytest.param(
            approaching([14.0, 7.0], actor_velocity_x_mps=[10.0, 7.0], actor_speed_mps=[10.0, 7.0]),
            5.0,
            id="hardest_not_soonest",
        ),
        pytest.param(approaching([0.0]), 5.0, id="overlapping"),
    ],
)
def test_on_paper(pairs: pl.DataFrame, expected: float | None) -> None:
    made = result_of(delta_v, actor_pairs=pairs)
    assert made.rows["max_delta_v_mps"].to_list() == (
        [] if expected is None else [pytest.approx(expected)]
    )


def test_a_lorry_changes_the_velocity_of_a_car_more() -> None:
    courses = compute_on({"actor_pairs": approaching([10.0])}, "collision_courses").rows.lazy()
    made = rows_of(delta_v(courses, other_mass_ratio=0.9))
    assert made["max_delta_v_mps"].item() == pytest.approx(9.0)


def test_commonroad_crime(real_logs: RealLogs) -> None:
    courses = compute_on(real_logs("DEU_Gar-1_1_T-1"), "collision_courses").rows
    pair = (pl.col("actor_id") == "200") & (pl.col("other_id") == "202")
    start = courses.filter(pair & (pl.col("timestamp_ns") == 0))
    # The collision is 3.7 s away.
    assert rows_of(delta_v(start.lazy())).is_empty()
    ours = rows_of(delta_v(start.lazy(), threshold_s=10.0))["max_delta_v_mps"].item()
    speeds, angle = start.select("actor_speed_mps", "other_speed_mps").row(0), 0.043633
    assert speeds == pytest.approx((16.0, 10.0))
    # As published: 13.0, where the velocities of both, in one direction, are added.
    assert (speeds[0] + speeds[1] * math.cos(angle)) / 2 == pytest.approx(13.0, abs=0.005)
    assert ours == pytest.approx(
        math.sqrt(16**2 + 10**2 - 2 * 16 * 10 * math.cos(angle)) / 2, abs=1e-6
    )
    assert ours == pytest.approx(3.01, abs=0.005)


@pytest.mark.parametrize("log", COMMONROAD)
def test_all_scenarios(real_logs: RealLogs, log: str) -> None:
    assert compute_on(real_logs(log), "delta_v").outcomes[log].status == "computed"
