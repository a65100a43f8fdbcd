"""The speed that the vehicle reports, from a topic of an MCAP recording."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from metrics_platform.readers._mcap_fields import field, has_field, stamps
from metrics_platform.readers._mcap_file import Channel
from metrics_platform.readers._mcap_poses import EgoMotion

# Where a message keeps its speed, in m/s: what the name says first, then twists forward, then
# the value of a bare number.
_SPEED_FIELDS = (
    "speed_mps", "longitudinal_velocity_mps", "longitudinal_velocity", "speed", "velocity",
    "twist.linear.x", "twist.twist.linear.x", "data", "value",
)  # fmt: skip
_STAMP_FIELDS = ("header.stamp", "timestamp", "stamp")
_ROS_SCHEMAS = frozenset(
    {
        "std_msgs/msg/Float32",
        "std_msgs/msg/Float64",
        "geometry_msgs/msg/TwistStamped",
        "geometry_msgs/msg/TwistWithCovarianceStamped",
        "autoware_vehicle_msgs/msg/VelocityReport",
        "autoware_auto_vehicle_msgs/msg/VelocityReport",
    }
)


@dataclass(frozen=True)
class Speeds:
    """Rows as in `vehicle_speeds` without `log_id`, and where they are from."""

    rows: pl.DataFrame
    channel: Channel
    notes: Sequence[str] = ()


def could_be_speed(schema: str) -> bool:
    """Say whether messages of a schema can hold a speed; of protobuf only their fields tell."""
    return schema in _ROS_SCHEMAS or ("/" not in schema and not schema.startswith("foxglove."))


def vehicle_speeds(
    candidates: Sequence[tuple[Channel, pl.DataFrame]], motion: EgoMotion | None
) -> Speeds | None:
    """Return the speeds of the first candidate that has any; None where none has.

    Where the messages carry no time of measurement, and the poses show that measurements are on
    another clock than log times, log times are moved to that clock.
    """
    for channel, messages in candidates:
        if not len(messages):
            rows = pl.DataFrame(schema={"timestamp_ns": pl.Int64, "speed_mps": pl.Float64})
            return Speeds(rows, channel)
        speed = next((path for path in _SPEED_FIELDS if _is_number(messages, path)), None)
        if speed is None:
            continue
        stamp = next((path for path in _STAMP_FIELDS if has_field(messages, path)), None)
        rows = stamps(messages, stamp).select(
            "timestamp_ns", speed_mps=field(speed).cast(pl.Float64)
        )
        if stamp is None and motion is not None and motion.clock_offset_ns:
            rows = rows.with_columns(pl.col("timestamp_ns") + motion.clock_offset_ns)
            moved = f"{motion.clock_offset_ns / 1e9:.3f} s"
            note = f"vehicle_speeds: log times moved by {moved} to the clock of the poses"
            return Speeds(rows, channel, [note])
        return Speeds(rows, channel)
    return None


def _is_number(messages: pl.DataFrame, path: str) -> bool:
    return has_field(messages, path) and messages.select(field(path)).to_series().dtype.is_numeric()
