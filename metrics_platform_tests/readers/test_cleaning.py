"""What every format shares: broken values, repeated and unsorted times, clocks that jump."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.core.errors import ClockError, ContractError, LogError
from metrics_platform.readers.cleaning import CLOCK_RUN_LENGTH, clean
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform.signals.ego_poses import ego_poses
from metrics_platform.signals.tracks import tracks
from metrics_platform.signals.vehicle_speeds import vehicle_speeds
from metrics_platform_tests.readers.recordings import T0, TENTH, box, pose, scene, write_foxglove


def speeds(times: Sequence[int | None], values: Sequence[float] | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {"timestamp_ns": times, "speed_mps": values or [float(k) for k in range(len(times))]},
        {"timestamp_ns": pl.Int64, "speed_mps": pl.Float64},
    )


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, None])
def test_rows_with_a_broken_required_value_are_dropped_and_counted(broken: float) -> None:
    rows, notes = clean(vehicle_speeds, speeds([1, 2, 3], [5.0, broken, 7.0]))
    assert rows.rows() == [(1, 5.0), (3, 7.0)]
    assert notes == ["vehicle_speeds: dropped 1 of 3 rows with absent, NaN or infinite speed_mps"]


def test_broken_values_of_nullable_columns_become_null() -> None:
    frame = pl.DataFrame(
        {
            "timestamp_ns": [1],
            "x_m": [1.0],
            "y_m": [1.0],
            "z_m": [1.0],
            "heading_rad": [0.0],
            "longitudinal_velocity_mps": [math.nan],
            "lateral_velocity_mps": [math.inf],
            "yaw_rate_radps": [0.5],
        }
    )
    rows, notes = clean(ego_poses, frame)
    assert rows.row(0)[-3:] == (None, None, 0.5)
    assert notes == []


def test_rows_that_are_all_broken_fail_the_signal() -> None:
    with pytest.raises(LogError, match="not one usable row, 2 of 2 rows"):
        clean(vehicle_speeds, speeds([1, 2], [math.nan, math.inf]))


def test_no_rows_are_no_error() -> None:
    rows, notes = clean(vehicle_speeds, speeds([]))
    assert len(rows) == 0
    assert notes == []


def test_of_rows_with_one_time_the_first_recorded_is_kept() -> None:
    rows, notes = clean(vehicle_speeds, speeds([3, 1, 3, 1, 1], [30.0, 10.0, 31.0, 11.0, 12.0]))
    assert rows.rows() == [(1, 10.0), (3, 30.0)]
    assert "dropped 3 of 5 rows that repeat a timestamp_ns" in notes[1]


def test_messages_that_overtook_one_another_are_sorted() -> None:
    times = list(range(40))
    times[20], times[21] = times[21], times[20]
    times[5:8] = [7, 5, 6]
    rows, notes = clean(vehicle_speeds, speeds(times))
    assert rows["timestamp_ns"].to_list() == list(range(40))
    assert notes == ["vehicle_speeds: sorted, 2 of 40 rows came late"]


@pytest.mark.parametrize(
    ("times", "fault"),
    [
        ([*range(50), *range(20, 80)], True),
        ([*range(50), *range(39, 80)], True),
        ([*range(50), *range(49, 80)], False),
        ([*range(100, 150), *range(50)], False),
        ([*range(50), *range(1000, 1005), *range(50, 100)], True),
        ([*range(0, 100, 2), *range(1, 1 + 2 * (CLOCK_RUN_LENGTH - 1), 2)], False),
        ([*range(0, 100, 2), *range(1, 1 + 2 * CLOCK_RUN_LENGTH, 2)], True),
        (list(itertools.chain.from_iterable((k + 1, k) for k in range(0, 80, 2))), False),
    ],
    ids=[
        "set back by 30",
        "set back by 11",
        "repeats its last time",
        "earlier part delivered late",
        "jumps ahead and comes back",
        "9 late messages",
        "10 late messages",
        "every pair swapped",
    ],
)
def test_a_clock_that_was_set_back_is_told_from_late_messages(
    times: list[int], fault: bool
) -> None:
    if fault:
        with pytest.raises(ClockError, match="clock jumps back"):
            clean(vehicle_speeds, speeds(times))
    else:
        rows, _ = clean(vehicle_speeds, speeds(times))
        assert rows["timestamp_ns"].to_list() == sorted(set(times))


def boxes(times: Sequence[int], objects: int, source: str) -> pl.DataFrame:
    zeros = [0.0] * len(times) * objects
    return pl.DataFrame(
        {
            "timestamp_ns": [time for time in times for _ in range(objects)],
            "source": source,
            "track_id": [str(k) for _ in times for k in range(objects)],
            "category": "car",
            **{name: zeros for name in ("x_m", "y_m", "z_m", "heading_rad")},
            **{name: zeros for name in ("length_m", "width_m", "height_m")},
            **{name: zeros for name in ("velocity_x_mps", "velocity_y_mps", "score")},
        }
    )


def test_many_objects_of_one_message_are_one_sample_of_the_clock() -> None:
    # 5 messages of 30 objects set back are fewer than a run; 30 of 1 object would be one.
    late = pl.concat([boxes(range(50), 30, "tracker"), boxes(range(10, 15), 30, "tracker")])
    rows, notes = clean(tracks, late)
    assert len(rows) == 50 * 30
    assert "dropped 150 of 1650 rows" in notes[-1]
    with pytest.raises(ClockError, match="tracks"):
        clean(
            tracks, pl.concat([boxes(range(50), 2, "tracker"), boxes(range(10, 30), 2, "tracker")])
        )


def test_each_source_of_tracks_has_a_clock_of_its_own() -> None:
    frame = pl.concat([boxes(range(50), 2, "tracker"), boxes(range(50), 2, "annotation")])
    rows, notes = clean(tracks, frame)
    assert len(rows) == 200
    assert rows["timestamp_ns"].is_sorted()
    assert len(notes) == 1


def test_a_reader_with_other_columns_than_the_schema_is_an_error() -> None:
    with pytest.raises(ContractError, match="expected the columns"):
        clean(vehicle_speeds, speeds([1]).rename({"speed_mps": "speed"}))


def test_repairs_stand_in_the_notes_of_the_recording(tmp_path: Path) -> None:
    good = [pose(T0 + k * TENTH, float(k)) for k in range(20)]
    bad = [pose(T0 + 20 * TENTH, math.nan), pose(T0 + 21 * TENTH, math.inf)]
    sent = [*good[:5], good[6], good[5], good[7], *good[7:], *bad]
    path = write_foxglove(tmp_path / "a.mcap", poses=sent)
    batch = read_logs({"log": path}, ReaderConfig())
    notes = batch.signals["recordings"].rows["notes"][0].split("\n")
    assert notes == [
        "ego_poses: dropped 2 of 23 rows with absent, NaN or infinite x_m",
        "ego_poses: sorted, 1 of 21 rows came late",
        "ego_poses: dropped 1 of 21 rows that repeat a timestamp_ns",
    ]
    assert batch.signals["ego_poses"].rows["x_m"].to_list() == [float(k) for k in range(20)]


@pytest.mark.parametrize("by_recorder", [True, False], ids=["recorder's clock", "sender's clock"])
def test_a_clock_set_back_fails_only_the_signals_on_it(tmp_path: Path, by_recorder: bool) -> None:
    steps = [*range(50), *range(20, 80)]
    path = write_foxglove(
        tmp_path / "a.mcap",
        poses=[pose(T0 + k * TENTH, float(n)) for n, k in enumerate(steps)],
        log_times_ns=[T0 + k * TENTH for k in steps] if by_recorder else None,
        scenes={"/objects": [scene(box(T0, "a", 1.0, 2.0, frame="map"))]},
    )
    batch = read_logs({"log": path}, ReaderConfig())
    outcome = batch.signals["ego_poses"].outcomes["log"]
    assert outcome.status is Status.FAILED
    assert "clock jumps back by 2.900 s" in (outcome.reason or "")
    assert batch.signals["tracks"].outcomes["log"].status is Status.COMPUTED
    assert batch.signals["recordings"].outcomes["log"].status is Status.COMPUTED


def test_positions_that_are_all_nan_fail_the_signal_and_the_recording(tmp_path: Path) -> None:
    path = write_foxglove(tmp_path / "a.mcap", poses=[pose(T0 + k, math.nan) for k in range(3)])
    batch = read_logs({"log": path}, ReaderConfig())
    for name in ("ego_poses", "recordings"):
        outcome = batch.signals[name].outcomes["log"]
        assert outcome.status is Status.FAILED
        assert "not one usable row, 3 of 3 rows" in (outcome.reason or "")
    assert "log" in batch.failures
