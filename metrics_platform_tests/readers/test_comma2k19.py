import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from metrics_platform.core import Status
from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers import comma2k19
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.data import data_path

CONFIG = ReaderConfig()


def segment() -> Path:
    return next(data_path("comma2k19", "Example_1").glob("*/40"))


@pytest.mark.parametrize("levels", [0, 1, 2], ids=["segment", "route", "folder above the route"])
def test_distances_are_those_that_other_tools_measure(levels: int) -> None:
    path = [segment(), *segment().parents][levels]
    batch = read_logs({"log": path}, CONFIG)
    speeds = batch.signals["vehicle_speeds"].rows
    seconds = (speeds["timestamp_ns"] - speeds["timestamp_ns"][0]).to_numpy() * 1e-9
    by_can = np.trapezoid(speeds["speed_mps"].to_numpy(), seconds)
    assert by_can == pytest.approx(1003.84, rel=1e-3)
    poses = batch.signals["ego_poses"].rows.select("x_m", "y_m", "z_m").to_numpy()
    by_pose = np.linalg.norm(np.diff(poses, axis=0), axis=1).sum()
    assert by_pose == pytest.approx(1011.82, rel=1e-3)


def test_positions_are_east_and_north_of_the_first_as_the_gnss_receiver_says() -> None:
    contents = comma2k19.read(segment(), CONFIG)
    poses = contents.signals["ego_poses"]
    gnss = np.load(segment() / "processed_log/GNSS/live_gnss_ublox/value")
    gnss_times = np.load(segment() / "processed_log/GNSS/live_gnss_ublox/t")
    frame_times = np.load(segment() / "global_pose/frame_times")
    latitude = np.interp(frame_times[[0, -1]], gnss_times, gnss[:, 0])
    longitude = np.interp(frame_times[[0, -1]], gnss_times, gnss[:, 1])
    # Metres per degree at this latitude, after the series of the US Federal Geodetic Survey.
    phi = np.radians(latitude[0])
    north_per_degree = 111132.92 - 559.82 * np.cos(2 * phi) + 1.175 * np.cos(4 * phi)
    east_per_degree = 111412.84 * np.cos(phi) - 93.5 * np.cos(3 * phi)
    east_m = (longitude[1] - longitude[0]) * east_per_degree
    north_m = (latitude[1] - latitude[0]) * north_per_degree
    assert poses["x_m"][0] == pytest.approx(0, abs=1e-6)
    assert poses["x_m"][-1] == pytest.approx(east_m, abs=10)
    assert poses["y_m"][-1] == pytest.approx(north_m, abs=10)
    assert np.abs(poses["z_m"]).max() < 20


def test_the_vehicle_moves_in_the_direction_of_its_heading() -> None:
    poses = comma2k19.read(segment(), CONFIG).signals["ego_poses"]
    forward = poses["longitudinal_velocity_mps"].to_numpy()
    sideways = poses["lateral_velocity_mps"].to_numpy()
    speed = np.linalg.norm(np.load(segment() / "global_pose/frame_velocities"), axis=1)
    np.testing.assert_allclose(forward, speed, rtol=0.01)
    assert np.abs(sideways / speed).max() < 0.03
    course = np.arctan2(np.diff(poses["y_m"]), np.diff(poses["x_m"]))
    apart = np.angle(np.exp(1j * (course - poses["heading_rad"].to_numpy()[:-1])))
    assert np.abs(np.median(apart)) < np.radians(1.5)


def test_times_are_utc() -> None:
    batch = read_logs({"log": segment()}, CONFIG)
    (row,) = batch.signals["recordings"].rows.iter_rows(named=True)
    start = datetime.fromtimestamp(row["start_ns"] / 1e9, UTC)
    # The route began at 08:34:47 in California; this is its minute 40.
    expected = datetime(2018, 8, 2, 15 + 1, 34 + 40 - 60, 47, tzinfo=UTC)
    assert abs((start - expected).total_seconds()) < 90
    assert row["vehicle"] == "b0c9d2329ad1606b"
    assert row["duration_s"] == pytest.approx(60, abs=0.1)


