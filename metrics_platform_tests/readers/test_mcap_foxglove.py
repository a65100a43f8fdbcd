import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from foxglove import Channel, Context, Schema, open_mcap
from foxglove.messages import SceneEntity
from google.protobuf import descriptor_pb2
from scipy.spatial.transform import Rotation

from metrics_platform.core import Status
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import ReadBatch, read_logs
from metrics_platform_tests.readers.recordings import (
    SECOND,
    T0,
    TENTH,
    box,
    pose,
    scene,
    stamp,
    transform,
    write_foxglove,
)

QUARTER = math.pi / 2


def read(path: Path, config: ReaderConfig | None = None) -> ReadBatch:
    return read_logs({"log": path}, config or ReaderConfig())


def notes(batch: ReadBatch) -> str:
    text: str = batch.signals["recordings"].rows["notes"][0]
    return text


def test_poses_are_read_as_sent(tmp_path: Path) -> None:
    sent = [pose(T0 + k * TENTH, 2.0 * k, -k, 0.1 * k) for k in range(5)]
    rows = read(write_foxglove(tmp_path / "a.mcap", poses=sent)).signals["ego_poses"].rows
    assert rows["timestamp_ns"].to_list() == [T0 + k * TENTH for k in range(5)]
    np.testing.assert_allclose(rows["x_m"], [0, 2, 4, 6, 8])
    np.testing.assert_allclose(rows["y_m"], [0, -1, -2, -3, -4])
    np.testing.assert_allclose(rows["heading_rad"], [0, 0.1, 0.2, 0.3, 0.4])
    assert rows["longitudinal_velocity_mps"].null_count() == 5


def test_boxes_in_the_frame_of_the_vehicle_are_moved_to_the_fixed_frame(tmp_path: Path) -> None:
    poses = [pose(T0, 0, 0, 0.0), pose(T0 + SECOND, 10, 4, QUARTER)]
    # Halfway in time, the vehicle is at (5, 2) and has turned by an eighth.
    middle = T0 + SECOND // 2
    seen = scene(box(middle, "7", 3.0, 1.0, 0.2, category="car", score="0.75"))
    path = write_foxglove(tmp_path / "a.mcap", poses=poses, scenes={"/objects": [seen]})
    (row,) = read(path).signals["tracks"].rows.iter_rows(named=True)
    x, y = np.array([5, 2]) + Rotation.from_euler("z", QUARTER / 2).as_matrix()[:2, :2] @ [3, 1]
    assert row["x_m"] == pytest.approx(x)
    assert row["y_m"] == pytest.approx(y)
    assert row["z_m"] == pytest.approx(0.5)
    assert row["heading_rad"] == pytest.approx(QUARTER / 2 + 0.2)
    assert (row["length_m"], row["width_m"], row["height_m"]) == (4.0, 2.0, 1.5)
    assert (row["track_id"], row["category"], row["score"]) == ("7", "car", 0.75)
    assert row["source"] == "tracker"
    assert row["timestamp_ns"] == middle


def test_boxes_in_the_fixed_frame_are_taken_as_they_are(tmp_path: Path) -> None:
    poses = [pose(T0, 50, 50, 1.0), pose(T0 + SECOND, 60, 50, 1.0)]
    entity = box(T0 + TENTH, "a", 3.0, 1.0, frame="map", velocity_x_mps="1.5", velocity_y_mps="-2")
    path = write_foxglove(tmp_path / "a.mcap", poses=poses, scenes={"/objects": [scene(entity)]})
    (row,) = read(path).signals["tracks"].rows.iter_rows(named=True)
    assert (row["x_m"], row["y_m"], row["heading_rad"]) == (3.0, 1.0, 0.0)
    assert (row["velocity_x_mps"], row["velocity_y_mps"]) == (1.5, -2.0)
    assert row["category"] == "unknown"
    assert row["score"] is None


