"""Who is on a collision course: nobody is lost by looking at circles first."""

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.kernels.geometry import time_to_collision
from metrics_platform.signals.actor_pairs import box_pair
from metrics_platform.signals.collision_courses import collision_courses
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import (
    approaching,
    pairs_of,
    result_of,
    rows_of,
    traffic_of,
)

HORIZON_S = 10.0


@pytest.mark.parametrize(
    ("pairs", "ttc_s"),
    [
        pytest.param(approaching([20.0]), 2.0, id="behind_a_standing_one"),
        pytest.param(approaching([100.0]), 10.0, id="at_the_horizon"),
        pytest.param(approaching([100.1]), None, id="beyond_the_horizon"),
        pytest.param(approaching([20.0], other_velocity_x_mps=10.0), None, id="same_speed"),
        pytest.param(
            approaching([20.0], other_velocity_x_mps=-10.0, other_speed_mps=10.0),
            1.0,
            id="oncoming",
        ),
        pytest.param(approaching([20.0], relative_y_m=2.1), None, id="next_lane"),
        pytest.param(approaching([20.0], relative_y_m=2.0), 2.0, id="touches_in_passing"),
        pytest.param(approaching([20.0], relative_x_m=-24.0), None, id="behind"),
        pytest.param(
            # Reverses towards it.
            approaching([20.0], relative_x_m=-24.0, actor_velocity_x_mps=-10.0), 2.0, id="reverses"
        ),
        pytest.param(
            approaching([20.0], other_velocity_x_mps=None, other_speed_mps=None),
            None,
            id="unknown_velocity",
        ),
        pytest.param(
            approaching([20.0], actor_velocity_x_mps=0.0, actor_speed_mps=0.0,
                        other_velocity_x_mps=-9.0, other_speed_mps=9.0),
            None,
            id="actor_stands",
        ),
        pytest.param(
            approaching([0.0], actor_velocity_x_mps=0.0, actor_speed_mps=0.0),
            0.0,
            id="actor_stands_and_is_hit",
        ),
        pytest.param(
            # Two points: they meet, or they don't.
            approaching([20.0], relative_x_m=20.0, actor_length_m=0.0, actor_width_m=0.0,
                        other_length_m=0.0, other_width_m=0.0),
            2.0,
            id="zero_size",
        ),
        pytest.param(
            # Its centre has passed the truck's, but not yet the rear of the truck.
            approaching([1.1], relative_x_m=5.0, relative_y_m=-3.0, actor_length_m=20.0,
                        actor_width_m=2.0, other_length_m=1.0, other_width_m=1.0,
                        actor_velocity_x_mps=10.0, other_velocity_x_mps=11.0,
                        other_velocity_y_mps=1.0, other_speed_mps=11.0),
            1.5,
            id="beside_a_long_one",
        ),
    ],
)  # fmt: skip
def test_time_to_collision(pairs: pl.DataFrame, ttc_s: float | None) -> None:
    courses = result_of(collision_courses, actor_pairs=pairs).rows
    assert courses["ttc_s"].to_list() == ([] if ttc_s is None else [pytest.approx(ttc_s)])


def test_what_is_seen() -> None:
    pairs = approaching(
        [20.0],
        relative_y_m=1.0,
        relative_heading_rad=math.pi / 2,
        other_velocity_x_mps=-1.0,
        other_velocity_y_mps=-0.25,
        other_speed_mps=math.hypot(1, 0.25),
        actor_velocity_y_mps=0.25,
        other_length_m=5.0,
    )
    row = result_of(collision_courses, actor_pairs=pairs).rows.row(0, named=True)
    assert (row["closing_x_mps"], row["closing_y_mps"]) == (11.0, 0.5)
    # Half of the actor's width, and half of the other's length, which lies across.
    assert row["side_by_side_m"] == pytest.approx(1 + 2.5)
    assert (row["relative_x_m"], row["relative_y_m"], row["distance_m"]) == (24.0, 1.0, 20.0)


place, speed, side = st.floats(-60, 60), st.floats(-30, 30), st.floats(0, 20)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(place, place, st.floats(-3, 3), speed, speed, side, side, side, side),
        min_size=1,
        max_size=20,
    )
)
def test_no_course_is_lost_by_looking_at_circles_first(
    rows: list[tuple[float, float, float, float, float, float, float, float, float]],
) -> None:
    columns = ("relative_x_m", "relative_y_m", "relative_heading_rad", "other_velocity_x_mps",
               "other_velocity_y_mps", "actor_length_m", "actor_width_m", "other_length_m",
               "other_width_m")  # fmt: skip
    values = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
    pairs = pairs_of(len(rows), **values, actor_velocity_x_mps=5.0, actor_speed_mps=5.0,
                     distance_m=1.0)  # fmt: skip
    velocity = pl.col("other_velocity_x_mps") - 5.0, pl.col("other_velocity_y_mps")
    every = pairs.with_columns(ttc_s=time_to_collision(box_pair(), *velocity))
    expected = every.filter(pl.col("ttc_s") <= HORIZON_S)
    found = rows_of(collision_courses(pairs.lazy()))
    assert found["timestamp_ns"].to_list() == expected["timestamp_ns"].to_list()
    assert found["ttc_s"].to_list() == pytest.approx(expected["ttc_s"].to_list())


def test_both_are_actors_in_traffic_and_who_is_seen_once_is_none() -> None:
    frames = traffic_of(
        {"track_id": "a"},
        {"track_id": "b", "x_m": 24.0, "velocity_x_mps": 5.0},
        # Its velocity is unknown: nobody drives into it, nor it into anybody.
        {"track_id": "c", "x_m": 50.0, "velocity_x_mps": None, "velocity_y_mps": None},
    )
    made = compute_on(frames, "collision_courses").rows
    assert made.select("actor_id", "other_id", "ttc_s").rows() == [("a", "b", 4.0), ("b", "a", 4.0)]


def test_a_synthetic_following_has_none() -> None:
    assert compute_on(scenario("follow"), "collision_courses").rows.is_empty()
