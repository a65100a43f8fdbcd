"""Mending MCAP files that the decoder would read in part, or not at all.

Recorders compress some seconds of messages into a chunk, and the decoder takes whole chunks with
whole indexes only. Of a chunk that was cut off while being written, what is there can still be
decompressed: it is written anew, uncompressed and with its index. Messages outside of chunks are
put into one, and chunks whose checksum is wrong are left out.

Source: the MCAP specification, "Records" (mcap.dev/spec).
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from metrics_platform.readers._mcap_records import (
    CHANNEL,
    CHUNK,
    HEAD,
    INDEX_HEAD,
    MAGIC,
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


def mend(file: Path, mended: Path, *, cut_off: bool) -> int | None:
    """Write a mended copy of `file`, unless it needs none.

    Every chunk is held against its checksum first: from a damaged one the decoder may never
    return.

    Returns:
        How many damaged chunks the copy leaves out; None where there is no copy.

    Raises:
        OSError: A file cannot be read or written.
    """
    with file.open("rb") as source:
        end = source.seek(0, 2)
        found = list(records(source))
        chunks = [record for record in found if record[1] == CHUNK]
        damaged = {c[0] for c in chunks if c[0] + c[2] <= end and not _is_intact(source, c)}
        *_, last = [None, *(record for record in found if record[1] != MESSAGE_INDEX)]
        broken_off = last[0] if cut_off and last and last[1] == CHUNK else None
        loose = not chunks and any(opcode == MESSAGE for _, opcode, _ in found)
        if not damaged and broken_off is None and not loose:
            return None
        with mended.open("wb") as target:
            target.write(MAGIC)
            inner = bytearray()
            left_out = False
            for position, opcode, length in found:
                left_out = position in damaged or (left_out and opcode == MESSAGE_INDEX)
                if left_out or (position + length > end and position != broken_off):
                    continue
                if position == broken_off:
                    source.seek(position + HEAD.size)
                    target.write(_chunk(_whole_records(_decompressed(source))))
                    break
                if loose and opcode in _IN_CHUNKS:
                    inner += _bytes(source, position, length)
                else:
                    _copy(source, target, position, length)
            target.write(_chunk(bytes(inner)))
    return len(damaged)


def _is_intact(source: BinaryIO, chunk: tuple[int, int, int]) -> bool:
    position, _, length = chunk
    body = _bytes(source, position + HEAD.size, length - HEAD.size)
    try:
        size = int(_TIMES_AND_SIZE.unpack_from(body)[2])
        checksum, name_length = struct.unpack_from("<II", body, _TIMES_AND_SIZE.size)
        start = _TIMES_AND_SIZE.size + 2 * _U32.size
        name = body[start : start + name_length].decode()
        data: bytes = body[start + name_length + _U64.size :]
        if name:
            data = bytes(pa.decompress(data, decompressed_size=size, codec=name, asbytes=True))
    except (struct.error, ValueError, OSError, MemoryError, OverflowError):
        return False
    if checksum:
        return zlib.crc32(data) == int(checksum)
    return len(_whole_records(data)) == len(data) == size


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


def _copy(source: BinaryIO, target: BinaryIO, position: int, length: int) -> None:
    source.seek(position)
    while length > 0:
        piece = source.read(min(length, _COPY_BYTES))
        target.write(piece)
        length -= len(piece)
