"""Who drives, in recordings as Autoware makes them."""

from pathlib import Path
from typing import Any

import pytest

from metrics_platform.core import Status
from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers import mcap
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.readers.recordings import (
    ROS2_SCHEMAS,
    SECOND,
    T0,
    TENTH,
    odometry,
    ros2_stamp,
    write_ros2,
)

CONFIG = ReaderConfig()
CONTROL = "autoware_vehicle_msgs/msg/ControlModeReport"
OLD_CONTROL = "autoware_auto_vehicle_msgs/msg/ControlModeReport"
OPERATION = "autoware_adapi_v1_msgs/msg/OperationModeState"
ODOMETRY = "nav_msgs/msg/Odometry"
_TIME = """
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
SCHEMAS = {
    **dict.fromkeys((CONTROL, OLD_CONTROL), f"builtin_interfaces/Time stamp\nuint8 mode{_TIME}"),
    OPERATION: "builtin_interfaces/Time stamp\nuint8 mode\n"
    "bool is_autoware_control_enabled\nbool is_in_transition\nbool is_stop_mode_available\n"
    "bool is_autonomous_mode_available\nbool is_local_mode_available\n"
    f"bool is_remote_mode_available{_TIME}",
}
Message = tuple[str, str, int, Any]


@pytest.fixture(autouse=True)
def _schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in SCHEMAS.items():
        monkeypatch.setitem(ROS2_SCHEMAS, name, text)


def control(
    time_ns: int, mode: int, topic: str = "/vehicle/status/control_mode", schema: str = CONTROL
) -> Message:
    return topic, schema, time_ns, {"stamp": ros2_stamp(time_ns), "mode": mode}


def operation(
    time_ns: int, mode: int, *, enabled: bool = True, in_transition: bool = False
) -> Message:
    available = ("stop", "autonomous", "local", "remote")
    return "/api/operation_mode/state", OPERATION, time_ns, {
        "stamp": ros2_stamp(time_ns),
        "mode": mode,
        "is_autoware_control_enabled": enabled,
        "is_in_transition": in_transition,
        **{f"is_{name}_mode_available": True for name in available},
    }  # fmt: skip


def modes_of(path: Path, config: ReaderConfig = CONFIG) -> list[tuple[int, str]]:
    rows = read_logs({"log": path}, config).signals["drive_modes"].rows
    return [((time_ns - T0) // TENTH, mode) for _, time_ns, mode in rows.rows()]


@pytest.mark.parametrize(
    ("number", "mode"),
    [
        (0, "unknown"),
        (1, "autonomous"),
        (2, "assisted"),
        (3, "assisted"),
        (4, "manual"),
        (5, "manual"),
        (6, "manual"),
        (7, "unknown"),
    ],
)
def test_a_control_mode_report(tmp_path: Path, number: int, mode: str) -> None:
    path = write_ros2(tmp_path / "a.mcap", [control(T0 + k * TENTH, number) for k in range(2)])
    assert modes_of(path) == [(0, mode), (1, mode)]


@pytest.mark.parametrize(
    ("number", "mode"),
    [(1, "autonomous"), (2, "unknown"), (3, "unknown"), (4, "manual"), (5, "manual")],
)
def test_two_meanings_of_a_number_are_none(tmp_path: Path, number: int, mode: str) -> None:
    path = write_ros2(tmp_path / "a.mcap", [control(T0, number, schema=OLD_CONTROL)])
    assert modes_of(path) == [(0, mode)]


@pytest.mark.parametrize(
    ("number", "enabled", "mode"),
    [
        (0, True, "unknown"),
        (1, True, "autonomous"),
        (2, True, "autonomous"),
        (3, True, "manual"),
        (4, True, "remote"),
        (2, False, "manual"),
        (4, False, "manual"),
    ],
)
def test_an_operation_mode_state(tmp_path: Path, number: int, enabled: bool, mode: str) -> None:
    path = write_ros2(tmp_path / "a.mcap", [operation(T0, number, enabled=enabled)])
    assert modes_of(path) == [(0, mode)]


def test_while_in_transition_who_drove_before_still_does(tmp_path: Path) -> None:
    messages = [
        operation(T0, 2, enabled=False),
        operation(T0 + TENTH, 2, in_transition=True),
        operation(T0 + 2 * TENTH, 2),
    ]
    path = write_ros2(tmp_path / "a.mcap", messages)
    assert modes_of(path) == [(0, "manual"), (2, "autonomous")]


def test_the_topic_that_says_most_is_taken_and_the_other_noted(tmp_path: Path) -> None:
    messages = [
        *(control(T0 + k * TENTH, 1) for k in range(3)),
        operation(T0, 4),
        control(T0, 4, topic="/simulated/control_mode_cmd"),
    ]
    path = write_ros2(tmp_path / "a.mcap", sorted(messages, key=lambda message: message[2]))
    assert modes_of(path) == [(0, "remote")]
    notes = read_logs({"log": path}, CONFIG).signals["recordings"].rows["notes"].item()
    assert "drive_modes: taken from /api/operation_mode/state" in notes
    assert "not from /vehicle/status/control_mode" in notes
    configured = ReaderConfig(drive_modes=("/vehicle/*",))
    assert modes_of(path, configured) == [(k, "autonomous") for k in range(3)]


def test_a_drive_with_modes_is_exposure(tmp_path: Path) -> None:
    messages = [
        ("/odom", ODOMETRY, T0 + k * TENTH, odometry(T0 + k * TENTH, float(k), speed=10.0))
        for k in range(101)
    ]
    messages += [control(T0 + second * SECOND, 1 if 3 <= second < 7 else 4) for second in range(10)]
    path = write_ros2(tmp_path / "a.mcap", sorted(messages, key=lambda message: message[2]))
    batch = read_logs({"log": path}, CONFIG)
    frames = {name: made.rows for name, made in batch.signals.items() if len(made.rows)}
    rows = compute_on(frames, "exposure").rows
    assert rows.select("mode", "distance_m", "duration_s", "stretches_count").rows() == [
        ("autonomous", pytest.approx(40.0), pytest.approx(4.0), 1),
        ("manual", pytest.approx(60.0), pytest.approx(6.0), 2),
    ]


def test_a_recording_without_modes_says_so(tmp_path: Path) -> None:
    path = write_ros2(tmp_path / "a.mcap", [("/odom", ODOMETRY, T0, odometry(T0, 0.0))])
    outcome = read_logs({"log": path}, CONFIG).signals["drive_modes"].outcomes["log"]
    assert outcome.status is Status.ABSTAINED
    assert "no topic with drive modes; found /odom" in (outcome.reason or "")
    with pytest.raises(UnreadableLogError, match="or a drive mode; found /x"):
        mcap.read(
            write_ros2(tmp_path / "b.mcap", [("/x", "std_msgs/msg/String", T0, {"data": ""})]),
            CONFIG,
        )
