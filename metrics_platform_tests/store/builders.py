"""Definitions and computed batches to fill a store with."""

from collections.abc import Mapping, Sequence

import polars as pl
from pandera.polars import Field

from metrics_platform.core import Computed, MetricFrame, Outcome, Signal, Status
from metrics_platform.core.compute import summarise


class HardBrakes(MetricFrame):
    """One row per log_id, start_ns."""

    start_ns: int = Field(ge=0)
    peak_deceleration_mps2: float = Field(ge=0, nullable=True)
    category: str = Field(nullable=True)
    confirmed: bool

    class Config:
        unique = ["log_id", "start_ns"]


def definition(name: str = "hard_brakes", version: str = "1.0.0") -> Signal:
    return Signal(
        name=name,
        version=version,
        rows=HardBrakes,
        owner="planning",
        summary={
            "events": pl.len(),
            "peak_deceleration_mps2": pl.col("peak_deceleration_mps2").max(),
        },
    )


HARD_BRAKES = definition()


def brakes(peaks: Mapping[str, Sequence[float | None]]) -> pl.DataFrame:
    """Return rows with these peak decelerations, log by log."""
    return pl.DataFrame(
        [
            (log_id, at * 1_000, peak, None if peak is None else f"hård {peak:g}", at % 2 == 0)
            for log_id, values in sorted(peaks.items())
            for at, peak in enumerate(values)
        ],
        schema={
            "log_id": pl.String,
            "start_ns": pl.Int64,
            "peak_deceleration_mps2": pl.Float64,
            "category": pl.String,
            "confirmed": pl.Boolean,
        },
        orient="row",
    )


def computed(
    peaks: Mapping[str, Sequence[float | None]],
    *,
    others: Mapping[str, Outcome] | None = None,
    of: Signal = HARD_BRAKES,
    fingerprint: str = "f1",
    input_hash: str = "i1",
) -> Computed:
    """Return a batch: logs with peaks are computed, `others` are what they are."""
    rows = brakes(peaks)
    outcomes = {log_id: Outcome(Status.COMPUTED) for log_id in peaks} | dict(others or {})
    return Computed(
        definition=of,
        rows=rows,
        outcomes=outcomes,
        summary=summarise(of, rows, sorted(peaks)),
        fingerprints=dict.fromkeys(outcomes, fingerprint),
        input_hashes=dict.fromkeys(outcomes, input_hash),
    )


def fleet(
    count: int, *, rows: int = 5, shift: float = 0.0, prefix: str = "log"
) -> dict[str, list[float | None]]:
    """Return peaks of `count` logs; another shift makes all of them different."""
    return {
        f"{prefix}-{number:05d}": [shift + number + at / 10 for at in range(rows)]
        for number in range(count)
    }
