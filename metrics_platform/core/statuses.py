"""What became of a (metric, log), and the frames that carry it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import polars as pl

from metrics_platform.core.definitions import Definition


class Status(StrEnum):
    """Every (metric, log) is one of these; an aggregate says how many of each it covers."""

    COMPUTED = "computed"
    ABSTAINED = "abstained"
    """The log does not hold what the metric needs."""
    FAILED = "failed"
    """Something is wrong with the log or the code."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one log; `reason` is set unless it was computed."""

    status: Status
    reason: str | None = None


COMPUTED = Outcome(Status.COMPUTED)


@dataclass(frozen=True)
class Input:
    """One dependency, for the logs of a batch.

    Attributes:
        rows: Rows of the computed logs among them.
        outcomes: Per log; a log that is not in it was never computed.
        content_hashes: Per computed log, of its rows.
    """

    rows: pl.LazyFrame
    outcomes: Mapping[str, Outcome]
    content_hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Computed:
    """A signal or metric over a batch of logs: validated, sorted by log, ready to be written.

    Attributes:
        definition: What was computed.
        rows: Rows of the computed logs, sorted by `log_id`, then by the grain.
        outcomes: Per log of the batch.
        summary: One row per computed log: `log_id` and the summary scalars.
        fingerprints: Per log of the batch, of the code that made its rows.
        input_hashes: Per log of the batch, of all content it was computed from.
        seconds: Wall time that it took.
    """

    definition: Definition
    rows: pl.DataFrame
    outcomes: Mapping[str, Outcome]
    summary: pl.DataFrame
    fingerprints: Mapping[str, str]
    input_hashes: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def logs_with(self, status: Status) -> list[str]:
        """Return the logs with `status`, in the order of the batch."""
        return [log_id for log_id, outcome in self.outcomes.items() if outcome.status is status]
