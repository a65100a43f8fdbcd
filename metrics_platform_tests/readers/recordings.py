"""Writing small MCAP recordings, with the libraries that recorders use."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import foxglove
from foxglove.channels import (
    FrameTransformsChannel,
    PoseInFrameChannel,
    SceneUpdateChannel,
)
from foxglove.messages import (
    CubePrimitive,
    FrameTransform,
    FrameTransforms,
    KeyValuePair,
    Pose,
    PoseInFrame,
    Quaternion,
    SceneEntity,
    SceneUpdate,
    Timestamp,
    Vector3,
)
from mcap_ros2.writer import Writer as Ros2Writer

T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
TENTH = SECOND // 10


def stamp(time_ns: int) -> Timestamp:
    return Timestamp(time_ns // SECOND, time_ns % SECOND)


def turned(yaw_rad: float) -> Quaternion:
    return Quaternion(x=0.0, y=0.0, z=math.sin(yaw_rad / 2), w=math.cos(yaw_rad / 2))


def pose(
    time_ns: int, x: float = 0.0, y: float = 0.0, yaw_rad: float = 0.0, frame: str = "map"
) -> PoseInFrame:
    at = Pose(position=Vector3(x=x, y=y, z=0.0), orientation=turned(yaw_rad))
    return PoseInFrame(timestamp=stamp(time_ns), frame_id=frame, pose=at)


def box(
    time_ns: int,
    identity: str,
    x: float,
    y: float,
    yaw_rad: float = 0.0,
    *,
    frame: str = "base_link",
    size: tuple[float, float, float] = (4.0, 2.0, 1.5),
    **metadata: str,
) -> SceneEntity:
    at = Pose(position=Vector3(x=x, y=y, z=0.5), orientation=turned(yaw_rad))
    cube = CubePrimitive(pose=at, size=Vector3(x=size[0], y=size[1], z=size[2]))
    pairs = [KeyValuePair(key=key, value=value) for key, value in metadata.items()]
    return SceneEntity(
        timestamp=stamp(time_ns), frame_id=frame, id=identity, cubes=[cube], metadata=pairs
    )


def scene(*entities: SceneEntity) -> SceneUpdate:
    return SceneUpdate(entities=list(entities), deletions=[])


def transform(time_ns: int, parent: str, child: str, x: float, yaw_rad: float) -> FrameTransforms:
    one = FrameTransform(
        timestamp=stamp(time_ns),
        parent_frame_id=parent,
        child_frame_id=child,
        translation=Vector3(x=x, y=0.0, z=0.0),
        rotation=turned(yaw_rad),
    )
    return FrameTransforms(transforms=[one])


def write_foxglove(
    path: Path,
    *,
    poses: Sequence[PoseInFrame] = (),
    scenes: Mapping[str, Sequence[SceneUpdate]] | None = None,
    transforms: Sequence[FrameTransforms] = (),
    log_times_ns: Sequence[int] | None = None,
    metadata: Mapping[str, str] | None = None,
    pose_topic: str = "/ego/pose",
) -> Path:
    """Write messages in the given order; log times count up by a tenth unless given."""
    context = foxglove.Context()

    def log_time(number: int) -> int:
        return log_times_ns[number] if log_times_ns else T0 + number * TENTH

    with foxglove.open_mcap(path, context=context) as writer:
        if metadata:
            writer.write_metadata("log", dict(metadata))
        if poses:
            pose_channel = PoseInFrameChannel(pose_topic, context=context)
            for number, message in enumerate(poses):
                pose_channel.log(message, log_time=log_time(number))
        for topic, updates in (scenes or {}).items():
            scene_channel = SceneUpdateChannel(topic, context=context)
            for number, update in enumerate(updates):
                scene_channel.log(update, log_time=log_time(number))
        if transforms:
            transform_channel = FrameTransformsChannel("/tf", context=context)
            for number, sent in enumerate(transforms):
                transform_channel.log(sent, log_time=log_time(number))
    return path


_HEADER = """
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
_POSE = """
================================================================================
MSG: geometry_msgs/Point
float64 x
float64 y
float64 z
================================================================================
MSG: geometry_msgs/Quaternion
float64 x
float64 y
float64 z
float64 w
================================================================================
MSG: geometry_msgs/Vector3
float64 x
float64 y
float64 z
"""
ROS2_SCHEMAS = {
    "nav_msgs/msg/Odometry": """std_msgs/Header header
string child_frame_id
geometry_msgs/PoseWithCovariance pose
geometry_msgs/TwistWithCovariance twist
================================================================================
MSG: geometry_msgs/PoseWithCovariance
geometry_msgs/Pose pose
float64[36] covariance
================================================================================
MSG: geometry_msgs/Pose
geometry_msgs/Point position
geometry_msgs/Quaternion orientation
================================================================================
MSG: geometry_msgs/TwistWithCovariance
geometry_msgs/Twist twist
float64[36] covariance
================================================================================
MSG: geometry_msgs/Twist
geometry_msgs/Vector3 linear
geometry_msgs/Vector3 angular
"""
    + _HEADER.lstrip("\n")
    + _POSE.lstrip("\n"),
    "tf2_msgs/msg/TFMessage": """geometry_msgs/TransformStamped[] transforms
================================================================================
MSG: geometry_msgs/TransformStamped
std_msgs/Header header
string child_frame_id
geometry_msgs/Transform transform
================================================================================
MSG: geometry_msgs/Transform
geometry_msgs/Vector3 translation
geometry_msgs/Quaternion rotation
"""
    + _HEADER.lstrip("\n")
    + _POSE.lstrip("\n"),
    "std_msgs/msg/Float64": "float64 data\n",
    "std_msgs/msg/String": "string data\n",
}


