"""MCAP recordings: ROS 2 messages, and the Foxglove schemas in protobuf.

Source: the MCAP specification (mcap.dev/spec). Decoded by rerun's reader, which is Rust. One
file, or a folder with the files that a recorder split it into.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers._mcap_file import Channel, Recording, is_decodable, is_mcap
from metrics_platform.readers._mcap_modes import MODE_SCHEMAS, drive_modes
from metrics_platform.readers._mcap_poses import POSE_SCHEMAS, EgoMotion, ego_motion
from metrics_platform.readers._mcap_scenes import SCENE_SCHEMAS, tracks
from metrics_platform.readers._mcap_spans import span_topics, spans
from metrics_platform.readers._mcap_speeds import could_be_speed, vehicle_speeds
from metrics_platform.readers._mcap_topics import chosen, source_of
from metrics_platform.readers._mcap_transforms import TRANSFORM_SCHEMAS, FrameTree
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents, LogMetadata, updated

# The more of a state a message holds, and the more often it is sent, the sooner it is taken.
_POSE_TOPICS = (
    "*kinematic_state*", "*odometry/filtered*", "*localization*", "*ego*", "*odom*", "*pose*",
)  # fmt: skip
_SPEED_TOPICS = ("*wheel*speed*", "*vehicle*speed*", "*velocity_status*", "*speed*", "*velocity*")
_TRACK_TOPICS = ("*",)
_MODE_TOPICS = ("*operation_mode*", "*control_mode*", "*")
_METADATA = "log"


def recognises(path: Path) -> bool:
    """Say whether `path` begins as MCAP does, or is a folder with files that do."""
    return bool(_files(path))


def read(path: Path, config: ReaderConfig) -> LogContents:
    """Return ego poses, vehicle speeds, tracks, drive modes and spans, as far as there are topics.

    A signal takes the topic that matches the earliest pattern; among those, the schema that says
    most, then the most messages, then the name. What else would have fit is noted. Measurement
    times are those in the messages; log times only where a schema has none. MCAP metadata named
    `log` says what is known of the recording.

    Raises:
        UnreadableLogError: Nothing can be recovered, or no topic is any of the signals.
    """
    with Recording.open(_files(path)) as recording:
        return _contents(recording, config)


def _contents(recording: Recording, config: ReaderConfig) -> LogContents:
    notes = list(recording.notes)
    decodable = list(filter(is_decodable, recording.channels))
    if not recording.channels:
        raise UnreadableLogError("; ".join(["no message can be had from the MCAP file", *notes]))
    transforms = [c for c in decodable if c.schema in TRANSFORM_SCHEMAS]
    poses = chosen(
        [c for c in decodable if c.schema in POSE_SCHEMAS] + transforms,
        config.ego_poses,
        _POSE_TOPICS,
        config,
        schemas=[*POSE_SCHEMAS, *TRANSFORM_SCHEMAS],
    )
    speeds = chosen(
        [c for c in decodable if could_be_speed(c.schema)],
        config.vehicle_speeds,
        _SPEED_TOPICS,
        config,
        only_matching=True,
    )
    modes = chosen(
        [c for c in decodable if c.schema in MODE_SCHEMAS],
        config.drive_modes,
        _MODE_TOPICS,
        config,
        schemas=MODE_SCHEMAS,
    )
    scenes = _by_source(decodable, config)
    timings = span_topics(decodable)
    # Frames are needed to move boxes, or to know the pose; a robot has many that move all the time.
    if not scenes and (not poses or poses[0] not in transforms):
        transforms = []
    wanted = {
        *poses[:1],
        *transforms,
        *speeds,
        *modes[:1],
        *timings,
        *(c for found in scenes.values() for c in found[:1]),
    }
    messages = recording.messages(wanted)
    notes += [
        f"{channel.message_count - len(table)} of {channel.message_count} messages on {channel} "
        "are damaged"
        for channel, table in messages.items()
        if len(table) < channel.message_count
    ]
    tree = FrameTree.of([messages[channel] for channel in transforms], config)
    signals: dict[str, pl.DataFrame] = {}
    missing: dict[str, str] = {}

    motion: EgoMotion | None = None
    if poses:
        motion = ego_motion(poses[0], messages[poses[0]], tree, config)
    if motion is None:
        missing["ego_poses"] = _nothing("pose", recording.channels)
    else:
        signals["ego_poses"] = motion.rows
        notes += [*motion.notes, *_passed_over("ego_poses", poses)]

    found = vehicle_speeds([(channel, messages[channel]) for channel in speeds], motion)
    if found is None:
        missing["vehicle_speeds"] = _nothing("vehicle speed", recording.channels)
    else:
        signals["vehicle_speeds"] = found.rows
        notes += [
            *found.notes,
            *_passed_over(
                "vehicle_speeds", [found.channel, *(c for c in speeds if c != found.channel)]
            ),
        ]

    if not scenes:
        missing["tracks"] = _nothing("other road users", recording.channels)
    else:
        by_source = {source: messages[found[0]] for source, found in scenes.items()}
        rows, remarks, reason = tracks(by_source, motion, tree, config)
        notes += remarks
        for found_channels in scenes.values():
            notes += _passed_over("tracks", found_channels)
        if reason is None:
            signals["tracks"] = rows
        else:
            missing["tracks"] = reason
    if not modes:
        missing["drive_modes"] = _nothing("drive modes", recording.channels)
    else:
        signals["drive_modes"] = drive_modes(modes[0].schema, messages[modes[0]])
        notes += _passed_over("drive_modes", modes)
    if not timings:
        missing["spans"] = _nothing("times that a node took", recording.channels)
    else:
        signals["spans"] = spans({channel: messages[channel] for channel in timings})
    if not signals:
        found_topics = ", ".join(map(str, recording.channels))
        raise UnreadableLogError(
            "no topic is a pose, a vehicle speed, other road users, a node's time or a drive mode; "
            f"found {found_topics}"
        )
    metadata, remarks = updated(LogMetadata(), recording.metadata(_METADATA), "MCAP metadata")
    return LogContents(
        signals, missing, metadata, truncated=recording.truncated, notes=(*notes, *remarks)
    )


def _by_source(
    channels: Sequence[Channel], config: ReaderConfig
) -> Mapping[str, Sequence[Channel]]:
    """Return the topics with road users by what made them: annotations or a tracker."""
    fitting = [channel for channel in channels if channel.schema in SCENE_SCHEMAS]
    sources: dict[str, list[Channel]] = {}
    for channel in chosen(fitting, config.tracks, _TRACK_TOPICS, config):
        sources.setdefault(source_of(channel, config), []).append(channel)
    return sources


def _passed_over(signal: str, channels: Sequence[Channel]) -> list[str]:
    taken, *others = channels
    if not others:
        return []
    return [f"{signal}: taken from {taken}, not from {', '.join(map(str, others))}"]


def _nothing(what: str, channels: Sequence[Channel]) -> str:
    found = ", ".join(map(str, channels)) or "no topic at all"
    return f"no topic with {what}; found {found}"


def _files(path: Path) -> Sequence[Path]:
    if path.is_dir():
        return sorted(filter(is_mcap, path.iterdir()), key=lambda file: (len(file.name), file.name))
    return [path] if is_mcap(path) else []