def test_boxes_in_the_frame_of_a_sensor_go_by_its_mounting(tmp_path: Path) -> None:
    path = write_foxglove(
        tmp_path / "a.mcap",
        poses=[pose(T0, 10, 0, QUARTER), pose(T0 + SECOND, 10, 0, QUARTER)],
        scenes={"/objects": [scene(box(T0 + TENTH, "a", 5.0, 0.0, frame="lidar"))]},
        transforms=[transform(T0, "base_link", "lidar", 1.0, math.pi)],
    )
    (row,) = read(path).signals["tracks"].rows.iter_rows(named=True)
    # 5 m behind the lidar, which is 1 m ahead of an origin that looks north.
    assert row["x_m"] == pytest.approx(10)
    assert row["y_m"] == pytest.approx(1 - 5)
    assert row["heading_rad"] == pytest.approx(-QUARTER)


def test_boxes_in_a_frame_that_nothing_ties_to_the_ground_are_no_tracks(tmp_path: Path) -> None:
    path = write_foxglove(
        tmp_path / "a.mcap",
        poses=[pose(T0), pose(T0 + SECOND)],
        scenes={"/objects": [scene(box(T0, "a", 5.0, 0.0, frame="lidar"))]},
    )
    outcome = read(path).signals["tracks"].outcomes["log"]
    assert outcome.status is Status.ABSTAINED
    assert "'lidar'" in (outcome.reason or "")


