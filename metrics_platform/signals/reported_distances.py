"""Distances that an operator reported, of drives that nobody handed over."""

from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal

# Reports count in international miles.
MILE_M = 1609.344
REPORT_PERIODS = ("month", "total")


class ReportedDistances(MetricFrame):
    """One row per log_id, permit, vehicle, timestamp_ns, period: distance in autonomous mode.

    A report gives each vehicle's months, and their total as a number of its own: each is rounded
    by itself, so the total need not be the sum. Metrics take the total where there is one.
    """

    timestamp_ns: int = Field(description="First moment of the period, in UTC.")
    end_ns: int = Field(description="First moment after the period, in UTC.")
    period: str = Field(isin=REPORT_PERIODS, description="A month, or the total of the report.")
    operator: str = Field(description="Who reported, the same name throughout the log.")
    permit: str = Field(description="Under which permit, as the authority numbers them.")
    vehicle: str = Field(description="As reported: its identification number.")
    distance_m: float = Field(ge=0, description="Driven in autonomous mode.")

    class Config:
        unique = ["log_id", "permit", "vehicle", "timestamp_ns", "period"]


reported_distances = Signal(
    name="reported_distances", version="1.0.0", rows=ReportedDistances, owner="safety"
)
