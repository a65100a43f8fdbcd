import math
from pathlib import Path

import numpy as np
import pytest

from metrics_platform.core import Status
from metrics_platform.readers import mcap
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.data import data_path
from metrics_platform_tests.readers.recordings import (
    SECOND,
    T0,
    TENTH,
    odometry,
    ros2_transform,
    write_ros2,
)

CONFIG = ReaderConfig()
ODOMETRY, TRANSFORMS = "nav_msgs/msg/Odometry", "tf2_msgs/msg/TFMessage"
# Simulated time, as robots in a simulator have it: far from the recorder's.
SIM0 = 900 * SECOND


def test_a_real_robot_drives_as_its_odometry_says() -> None:
    path = data_path("robot", "nav2_turtlebot.mcap")
    batch = read_logs({"log": path}, CONFIG)
    rows = batch.signals["ego_poses"].rows
    assert len(rows) == 2639
    (recording,) = batch.signals["recordings"].rows.iter_rows(named=True)
    assert recording["duration_s"] == pytest.approx(96.696, abs=0.001)
    assert not recording["truncated"]
    assert "taken from /odom" in recording["notes"]
    # Two measurements that the reader doesn't combine: way of the poses, speed of the wheels.
    seconds = (rows["timestamp_ns"] - rows["timestamp_ns"][0]).to_numpy() * 1e-9
    way_m = np.hypot(np.diff(rows["x_m"]), np.diff(rows["y_m"])).sum()
    by_speed_m = np.trapezoid(np.abs(rows["longitudinal_velocity_mps"].to_numpy()), seconds)
    assert way_m == pytest.approx(by_speed_m, rel=0.02)
    turned = np.unwrap(rows["heading_rad"].to_numpy())
    by_rate = np.trapezoid(rows["yaw_rate_radps"].to_numpy(), seconds)
    assert turned[-1] - turned[0] == pytest.approx(by_rate, abs=0.1)


def test_the_same_drive_by_transforms_differs_only_by_the_map_correction() -> None:
    path = data_path("robot", "nav2_turtlebot.mcap")
    odom = mcap.read(path, CONFIG).signals["ego_poses"]
    chained = mcap.read(path, ReaderConfig(ego_poses=("/tf",))).signals["ego_poses"]
    by_odom_frame = ReaderConfig(ego_poses=("/tf",), fixed_frames=("odom",))
    plain = mcap.read(path, by_odom_frame).signals["ego_poses"]
    joined = odom.join(plain, on="timestamp_ns")
    assert len(joined) > 2600
    np.testing.assert_allclose(joined["x_m"], joined["x_m_right"], atol=1e-6)
    np.testing.assert_allclose(joined["heading_rad"], joined["heading_rad_right"], atol=1e-6)
    # A rigid correction that drifts little: the way is nearly the same.
    ways = [
        np.hypot(np.diff(poses["x_m"]), np.diff(poses["y_m"])).sum() for poses in (odom, chained)
    ]
    assert len(chained) > 2500
    assert ways[1] == pytest.approx(ways[0], rel=0.05)
    assert not np.allclose(chained["x_m"][-1], odom["x_m"][-1], atol=1e-4)


def test_odometry_has_velocities_of_the_vehicle_and_times_of_measurement(tmp_path: Path) -> None:
    path = write_ros2(
        tmp_path / "a.mcap",
        [
            ("/odom", ODOMETRY, T0 + k * TENTH, odometry(SIM0 + k * TENTH, k, 0, 0.5, speed=10.0))
            for k in range(3)
        ],
    )
    rows = read_logs({"log": path}, CONFIG).signals["ego_poses"].rows
    assert rows["timestamp_ns"].to_list() == [SIM0, SIM0 + TENTH, SIM0 + 2 * TENTH]
    assert rows["longitudinal_velocity_mps"].to_list() == [10.0] * 3
    assert rows["lateral_velocity_mps"].to_list() == [0.1] * 3
    assert rows["yaw_rate_radps"].to_list() == [0.2] * 3
    np.testing.assert_allclose(rows["heading_rad"], [0.5] * 3)


