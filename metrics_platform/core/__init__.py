"""Definitions, contracts, fingerprints and statuses: what a metric is, without storage."""

from metrics_platform.core.declarations import metric, signal
from metrics_platform.core.definitions import Definition, Metric, Rows, Signal, Tolerance
from metrics_platform.core.frames import MetricFrame
from metrics_platform.core.statuses import Computed, Input, Outcome, Status

__all__ = [
    "Computed",
    "Definition",
    "Input",
    "Metric",
    "MetricFrame",
    "Outcome",
    "Rows",
    "Signal",
    "Status",
    "Tolerance",
    "metric",
    "signal",
]
