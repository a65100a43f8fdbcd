"""When the software worked on what, and for how long."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class Spans(MetricFrame):
    """One row per log_id, timestamp_ns, stage, trace_id: one stage's work on one input.

    A trace is an input, such as the sweep of a lidar, on its way through the stages; where a
    recording doesn't link the work of its stages, no span belongs to any.
    """

    timestamp_ns: int = Field(
        description="When it began, on the recording's clock; of its input, if only that is known."
    )
    stage: str = Field(description="Of the software: a node, a module, a topic.")
    trace_id: str = Field(nullable=True, description="The same for one input in all stages.")
    duration_s: float = Field(
        ge=0, nullable=True, description="Null where it was begun and never finished."
    )
    deadline_s: float = Field(gt=0, nullable=True, description="Longest that it may take.")

    class Config:
        unique = ["log_id", "timestamp_ns", "stage", "trace_id"]


spans = Signal(name="spans", version="1.0.0", rows=Spans, owner="platform")
