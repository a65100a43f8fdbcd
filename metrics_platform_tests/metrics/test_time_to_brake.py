"""The time left to brake, on paper and against CommonRoad-CriMe."""

import polars as pl
import pytest

from metrics_platform.metrics.time_to_brake import time_to_brake
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import approaching, result_of, rows_of
from metrics_platform_tests.metrics.conftest import COMMONROAD, RealLogs

# Of a BMW 320i, as CriMe has it.
CRIME_DECELERATION_MPS2 = 11.5


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        # 10 m/s take 10 / 16 s · 10 m/s = 6.25 m to stand.
        pytest.param(approaching([26.25]), (2.0, 2.625), id="in_time"),
        pytest.param(approaching([6.25]), (0.0, 0.625), id="now"),
        pytest.param(approaching([50.0, 3.25]), (-0.3, 0.325), id="too_late"),
        pytest.param(
            approaching([26.25], other_velocity_x_mps=-10.0, other_speed_mps=10.0),
            (1.3125 - 1.25, 1.3125),
            id="oncoming",
        ),
        pytest.param(
            # It is run into from behind: braking makes it worse.
            approaching([6.0], relative_x_m=-10.0, other_velocity_x_mps=20.0, other_speed_mps=20.0),
            None,
            id="from_behind",
        ),
        pytest.param(approaching([0.0]), None, id="overlapping"),
        pytest.param(approaching([20.0], relative_y_m=3.0), None, id="no_course"),
    ],
)
def test_on_paper(pairs: pl.DataFrame, expected: tuple[float, float] | None) -> None:
    made = result_of(time_to_brake, actor_pairs=pairs)
    rows = made.rows.select("min_ttb_s", "ttc_s").rows()
    assert rows == ([] if expected is None else [pytest.approx(expected)])
    too_late = expected is not None and expected[0] < 0
    assert made.summary["too_late_encounters"].item() == int(too_late)


def test_braking_then_is_just_enough() -> None:
    # A cut-in at 12 m, closing at 4 m/s: 3 s less the 0.25 s that take 4 m/s away at 8 m/s².
    frames = scenario("cut_in", gap_m=12.0, closing_mps=4.0)
    made = compute_on(frames, "time_to_brake").rows
    assert made["min_ttb_s"].item() == pytest.approx(2.75, rel=0.02)


def test_commonroad_crime(real_logs: RealLogs) -> None:
    courses = compute_on(real_logs("ZAM_Urban-3_3_Repair"), "collision_courses").rows
    ego = courses.filter((pl.col("actor_id") == "8") & (pl.col("distance_m") > 0))

    def left_s(step: int, deceleration_mps2: float) -> float | None:
        moment = ego.filter(pl.col("timestamp_ns") == step * 100_000_000).lazy()
        made = rows_of(time_to_brake(moment, max_deceleration_mps2=deceleration_mps2))
        return float(made["min_ttb_s"].item()) if len(made) else None

    assert left_s(0, CRIME_DECELERATION_MPS2) == pytest.approx(1.911, abs=0.001)
    assert left_s(0, 8.0) == pytest.approx(1.740, abs=0.001)
    # CriMe, as published: 2.0 s, the last step from which its simulated braking, straight on from
    # the recorded state, leads past all. From step 5 to 20 the ego heads past, brakes or no brakes.
    in_time = [step for step in range(24) if (left := left_s(step, 8.0)) is None or left >= 0]
    assert max(in_time) * 0.1 == pytest.approx(2.0)
    assert [step for step in range(24) if left_s(step, 8.0) is None] == list(range(5, 21))


@pytest.mark.parametrize("log", COMMONROAD)
def test_all_scenarios(real_logs: RealLogs, log: str) -> None:
    assert compute_on(real_logs(log), "time_to_brake").outcomes[log].status == "computed"
