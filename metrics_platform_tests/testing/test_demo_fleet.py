"""The demo fleet: what it says it wrote is what readers find."""

import json
from pathlib import Path
from time import perf_counter

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.core.errors import ConfigurationError
from metrics_platform.core.log_ids import check_log_id
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import ReadBatch, read_logs
from metrics_platform.testing.demo_fleet import (
    LEAST_LOGS,
    NEWER,
    OLDER,
    DemoFleet,
    write_demo_fleet,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fleet")


@pytest.fixture(scope="module")
def fleet(folder: Path) -> DemoFleet:
    return write_demo_fleet(folder)


@pytest.fixture(scope="module")
def batch(folder: Path, fleet: DemoFleet) -> ReadBatch:
    recordings = [path for path in sorted(folder.iterdir()) if path.suffix != ".json"]
    paths = {path.name if path.is_dir() else path.stem: path for path in recordings}
    assert paths == {**fleet.logs, fleet.unreadable: folder / f"{fleet.unreadable}.mcap"}
    return read_logs(paths, ReaderConfig())


def test_all_but_the_garbage_can_be_read(fleet: DemoFleet, batch: ReadBatch) -> None:
    assert set(batch.failures) == {fleet.unreadable}
    assert len(batch.signals["recordings"].rows) == len(fleet.logs) == 24
    assert all(check_log_id(log_id) for log_id in fleet.logs)


def test_one_log_is_cut_off_and_recovered(fleet: DemoFleet, batch: ReadBatch) -> None:
    recordings = batch.signals["recordings"].rows
    cut_off = recordings.filter("truncated")
    assert cut_off["log_id"].to_list() == [fleet.truncated]
    assert cut_off["duration_s"].item() > 5
    assert (cut_off["vehicle"].item() or "").startswith("car-")


def test_one_log_has_no_tracks(fleet: DemoFleet, batch: ReadBatch) -> None:
    tracks = batch.signals["tracks"]
    # Of a log that cannot be read there are none either.
    abstained = set(tracks.logs_with(Status.ABSTAINED)) - set(batch.failures)
    assert abstained == {fleet.without_tracks}


def test_one_log_is_described_beside(folder: Path, fleet: DemoFleet, batch: ReadBatch) -> None:
    described = [path.name for path in folder.glob("*.json")]
    assert described == [f"{fleet.described_beside}.log.json"]
    given = json.loads((folder / described[0]).read_text())
    metadata = batch.metadata[fleet.described_beside]
    assert (metadata.vehicle, metadata.release) == (given["vehicle"], given["release"])
    assert metadata.tags == ("demo", "retrofit")
    assert metadata.ego_length_m == 0.7


def test_some_logs_have_everything_in_them(batch: ReadBatch) -> None:
    for name, signal in batch.signals.items():
        # Of simulators, and of whole fleets: no single drive has them.
        if name in ("lane_links", "lane_positions", "reported_distances"):
            continue
        assert signal.logs_with(Status.COMPUTED), name


def test_it_is_varied(batch: ReadBatch) -> None:
    recordings = batch.signals["recordings"].rows
    assert set(recordings["release"]) == {OLDER, NEWER}
    assert recordings["vehicle"].n_unique() >= 4
    assert recordings["place"].n_unique() >= 3
    assert set(recordings["mission"]) == {"drive", "delivery"}
    assert recordings["start_ns"].n_unique() == 24


def test_the_newer_release_brakes_harder_and_more_often(batch: ReadBatch) -> None:
    speeds = batch.signals["vehicle_speeds"].rows.join(
        batch.signals["recordings"].rows.select("log_id", "release"), on="log_id"
    )
    # A deceleration lasts for half a second and more, so ten samples of 50 ms show it in full.
    peaks = speeds.group_by("log_id", "release").agg(
        peak_mps2=-(pl.col("speed_mps").diff(10) / 0.5).min()
    )
    braking = peaks.filter(pl.col("peak_mps2") > 3.0)
    found = {
        release: sorted(round(peak, 2) for peak in part["peak_mps2"])
        for (release,), part in braking.group_by("release")
    }
    assert found == {OLDER: [3.6], NEWER: [6.5, 6.5, 6.5]}


def test_it_is_the_same_each_time(folder: Path, fleet: DemoFleet, tmp_path: Path) -> None:
    began = perf_counter()
    again = write_demo_fleet(tmp_path)
    assert perf_counter() - began < 5
    assert again.scenarios == fleet.scenarios
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for path in folder.iterdir()
    )
    for log_id, path in again.logs.items():
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            inside = file.relative_to(path)
            assert file.read_bytes() == (fleet.logs[log_id] / inside).read_bytes()


def test_a_smaller_fleet_has_all_that_is_special(tmp_path: Path) -> None:
    small = write_demo_fleet(tmp_path / "new" / "folder", logs=LEAST_LOGS)
    assert len(small.logs) == LEAST_LOGS
    assert {small.truncated, small.without_tracks, small.described_beside} <= set(small.logs)


def test_a_larger_fleet_has_as_many_logs_as_asked_for(tmp_path: Path) -> None:
    assert len(write_demo_fleet(tmp_path, logs=60).logs) == 60


def test_too_small_a_fleet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least 8 logs, got 3"):
        write_demo_fleet(tmp_path, logs=3)
