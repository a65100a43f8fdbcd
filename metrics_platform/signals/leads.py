"""What it takes to say that one road user is in front of another."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame


class Leads(MetricFrame):
    """One row per log_id, timestamp_ns, source, actor_id, other_id: the other is in front."""

    timestamp_ns: int = Field(description="On the recording's clock.")
    source: str = Field(description="As in `tracks`.")
    actor_id: str = Field(description="The road user behind.")
    other_id: str = Field(description="The road user in front.")
    other_category: str = Field(description="As the source names it.")
    lead_index: int = Field(ge=0, description="0 is the next in front, 1 the one before that, …")
    gap_m: float = Field(
        description="From the actor's front bumper to the other; where they overlap, negative "
        "along the lane and 0 straight ahead."
    )
    actor_speed_mps: float = Field(ge=0, description="Over ground.")
    other_speed_mps: float = Field(ge=0, description="Over ground.")
    relative_x_m: float = Field(description="Its centre, ahead of the centre of the actor's.")
    relative_y_m: float = Field(description="Its centre, to the left of the centre of the actor's.")
    distance_m: float = Field(ge=0, description="Between the boxes; 0 where they overlap.")

    class Config:
        unique = ["log_id", "timestamp_ns", "source", "actor_id", "other_id"]