def test_radar_points_are_no_boxes() -> None:
    outcome = read_logs({"log": segment()}, CONFIG).signals["tracks"].outcomes["log"]
    assert outcome.status is Status.ABSTAINED
    assert "radar" in (outcome.reason or "")


def test_segments_are_put_together_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    route = tmp_path / "99c94dc769b5d96e|2018-05-01--08-13-53"
    for number, start_s in ((10, 110.0), (9, 100.0)):
        write_segment(route / str(number), start_s)
    contents = comma2k19.read(tmp_path, CONFIG)
    times = contents.signals["ego_poses"]["timestamp_ns"]
    assert len(times) == 200
    assert times.is_sorted()
    assert contents.metadata.vehicle == "99c94dc769b5d96e"
    assert "segments 9, 10" in contents.notes
    assert any("boot" in note for note in contents.notes)


def test_two_routes_are_no_log(tmp_path: Path) -> None:
    for route in ("a", "b"):
        write_segment(tmp_path / route / "1", 100.0)
    with pytest.raises(UnreadableLogError, match="one route, found a, b"):
        comma2k19.read(tmp_path, CONFIG)


def test_a_cut_off_file_is_named(tmp_path: Path) -> None:
    write_segment(tmp_path, 100.0)
    file = tmp_path / "global_pose" / "frame_positions"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(UnreadableLogError, match="global_pose/frame_positions is not a readable"):
        comma2k19.read(tmp_path, CONFIG)


def test_files_of_different_lengths_are_named(tmp_path: Path) -> None:
    write_segment(tmp_path, 100.0)
    save(tmp_path / "global_pose" / "frame_times", np.arange(99.0))
    with pytest.raises(UnreadableLogError, match="frame_times 99, frame_positions 100"):
        comma2k19.read(tmp_path, CONFIG)


def test_a_segment_without_poses_still_has_speeds(tmp_path: Path) -> None:
    real = segment() / "processed_log" / "CAN" / "speed"
    shutil.copytree(real, tmp_path / "processed_log" / "CAN" / "speed")
    batch = read_logs({"log": tmp_path}, CONFIG)
    assert len(batch.signals["vehicle_speeds"].rows) == 4974
    assert batch.signals["ego_poses"].outcomes["log"].status is Status.ABSTAINED


def test_times_and_positions_that_are_not_finite_are_dropped(tmp_path: Path) -> None:
    write_segment(tmp_path, 100.0)
    times = np.load(tmp_path / "global_pose" / "frame_times")
    times[3] = np.nan
    save(tmp_path / "global_pose" / "frame_times", times)
    positions = np.load(tmp_path / "global_pose" / "frame_positions")
    positions[0] = np.inf
    save(tmp_path / "global_pose" / "frame_positions", positions)
    batch = read_logs({"log": tmp_path}, CONFIG)
    assert len(batch.signals["ego_poses"].rows) == 98
    assert "dropped 2 of 100 rows" in batch.signals["recordings"].rows["notes"][0]


def write_segment(folder: Path, start_s: float) -> None:
    """Write 100 frames of a car on the equator that drives east."""
    count = 100
    pose = folder / "global_pose"
    pose.mkdir(parents=True)
    along_m = np.arange(count) * 1.0
    radius_m = 6_378_137.0
    save(pose / "frame_times", start_s + np.arange(count) * 0.05)
    save(
        pose / "frame_positions", np.column_stack([np.full(count, radius_m), along_m, 0 * along_m])
    )
    save(pose / "frame_velocities", np.tile([0.0, 20.0, 0.0], (count, 1)))
    save(pose / "frame_orientations", np.tile([1.0, 0.0, 0.0, 0.0], (count, 1)))


def save(file: Path, array: np.ndarray) -> None:
    with file.open("wb") as opened:
        np.save(opened, array)
