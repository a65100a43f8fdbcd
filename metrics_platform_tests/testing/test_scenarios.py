"""What the vocabulary says of a scenario is what its frames show."""

import math

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from metrics_platform.core.errors import ConfigurationError, UnknownNameError
from metrics_platform.testing.scenarios import CAR, OTHER_CAR, PEDESTRIAN, ROBOT, SCENARIOS
from metrics_platform.testing.synthetic import Frames, scenario


def _numpy(frame: pl.DataFrame, column: str) -> NDArray[np.float64]:
    return frame[column].to_numpy()


def _ego_at_tracks(frames: Frames) -> pl.DataFrame:
    """Tracks, with where the ego vehicle is at the same moment."""
    return frames["tracks"].join(
        frames["ego_poses"].select("log_id", "timestamp_ns", ego_x_m="x_m", ego_y_m="y_m"),
        on=["log_id", "timestamp_ns"],
        validate="m:1",
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_speed_is_the_derivative_of_the_position(name: str) -> None:
    frames = scenario(name, seconds=12)
    poses = frames["ego_poses"]
    moved = np.hypot(np.diff(_numpy(poses, "x_m")), np.diff(_numpy(poses, "y_m")))
    speeds = _numpy(frames["vehicle_speeds"], "speed_mps")
    # Within a step of 50 ms no scenario changes its speed by more than 8 m/s² x 50 ms.
    assert moved / 0.05 == pytest.approx((speeds[1:] + speeds[:-1]) / 2, abs=0.15)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_velocities_of_tracks_are_the_derivative_of_their_positions(name: str) -> None:
    for _, track in scenario(name, bystanders=3)["tracks"].group_by("track_id"):
        for axis in "xy":
            velocity = _numpy(track, f"velocity_{axis}_mps")
            moved = np.diff(_numpy(track, f"{axis}_m")) / 0.1
            assert moved == pytest.approx((velocity[1:] + velocity[:-1]) / 2, abs=0.05)


def test_hard_brake_takes_off_what_it_says_when_it_says() -> None:
    frames = scenario(
        "hard_brake", speed_mps=15.0, deceleration_mps2=6.0, brake_at_s=4.0, duration_s=2.0
    )
    poses, speeds = frames["ego_poses"], _numpy(frames["vehicle_speeds"], "speed_mps")
    assert speeds[[0, 80, 90, 100, 120, 200]] == pytest.approx([15, 15, 12, 9, 3, 3])
    # 4 s at 15, 2 s at 9 on average, 4 s at 3.
    assert poses["x_m"][-1] == pytest.approx(4 * 15 + 2 * 9 + 4 * 3)


def test_follow_keeps_its_headway_between_bumpers() -> None:
    together = _ego_at_tracks(scenario("follow", speed_mps=20.0, headway_s=1.5))
    gap = _numpy(together, "x_m") - OTHER_CAR.length_m / 2
    gap -= _numpy(together, "ego_x_m") + CAR.front_m
    assert gap == pytest.approx(np.full(101, 30.0))


def test_cut_in_has_its_least_time_to_collision_when_it_is_in_the_lane() -> None:
    frames = scenario("cut_in", gap_m=12.0, closing_mps=4.0, in_lane_at_s=5.0, change_s=3.0)
    together = _ego_at_tracks(frames)
    gap = _numpy(together, "x_m") - OTHER_CAR.length_m / 2
    gap -= _numpy(together, "ego_x_m") + CAR.front_m
    closing = 15.0 - _numpy(together, "velocity_x_mps")
    time_to_collision = gap / closing
    assert time_to_collision.min() == pytest.approx(12.0 / 4.0)
    assert np.argmin(time_to_collision) == 50
    assert gap.min() > 6.0
    assert _numpy(together, "y_m")[[0, 20, 35, 50, 100]] == pytest.approx([3.5, 3.5, 1.75, 0, 0])


def test_pedestrian_leaves_the_path_before_the_ego_enters_theirs() -> None:
    frames = scenario("pedestrian_crossing", speed_mps=8.0, arrive_s=6.0, pet_s=1.5)
    together = _ego_at_tracks(frames)
    t = np.arange(101) / 10
    rear_of_pedestrian = _numpy(together, "y_m") - PEDESTRIAN.length_m / 2
    in_path = t[rear_of_pedestrian < CAR.width_m / 2 - 1e-9]
    front_of_ego = _numpy(together, "ego_x_m") + CAR.front_m
    near_edge = together["x_m"][0] - PEDESTRIAN.width_m / 2
    arrived = t[front_of_ego >= near_edge - 1e-9]
    assert arrived[0] == pytest.approx(6.0)
    assert in_path[-1] == pytest.approx(4.4)
    assert rear_of_pedestrian[45] == pytest.approx(CAR.width_m / 2)


def test_turn_has_the_curvature_of_its_radius() -> None:
    poses = scenario("turn", speed_mps=6.0, radius_m=20.0, velocities=True)["ego_poses"]
    from_center = np.hypot(_numpy(poses, "x_m"), _numpy(poses, "y_m") - 20.0)
    assert from_center == pytest.approx(np.full(201, 20.0))
    assert poses["yaw_rate_radps"].unique().to_list() == [pytest.approx(0.3)]
    assert poses["heading_rad"][100] == pytest.approx(1.5)
    assert poses["heading_rad"].is_between(-math.pi, math.pi).all()


def test_sidewalk_passes_at_its_clearance() -> None:
    together = _ego_at_tracks(scenario("sidewalk", clearance_m=0.8, meet_s=5.0))
    aside = _numpy(together, "y_m") - (ROBOT.width_m + PEDESTRIAN.width_m) / 2
    assert aside == pytest.approx(np.full(101, 0.8))
    assert together["x_m"][50] == pytest.approx(together["ego_x_m"][50])


def test_standing_stands() -> None:
    frames = scenario("standing", gap_m=8.0)
    assert frames["ego_poses"]["x_m"].unique().to_list() == [0.0]
    assert frames["vehicle_speeds"]["speed_mps"].unique().to_list() == [0.0]
    assert frames["tracks"]["x_m"][0] == pytest.approx(CAR.front_m + 8.0 + OTHER_CAR.length_m / 2)


def test_no_tracks_has_none_even_with_bystanders() -> None:
    assert scenario("no_tracks", bystanders=3)["tracks"].is_empty()


def test_an_unknown_scenario_is_named_with_its_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'hard_brake'"):
        scenario("hard_brakes")


def test_an_unknown_parameter_is_named_with_its_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"of scenario cruise named 'speed'.*'speed_mps'"):
        scenario("cruise", speed=3.0)


def test_braking_below_zero_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="brakes by 18 m/s, more than its speed of 15 m/s"):
        scenario("hard_brake", duration_s=3.0)
