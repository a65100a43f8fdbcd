"""An MCAP file, or several, as one table of messages per topic."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from rerun.chunk import McapReader

from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers._mcap_records import MAGIC, recorded_positions, recorded_times
from metrics_platform.readers._mcap_salvage import mend
from metrics_platform.readers._poses import Times

LOG_TIME = "log_time_ns"
_DECODERS = {"cdr": "ros2_reflection", "protobuf": "protobuf"}
_METADATA_ENTITY = "/__mcap_metadata"


@dataclass(frozen=True)
class Channel:
    """A topic with one schema and one encoding."""

    topic: str
    schema: str
    encoding: str
    message_count: int

    def __str__(self) -> str:
        readable = self.encoding in _DECODERS
        return f"{self.topic} ({self.schema}{'' if readable else f', encoded as {self.encoding}'})"


@dataclass(frozen=True)
class Recording:
    """One or more MCAP files, in order.

    Attributes:
        readers: One per file.
        channels: Topics over all files, by name.
        truncated: A file ends before its footer.
        notes: What is lost.
    """

    readers: Sequence[McapReader]
    channels: Sequence[Channel]
    truncated: bool
    notes: Sequence[str]

    @classmethod
    @contextmanager
    def open(cls, files: Sequence[Path]) -> Iterator["Recording"]:
        """Open `files`, one cut off before its footer as far as it goes.

        Raises:
            UnreadableLogError: One is damaged, or nothing can be recovered from it.
        """
        with TemporaryDirectory(prefix="mcap-") as folder:
            try:
                yield cls._of(files, Path(folder))
            except ValueError as error:
                raise UnreadableLogError(f"the MCAP file cannot be read: {error}") from error

    @classmethod
    def _of(cls, files: Sequence[Path], folder: Path) -> "Recording":
        readers = []
        notes = []
        for number, file in enumerate(files):
            mended = folder / f"{number}.mcap"
            cut_off = not _has_end(file)
            damaged = mend(file, mended, cut_off=cut_off)
            readers.append(McapReader(file if damaged is None else mended, recover=True))
            if cut_off:
                notes.append(f"{file.name} is cut off before its end")
            if damaged:
                notes.append(f"{file.name}: {damaged} damaged chunks are left out")
        counts: dict[tuple[str, str, str], int] = {}
        for reader in readers:
            for channel in reader.info().channels:
                key = _key(channel)
                counts[key] = counts.get(key, 0) + (channel.message_count or 0)
        channels = [Channel(*key, count) for key, count in sorted(counts.items())]
        return cls(readers, channels, not all(map(_has_end, files)), notes)

    def messages(self, channels: Iterable[Channel]) -> Mapping[Channel, pl.DataFrame]:
        """Return a table per channel: `log_time_ns`, and a column per field, in recorded order.

        A channel without a single message gives a table without rows and without fields.

        Raises:
            UnreadableLogError: Not one message of a channel that has some can be decoded.
        """
        wanted = list(channels)
        parts: dict[Channel, list[pl.DataFrame]] = {channel: [] for channel in wanted}
        for reader in self.readers:
            recorded = recorded_times(Path(reader.path))
            for channel, table in _decoded(reader, wanted).items():
                ids = [c.id for c in reader.info().channels if _key(c) == _key_of(channel)]
                parts[channel].append(_in_recorded_order(table, [recorded.get(i, []) for i in ids]))
        empty = pl.DataFrame(schema={LOG_TIME: pl.Int64})
        tables = {c: pl.concat(found) if found else empty for c, found in parts.items()}
        for channel, table in tables.items():
            if channel.message_count and not len(table):
                raise UnreadableLogError(
                    f"not one of the {channel.message_count} messages on {channel} can be decoded"
                )
        return tables

    def metadata(self, name: str) -> Mapping[str, str]:
        """Return the metadata records with that name, later ones over earlier ones."""
        found: dict[str, str] = {}
        # No topic is called so: nothing but metadata is decoded.
        for reader in self.readers:
            if not reader.info().metadata_count:
                continue
            for entity, batch in _batches(reader, ["metadata"], ["^$"]):
                if entity == _METADATA_ENTITY and name in batch.schema.names:
                    for pairs in batch.column(name).to_pylist():
                        found |= {p["first"]: p["second"] for record in pairs for p in record}
        return found


def is_decodable(channel: Channel) -> bool:
    """Say whether the messages on a channel are in an encoding that can be read."""
    return channel.encoding in _DECODERS


def is_mcap(file: Path) -> bool:
    """Say whether a file begins as MCAP does."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(len(MAGIC)) == MAGIC


def _has_end(file: Path) -> bool:
    """Say whether a file ends as MCAP does: the last thing that a recorder writes."""
    if file.stat().st_size < 2 * len(MAGIC):
        return False
    with file.open("rb") as opened:
        opened.seek(-len(MAGIC), os.SEEK_END)
        return opened.read() == MAGIC


def _decoded(reader: McapReader, channels: Sequence[Channel]) -> Mapping[Channel, pl.DataFrame]:
    wanted = {(_entity(c.topic), c.schema.replace("/", ".")): c for c in channels}
    parts: dict[Channel, list[pl.DataFrame]] = {}
    topics = [f"^{re.escape(channel.topic)}$" for channel in channels]
    for entity, batch in _batches(reader, list(_DECODERS.values()), topics):
        frame = pl.DataFrame(pl.from_arrow(batch))
        column = next((name for name in frame.columns if name.endswith(":message")), None)
        if column is None:
            continue
        channel = wanted.get((_entity(entity), column.removesuffix(":message")))
        if channel is not None:
            message = frame.select(
                pl.col("message_log_time").cast(pl.Int64).alias(LOG_TIME),
                pl.col(column).list.first().alias("message"),
            )
            parts.setdefault(channel, []).append(message)
    return {c: pl.concat(found).unnest("message") for c, found in parts.items()}


def _in_recorded_order(table: pl.DataFrame, recorded: Sequence[list[Times]]) -> pl.DataFrame:
    """Return the messages as they were recorded; as decoded where several channels are one topic.

    Args:
        table: Messages of one topic.
        recorded: For each of its channels, the log times in each chunk.
    """
    positions = recorded_positions(recorded[0]) if len(recorded) == 1 and recorded[0] else None
    if positions is None or len(positions) != len(table):
        return table
    return table[np.argsort(positions)]


def _batches(
    reader: McapReader, decoders: list[str], topics: list[str]
) -> Iterator[tuple[str, Any]]:
    if not topics:
        return
    part = McapReader(reader.path, decoders=decoders, include_topic_regex=topics, recover=True)
    for chunk in part.stream():
        yield chunk.entity_path, chunk.to_record_batch()


def _key(channel: Any) -> tuple[str, str, str]:
    schema = channel.schema.name if channel.schema else "no schema"
    return channel.topic, schema, channel.message_encoding


def _key_of(channel: Channel) -> tuple[str, str, str]:
    return channel.topic, channel.schema, channel.encoding


def _entity(path: str) -> str:
    """Return a topic as the decoder writes it, without its escapes and outer slashes."""
    return re.sub(r"\\(.)", r"\1", path).strip("/")
