"""What a delivery robot was sent out for."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal

DELIVERY_OUTCOMES = ("completed", "failed", "cancelled")


class Deliveries(MetricFrame):
    """One row per log_id, delivery_id: one delivery, from setting out to handing over.

    Several can be under way at once, and one can go beyond the recorded drive at either end.
    """

    timestamp_ns: int = Field(description="When it began, on the recording's clock.")
    delivery_id: str = Field(description="Tells the deliveries of a log apart.")
    end_ns: int = Field(nullable=True, description="When it was over; null while under way.")
    outcome: str = Field(
        isin=DELIVERY_OUTCOMES,
        nullable=True,
        description="cancelled is the customer's doing, failed the robot's; null where unknown.",
    )
    reason: str = Field(nullable=True, description="Why it failed, in the words of the source.")

    class Config:
        unique = ["log_id", "delivery_id"]


deliveries = Signal(name="deliveries", version="1.0.0", rows=Deliveries, owner="delivery")
