"""Who drives: the vehicle itself, somebody in it, or somebody far away."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal

# Who does the driving, after SAE J3016: autonomous is its levels 3 to 5 with the feature engaged,
# assisted its levels 1 and 2 (one of steering and speed, or both with a driver who supervises).
DRIVE_MODES = ("autonomous", "assisted", "manual", "remote", "unknown")
AUTONOMOUS, UNKNOWN_MODE = "autonomous", "unknown"


class DriveModes(MetricFrame):
    """One row per log_id, timestamp_ns: the mode from then on, until the next row.

    Recorders may repeat the mode as often as they like. Before the first row nothing is known,
    unless the mode is from before the drive; `unknown` says that nothing is known from then on.
    """

    timestamp_ns: int = Field(description="From when it holds, on the recording's clock.")
    mode: str = Field(isin=DRIVE_MODES, description="Who drives.")

    class Config:
        unique = ["log_id", "timestamp_ns"]


drive_modes = Signal(name="drive_modes", version="1.0.0", rows=DriveModes, owner="safety")