def test_boxes_without_a_pose_near_them_are_left_out_and_counted(tmp_path: Path) -> None:
    poses = [pose(T0), pose(T0 + TENTH), pose(T0 + 5 * SECOND)]
    times = [T0 - 1, T0, T0 + TENTH // 2, T0 + 2 * SECOND, T0 + 5 * SECOND + 1]
    scenes = [scene(box(time, "a", 5.0, 0.0)) for time in times]
    batch = read(write_foxglove(tmp_path / "a.mcap", poses=poses, scenes={"/o": scenes}))
    assert batch.signals["tracks"].rows["timestamp_ns"].to_list() == times[1:3]
    assert "3 of 5 boxes lie outside the recorded poses" in notes(batch)


def test_the_ego_vehicle_and_what_has_no_cube_are_no_tracks(tmp_path: Path) -> None:
    label = SceneEntity(timestamp=stamp(T0), frame_id="map", id="text")
    sent = scene(box(T0, "ego", 0, 0), box(T0, "a", 5, 0))
    path = write_foxglove(
        tmp_path / "a.mcap",
        poses=[pose(T0), pose(T0 + SECOND)],
        scenes={"/objects": [sent, scene(label)]},
    )
    batch = read(path)
    assert batch.signals["tracks"].rows["track_id"].to_list() == ["a"]
    assert "1 of 2 tracker entities have no cube" in notes(batch)


def test_annotations_and_a_tracker_stand_side_by_side(tmp_path: Path) -> None:
    path = write_foxglove(
        tmp_path / "a.mcap",
        poses=[pose(T0), pose(T0 + SECOND)],
        scenes={
            "/ground_truth/objects": [scene(box(T0, "a", 5, 0))],
            "/tracked_objects": [scene(box(T0, "a", 5.1, 0)), scene(box(T0 + TENTH, "a", 5.2, 0))],
            "/other_objects": [scene(box(T0, "b", 9, 0))],
        },
    )
    batch = read(path)
    rows = batch.signals["tracks"].rows
    assert rows.group_by("source").len().sort("source").rows() == [
        ("annotation", 1),
        ("tracker", 2),
    ]
    assert "not from /other_objects" in notes(batch)


def test_a_topic_without_an_object_is_a_log_without_road_users(tmp_path: Path) -> None:
    path = write_foxglove(
        tmp_path / "a.mcap",
        poses=[pose(T0), pose(T0 + SECOND)],
        scenes={"/objects": [scene(), scene()]},
    )
    tracks = read(path).signals["tracks"]
    assert tracks.outcomes["log"].status is Status.COMPUTED
    assert len(tracks.rows) == 0
    assert tracks.summary["log_id"].to_list() == ["log"]


def test_one_pose_is_a_log_of_no_length(tmp_path: Path) -> None:
    batch = read(write_foxglove(tmp_path / "a.mcap", poses=[pose(T0, 1, 2)]))
    assert batch.signals["recordings"].rows["duration_s"].to_list() == [0.0]
    assert len(batch.signals["ego_poses"].rows) == 1


def test_metadata_in_the_recording_is_read(tmp_path: Path) -> None:
    given = {
        "vehicle": "van 3", "release": "2.1", "place": "depot", "mission": "delivery",
        "tags": "rain, night", "ego_length_m": "4.8", "ego_width_m": "1.9",
        "ego_center_offset_m": "-0.2", "driver": "nobody",
    }  # fmt: skip
    batch = read(write_foxglove(tmp_path / "a.mcap", poses=[pose(T0)], metadata=given))
    (row,) = batch.signals["recordings"].rows.iter_rows(named=True)
    assert (row["vehicle"], row["release"], row["mission"]) == ("van 3", "2.1", "delivery")
    assert (row["ego_length_m"], row["ego_width_m"]) == (4.8, 1.9)
    assert row["ego_center_offset_m"] == -0.2
    assert batch.metadata["log"].tags == ("rain", "night")
    assert "unknown keys are ignored: driver" in row["notes"]


def test_the_configuration_chooses_the_topic(tmp_path: Path) -> None:
    path = write_foxglove(
        tmp_path / "a.mcap",
        poses=[pose(T0, 1.0), pose(T0 + SECOND, 2.0)],
        transforms=[
            transform(T0 + k * TENTH, "map", "base_link", 100.0 + k, 0.0) for k in range(3)
        ],
    )
    by_default = read(path)
    assert by_default.signals["ego_poses"].rows["x_m"].to_list() == [1.0, 2.0]
    assert "taken from /ego/pose" in notes(by_default)
    configured = read(path, ReaderConfig(ego_poses=("/tf",)))
    assert configured.signals["ego_poses"].rows["x_m"].to_list() == [100.0, 101.0, 102.0]
    nowhere = read(path, ReaderConfig(ego_poses=("/elsewhere",)))
    assert nowhere.failures["log"].startswith("no topic is a pose")


def test_a_speed_in_a_protobuf_of_ones_own_is_found_by_its_field(tmp_path: Path) -> None:
    file = descriptor_pb2.FileDescriptorProto(name="wheel.proto", package="acme", syntax="proto3")
    message = file.message_type.add(name="WheelSpeed")
    for number, name in enumerate(("speed_mps", "temperature"), start=1):
        message.field.add(name=name, number=number, type=1, label=1, json_name=name)
    descriptors = descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString()
    context = Context()
    with open_mcap(tmp_path / "a.mcap", context=context):
        channel = Channel(
            "/vehicle/speed",
            message_encoding="protobuf",
            schema=Schema(name="acme.WheelSpeed", encoding="protobuf", data=descriptors),
            context=context,
        )
        for k in range(3):
            value = np.float64(1.5 + k).tobytes()
            channel.log(b"\x09" + value + b"\x11" + value, log_time=T0 + k * TENTH)
    rows = read(tmp_path / "a.mcap").signals["vehicle_speeds"].rows
    assert rows["speed_mps"].to_list() == [1.5, 2.5, 3.5]
    assert rows["timestamp_ns"].to_list() == [T0, T0 + TENTH, T0 + 2 * TENTH]


def test_topics_with_odd_names_are_found(tmp_path: Path) -> None:
    path = write_foxglove(tmp_path / "a.mcap", poses=[pose(T0)], pose_topic="robot-1/pose.v2")
    assert len(read(path).signals["ego_poses"].rows) == 1


def test_a_folder_of_split_files_is_one_log(tmp_path: Path) -> None:
    folder = tmp_path / "bag"
    folder.mkdir()
    for number in (0, 1, 10):
        poses = [pose(T0 + (10 * number + k) * TENTH, float(number)) for k in range(10)]
        write_foxglove(folder / f"bag_{number}.mcap", poses=poses)
    (folder / "metadata.yaml").write_text("rosbag2_bagfile_information:\n")
    rows = read(folder).signals["ego_poses"].rows
    assert rows["x_m"].to_list() == [0.0] * 10 + [1.0] * 10 + [10.0] * 10
    assert rows.select(pl.col("timestamp_ns").is_sorted()).item()
