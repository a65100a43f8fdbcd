"""Reaching into messages: vectors, quaternions and time stamps by the path of their field."""

import polars as pl

from metrics_platform.readers._mcap_file import LOG_TIME
from metrics_platform.readers._poses import Array, finite_or_nan

_NS_PER_S = 1_000_000_000


def field(path: str) -> pl.Expr:
    """Return the value at a dotted path of a message."""
    first, *inner = path.split(".")
    value = pl.col(first)
    for name in inner:
        value = value.struct.field(name)
    return value


def has_field(messages: pl.DataFrame, path: str) -> bool:
    """Say whether the messages have a field at a dotted path."""
    dtype: object = pl.Struct(dict(messages.schema))
    for name in path.split("."):
        if not isinstance(dtype, pl.Struct):
            return False
        dtype = next((f.dtype for f in dtype.fields if f.name == name), None)
    return dtype is not None


def columns(messages: pl.DataFrame, path: str, names: str) -> Array:
    """Return the components `names` (one letter each) of the field at `path`, NaN where absent."""
    parts = [field(f"{path}.{name}").cast(pl.Float64).alias(name) for name in names]
    return finite_or_nan(messages.select(parts).fill_null(float("nan")).to_numpy())


def stamps(messages: pl.DataFrame, path: str | None) -> pl.DataFrame:
    """Return the messages with `timestamp_ns`, the time of measurement.

    It is the stamp at `path`. Where no message has one (all are 0, or the schema has none), it
    is the log time; where only some have, theirs is null, since the clocks may differ.
    """
    if path is None or not has_field(messages, path):
        return messages.with_columns(timestamp_ns=LOG_TIME)
    # ROS 2 says sec and nanosec, protobuf says seconds and nanos.
    ros = has_field(messages, f"{path}.sec")
    seconds, rest = ("sec", "nanosec") if ros else ("seconds", "nanos")
    stamp = field(f"{path}.{seconds}").cast(pl.Int64) * _NS_PER_S + field(f"{path}.{rest}").cast(
        pl.Int64
    )
    known = messages.with_columns(timestamp_ns=pl.when(stamp != 0).then(stamp))
    if known["timestamp_ns"].null_count() == len(known):
        return known.with_columns(timestamp_ns=LOG_TIME)
    return known
