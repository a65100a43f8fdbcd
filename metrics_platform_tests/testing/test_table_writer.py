"""What the writer of tables writes is what their reader reads."""

from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from metrics_platform.core.frames import grain
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.formats import recorded_signals
from metrics_platform.readers.reading import read_logs
from metrics_platform.testing.families import with_families
from metrics_platform.testing.synthetic import scenario
from metrics_platform.testing.table_writer import write_tables


@pytest.mark.parametrize("kind", ["cut_in", "sidewalk"])
def test_a_log_comes_back_as_it_was_written(tmp_path: Path, kind: str) -> None:
    frames = with_families(scenario(kind, log_id="log", seconds=4))
    write_tables(tmp_path / "log", frames, tags=("one", "two"))
    batch = read_logs({"log": tmp_path / "log"}, ReaderConfig())
    assert not batch.failures
    assert batch.metadata["log"].tags == ("one", "two")
    for name in recorded_signals().keys() - {"recordings"}:
        if name in frames and len(frames[name]):
            expected = frames[name].sort(grain(recorded_signals()[name].rows))
            assert_frame_equal(batch.signals[name].rows, expected)
    for column in ("vehicle", "release", "mission", "has_ego", "ego_length_m"):
        written = frames["recordings"][column].item()
        assert batch.signals["recordings"].rows[column].item() == written
