"""MCAP at the level of its records, for what the decoder doesn't say.

Source: the MCAP specification, "Records" (mcap.dev/spec).
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from metrics_platform.readers._poses import Times

MAGIC = b"\x89MCAP0\r\n"
SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, DATA_END = 0x03, 0x04, 0x05, 0x06, 0x07, 0x0F
HEAD = struct.Struct("<BQ")
INDEX_HEAD = struct.Struct("<HI")
_INDEX_ENTRY = np.dtype([("log_time", "<u8"), ("offset", "<u8")])


def records(source: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Yield where each record of the data section starts, its opcode and its whole length.

    The last one may be cut off: then it reaches beyond the end of the file.
    """
    size = source.seek(0, 2)
    position = len(MAGIC)
    while position + HEAD.size <= size:
        source.seek(position)
        opcode, length = HEAD.unpack(source.read(HEAD.size))
        if opcode == DATA_END:
            return
        yield position, opcode, HEAD.size + length
        position += HEAD.size + length


def recorded_times(file: Path) -> Mapping[int, list[Times]]:
    """Return per channel id, for each chunk, its log times in the order they were recorded in."""
    found: dict[int, list[Times]] = {}
    with file.open("rb") as source:
        for position, opcode, length in records(source):
            if opcode != MESSAGE_INDEX:
                continue
            source.seek(position + HEAD.size)
            body = source.read(length - HEAD.size)
            channel, size = INDEX_HEAD.unpack_from(body)
            count = size // _INDEX_ENTRY.itemsize
            entries = np.frombuffer(body, _INDEX_ENTRY, count, INDEX_HEAD.size)
            times = entries["log_time"][np.argsort(entries["offset"], kind="stable")]
            found.setdefault(channel, []).append(times.astype(np.int64))
    return found


def recorded_positions(chunks: list[Times]) -> Times | None:
    """Return where in the recording each decoded message stood; None if in the decoded order.

    The decoder takes chunk after chunk, and the messages of each in the order of log times. That
    hides a clock that was set back.
    """
    if all((np.diff(times) >= 0).all() for times in chunks):
        return None
    starts = np.cumsum([0, *(len(times) for times in chunks[:-1])])
    orders = [np.argsort(times, kind="stable") for times in chunks]
    return np.concatenate([s + o for s, o in zip(starts, orders, strict=True)]).astype(np.int64)
