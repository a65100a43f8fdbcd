"""Even motion from uneven poses, on paper and in real logs."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.core import Computed, Status
from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.ego_poses import EgoPoses
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.conftest import read_real_log

SECOND_NS = 1_000_000_000


def poses_of(times_s: list[float], **columns: object) -> pl.DataFrame:
    """Return poses at these times; positions are 0 and velocities unknown unless given."""
    rows = len(times_s)
    unknown = ("longitudinal_velocity_mps", "lateral_velocity_mps", "yaw_rate_radps")
    data: dict[str, list[object]] = {
        name: [None if name in unknown else 0.0] * rows for name in polars_schema(EgoPoses)
    }
    data |= {"log_id": ["log"] * rows, "timestamp_ns": [round(t * SECOND_NS) for t in times_s]}
    data |= {name: list(values) for name, values in columns.items()}  # type: ignore[call-overload]
    return pl.DataFrame(data, schema=polars_schema(EgoPoses), strict=False)


def states_of(poses: pl.DataFrame, log_id: str = "log") -> Computed:
    recordings = scenario("cruise", log_id=log_id)["recordings"]
    return compute_on({"ego_poses": poses, "recordings": recordings}, "ego_states")


def every(step_s: float, seconds: float) -> list[float]:
    return [i * step_s for i in range(round(seconds / step_s) + 1)]


@pytest.mark.parametrize(
    ("times_s", "expected_s"),
    [
        pytest.param(every(0.1, 1.0), every(0.1, 1.0), id="10_hz_stays"),
        pytest.param(every(0.01, 1.0), every(0.1, 1.0), id="100_hz_becomes_10"),
        pytest.param(every(0.5, 2.0), every(0.5, 2.0), id="2_hz_stays"),
        pytest.param(every(0.2, 1.0), every(0.2, 1.0), id="5_hz_stays"),
        pytest.param(
            [0.0, 1e-9, 0.1, 0.100000001, 0.2, 0.200000001, 0.3],
            [0.0, 0.1, 0.2, 0.3],
            id="pairs_of_stamps",
        ),
        pytest.param(
            [0.0, 0.05, 0.1, 0.15], [0.0, 0.075, 0.15], id="steps_divide_the_segment_evenly"
        ),
        pytest.param([0.0, 0.1, 0.5, 0.6], every(0.1, 0.6), id="short_gap_is_bridged"),
        pytest.param([0.0, 1e-9], [], id="no_time_at_all"),
        pytest.param([0.0, 0.1, 5.0, 5.1, 9.0], [0.0, 0.1, 5.0, 5.1], id="lonely_pose_at_the_end"),
    ],
)
def test_grid(times_s: list[float], expected_s: list[float]) -> None:
    rows = states_of(poses_of(times_s)).rows
    assert (rows["timestamp_ns"] / SECOND_NS).to_list() == pytest.approx(expected_s)


def test_a_long_gap_starts_a_new_segment() -> None:
    times_s = [*every(0.1, 1.0), *(3.0 + t for t in every(0.1, 1.0))]
    # It drives at 1 m/s, and jumps by 100 m in the gap.
    x_m = [t + (100 if t >= 3 else 0) for t in times_s]
    rows = states_of(poses_of(times_s, x_m=x_m)).rows
    assert rows["segment_index"].to_list() == [0] * 11 + [1] * 11
    assert rows["speed_mps"].to_list() == pytest.approx([1.0] * 22)
    assert rows["longitudinal_acceleration_mps2"].to_list() == pytest.approx([0.0] * 22, abs=1e-9)


@pytest.mark.parametrize(
    "times_s",
    [
        pytest.param([], id="no_pose"),
        pytest.param([3.0], id="one_pose"),
        pytest.param([3.0, 3.0 + 1e-9], id="two_stamps_of_one_instant"),
        pytest.param([3.0, 9.0], id="two_poses_with_a_gap_between"),
    ],
)
def test_a_log_without_motion_abstains(times_s: list[float]) -> None:
    other = poses_of(every(0.1, 1.0)).with_columns(log_id=pl.lit("other"))
    recordings = pl.concat(
        [scenario("cruise", log_id=name)["recordings"] for name in ("log", "other")]
    )
    frames = {"ego_poses": pl.concat([poses_of(times_s), other]), "recordings": recordings}
    made = compute_on(frames, "ego_states")
    assert made.outcomes["other"].status is Status.COMPUTED
    assert made.outcomes["log"].status is Status.ABSTAINED
    assert "s long: " in str(made.outcomes["log"].reason) or not times_s


def test_velocities_come_from_the_pose_where_the_recording_has_none() -> None:
    times_s = every(0.1, 2.0)
    # On its way north, looking north-west: it slides to the right.
    made = states_of(
        poses_of(times_s, y_m=[3 * t for t in times_s], heading_rad=[0.75 * math.pi] * 21)
    )
    last = made.rows.row(10, named=True)
    assert last["longitudinal_velocity_mps"] == pytest.approx(3 / math.sqrt(2))
    assert last["lateral_velocity_mps"] == pytest.approx(-3 / math.sqrt(2))
    assert last["speed_mps"] == pytest.approx(3)


def test_recorded_velocities_win_where_a_segment_has_them_throughout() -> None:
    times_s = every(0.1, 1.0)
    recorded = poses_of(times_s, longitudinal_velocity_mps=[5.0] * 11, yaw_rate_radps=[0.5] * 11)
    rows = states_of(recorded).rows
    assert rows["longitudinal_velocity_mps"].to_list() == [5.0] * 11
    assert rows["yaw_rate_radps"].to_list() == [0.5] * 11
    # Nothing is recorded of the lateral velocity, and the pose doesn't move.
    assert rows["lateral_velocity_mps"].to_list() == [0.0] * 11
    with_a_hole = poses_of(times_s, longitudinal_velocity_mps=[5.0] * 10 + [None])
    assert states_of(with_a_hole).rows["longitudinal_velocity_mps"].to_list() == [0.0] * 11


def test_a_steady_turn_past_half_a_turn_has_only_a_lateral_acceleration() -> None:
    for velocities in (False, True):
        frames = scenario("turn", speed_mps=6.0, radius_m=12.0, seconds=12, velocities=velocities)
        rows = compute_on(frames, "ego_states").rows
        inner = rows[5:-5]
        assert inner["lateral_acceleration_mps2"].to_list() == pytest.approx(
            [3.0] * len(inner), rel=0.01
        )
        assert inner["longitudinal_acceleration_mps2"].abs().max() < 0.01  # type: ignore[operator]
        assert inner["yaw_rate_radps"].to_list() == pytest.approx([0.5] * len(inner), rel=0.001)
        assert rows["heading_rad"].is_between(-math.pi, math.pi, closed="left").all()


def test_headings_are_interpolated_the_short_way_round() -> None:
    rows = states_of(poses_of([0.0, 0.08, 0.12, 0.2], heading_rad=[2.8, 3.0, -3.0, -2.8])).rows
    assert abs(rows["heading_rad"][1]) > 3.1


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0.002, 0.4), min_size=5, max_size=60),
    st.floats(-30, 30),
    st.floats(-5, 5),
    st.floats(-3, 3),
)
def test_constant_acceleration_is_found_on_any_clock(
    intervals_s: list[float], speed_mps: float, acceleration_mps2: float, heading_rad: float
) -> None:
    times = np.concatenate([[0.0], np.cumsum(intervals_s)])
    velocity = speed_mps + acceleration_mps2 * times
    made = states_of(
        poses_of(
            times.tolist(),
            heading_rad=[heading_rad] * len(times),
            longitudinal_velocity_mps=velocity.tolist(),
            lateral_velocity_mps=[0.0] * len(times),
        )
    )
    found = made.rows["longitudinal_acceleration_mps2"].to_list()
    assert found == pytest.approx([acceleration_mps2] * len(found), abs=1e-6)


@pytest.mark.parametrize(
    ("log", "rows", "segments", "least", "most"),
    [
        # Differentiated as recorded, 0.18 ms apart, its speed brakes at 270 m/s2; at 10 Hz it is
        # -2.41 to 3.44 without a filter.
        pytest.param("comma2k19", 600, 1, -2.6, 1.9, id="comma2k19"),
        pytest.param("3b3570b4", 161, 1, -1.5, 3.2, id="argoverse_3b35"),
        pytest.param("7fab2350", 160, 1, -2.4, 2.3, id="argoverse_7fab"),
        pytest.param("adcf7d18", 160, 1, -1.7, 1.8, id="argoverse_adcf"),
        pytest.param("robot", 951, 2, -1.1, 0.8, id="robot"),
    ],
)
def test_real_logs(log: str, rows: int, segments: int, least: float, most: float) -> None:
    made = compute_on(read_real_log(log), "ego_states").rows
    assert (len(made), made["segment_index"].n_unique()) == (rows, segments)
    acceleration = made["longitudinal_acceleration_mps2"]
    assert acceleration.is_between(least, most).all()
