"""Writes a log as an MCAP recording, with the standard Foxglove protobuf schemas.

    /ego_pose       foxglove.PoseInFrame           pose of the vehicle's origin in "map"
    /tracks         foxglove.SceneUpdate           one entity per road user, a cube in "map"
    /vehicle_speed  metrics_platform.VehicleSpeed  timestamp and speed_mps; Foxglove has no scalar

What is known of the log as a whole is the metadata record `log`. Velocities of the ego vehicle
are not written, the standard pose has none.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from pathlib import Path
from typing import Any

import foxglove
import polars as pl
from foxglove.channels import PoseInFrameChannel, SceneUpdateChannel
from foxglove.mcap import MCAPWriteOptions
from foxglove.messages import (
    Color,
    CubePrimitive,
    Duration,
    KeyValuePair,
    Pose,
    PoseInFrame,
    Quaternion,
    SceneEntity,
    SceneUpdate,
    Timestamp,
    Vector3,
)
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

from metrics_platform.core.errors import ConfigurationError

FIXED_FRAME = "map"
EGO_POSE_TOPIC = "/ego_pose"
TRACKS_TOPIC = "/tracks"
VEHICLE_SPEED_TOPIC = "/vehicle_speed"
METADATA = "log"
_METADATA_COLUMNS = (
    "vehicle", "release", "place", "mission",
    "ego_length_m", "ego_width_m", "ego_center_offset_m",
)  # fmt: skip
_COLORS = {"pedestrian": Color(r=0.95, g=0.55, b=0.1, a=0.8)}
_OTHER_COLOR = Color(r=0.2, g=0.5, b=0.9, a=0.8)
# A viewer drops a road user that has been out of sight for so long.
_LIFETIME = Duration(0, 250_000_000)
# Small, so that a recording that is cut off keeps all but its last moments.
_CHUNK_BYTES = 64 * 1024

_Message = tuple[int, Any, Any]


def write_mcap(path: Path, frames: Mapping[str, pl.DataFrame], *, tags: Sequence[str] = ()) -> None:
    """Write one log's recorded signals to `path`, replacing what is there.

    Args:
        path: Ends in `.mcap`.
        frames: By name of the signal: `recordings`, and any of `ego_poses`, `vehicle_speeds` and
            `tracks`. The times of the samples become log times.
        tags: Free words to find the log by.

    Raises:
        ConfigurationError: The frames are not those of exactly one log.
    """
    logs = {log_id for frame in frames.values() for log_id in frame["log_id"].unique()}
    if len(logs) != 1 or "recordings" not in frames:
        raise ConfigurationError(
            f"an MCAP file holds one log and needs its recordings frame, got the frames "
            f"{sorted(frames)} of {len(logs)} logs"
        )
    context = foxglove.Context()
    messages = merge(
        _ego_poses(frames, context),
        _tracks(frames, context),
        _vehicle_speeds(frames, context),
        key=lambda message: message[0],
    )
    with foxglove.open_mcap(
        path,
        allow_overwrite=True,
        context=context,
        # Recordings are small, and threads to compress them would cost more than they give.
        writer_options=MCAPWriteOptions(chunk_size=_CHUNK_BYTES, compression_threads=0),
    ) as writer:
        writer.write_metadata(METADATA, _metadata(frames["recordings"], tags))
        for time_ns, channel, message in messages:
            channel.log(message, log_time=time_ns)


def _metadata(recordings: pl.DataFrame, tags: Sequence[str]) -> dict[str, str]:
    row = recordings.row(0, named=True)
    known = {name: str(row[name]) for name in _METADATA_COLUMNS if row[name] is not None}
    return {**known, "tags": ",".join(tags)} if tags else known


def _ego_poses(frames: Mapping[str, pl.DataFrame], context: foxglove.Context) -> Iterator[_Message]:
    channel = PoseInFrameChannel(EGO_POSE_TOPIC, context=context)
    for row in _rows(frames, "ego_poses"):
        pose = PoseInFrame(
            timestamp=_timestamp(row["timestamp_ns"]), frame_id=FIXED_FRAME, pose=_pose(row)
        )
        yield row["timestamp_ns"], channel, pose


def _tracks(frames: Mapping[str, pl.DataFrame], context: foxglove.Context) -> Iterator[_Message]:
    """Yield one scene for each moment, with all the road users that are seen at it."""
    if not (rows := _rows(frames, "tracks")):
        return
    channel = SceneUpdateChannel(TRACKS_TOPIC, context=context)
    scenes: dict[int, list[SceneEntity]] = {}
    for row in rows:
        scenes.setdefault(row["timestamp_ns"], []).append(_entity(row))
    for time_ns, entities in scenes.items():
        yield time_ns, channel, SceneUpdate(entities=entities)


def _entity(row: Mapping[str, Any]) -> SceneEntity:
    size = Vector3(x=row["length_m"], y=row["width_m"], z=row["height_m"])
    about = ("category", "source", "score", "velocity_x_mps", "velocity_y_mps")
    return SceneEntity(
        timestamp=_timestamp(row["timestamp_ns"]),
        frame_id=FIXED_FRAME,
        id=row["track_id"],
        lifetime=_LIFETIME,
        metadata=[
            KeyValuePair(key=key, value=str(row[key])) for key in about if row[key] is not None
        ],
        cubes=[
            CubePrimitive(
                pose=_pose(row), size=size, color=_COLORS.get(row["category"], _OTHER_COLOR)
            )
        ],
    )


def _vehicle_speeds(
    frames: Mapping[str, pl.DataFrame], context: foxglove.Context
) -> Iterator[_Message]:
    schema, message_type = _vehicle_speed_schema()
    channel = foxglove.Channel(
        VEHICLE_SPEED_TOPIC, schema=schema, message_encoding="protobuf", context=context
    )
    for row in _rows(frames, "vehicle_speeds"):
        seconds, nanos = divmod(row["timestamp_ns"], 1_000_000_000)
        message = message_type(
            timestamp={"seconds": seconds, "nanos": nanos}, speed_mps=row["speed_mps"]
        )
        yield row["timestamp_ns"], channel, message.SerializeToString()


def _vehicle_speed_schema() -> tuple[foxglove.Schema, type[Any]]:
    """Return the schema, its dependency included, and a class of messages of it."""
    of_time = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(of_time)
    field = descriptor_pb2.FieldDescriptorProto
    of_speed = descriptor_pb2.FileDescriptorProto(
        name="metrics_platform/VehicleSpeed.proto",
        package="metrics_platform",
        syntax="proto3",
        dependency=[of_time.name],
        message_type=[
            descriptor_pb2.DescriptorProto(
                name="VehicleSpeed",
                field=[
                    field(
                        name="timestamp",
                        number=1,
                        type=field.TYPE_MESSAGE,
                        type_name=".google.protobuf.Timestamp",
                        label=field.LABEL_OPTIONAL,
                    ),
                    field(
                        name="speed_mps",
                        number=2,
                        type=field.TYPE_DOUBLE,
                        label=field.LABEL_OPTIONAL,
                    ),
                ],
            )
        ],
    )
    files = descriptor_pb2.FileDescriptorSet(file=[of_time, of_speed])
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    name = "metrics_platform.VehicleSpeed"
    schema = foxglove.Schema(name=name, encoding="protobuf", data=files.SerializeToString())
    return schema, message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def _rows(frames: Mapping[str, pl.DataFrame], name: str) -> list[dict[str, Any]]:
    """Return the rows of a signal in the order of time: here a message is a row."""
    return frames[name].sort("timestamp_ns").to_dicts() if name in frames else []


def _timestamp(time_ns: int) -> Timestamp:
    return Timestamp(*divmod(time_ns, 1_000_000_000))


def _pose(row: Mapping[str, Any]) -> Pose:
    half = row["heading_rad"] / 2
    return Pose(
        position=Vector3(x=row["x_m"], y=row["y_m"], z=row["z_m"]),
        orientation=Quaternion(x=0.0, y=0.0, z=math.sin(half), w=math.cos(half)),
    )
