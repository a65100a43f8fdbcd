"""Where somebody was expected to go: road users by a predictor, the ego by its planner."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class PredictedTrajectories(MetricFrame):
    """One row per log_id, timestamp_ns, source, track_id, mode_index, step_index: a future place.

    Places are those of the box's centre, of the ego its origin. What the planner intends for the
    ego is among them, as the track `ego`.
    """

    timestamp_ns: int = Field(description="When it was predicted, on the recording's clock.")
    source: str = Field(description="Who predicted: the name of a predictor, `planner`, …")
    track_id: str = Field(description="Of the road user, as in `tracks`; `ego` is the ego.")
    mode_index: int = Field(ge=0, description="One of several possible futures, from 0.")
    step_index: int = Field(ge=0, description="Along the future, from 0.")
    at_ns: int = Field(description="For when it is predicted, on the recording's clock.")
    x_m: float = Field(description="In the fixed frame.")
    y_m: float = Field(description="In the fixed frame.")
    heading_rad: float = Field(nullable=True, description="Where the source gives one.")
    probability_ratio: float = Field(
        ge=0, le=1, nullable=True, description="Of the mode, the same on all its steps."
    )

    class Config:
        unique = ["log_id", "timestamp_ns", "source", "track_id", "mode_index", "step_index"]


predicted_trajectories = Signal(
    name="predicted_trajectories", version="1.0.0", rows=PredictedTrajectories, owner="prediction"
)