@pytest.mark.parametrize(("step_m", "filled_in"), [(1.0, False), (0.01, True)])
def test_velocities_that_nobody_filled_in_are_unknown(
    tmp_path: Path, step_m: float, filled_in: bool
) -> None:
    nothing = {"x": 0.0, "y": 0.0, "z": 0.0}
    still = {"twist": {"linear": nothing, "angular": nothing}, "covariance": [0.0] * 36}
    messages = [
        ("/odom", ODOMETRY, T0 + k * TENTH, odometry(T0 + k * TENTH, k * step_m) | {"twist": still})
        for k in range(10)
    ]
    batch = read_logs({"log": write_ros2(tmp_path / "a.mcap", messages)}, CONFIG)
    rows = batch.signals["ego_poses"].rows
    for name in ("longitudinal_velocity_mps", "lateral_velocity_mps", "yaw_rate_radps"):
        assert rows[name].null_count() == (0 if filled_in else 10)
    notes = batch.signals["recordings"].rows["notes"][0]
    assert ("all velocities are 0" in notes) is not filled_in


def test_transforms_are_chained_each_at_its_own_rate(tmp_path: Path) -> None:
    messages = [
        ("/tf", TRANSFORMS, T0 + k * TENTH, {
            "transforms": [ros2_transform(SIM0 + k * TENTH, "odom", "base_footprint", float(k))]
        })
        for k in range(11)
    ]  # fmt: skip
    # Known only from 0.2 s on; in the middle between its two values at 0.7 s, and held after 1 s.
    messages += [
        ("/tf", TRANSFORMS, T0 + at, {
            "transforms": [ros2_transform(SIM0 + at, "map", "odom", 0.0, y, math.pi / 2)]
        })
        for at, y in ((2 * TENTH, 100.0), (12 * TENTH - TENTH // 2, 119.0))
    ]  # fmt: skip
    messages.append(("/tf_static", TRANSFORMS, T0, {
        "transforms": [ros2_transform(0, "base_link", "base_footprint", 0.0, 0.0, math.pi)]
    }))  # fmt: skip
    messages.sort(key=lambda message: message[2])
    batch = read_logs({"log": write_ros2(tmp_path / "a.mcap", messages)}, CONFIG)
    rows = batch.signals["ego_poses"].rows
    assert rows["timestamp_ns"].to_list() == [SIM0 + k * TENTH for k in range(2, 11)]
    # odom is turned by a quarter in map, so that its x is y there.
    np.testing.assert_allclose(rows["x_m"], 0.0, atol=1e-9)
    shift = np.interp(np.arange(2, 11), [2, 11.5], [100, 119])
    np.testing.assert_allclose(rows["y_m"], np.arange(2, 11) + shift)
    # base_footprint looks backwards on base_link.
    np.testing.assert_allclose(rows["heading_rad"], math.pi / 2 - math.pi)
    notes = batch.signals["recordings"].rows["notes"][0]
    assert "transforms map to base_link" in notes
    assert "2 transforms come before" in notes


def test_a_bare_number_is_a_speed_by_its_topic_and_moved_to_the_clock_of_the_poses(
    tmp_path: Path,
) -> None:
    messages = []
    for k in range(20):
        log_time_ns = T0 + k * TENTH
        messages += [
            ("/odom", ODOMETRY, log_time_ns, odometry(SIM0 + k * TENTH, float(k))),
            ("/vehicle/speed", "std_msgs/msg/Float64", log_time_ns, {"data": 3.0 + k}),
            ("/battery/voltage", "std_msgs/msg/Float64", log_time_ns, {"data": 48.0}),
            ("/cmd_speed", "std_msgs/msg/Float64", log_time_ns, {"data": 99.0}),
        ]
    batch = read_logs({"log": write_ros2(tmp_path / "a.mcap", messages)}, CONFIG)
    rows = batch.signals["vehicle_speeds"].rows
    assert rows["speed_mps"].to_list() == [3.0 + k for k in range(20)]
    assert rows["timestamp_ns"].to_list() == [SIM0 + k * TENTH for k in range(20)]
    assert "to the clock of the poses" in batch.signals["recordings"].rows["notes"][0]


def test_a_recording_of_unknown_schemas_names_them(tmp_path: Path) -> None:
    path = write_ros2(
        tmp_path / "a.mcap", [("/chatter", "std_msgs/msg/String", T0, {"data": "hello"})]
    )
    batch = read_logs({"log": path}, CONFIG)
    assert batch.signals["recordings"].outcomes["log"].status is Status.FAILED
    for computed in batch.signals.values():
        outcome = computed.outcomes["log"]
        assert outcome.status is not Status.COMPUTED
        assert "/chatter (std_msgs/msg/String)" in (outcome.reason or "")
