"""How long nodes took, from the debug topics that Autoware's nodes publish.

Source: autoware_universe: `DebugPublisher` stamps a `…/processing_time_ms` when the work is done;
`ndt_scan_matcher` stamps its `exe_time_ms` like the sweep that it worked on.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from metrics_platform.readers._mcap_fields import stamps
from metrics_platform.readers._mcap_file import Channel

_SCHEMAS = frozenset(
    f"{package}/msg/Float{bits}Stamped"
    for package in ("autoware_internal_debug_msgs", "tier4_debug_msgs")
    for bits in (32, 64)
)
_STAMPED_AT_THE_END = "processing_time_ms"
_STAMPED_LIKE_ITS_INPUT = "exe_time_ms"
_NS_PER_MS = 1_000_000
_S_PER_MS = 1e-3


def span_topics(channels: Sequence[Channel]) -> list[Channel]:
    """Return the topics with times that a node took."""
    endings = (_STAMPED_AT_THE_END, _STAMPED_LIKE_ITS_INPUT)
    return [c for c in channels if c.schema in _SCHEMAS and c.topic.endswith(endings)]


def spans(messages: Mapping[Channel, pl.DataFrame]) -> pl.DataFrame:
    """Return rows as in `spans` without `log_id`; the stage is the topic.

    Work belongs to no trace: these messages don't say what they are about.
    """
    parts = [_of_topic(channel.topic, rows) for channel, rows in messages.items() if len(rows)]
    # Every topic is a stream of its own, and work that took longer began before what is told of
    # earlier: the order of recording says nothing about the clock.
    return pl.concat([_COLUMNS.to_frame(), *parts]).sort("timestamp_ns", maintain_order=True)


_COLUMNS = pl.Schema({"timestamp_ns": pl.Int64(), "stage": pl.String(), "duration_s": pl.Float64()})


def _of_topic(topic: str, messages: pl.DataFrame) -> pl.DataFrame:
    took_ms = pl.when(pl.col("data").is_finite()).then(pl.col("data").cast(pl.Float64))
    begun = pl.col("timestamp_ns")
    if topic.endswith(_STAMPED_AT_THE_END):
        begun = begun - (took_ms * _NS_PER_MS).round().cast(pl.Int64)
    timed = stamps(messages, "stamp").select(
        timestamp_ns=begun, stage=pl.lit(topic), duration_s=took_ms * _S_PER_MS
    )
    # A time that is no number doesn't mean that the node never finished.
    return timed.drop_nulls()
