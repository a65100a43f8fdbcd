"""Times that nodes took, in recordings as Autoware makes them."""

import math
from pathlib import Path
from typing import Any

import pytest

from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.readers.recordings import (
    ROS2_SCHEMAS,
    T0,
    TENTH,
    ros2_stamp,
    write_ros2,
)

FLOAT64 = "autoware_internal_debug_msgs/msg/Float64Stamped"
FLOAT32 = "tier4_debug_msgs/msg/Float32Stamped"
_TIME = """
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
PLANNER = "/planning/velocity_smoother/debug/processing_time_ms"
NDT = "/localization/pose_estimator/exe_time_ms"
MS = 1_000_000
Message = tuple[str, str, int, Any]


@pytest.fixture(autouse=True)
def _schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in ((FLOAT64, "float64"), (FLOAT32, "float32")):
        text = f"builtin_interfaces/Time stamp\n{number} data{_TIME}"
        monkeypatch.setitem(ROS2_SCHEMAS, name, text)


def took(time_ns: int, took_ms: float, topic: str = PLANNER, schema: str = FLOAT64) -> Message:
    return topic, schema, time_ns, {"stamp": ros2_stamp(time_ns), "data": took_ms}


def spans_of(path: Path) -> list[tuple[Any, ...]]:
    made = read_logs({"log": path}, ReaderConfig())
    assert not made.failures
    rows = made.signals["spans"].rows
    assert rows["trace_id"].is_null().all()
    return rows.select(rows["timestamp_ns"] - T0, "stage", "duration_s").rows()


def test_work_began_before_it_was_told_of(tmp_path: Path) -> None:
    messages = [took(T0 + TENTH, 30.0), took(T0 + 2 * TENTH, 40.0)]
    assert spans_of(write_ros2(tmp_path / "log.mcap", messages)) == [
        (70 * MS, PLANNER, pytest.approx(0.03)),
        (160 * MS, PLANNER, pytest.approx(0.04)),
    ]


def test_an_execution_time_stands_at_its_input(tmp_path: Path) -> None:
    path = write_ros2(tmp_path / "log.mcap", [took(T0, 2.5, NDT, FLOAT32)])
    assert spans_of(path) == [(0, NDT, pytest.approx(0.0025))]


def test_topics_are_streams_of_their_own(tmp_path: Path) -> None:
    """The one tells late of work that takes long, which is no clock that was set back."""
    slow = [took(T0 + n * TENTH, 90.0) for n in range(1, 30)]
    quick = [took(T0 + n * TENTH // 10, 0.5, "/sensing/processing_time_ms") for n in range(1, 300)]
    rows = spans_of(write_ros2(tmp_path / "log.mcap", sorted([*slow, *quick], key=lambda m: m[2])))
    assert [stage for _, stage, _ in rows].count(PLANNER) == 29
    assert len(rows) == 29 + 299


def test_other_numbers_are_no_times(tmp_path: Path) -> None:
    messages = [
        took(T0, 1.0),
        took(T0, 1.0, "/planning/debug/cyclic_time_ms"),
        took(T0, 1.0, "/planning/debug/pipeline_latency_ms"),
        ("/processing_time_ms", "std_msgs/msg/Float64", T0, {"data": 1.0}),
    ]
    rows = spans_of(write_ros2(tmp_path / "log.mcap", messages))
    assert [stage for _, stage, _ in rows] == [PLANNER]


def test_a_time_that_is_no_number_is_no_span(tmp_path: Path) -> None:
    messages = [took(T0, math.nan), took(T0 + TENTH, math.inf), took(T0 + 2 * TENTH, 1.0)]
    assert len(spans_of(write_ros2(tmp_path / "log.mcap", messages))) == 1
