"""What is done to every recorded signal, whatever the format: driven by its schema alone."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from metrics_platform.core.definitions import Signal
from metrics_platform.core.errors import ClockError, ContractError, LogError
from metrics_platform.core.frames import grain, polars_schema

# Runs shorter than this are messages that overtook one another; longer ones that overlap mean
# that the clock was set back while recording.
CLOCK_RUN_LENGTH = 10


def clean(signal: Signal, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Return the rows of one log as the schema wants them, and a sentence on every repair.

    Rows in which a required value is absent, NaN or infinite are dropped; in nullable columns
    these become null. Of rows with the same key the first recorded is kept. Rows are sorted.

    Args:
        signal: With `timestamp_ns` in its key.
        frame: In recorded order, columns as in the schema but `log_id`.

    Raises:
        LogError: Rows were recorded, and not one of them is usable.
        ClockError: The clock went back while recording.
        ContractError: The reader's columns are not those of the schema.
    """
    schema = pl.Schema(
        {name: t for name, t in polars_schema(signal.rows).items() if name != "log_id"}
    )
    if set(frame.columns) != set(schema):
        raise ContractError(
            f"signal {signal.name}: expected the columns {list(schema)}, got {frame.columns}"
        )
    recorded = frame.select(list(schema)).cast(schema)
    columns = signal.rows.to_schema().columns
    required = [name for name in schema if not columns[name].nullable]
    floats = [name for name, dtype in schema.items() if dtype.is_float()]
    finite = recorded.with_columns(pl.when(pl.col(n).is_finite()).then(pl.col(n)) for n in floats)
    usable = finite.drop_nulls(required)
    notes = []
    if dropped := len(recorded) - len(usable):
        broken = [name for name in required if finite[name].null_count()]
        what = f"{dropped} of {len(recorded)} rows with absent, NaN or infinite {', '.join(broken)}"
        if not len(usable):
            raise LogError(f"{signal.name}: not one usable row, {what}")
        notes.append(f"{signal.name}: dropped {what}")
    key = [name for name in grain(signal.rows) if name != "log_id"]
    streams = [name for name in ("source",) if name in key]
    for stream in usable.partition_by(streams, maintain_order=True) if streams else [usable]:
        _require_one_clock(signal, stream["timestamp_ns"])
    if not usable["timestamp_ns"].is_sorted():
        backwards = int((usable["timestamp_ns"].diff() < 0).sum())
        notes.append(f"{signal.name}: sorted, {backwards} of {len(usable)} rows came late")
    unique = usable.unique(key, keep="first", maintain_order=True)
    if repeated := len(usable) - len(unique):
        notes.append(
            f"{signal.name}: dropped {repeated} of {len(usable)} rows that repeat a "
            f"{', '.join(key)}"
        )
    return unique.sort(key), notes


def _require_one_clock(signal: Signal, timestamps: pl.Series) -> None:
    """Tell messages that overtook one another from a clock that was set back.

    The recorded order falls into runs of times that don't decrease. Two long runs that overlap
    in time cannot come from one clock.
    """
    times = timestamps.to_numpy()
    # One message may hold many objects: it counts once.
    times = times[np.diff(times, prepend=times[0] - 1) != 0] if len(times) else times
    starts = np.flatnonzero(np.diff(times) < 0) + 1
    if not len(starts):
        return
    runs = [(run[0], run[-1]) for run in np.split(times, starts) if len(run) >= CLOCK_RUN_LENGTH]
    _require_disjoint(signal, sorted(runs))


def _require_disjoint(signal: Signal, runs: Sequence[tuple[int, int]]) -> None:
    for (_, earlier_end), (later_start, _) in pairwise(runs):
        if later_start < earlier_end:
            raise ClockError(
                f"{signal.name}: the recording's clock jumps back by "
                f"{(earlier_end - later_start) / 1e9:.3f} s, to {later_start} ns"
            )
