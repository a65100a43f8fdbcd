"""What is done to every recorded signal, whatever the format: driven by its schema alone."""

import numpy as np
import polars as pl

from metrics_platform.core.definitions import Signal
from metrics_platform.core.errors import ClockError, ContractError, LogError
from metrics_platform.core.frames import grain, polars_schema

# Fewer late messages in a row than this overtook one another on the way to the recorder; so many
# or more mean that the clock was set back while recording.
CLOCK_RUN_LENGTH = 10


def clean(signal: Signal, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Return the rows of one log as the schema wants them, and a sentence on every repair.

    Rows in which a required value is absent, NaN or infinite are dropped; in nullable columns
    these become null. Of rows with the same key the first recorded is kept. Rows are sorted.

    Args:
        signal: Where it has the column `timestamp_ns`, rows are in the order of time.
        frame: In recorded order, columns as in the schema but `log_id`; nullable ones may be
            absent.

    Raises:
        LogError: Rows were recorded, and not one of them is usable.
        ClockError: The clock went back while recording.
        ContractError: The reader's columns are not those of the schema.
    """
    schema = pl.Schema(
        {name: t for name, t in polars_schema(signal.rows).items() if name != "log_id"}
    )
    columns = signal.rows.to_schema().columns
    required = [name for name in schema if not columns[name].nullable]
    if not set(required) <= set(frame.columns) <= set(schema):
        raise ContractError(
            f"signal {signal.name}: expected the columns {list(schema)}, got {frame.columns}"
        )
    absent = [pl.lit(None).alias(name) for name in schema if name not in frame.columns]
    recorded = frame.with_columns(absent).select(list(schema)).cast(schema)
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
    if "timestamp_ns" in schema:
        notes += _late(signal, usable, [name for name in ("source",) if name in key])
    unique = usable.unique(key, keep="first", maintain_order=True)
    if repeated := len(usable) - len(unique):
        notes.append(
            f"{signal.name}: dropped {repeated} of {len(usable)} rows that repeat a "
            f"{', '.join(key)}"
        )
    return unique.sort(key), notes


def _late(signal: Signal, usable: pl.DataFrame, streams: list[str]) -> list[str]:
    for stream in usable.partition_by(streams, maintain_order=True) if streams else [usable]:
        _require_one_clock(signal, stream["timestamp_ns"])
    if usable["timestamp_ns"].is_sorted():
        return []
    backwards = int((usable["timestamp_ns"].diff() < 0).sum())
    return [f"{signal.name}: sorted, {backwards} of {len(usable)} rows came late"]


def _require_one_clock(signal: Signal, timestamps: pl.Series) -> None:
    """Tell messages that overtook one another from a clock that was set back.

    A message is late when a greater time was recorded before it. Many late ones in a row mean
    that the clock went back, unless all of them are from before the first: then an earlier part
    of the recording was delivered after a later one.
    """
    times = timestamps.to_numpy()
    if not len(times):
        return
    # One message may hold many objects: it counts once.
    times = times[np.diff(times, prepend=times[0] - 1) != 0]
    latest = np.maximum.accumulate(times)
    edges = np.diff((times < latest).astype(np.int8), append=0)
    starts, ends = np.flatnonzero(edges == 1) + 1, np.flatnonzero(edges == -1) + 1
    for start, end in zip(starts, ends, strict=True):
        late = times[start:end]
        if len(late) >= CLOCK_RUN_LENGTH and late.max() >= times[:start].min():
            raise ClockError(
                f"{signal.name}: the recording's clock jumps back by "
                f"{(latest[start] - late[0]) / 1e9:.3f} s, to {late[0]} ns"
            )
