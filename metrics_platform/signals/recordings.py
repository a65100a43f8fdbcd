"""What is known of a recording as a whole."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal


class Recordings(MetricFrame):
    """One row per log: what the reader found in the recording and in the `log.json` beside it.

    Times are nanoseconds of the clock of the recording, over all its recorded signals but those
    of events with an end of their own, which can lie far outside; they count where there is nothing
    else. The ego box is null where nobody said how large the vehicle is: metrics that need it
    abstain.
    """

    format: str = Field(description="Name of the reader that could read it.")
    start_ns: int = Field(description="First sample of any signal that isn't of such events.")
    end_ns: int = Field(description="Last sample of any signal that isn't of such events.")
    duration_s: float = Field(ge=0, description="From the first sample to the last.")
    truncated: bool = Field(description="Cut off before its end; recovered as far as it goes.")
    notes: str = Field(description="What was repaired or left out, one sentence a line.")
    has_ego: bool = Field(
        description="False in a recording of traffic as a whole: each road user is an actor then."
    )
    vehicle: str = Field(nullable=True, description="Which one drove.")
    release: str = Field(nullable=True, description="Software version that drove.")
    place: str = Field(nullable=True, description="Where it drove.")
    mission: str = Field(nullable=True, description="Drive or delivery mission.")
    ego_length_m: float = Field(gt=0, nullable=True, description="Of the vehicle's box.")
    ego_width_m: float = Field(gt=0, nullable=True, description="Of the vehicle's box.")
    ego_center_offset_m: float = Field(
        nullable=True, description="From the vehicle's origin forward to the centre of its box."
    )

    class Config:
        unique = ["log_id"]


recordings = Signal(name="recordings", version="2.0.0", rows=Recordings, owner="platform")
