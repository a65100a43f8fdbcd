"""Mending MCAP files that the decoder would read in part, or not at all.

Recorders compress some seconds of messages into a chunk, and the decoder takes whole chunks with
whole indexes only. Of a chunk that was cut off while being written, what is there can still be
decompressed: it is written anew, uncompressed and with its index. Recordings without any chunk
are put into one.

Source: the MCAP specification, "Records" (mcap.dev/spec).
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa  # type: ignore[import-untyped]

from metrics_platform.readers._mcap_records import (
    CHANNEL,
    CHUNK,
    HEAD,
    INDEX_HEAD,
    MESSAGE,
    MESSAGE_INDEX,
    SCHEMA,
    records,
)

_TIMES_AND_SIZE = struct.Struct("<QQQ")
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
_MESSAGE_HEAD = struct.Struct("<HIQ")
_INDEX_ENTRY = struct.Struct("<QQ")
_IN_CHUNKS = frozenset({SCHEMA, CHANNEL, MESSAGE})
# The last bytes of a cut stream fail as a whole piece: the smaller, the less is lost.
_PIECE_BYTES = 1024
_COPY_BYTES = 1 << 20


def mend(file: Path, mended: Path) -> bool:
    """Write a mended copy of `file`; False where there is nothing to mend.

    Raises:
        OSError: A file cannot be read or written.
    """
    with file.open("rb") as source:
        end = source.seek(0, 2)
        found = [record for record in records(source) if record[1] != MESSAGE_INDEX]
        if not found:
            return False
        position, opcode, _ = found[-1]
        if opcode == CHUNK:
            source.seek(position + HEAD.size)
            inner = _decompressed(source)
        elif all(opcode != CHUNK for _, opcode, _ in found):
            whole = [r for r in found if r[1] in _IN_CHUNKS and r[0] + r[2] <= end]
            position = whole[0][0] if whole else position
            inner = b"".join(_bytes(source, start, size) for start, _, size in whole)
        else:
            return False
        with mended.open("wb") as target:
            _copy(source, target, position)
            target.write(_chunk(_whole_records(inner)))
    return True


def _bytes(source: BinaryIO, start: int, size: int) -> bytes:
    source.seek(start)
    return source.read(size)


def _decompressed(source: BinaryIO) -> bytes:
    """Return what can be had of the records of the chunk whose body `source` stands at."""
    head = source.read(_TIMES_AND_SIZE.size + 2 * _U32.size)
    name = source.read(_U32.unpack(head[-_U32.size :])[0]) if len(head) == 32 else b""
    length = source.read(_U64.size)
    if len(length) < _U64.size:
        return b""
    compressed = source.read(_U64.unpack(length)[0])
    if not name:
        return compressed
    found = bytearray()
    try:
        with pa.CompressedInputStream(pa.BufferReader(compressed), name.decode()) as stream:
            while piece := stream.read(_PIECE_BYTES):
                found += piece
    except (OSError, ValueError):
        # The end of what was written; everything before it is intact.
        pass
    return bytes(found)


def _whole_records(data: bytes) -> bytes:
    end = 0
    for start, _, length in _inner_records(data):
        if start + length <= len(data):
            end = start + length
    return data[:end]


def _inner_records(data: bytes) -> Iterator[tuple[int, int, int]]:
    position = 0
    while position + HEAD.size <= len(data):
        opcode, length = HEAD.unpack_from(data, position)
        yield position, opcode, HEAD.size + length
        position += HEAD.size + length


def _chunk(inner: bytes) -> bytes:
    """Return a chunk of the records `inner`, and its index; nothing where there are none."""
    if not inner:
        return b""
    index: dict[int, list[tuple[int, int]]] = {}
    for start, opcode, _ in _inner_records(inner):
        if opcode == MESSAGE:
            channel, _, log_time = _MESSAGE_HEAD.unpack_from(inner, start + HEAD.size)
            index.setdefault(channel, []).append((log_time, start))
    times = [log_time for entries in index.values() for log_time, _ in entries] or [0]
    # A checksum of 0 means that there is none, an empty name that nothing is compressed.
    no_checksum, no_compression = _U32.pack(0), _U32.pack(0)
    sizes = _TIMES_AND_SIZE.pack(min(times), max(times), len(inner))
    body = sizes + no_checksum + no_compression + _U64.pack(len(inner)) + inner
    return _record(CHUNK, body) + b"".join(
        _record(
            MESSAGE_INDEX,
            INDEX_HEAD.pack(channel, len(entries) * _INDEX_ENTRY.size)
            + b"".join(_INDEX_ENTRY.pack(*entry) for entry in entries),
        )
        for channel, entries in index.items()
    )


def _record(opcode: int, body: bytes) -> bytes:
    return HEAD.pack(opcode, len(body)) + body


def _copy(source: BinaryIO, target: BinaryIO, length: int) -> None:
    source.seek(0)
    while length > 0:
        piece = source.read(min(length, _COPY_BYTES))
        target.write(piece)
        length -= len(piece)
