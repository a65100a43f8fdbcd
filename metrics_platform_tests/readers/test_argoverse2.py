import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.spatial.transform import Rotation

from metrics_platform.core import Status
from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers import argoverse2
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.data import data_path

WITH_EGO_AND_MAP = "3b3570b4-7b0b-3268-a571-b0889dbf40b6"
LOGS = [
    WITH_EGO_AND_MAP,
    "7fab2350-7eaf-3b7e-a39d-6937a4c1bede",
    "adcf7d18-0510-35b0-a2fa-b4cea13a6d76",
]
CONFIG = ReaderConfig()


def log_path(log: str) -> Path:
    return data_path("argoverse2", "sensor", log)


@pytest.mark.parametrize("log", LOGS)
def test_boxes_are_moved_to_the_city_frame_by_the_pose_of_their_sweep(log: str) -> None:
    path = log_path(log)
    tracks = argoverse2.read(path, CONFIG).signals["tracks"]
    poses = pl.read_ipc(path / "city_SE3_egovehicle.feather")
    boxes = pl.read_ipc(next(path.glob("annotations*.feather")))
    boxes = boxes.filter(pl.col("category") != "EGO_VEHICLE")
    joined = tracks.join(
        boxes.join(poses, on="timestamp_ns", suffix="_ego"),
        left_on=["timestamp_ns", "track_id"],
        right_on=["timestamp_ns", "track_uuid"],
    )
    assert len(joined) == len(tracks) == len(boxes)
    ego = Rotation.from_quat(joined.select("qx_ego", "qy_ego", "qz_ego", "qw_ego").to_numpy())
    box = Rotation.from_quat(joined.select("qx", "qy", "qz", "qw").to_numpy())
    expected = ego.apply(joined.select("tx_m", "ty_m", "tz_m").to_numpy())
    expected += joined.select("tx_m_ego", "ty_m_ego", "tz_m_ego").to_numpy()
    np.testing.assert_allclose(joined.select("x_m", "y_m", "z_m").to_numpy(), expected, atol=1e-6)
    forward = (ego * box).as_matrix()[:, :2, 0]
    heading = joined["heading_rad"].to_numpy()
    length = np.linalg.norm(forward, axis=1)
    np.testing.assert_allclose(np.cos(heading) * length, forward[:, 0], atol=1e-9)
    np.testing.assert_allclose(np.sin(heading) * length, forward[:, 1], atol=1e-9)


def test_what_is_parked_stands_still_in_the_city_frame_while_the_vehicle_drives() -> None:
    path = log_path(WITH_EGO_AND_MAP)
    contents = argoverse2.read(path, CONFIG)
    in_ego = pl.read_ipc(path / "annotations_with_ego.feather")
    cars = pl.col("category") == "REGULAR_VEHICLE"
    wander_m = (
        contents.signals["tracks"]
        .filter(cars)
        .group_by("track_id")
        .agg(pl.len(), city=(pl.col("x_m").var() + pl.col("y_m").var()).sqrt())
        .join(
            in_ego.filter(cars)
            .group_by(track_id="track_uuid")
            .agg(ego=(pl.col("tx_m").var() + pl.col("ty_m").var()).sqrt()),
            on="track_id",
        )
        .filter(pl.col("len") > 100)
    )
    city_m, ego_m = wander_m["city"].to_numpy(), wander_m["ego"].to_numpy()
    assert np.median(ego_m) > 20
    # Half of the cars are parked; annotators are within some decimetres of one another.
    assert np.quantile(city_m, 0.4) < 0.5


def test_poses_are_those_of_the_table_and_closely_spaced_ones_are_kept() -> None:
    path = log_path(WITH_EGO_AND_MAP)
    batch = read_logs({"log": path}, CONFIG)
    poses = batch.signals["ego_poses"].rows
    table = pl.read_ipc(path / "city_SE3_egovehicle.feather")
    assert len(poses) == len(table) == 2694
    assert poses["timestamp_ns"].diff().min() == 1
    rotation = Rotation.from_quat(table.select("qx", "qy", "qz", "qw").to_numpy())
    heading = np.unwrap(rotation.as_euler("ZYX")[:, 0])
    np.testing.assert_allclose(np.unwrap(poses["heading_rad"].to_numpy()), heading, atol=1e-9)
    assert poses["longitudinal_velocity_mps"].null_count() == len(poses)


def test_the_ego_vehicle_is_no_track_and_the_city_is_the_place() -> None:
    batch = read_logs({"log": log_path(WITH_EGO_AND_MAP)}, CONFIG)
    assert "EGO_VEHICLE" not in batch.signals["tracks"].rows["category"].unique()
    assert len(batch.signals["tracks"].rows) == 13_820 - 157
    (row,) = batch.signals["recordings"].rows.iter_rows(named=True)
    assert row["place"] == "MIA"
    assert row["format"] == "argoverse2"
    assert row["ego_length_m"] == pytest.approx(4.877, abs=0.01)
    speeds = batch.signals["vehicle_speeds"].outcomes["log"]
    assert speeds.status is Status.ABSTAINED


