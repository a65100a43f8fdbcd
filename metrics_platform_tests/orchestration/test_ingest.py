"""From the inbox to recorded signals, in real runs over real MCAP files."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import boto3  # type: ignore[import-untyped]
import polars as pl
import pytest

from metrics_platform.orchestration.ingest import Spool
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.formats import recorded_signals
from metrics_platform.readers.reading import ReadBatch, read_logs
from metrics_platform.store import ObjectRoot, Store
from metrics_platform_tests.data import data_path
from metrics_platform_tests.orchestration.faulty import catalog_with, sample_counts
from metrics_platform_tests.orchestration.platform import Platform, metadata_of, upload

RECORDED = tuple(recorded_signals())
IN_MCAP = ("ego_poses", "recordings", "tracks", "vehicle_speeds")


@pytest.fixture
def eager(platform: Platform) -> Platform:
    return platform.having(quiet_s=0.0)


def read(platform: Platform, *log_ids: str) -> None:
    """Register what is in the inbox, and run the asset that reads it."""
    platform.tick()
    assert platform.run(list(log_ids), *RECORDED).success


def rows(platform: Platform, name: str) -> pl.DataFrame:
    return platform.store.scan(name).collect().sort("log_id", "timestamp_ns")


def test_a_log_is_read_once_for_all_its_signals(eager: Platform) -> None:
    logs = [f"log-{number}" for number in range(4)]
    for log_id in logs:
        upload(eager.inbox, log_id, kind="follow")

    read(eager, *logs)

    assert eager.states() == dict.fromkeys(logs, "read")
    for name in IN_MCAP:
        assert eager.statuses(name) == dict.fromkeys(logs, "computed")
    # One step for all signals: they cannot be run apart from one another.
    poses = eager.store.scan("ego_poses").group_by("log_id").len().collect()
    assert dict(poses.iter_rows()) == dict.fromkeys(logs, 41)


def test_memory_bounds_a_batch_and_changes_no_result(eager: Platform) -> None:
    logs = [f"log-{number}" for number in range(4)]
    for log_id in logs:
        upload(eager.inbox, log_id, kind="follow")
    read(eager, *logs)
    folder = Path(eager.settings.root) / "log" / "ego_poses"
    assert len(list(folder.rglob("*.parquet"))) == 1
    before = {name: rows(eager, name) for name in ("ego_poses", "tracks")}

    with Store.open(eager.settings) as store:
        history = store.history("ego_poses", logs[0])
    result = eager.having(batch_bytes=1).run(logs, *RECORDED)

    assert result.success
    assert {name: rows(eager, name) for name in before}.keys() == before.keys()
    for name, frame in before.items():
        assert rows(eager, name).equals(frame)
    assert eager.store.history("ego_poses", logs[0]).equals(history)


def test_a_small_setting_gives_a_file_for_each_log(eager: Platform) -> None:
    logs = [f"log-{number}" for number in range(3)]
    for log_id in logs:
        upload(eager.inbox, log_id)

    little = eager.having(batch_bytes=1)
    read(little, *logs)

    for name in IN_MCAP:
        found = (Path(eager.settings.root) / "log" / name).rglob("*.parquet")
        assert len(list(found)) == (0 if name == "tracks" else 3)


def test_the_spool_gives_back_what_was_read(tmp_path: Path) -> None:
    for number in range(3):
        upload(tmp_path, f"log-{number}", kind="follow")
    asked: list[int] = []

    def batches() -> Iterator[ReadBatch]:
        for number in range(3):
            asked.append(number)
            yield read_logs({f"log-{number}": tmp_path / f"log-{number}.mcap"}, ReaderConfig())

    expected = list(batches())
    spool = Spool(tmp_path, batches(), abandon=lambda: None)

    # Read once, however often a signal is asked for.
    assert asked == [0, 1, 2] * 2
    assert sum(len(c.rows) for batch in spool.batches for c in batch.signals.values()) == 0
    for name in IN_MCAP:
        for _ in range(2):
            found = list(spool.signal(name))
            assert len(found) == 3
            for computed, batch in zip(found, expected, strict=True):
                assert computed.rows.equals(batch.signals[name].rows)
                assert computed.outcomes == batch.signals[name].outcomes
                assert computed.summary.equals(batch.signals[name].summary)
    assert asked == [0, 1, 2] * 2


def test_the_same_recording_under_another_name_is_put_aside(eager: Platform) -> None:
    first = upload(eager.inbox, "first")
    read(eager, "first")
    shutil.copyfile(first, eager.inbox / "again.mcap")

    read(eager, "again")

    assert eager.states() == {"first": "read", "again": "quarantined"}
    assert eager.reasons()["again"] == "same recording as log first"
    for name in IN_MCAP:
        lost = "failed" if name == "recordings" else "abstained"
        assert eager.statuses(name)["again"] == lost
    assert set(rows(eager, "ego_poses")["log_id"]) == {"first"}


def test_of_two_equal_recordings_in_one_batch_one_is_kept(eager: Platform) -> None:
    path = upload(eager.inbox, "a")
    shutil.copyfile(path, eager.inbox / "b.mcap")

    read(eager, "a", "b")

    assert eager.states() == {"a": "read", "b": "quarantined"}


def test_what_stands_beside_a_recording_is_known_of_it(eager: Platform) -> None:
    upload(eager.inbox, "a")
    known = {"vehicle": "van-7", "release": "2026.11", "place": "harbour", "tags": ["rain"]}
    (eager.inbox / "a.log.json").write_text(json.dumps(known))

    read(eager, "a")

    [row] = eager.store.registry.logs().iter_rows(named=True)
    assert {name: row[name] for name in ("vehicle", "release", "place")} == {
        name: known[name] for name in ("vehicle", "release", "place")
    }
    assert json.loads(row["tags"]) == ["rain"]
    assert (row["format"], row["duration_s"], row["truncated"]) == ("mcap", 2.0, False)


def test_a_sidecar_that_is_no_json_costs_its_log_and_no_other(eager: Platform) -> None:
    upload(eager.inbox, "a")
    upload(eager.inbox, "b")
    (eager.inbox / "a.log.json").write_text("{vehicle: van}")

    read(eager, "a", "b")

    assert eager.states() == {"a": "quarantined", "b": "read"}
    assert "a.log.json is not valid JSON" in str(eager.reasons()["a"])


def test_a_recording_that_vanished_is_put_aside(eager: Platform) -> None:
    upload(eager.inbox, "a")
    path = upload(eager.inbox, "gone")
    eager.tick()
    path.unlink()

    assert eager.run(["a", "gone"], *RECORDED).success

    assert eager.states() == {"a": "read", "gone": "quarantined"}
    assert "there is no such file or folder" in str(eager.reasons()["gone"])


def test_results_of_a_log_stay_when_its_upload_is_gone(eager: Platform) -> None:
    path = upload(eager.inbox, "a")
    upload(eager.inbox, "b")
    read(eager, "a", "b")
    before = rows(eager, "ego_poses")
    path.unlink()

    assert eager.run(["a", "b"], *RECORDED).success

    assert rows(eager, "ego_poses").equals(before)
    assert eager.states() == {"a": "read", "b": "read"}
    assert "its upload is gone" in str(eager.reasons()["a"])


def test_a_log_that_nobody_uploaded_fails_by_name(eager: Platform) -> None:
    upload(eager.inbox, "a")
    eager.tick()

    result = eager.run(["a", "made-up"], *RECORDED)

    assert result.success
    assert metadata_of(result, "read_logs")["coverage"] == "1 of 2 logs"
    assert eager.statuses("recordings") == {"a": "computed", "made-up": "failed"}
    assert eager.statuses("ego_poses") == {"a": "computed", "made-up": "abstained"}


def test_other_content_under_the_same_name_is_read_anew(eager: Platform) -> None:
    upload(eager.inbox, "a")
    read(eager, "a")
    upload(eager.inbox, "a", seconds=3.0)

    p = eager.having(catalog_with(sample_counts))
    [request] = p.tick().run_requests or ()
    assert p.launch(request).success

    [row] = eager.store.registry.logs().iter_rows(named=True)
    assert (row["state"], row["revision"], row["duration_s"]) == ("read", 2, 3.0)
    assert len(rows(eager, "ego_poses")) == 61
    assert len(eager.store.history("ego_poses", "a")) == 2


ODD = "b0c9d2329ad1606b|2018-08-02--08-34-47"


@pytest.fixture
def in_cloud(eager: Platform, s3_root: str) -> Iterator[Platform]:
    """The same platform on an S3 bucket."""
    settings = eager.having(root=s3_root).settings
    with Store.open(settings) as store:
        yield Platform(settings, eager.instance, store, eager.catalog)


def _put_tree(root: ObjectRoot, folder: Path, name: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            root.put(f"inbox/{name}/{path.relative_to(folder)}", path.read_bytes())


def test_logs_come_down_from_a_bucket(in_cloud: Platform, tmp_path: Path) -> None:
    root = in_cloud.store.objects
    odd = "car|2026-11-20T10:00:00+01:00 a=1"
    for log_id in (odd, "gone"):
        root.put(f"inbox/{log_id}.mcap", upload(tmp_path, log_id).read_bytes())
    root.put(f"inbox/{odd}.log.json", b'{"vehicle": "van-7"}')
    folder = data_path("comma2k19", "Example_1", ODD)
    _put_tree(root, folder, ODD)
    in_cloud.tick()
    root.delete(["inbox/gone.mcap"])

    assert in_cloud.run(sorted([odd, "gone", ODD]), *RECORDED).success

    assert in_cloud.states() == {odd: "read", ODD: "read", "gone": "quarantined"}
    logs = {row["log_id"]: row for row in in_cloud.store.registry.logs().iter_rows(named=True)}
    assert logs[odd]["vehicle"] == "van-7"
    assert logs[ODD]["format"] == "comma2k19"
    found = in_cloud.store.scan("ego_poses").group_by("log_id").len().collect()
    assert dict(found.iter_rows())[odd] == 41


def test_an_empty_folder_object_of_a_console_is_told_of(in_cloud: Platform) -> None:
    bucket, _, prefix = in_cloud.settings.root.removeprefix("s3://").partition("/")
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    client.put_object(Bucket=bucket, Key=f"{prefix}/inbox/empty/", Body=b"")
    in_cloud.tick()

    assert in_cloud.run(["empty"], *RECORDED).success

    assert in_cloud.states() == {"empty": "quarantined"}
