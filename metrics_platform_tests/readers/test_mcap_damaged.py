from pathlib import Path

import pytest
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from metrics_platform.core import Status
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import ReadBatch, read_logs
from metrics_platform_tests.data import data_path
from metrics_platform_tests.readers.recordings import (
    T0,
    TENTH,
    box,
    pose,
    scene,
    write_foxglove,
)

CONFIG = ReaderConfig()
COUNT = 300


def read(path: Path) -> ReadBatch:
    return read_logs({"log": path}, CONFIG)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    times = [T0 + k * TENTH for k in range(COUNT)]
    return write_foxglove(
        tmp_path / "whole.mcap",
        poses=[pose(time, k * 1.0) for k, time in enumerate(times)],
        scenes={"/objects": [scene(box(time, "a", 5.0, 0.0)) for time in times]},
        metadata={"vehicle": "van"},
    )


def rewritten(source: Path, target: Path, **options: object) -> Path:
    """Write the same messages with another writer, in chunks as `options` say."""
    with source.open("rb") as read_from, target.open("wb") as write_to:
        writer = Writer(write_to, **options)  # type: ignore[arg-type]
        writer.start()
        channels: dict[int, int] = {}
        for schema, channel, message in make_reader(read_from).iter_messages():
            assert schema is not None
            if channel.id not in channels:
                number = writer.register_schema(schema.name, schema.encoding, schema.data)
                channels[channel.id] = writer.register_channel(
                    channel.topic, channel.message_encoding, number
                )
            writer.add_message(
                channels[channel.id], message.log_time, message.data, message.publish_time
            )
        writer.finish()  # type: ignore[no-untyped-call]
    return target


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    target = path.with_name(f"cut{share}.mcap")
    target.write_bytes(data[: int(len(data) * share)])
    return target


@pytest.mark.parametrize("share", [0.3, 0.5, 0.75, 0.9, 0.999])
@pytest.mark.parametrize(
    "options",
    [
        {"compression": CompressionType.ZSTD, "chunk_size": 4_000},
        {"compression": CompressionType.LZ4, "chunk_size": 4_000},
        {"compression": CompressionType.NONE, "chunk_size": 1_000_000},
        {"use_chunking": False},
    ],
    ids=["zstd", "lz4", "one uncompressed chunk", "no chunks"],
)
def test_a_cut_off_recording_is_read_as_far_as_it_goes(
    whole: Path, tmp_path: Path, share: float, options: dict[str, object]
) -> None:
    batch = read(cut(rewritten(whole, tmp_path / "a.mcap", **options), share))
    rows = batch.signals["ego_poses"].rows
    expected = read(whole).signals["ego_poses"].rows.head(len(rows))
    assert rows.equals(expected)
    # The index at the end of the file takes up less than half of it.
    assert len(rows) >= min(share - 0.1, 0.5) * COUNT * 0.8
    assert batch.signals["recordings"].rows["truncated"].to_list() == [True]
    assert "cut off" in batch.signals["recordings"].rows["notes"][0]
    assert abs(len(batch.signals["tracks"].rows) - len(rows)) <= 1


@pytest.mark.parametrize("share", [0.25, 0.5, 0.7, 0.97])
def test_a_real_recording_of_one_chunk_that_is_cut_inside_it(tmp_path: Path, share: float) -> None:
    real = data_path("robot", "nav2_turtlebot.mcap")
    path = tmp_path / "cut.mcap"
    data = real.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    batch = read(path)
    rows = batch.signals["ego_poses"].rows
    assert rows.equals(read(real).signals["ego_poses"].rows.head(len(rows)))
    # The chunk itself is 72 % of the file, its indexes and the summary the rest.
    assert len(rows) > min(share / 0.72, 1.0) * 2639 * 0.85
    assert batch.signals["recordings"].rows["truncated"].to_list() == [True]


@pytest.mark.parametrize("length", [8, 20, 100, 300])
def test_of_a_few_bytes_nothing_can_be_recovered(whole: Path, length: int) -> None:
    whole.write_bytes(whole.read_bytes()[:length])
    batch = read(whole)
    assert batch.signals["recordings"].outcomes["log"].status is Status.FAILED
    assert batch.signals["ego_poses"].outcomes["log"].status is Status.ABSTAINED
    assert "MCAP file" in batch.failures["log"]


def test_a_whole_recording_without_chunks_is_read(whole: Path, tmp_path: Path) -> None:
    path = rewritten(whole, tmp_path / "a.mcap", use_chunking=False)
    batch = read(path)
    assert len(batch.signals["ego_poses"].rows) == COUNT
    assert len(batch.signals["tracks"].rows) == COUNT
    assert batch.signals["recordings"].rows["truncated"].to_list() == [False]


@pytest.mark.parametrize("checked", [True, False], ids=["with checksums", "without"])
@pytest.mark.parametrize("compression", [CompressionType.NONE, CompressionType.ZSTD])
def test_a_damaged_chunk_costs_its_messages_and_is_noted(
    whole: Path, tmp_path: Path, compression: CompressionType, checked: bool
) -> None:
    options = {"compression": compression, "chunk_size": 4_000, "enable_crcs": checked}
    path = rewritten(whole, tmp_path / "a.mcap", **options)
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 100] = bytes(100)
    path.write_bytes(data)
    batch = read(path)
    rows = batch.signals["ego_poses"].rows
    assert 0.7 * COUNT < len(rows) < COUNT
    notes = batch.signals["recordings"].rows["notes"][0]
    assert "a.mcap: 1 damaged chunks are left out" in notes


def test_messages_in_an_encoding_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start()
        schema = writer.register_schema("foxglove.PoseInFrame", "jsonschema", b"{}")
        channel = writer.register_channel("/pose", "json", schema)
        writer.add_message(channel, T0, b"{}", T0)
        writer.finish()  # type: ignore[no-untyped-call]
    failure = read(path).failures["log"]
    assert "/pose (foxglove.PoseInFrame, encoded as json)" in failure