def test_boxes_outside_of_the_poses_are_left_out_and_counted(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    poses = pl.read_ipc(copy / "city_SE3_egovehicle.feather")
    boxes = pl.read_ipc(copy / "annotations.feather")
    middle = poses["timestamp_ns"].median()
    poses.filter(pl.col("timestamp_ns") < middle).write_ipc(copy / "city_SE3_egovehicle.feather")
    contents = argoverse2.read(copy, CONFIG)
    kept = len(contents.signals["tracks"])
    assert 0 < kept < len(boxes)
    assert any(f"{len(boxes) - kept} of {len(boxes)} boxes" in note for note in contents.notes)


def test_a_log_without_annotations_has_poses_and_says_so(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    (copy / "annotations.feather").unlink()
    batch = read_logs({"log": copy}, CONFIG)
    assert len(batch.signals["ego_poses"].rows) == 2706
    outcome = batch.signals["tracks"].outcomes["log"]
    assert outcome.status is Status.ABSTAINED
    assert "annotations" in (outcome.reason or "")


@pytest.mark.parametrize("file", ["city_SE3_egovehicle.feather", "annotations.feather"])
def test_a_damaged_table_is_named(tmp_path: Path, file: str) -> None:
    copy = copied(tmp_path)
    whole = (copy / file).read_bytes()
    (copy / file).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableLogError, match=file):
        argoverse2.read(copy, CONFIG)


def test_a_table_without_a_column_says_which(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    table = pl.read_ipc(copy / "city_SE3_egovehicle.feather").drop("qw")
    table.write_ipc(copy / "city_SE3_egovehicle.feather")
    with pytest.raises(UnreadableLogError, match="lacks qw"):
        argoverse2.read(copy, CONFIG)


def test_the_name_alone_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "city_SE3_egovehicle.feather").write_text("not a table")
    assert not argoverse2.recognises(tmp_path)


def copied(folder: Path, log: str = LOGS[1]) -> Path:
    copy = folder / "log"
    copy.mkdir()
    for file in log_path(log).glob("*.feather"):
        shutil.copyfile(file, copy / file.name)
    return copy


def test_a_trackers_output_beside_the_log_is_another_source(tmp_path: Path) -> None:
    copy = copied(tmp_path, WITH_EGO_AND_MAP)
    file = data_path("argoverse2", "predictions", f"{WITH_EGO_AND_MAP}.parquet")
    shutil.copyfile(file, copy / "predictions.parquet")
    tracks = argoverse2.read(copy, CONFIG).signals["tracks"]
    given = pl.read_parquet(file)
    read = tracks.filter(source="tracker").sort("timestamp_ns", "track_id")
    given = given.sort("timestamp_ns", "track_id")
    assert len(read) == 5_576
    for name, column in {"category": "label", "heading_rad": "yaw_rad", "score": "score"}.items():
        assert read[name].to_list() == given[column].to_list()
    np.testing.assert_array_equal(
        read.select("x_m", "y_m", "z_m").to_numpy(), given.select("x_m", "y_m", "z_m").to_numpy()
    )
    assert tracks["source"].unique().sort().to_list() == ["annotation", "tracker"]


def test_points_in_annotated_boxes_are_counted() -> None:
    path = log_path(WITH_EGO_AND_MAP)
    tracks = argoverse2.read(path, CONFIG).signals["tracks"]
    boxes = pl.read_ipc(path / "annotations_with_ego.feather")
    boxes = boxes.filter(pl.col("category") != "EGO_VEHICLE")
    assert tracks["points_count"].sum() == boxes["num_interior_pts"].sum()
    assert tracks["points_count"].null_count() == 0


def test_a_detectors_boxes_are_moved_to_the_city_and_are_no_tracks(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    boxes = pl.read_ipc(copy / "annotations.feather").drop("track_uuid")
    for file in ("detections.feather", "detections_b.feather"):
        boxes.with_columns(score=0.5).write_ipc(copy / file)
    tracks = argoverse2.read(copy, CONFIG).signals["tracks"]
    assert set(tracks["source"]) == {"annotation", "detector", "detector_b"}
    detected = tracks.filter(source="detector")
    annotated = tracks.filter(source="annotation")
    assert detected["x_m"].to_list() == annotated["x_m"].to_list()
    assert detected["score"].to_list() == [0.5] * len(boxes)
    # Every box has an id that no other has, at whatever moment.
    assert detected["track_id"].n_unique() == len(boxes)
    assert detected["track_id"][0] == f"{detected['timestamp_ns'][0]}.0"


def test_of_a_file_with_many_logs_only_this_one_is_read(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    boxes = pl.read_ipc(copy / "annotations.feather").with_columns(score=0.5)
    both = [boxes.with_columns(log_id=pl.lit(log)) for log in ("log", "another")]
    pl.concat(both).write_ipc(copy / "detections.feather")
    contents = argoverse2.read(copy, CONFIG)
    assert len(contents.signals["tracks"].filter(source="detector")) == len(boxes)
    note = f"detections.feather: {len(boxes)} of {2 * len(boxes)} boxes are of other logs"
    assert note in contents.notes


@pytest.mark.parametrize("file", ["predictions.parquet", "detections.feather"])
def test_damaged_detections_are_named(tmp_path: Path, file: str) -> None:
    copy = copied(tmp_path)
    (copy / file).write_bytes(b"PAR1 or ARROW1, and then nothing")
    with pytest.raises(UnreadableLogError, match=file):
        argoverse2.read(copy, CONFIG)