def ros2_stamp(time_ns: int) -> dict[str, int]:
    return {"sec": time_ns // SECOND, "nanosec": time_ns % SECOND}


def odometry(
    time_ns: int, x: float, y: float = 0.0, yaw_rad: float = 0.0, speed: float = 0.0
) -> dict[str, Any]:
    rotation = {"x": 0.0, "y": 0.0, "z": math.sin(yaw_rad / 2), "w": math.cos(yaw_rad / 2)}
    nothing = {"x": 0.0, "y": 0.0, "z": 0.0}
    twist = {"linear": {**nothing, "x": speed, "y": 0.1}, "angular": {**nothing, "z": 0.2}}
    return {
        "header": {"stamp": ros2_stamp(time_ns), "frame_id": "odom"},
        "child_frame_id": "base_link",
        "pose": {
            "pose": {"position": {"x": x, "y": y, "z": 0.0}, "orientation": rotation},
            "covariance": [0.0] * 36,
        },
        "twist": {"twist": twist, "covariance": [0.0] * 36},
    }


def ros2_transform(
    time_ns: int, parent: str, child: str, x: float, y: float = 0.0, yaw_rad: float = 0.0
) -> dict[str, Any]:
    rotation = {"x": 0.0, "y": 0.0, "z": math.sin(yaw_rad / 2), "w": math.cos(yaw_rad / 2)}
    return {
        "header": {"stamp": ros2_stamp(time_ns), "frame_id": parent},
        "child_frame_id": child,
        "transform": {"translation": {"x": x, "y": y, "z": 0.0}, "rotation": rotation},
    }


def write_ros2(path: Path, messages: Iterable[tuple[str, str, int, Any]]) -> Path:
    """Write (topic, schema, log time, message) in the given order."""
    with path.open("wb") as file:
        writer = Ros2Writer(file)
        schemas: dict[str, Any] = {}
        for topic, schema, log_time_ns, message in messages:
            if schema not in schemas:
                schemas[schema] = writer.register_msgdef(schema, ROS2_SCHEMAS[schema])
            writer.write_message(topic, schemas[schema], message, log_time_ns, log_time_ns)
        writer.finish()  # type: ignore[no-untyped-call]
    return path
