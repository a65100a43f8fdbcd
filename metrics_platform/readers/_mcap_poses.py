"""The vehicle's motion from one topic of an MCAP recording."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from metrics_platform.readers._mcap_fields import columns, field, has_field, stamps
from metrics_platform.readers._mcap_file import LOG_TIME, Channel
from metrics_platform.readers._mcap_transforms import TRANSFORM_SCHEMAS, FrameTree
from metrics_platform.readers._poses import Array, Poses, heading_rad, normalised, tidy
from metrics_platform.readers.config import ReaderConfig

# A clock that differs by less is the delay of a message.
_OTHER_CLOCK_NS = 10_000_000_000
# Who came farther than this did not stand still: localisation alone doesn't wander so far.
_MOVED_M = 1.0


@dataclass(frozen=True)
class _Fields:
    """Where a schema keeps what; None where it has no such thing."""

    stamp: str
    frame: str
    pose: str
    body: str | None = None
    linear: str | None = None
    angular: str | None = None


# By what they say: pose and velocity, then pose. Twists are in the body's frame (REP 105 and
# nav_msgs/Odometry; docs.foxglove.dev/docs/visualization/message-schemas/odometry).
POSE_SCHEMAS = {
    "nav_msgs/msg/Odometry": _Fields(
        "header.stamp", "header.frame_id", "pose.pose", "child_frame_id",
        "twist.twist.linear", "twist.twist.angular",
    ),
    "foxglove.Odometry": _Fields(
        "timestamp", "frame_id", "pose", "body_frame_id", "linear_velocity", "angular_velocity"
    ),
    "foxglove.PoseInFrame": _Fields("timestamp", "frame_id", "pose"),
    "geometry_msgs/msg/PoseWithCovarianceStamped": _Fields(
        "header.stamp", "header.frame_id", "pose.pose"
    ),
    "geometry_msgs/msg/PoseStamped": _Fields("header.stamp", "header.frame_id", "pose"),
}  # fmt: skip


@dataclass(frozen=True)
class EgoMotion:
    """The vehicle's poses.

    Attributes:
        rows: As in `ego_poses` without `log_id`, in recorded order.
        poses: The usable ones in the order of time.
        fixed_frame: In which they are.
        body_frames: Names of the vehicle's own frame.
        clock_offset_ns: Stamps minus log times, 0 where they are of one clock.
        notes: What was left out.
    """

    rows: pl.DataFrame
    poses: Poses
    fixed_frame: str
    body_frames: frozenset[str]
    clock_offset_ns: int = 0
    notes: Sequence[str] = ()


def ego_motion(
    channel: Channel, messages: pl.DataFrame, tree: FrameTree, config: ReaderConfig
) -> EgoMotion | None:
    """Return the vehicle's motion as `channel` has it; None where its transforms don't say."""
    if channel.schema in TRANSFORM_SCHEMAS:
        return _from_transforms(tree, config)
    if not len(messages):
        empty = np.empty((0, 3)), np.empty((0, 4))
        rows = _rows(pl.Series([], dtype=pl.Int64), *empty)
        return EgoMotion(rows, tidy(np.empty(0, np.int64), *empty), "", frozenset())
    fields = POSE_SCHEMAS[channel.schema]
    stamped = stamps(messages, fields.stamp)
    frames = stamped.select(field(fields.frame)).to_series()
    fixed_frame = frames[0]
    notes = []
    if elsewhere := int((frames != fixed_frame).sum()):
        notes.append(
            f"ego_poses: left out {elsewhere} of {len(frames)} poses that are not in {fixed_frame}"
        )
        stamped = stamped.filter(field(fields.frame) == fixed_frame)
    position_m = columns(stamped, f"{fields.pose}.position", "xyz")
    quaternion = columns(stamped, f"{fields.pose}.orientation", "xyzw")
    linear, angular = _vector(stamped, fields.linear), _vector(stamped, fields.angular)
    if linear is not None and not linear.any() and _extent_m(position_m) > _MOVED_M:
        # ROS messages cannot leave a field out: nobody filled it in.
        linear = None
        angular = angular if angular is not None and angular.any() else None
        notes.append(f"ego_poses: the poses on {channel} move, and all velocities are 0: left out")
    rows = _rows(stamped["timestamp_ns"], position_m, quaternion, linear, angular)
    timed = stamped["timestamp_ns"].is_not_null().to_numpy()
    times = stamped["timestamp_ns"].drop_nulls().to_numpy()
    body = stamped.select(field(fields.body)).to_series()[0] if fields.body else ""
    offset = (stamped["timestamp_ns"] - stamped[LOG_TIME]).median()
    offset_ns = int(offset) if isinstance(offset, int | float) else 0
    return EgoMotion(
        rows=rows,
        poses=tidy(times, position_m[timed], quaternion[timed]),
        fixed_frame=fixed_frame.strip("/"),
        body_frames=frozenset([body.strip("/")] if body else config.vehicle_frames),
        clock_offset_ns=offset_ns if abs(offset_ns) > _OTHER_CLOCK_NS else 0,
        notes=notes,
    )


def _from_transforms(tree: FrameTree, config: ReaderConfig) -> EgoMotion | None:
    for fixed_frame in config.fixed_frames:
        for body in config.vehicle_frames:
            poses = tree.motion(fixed_frame, body)
            if poses is not None:
                known = np.isfinite(poses.position_m).all(axis=1)
                early = int(np.count_nonzero(~known))
                poses = Poses(
                    poses.timestamp_ns[known], poses.position_m[known], poses.quaternion[known]
                )
                rows = _rows(pl.Series(poses.timestamp_ns), poses.position_m, poses.quaternion)
                notes = [f"ego_poses: composed from the transforms {fixed_frame} to {body}"]
                if early:
                    notes.append(f"ego_poses: {early} transforms come before their chain is known")
                return EgoMotion(rows, poses, fixed_frame, frozenset({body}), 0, notes)
    return None


def _extent_m(position_m: Array) -> float:
    known = position_m[np.isfinite(position_m).all(axis=1)]
    return float(np.linalg.norm(np.ptp(known, axis=0))) if len(known) else 0.0


def _vector(messages: pl.DataFrame, path: str | None) -> Array | None:
    if path is None or not has_field(messages, path):
        return None
    return columns(messages, path, "xyz")


def _rows(
    timestamp_ns: pl.Series,
    position_m: Array,
    quaternion: Array,
    linear_mps: Array | None = None,
    angular_radps: Array | None = None,
) -> pl.DataFrame:
    unknown = np.full((len(timestamp_ns), 3), np.nan)
    linear_mps = unknown if linear_mps is None else linear_mps
    angular_radps = unknown if angular_radps is None else angular_radps
    return pl.DataFrame(
        {
            "timestamp_ns": timestamp_ns,
            "x_m": position_m[:, 0],
            "y_m": position_m[:, 1],
            "z_m": position_m[:, 2],
            "heading_rad": heading_rad(normalised(quaternion)),
            "longitudinal_velocity_mps": linear_mps[:, 0],
            "lateral_velocity_mps": linear_mps[:, 1],
            "yaw_rate_radps": angular_radps[:, 2],
        }
    )
