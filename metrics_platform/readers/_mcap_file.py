"""An MCAP file, or several, as one table of messages per topic."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from rerun.chunk import McapReader

from metrics_platform.core.errors import UnreadableLogError

MAGIC = b"\x89MCAP0\r\n"
LOG_TIME = "log_time_ns"
_METADATA_ENTITY = "/__mcap_metadata"


@dataclass(frozen=True)
class Channel:
    """A topic with one schema."""

    topic: str
    schema: str
    message_count: int

    def __str__(self) -> str:
        return f"{self.topic} ({self.schema})"


@dataclass(frozen=True)
class Recording:
    """One or more MCAP files, in order.

    Attributes:
        readers: One per file.
        channels: Topics over all files, by name.
        truncated: A file ends before its footer.
        notes: What was recovered.
    """

    readers: Sequence[McapReader]
    channels: Sequence[Channel]
    truncated: bool
    notes: Sequence[str]

    @property
    def damage(self) -> str:
        """What to add to an error of a recording that is cut off."""
        return "; the recording is cut off" if self.truncated else ""

    @classmethod
    @contextmanager
    def open(cls, files: Sequence[Path]) -> Iterator["Recording"]:
        """Open `files`, one cut off before its footer as far as it goes.

        Raises:
            UnreadableLogError: One is damaged, or nothing can be recovered from it.
        """
        cut_off = [file for file in files if not _has_end(file)]
        notes = [f"{file.name} is cut off before its end" for file in cut_off]
        try:
            readers = [McapReader(file, recover=True) for file in files]
            counts: dict[tuple[str, str], int] = {}
            for reader in readers:
                for channel in reader.info().channels:
                    key = (channel.topic, channel.schema.name if channel.schema else "no schema")
                    counts[key] = counts.get(key, 0) + (channel.message_count or 0)
        except ValueError as error:
            raise UnreadableLogError(f"the MCAP file cannot be read: {error}") from error
        channels = [Channel(*key, count) for key, count in sorted(counts.items())]
        yield cls(readers, channels, bool(cut_off), notes)

    def messages(self, channels: Iterable[Channel]) -> Mapping[Channel, pl.DataFrame]:
        """Return a table per channel: `log_time_ns`, and a column per field, in recorded order.

        A channel without a single message gives a table without rows and without fields.

        Raises:
            UnreadableLogError: A message cannot be decoded.
        """
        wanted = {(_entity(c.topic), c.schema.replace("/", ".")): c for c in channels}
        parts: dict[Channel, list[pl.DataFrame]] = {channel: [] for channel in wanted.values()}
        topics = [f"^{re.escape(channel.topic)}$" for channel in parts]
        for entity, batch in self._batches(["protobuf", "ros2_reflection"], topics):
            frame = pl.DataFrame(pl.from_arrow(batch))
            column = next((name for name in frame.columns if name.endswith(":message")), None)
            if column is None:
                continue
            key = (_entity(entity), column.removesuffix(":message"))
            if channel := wanted.get(key):
                parts[channel].append(
                    frame.select(
                        pl.col("message_log_time").cast(pl.Int64).alias(LOG_TIME),
                        pl.col(column).list.first().alias("message"),
                    ).unnest("message")
                )
        empty = pl.DataFrame(schema={LOG_TIME: pl.Int64})
        return {c: pl.concat(found) if found else empty for c, found in parts.items()}

    def metadata(self, name: str) -> Mapping[str, str]:
        """Return the metadata records with that name, later ones over earlier ones."""
        found: dict[str, str] = {}
        # No topic is called so: nothing but metadata is decoded.
        for entity, batch in self._batches(["metadata"], ["^$"]):
            if entity == _METADATA_ENTITY and name in batch.schema.names:
                for pairs in batch.column(name).to_pylist():
                    found |= {p["first"]: p["second"] for record in pairs for p in record}
        return found

    def _batches(self, decoders: list[str], topics: list[str]) -> Iterator[tuple[str, Any]]:
        if not topics:
            return
        try:
            for reader in self.readers:
                part = McapReader(
                    reader.path, decoders=decoders, include_topic_regex=topics, recover=True
                )
                for chunk in part.stream():
                    yield chunk.entity_path, chunk.to_record_batch()
        except ValueError as error:
            raise UnreadableLogError(f"the MCAP file cannot be decoded: {error}") from error


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


def _entity(path: str) -> str:
    """Return a topic as the decoder writes it, without its escapes and outer slashes."""
    return re.sub(r"\\(.)", r"\1", path).strip("/")
