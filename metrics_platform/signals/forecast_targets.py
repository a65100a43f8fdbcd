"""Whose future a benchmark asks for."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class ForecastTargets(MetricFrame):
    """One row per log_id, timestamp_ns, track_id: a road user whose future is to be predicted.

    What comes after that moment is the future, and no predictor may have seen it.
    """

    timestamp_ns: int = Field(description="Of the prediction, on the recording's clock.")
    track_id: str = Field(description="As in `tracks`; `ego` is the ego.")
    focal: bool = Field(description="Whether it is the one that the scenario was made for.")

    class Config:
        unique = ["log_id", "timestamp_ns", "track_id"]


forecast_targets = Signal(
    name="forecast_targets", version="1.0.0", rows=ForecastTargets, owner="prediction"
)
