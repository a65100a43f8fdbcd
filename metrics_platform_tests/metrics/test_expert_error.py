"""The ego against the expert, on paper and against nuPlan."""

import math

import numpy as np
import polars as pl
import pytest

from metrics_platform.core.frames import polars_schema
from metrics_platform.metrics.expert_error import expert_error
from metrics_platform.signals.expert_poses import ExpertPoses
from metrics_platform.testing.experts import BESIDE_M, experts
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import STEP_NS, ego_states_of, result_of
from metrics_platform_tests.metrics.conftest import RealLogs
from metrics_platform_tests.metrics.nuplan import scene


def expert_of(
    x_m: list[float], *, y_m: float = 0.0, heading_rad: float = 0.0, step_ns: int = STEP_NS
) -> pl.DataFrame:
    rows = [("log", i * step_ns, x, y_m, heading_rad) for i, x in enumerate(x_m)]
    return pl.DataFrame(rows, schema=polars_schema(ExpertPoses), orient="row")


def test_displacement() -> None:
    states = ego_states_of(4, x_m=[0.0, 1.0, 2.0, 3.0])
    made = result_of(
        expert_error, ego_states=states, expert_poses=expert_of([0.0, 4.0, 6.0, 6.0], y_m=0.0)
    )
    row = made.rows.row(0, named=True)
    assert row["average_displacement_m"] == pytest.approx((0 + 3 + 4 + 3) / 4)
    assert (row["max_displacement_m"], row["max_displacement_at_ns"]) == (4.0, 2 * STEP_NS)
    assert row["final_displacement_m"] == 3.0
    assert row["duration_s"] == pytest.approx(0.3)


def test_the_expert_is_interpolated() -> None:
    states = ego_states_of(5, x_m=0.0)
    expert = expert_of([0.0, 4.0], step_ns=4 * STEP_NS)
    row = result_of(expert_error, ego_states=states, expert_poses=expert).rows.row(0, named=True)
    assert row["average_displacement_m"] == pytest.approx(2.0)
    assert row["p90_displacement_m"] == pytest.approx(4.0)


def test_nothing_is_compared_across_a_gap_and_beyond_the_ends() -> None:
    states = ego_states_of(60, x_m=1.0)
    gap = pl.concat(
        [expert_of([0.0, 0.0]), expert_of([3.0]).with_columns(timestamp_ns=50 * STEP_NS)]
    )
    row = result_of(expert_error, ego_states=states, expert_poses=gap).rows.row(0, named=True)
    # At 0, 0.1 and 5 s.
    assert row["average_displacement_m"] == pytest.approx((1 + 1 + 2) / 3)


@pytest.mark.parametrize(
    ("ego_rad", "expert_rad", "error_rad"),
    [
        pytest.param(0.1, -0.2, 0.3, id="either_sign"),
        pytest.param(-3.1, 3.1, 2 * math.pi - 6.2, id="the_short_way_round"),
        pytest.param(0.0, -math.pi, math.pi, id="the_other_way"),
    ],
)
def test_heading(ego_rad: float, expert_rad: float, error_rad: float) -> None:
    states = ego_states_of(2, heading_rad=ego_rad)
    expert = expert_of([0.0, 0.0], heading_rad=expert_rad)
    row = result_of(expert_error, ego_states=states, expert_poses=expert).rows.row(0, named=True)
    for kind in ("average", "max", "final"):
        assert row[f"{kind}_heading_error_rad"] == pytest.approx(error_rad)


@pytest.mark.parametrize(
    ("offset_m", "displacement_m"),
    [
        pytest.param(1.5, 1.5 * math.sqrt(2), id="of_the_centres"),
        pytest.param(None, 0.0, id="of_the_origins_where_the_centre_is_unknown"),
    ],
)
def test_what_is_compared(offset_m: float | None, displacement_m: float) -> None:
    states = ego_states_of(2, ego_center_offset_m=[offset_m] * 2, x_m=1e6, y_m=-1e6)
    expert = expert_of([1e6, 1e6], y_m=-1e6, heading_rad=math.pi / 2)
    row = result_of(expert_error, ego_states=states, expert_poses=expert).rows.row(0, named=True)
    assert row["average_displacement_m"] == pytest.approx(displacement_m)


def test_it_abstains_where_they_never_meet_in_time() -> None:
    expert = expert_of([0.0]).with_columns(timestamp_ns=pl.lit(-1))
    made = result_of(expert_error, ego_states=ego_states_of(2), expert_poses=expert)
    assert (made.outcomes["log"].status, made.outcomes["log"].reason) == (
        "abstained",
        "ego and expert have no moment in common",
    )


def test_nuplan_scene() -> None:
    case = scene("ego_expert_l2_error-ego_expert_l2_error")
    row = result_of(
        expert_error, ego_states=case.ego_states, expert_poses=case.expert_poses
    ).rows.row(0, named=True)
    assert case.expected == [
        ("MAX", pytest.approx(row["max_displacement_m"])),
        ("MEAN", pytest.approx(row["average_displacement_m"])),
        ("P90", pytest.approx(row["p90_displacement_m"])),
    ]
    # What numpy calls the closest observation has changed since.
    assert np.percentile([0, 0, 0, 0, 5.0], 90, method="closest_observation") == 0.0


@pytest.mark.parametrize("log", ["comma2k19", "adcf7d18", "robot"])
def test_whoever_is_its_own_expert_makes_no_error(real_logs: RealLogs, log: str) -> None:
    frames = real_logs(log)
    expert = frames["ego_poses"].select(polars_schema(ExpertPoses).names())
    row = compute_on({**frames, "expert_poses": expert}, "expert_error").rows.row(0, named=True)
    assert row["max_displacement_m"] == pytest.approx(0.0, abs=1e-6)
    assert row["max_heading_error_rad"] == pytest.approx(0.0, abs=1e-9)
    # A second later it is elsewhere: as far as it came in the meantime.
    late = expert.with_columns(pl.col("timestamp_ns") + 1_000_000_000)
    row = compute_on({**frames, "expert_poses": late}, "expert_error").rows.row(0, named=True)
    speed = compute_on(frames, "mean_speed").rows["mean_speed_mps"].item()
    assert row["average_displacement_m"] == pytest.approx(speed, rel=0.05)


def test_a_synthetic_expert() -> None:
    frames = scenario("turn")
    row = compute_on({**frames, **experts(frames)}, "expert_error").rows.row(0, named=True)
    # Interpolated along chords of the circle.
    assert row["max_displacement_m"] == pytest.approx(BESIDE_M, abs=0.01)
    assert row["average_displacement_m"] == pytest.approx(BESIDE_M, abs=0.01)
    assert row["average_heading_error_rad"] == pytest.approx(0.0, abs=1e-9)
    assert row["duration_s"] == pytest.approx(10.0)
