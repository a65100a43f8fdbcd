"""Who drives, from a topic of an MCAP recording: as Autoware and its vehicle interfaces say it.

Source: the message definitions of autoware_adapi_v1_msgs and autoware_vehicle_msgs; what they mean
is in Autoware's documentation of the operation mode and of the vehicle interface.
"""

import polars as pl

from metrics_platform.readers._mcap_fields import stamps

_OPERATION_MODE = "autoware_adapi_v1_msgs/msg/OperationModeState"
_EITHER = "autoware_auto_vehicle_msgs/msg/ControlModeReport"
# The first says more: it knows of remote operation.
MODE_SCHEMAS = (
    _OPERATION_MODE,
    "autoware_vehicle_msgs/msg/ControlModeReport",
    _EITHER,
)
# UNKNOWN, STOP, AUTONOMOUS, LOCAL, REMOTE: which commands the vehicle gets, while Autoware has it.
# Kept standing is driven by nobody else; local is a joystick.
_OPERATION_MODES = {0: "unknown", 1: "autonomous", 2: "autonomous", 3: "manual", 4: "remote"}
# NO_COMMAND, AUTONOMOUS, AUTONOMOUS_STEER_ONLY, AUTONOMOUS_VELOCITY_ONLY, MANUAL, DISENGAGED,
# NOT_READY: a vehicle that has let go of autonomy, or isn't ready for it, is the driver's.
_CONTROL_MODES = {
    0: "unknown", 1: "autonomous", 2: "assisted", 3: "assisted", 4: "manual", 5: "manual",
    6: "manual",
}  # fmt: skip
# Before the two halves of autonomy came in, MANUAL was 2 and DISENGAGED 3 in the same package, and
# a message doesn't say which it is of.
_EITHER_MODES = {**_CONTROL_MODES, 2: "unknown", 3: "unknown"}


def drive_modes(schema: str, messages: pl.DataFrame) -> pl.DataFrame:
    """Return rows as in `drive_modes` without `log_id`, of the messages of one topic.

    While Autoware is in transition, whoever drove before is still responsible: such messages
    don't change the mode. A number that the definition doesn't have is `unknown`.

    Args:
        schema: One of `MODE_SCHEMAS`.
        messages: In recorded order; without columns if there are none.
    """
    if messages.is_empty():
        return pl.DataFrame(schema={"timestamp_ns": pl.Int64, "mode": pl.String})
    of_operation = schema == _OPERATION_MODE
    modes = _OPERATION_MODES if of_operation else _CONTROL_MODES
    if schema == _EITHER:
        modes = _EITHER_MODES
    mode = pl.col("mode").replace_strict(modes, default="unknown", return_dtype=pl.String)
    timed = stamps(messages, "stamp")
    if of_operation:
        has_it = pl.col("is_autoware_control_enabled")
        mode = pl.when(has_it).then(mode).otherwise(pl.lit("manual"))
        timed = timed.filter(~pl.col("is_in_transition"))
    return timed.select("timestamp_ns", mode=mode)
