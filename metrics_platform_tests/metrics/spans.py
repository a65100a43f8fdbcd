"""Spans, of which a test says only what it is about."""

from collections.abc import Sequence

import polars as pl

from metrics_platform.core.frames import polars_schema
from metrics_platform.signals.spans import Spans

MS = 1_000_000
# start and duration in ms; None never finished
Work = tuple[float, float | None]


def spans_of(
    *work: Work,
    log_id: str = "log",
    stage: str = "camera",
    traces: Sequence[str | None] | None = None,
    deadline_ms: float | None = None,
) -> pl.DataFrame:
    """Return the spans of one stage; without traces if none are given."""
    rows = [
        {
            "log_id": log_id,
            "timestamp_ns": round(start * MS),
            "stage": stage,
            "trace_id": trace,
            "duration_s": None if duration is None else duration * 1e-3,
            "deadline_s": None if deadline_ms is None else deadline_ms * 1e-3,
        }
        for (start, duration), trace in zip(work, traces or [None] * len(work), strict=True)
    ]
    return pl.DataFrame(rows, polars_schema(Spans))


def pipeline(*, lost: Sequence[int] = (), unfinished: Sequence[int] = ()) -> pl.DataFrame:
    """Return ten frames, 100 ms apart, that take 10 ms in `a` and from then on 20 ms in `b`.

    Args:
        lost: Frames that `b` never gets.
        unfinished: Frames that `b` begins and doesn't finish.
    """
    frames = range(10)
    reached = [frame for frame in frames if frame not in lost]
    begun = [(frame * 100 + 10, None if frame in unfinished else 20) for frame in reached]
    return pl.concat(
        [
            spans_of(*[(frame * 100, 10) for frame in frames], stage="a", traces=_names(frames)),
            spans_of(*begun, stage="b", traces=_names(reached)),
        ]
    )


def _names(frames: Sequence[int]) -> list[str]:
    return [f"{frame}" for frame in frames]
