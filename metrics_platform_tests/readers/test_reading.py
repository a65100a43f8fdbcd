import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from metrics_platform.core import Status
from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.core.validation import validate
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.formats import find_reader, formats, recorded_signals
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.data import data_path
from metrics_platform_tests.readers.recordings import (
    SECOND,
    T0,
    TENTH,
    box,
    pose,
    scene,
    write_foxglove,
)

CONFIG = ReaderConfig()


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    poses = [pose(T0 + k * TENTH, float(k)) for k in range(10)]
    return write_foxglove(tmp_path / "drive1.mcap", poses=poses, metadata={"vehicle": "van"})


def test_formats_are_found_by_looking() -> None:
    assert {"argoverse2", "comma2k19", "mcap"} <= set(formats())
    assert {"ego_poses", "recordings", "tracks", "vehicle_speeds"} <= set(recorded_signals())


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("argoverse2", "sensor", "7fab2350-7eaf-3b7e-a39d-6937a4c1bede"), "argoverse2"),
        (("comma2k19", "Example_1"), "comma2k19"),
        (("robot", "nav2_turtlebot.mcap"), "mcap"),
    ],
)
def test_real_recordings_are_recognised_by_one_format(parts: tuple[str, ...], name: str) -> None:
    path = data_path(*parts)
    assert [n for n, reader in formats().items() if reader.recognises(path)] == [name]


def empty_file(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"\x00\x01 no recording")


def empty_folder(path: Path) -> None:
    path.mkdir()


def folder_of_text(path: Path) -> None:
    path.mkdir()
    (path / "readme.txt").write_text("nothing here")


def nothing(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (empty_file, "an empty file"),
        (garbage, r"15 bytes that begins with b'\\x00\\x01 no"),
        (empty_folder, "an empty folder"),
        (folder_of_text, "a folder with readme.txt"),
        (nothing, "no such file or folder"),
    ],
)
def test_what_is_no_recording_says_what_was_looked_at(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    path = tmp_path / "drive.mcap"
    make(path)
    with pytest.raises(UnreadableLogError, match=said) as raised:
        find_reader(path)
    assert f"formats: {', '.join(formats())}" in str(raised.value)


def test_the_name_of_a_file_says_nothing(drive: Path) -> None:
    renamed = drive.rename(drive.with_name("recording.bin"))
    assert find_reader(renamed).__name__.endswith(".mcap")


def test_a_bad_log_harms_no_other(drive: Path, tmp_path: Path) -> None:
    garbage(tmp_path / "garbage")
    broken_box = write_foxglove(
        tmp_path / "box.mcap",
        poses=[pose(T0), pose(T0 + SECOND)],
        scenes={"/objects": [scene(box(T0, "a", 1.0, 1.0, size=(-4.0, 2.0, 1.0)))]},
    )
    good_box = write_foxglove(
        tmp_path / "good.mcap",
        poses=[pose(T0), pose(T0 + SECOND)],
        scenes={"/objects": [scene(box(T0, "a", 1.0, 1.0))]},
    )
    paths = {
        "b": drive,
        "garbage": tmp_path / "garbage",
        "box": broken_box,
        "a": good_box,
        "gone": tmp_path / "gone",
    }
    batch = read_logs(paths, CONFIG)
    for name, computed in batch.signals.items():
        assert list(computed.outcomes) == list(paths)
        assert set(computed.fingerprints) == set(computed.input_hashes) == set(paths)
        # A log of which nothing can be had is one fault, and counted in one place.
        lost = Status.FAILED if name == "recordings" else Status.ABSTAINED
        assert computed.outcomes["garbage"].status is lost
        assert computed.outcomes["gone"].status is lost
        validate(recorded_signals()[name], computed.rows)
        logs = computed.logs_with(Status.COMPUTED)
        assert sorted(computed.summary["log_id"]) == sorted(logs)
    poses = batch.signals["ego_poses"]
    assert poses.rows["log_id"].unique(maintain_order=True).to_list() == ["a", "b", "box"]
    boxes = batch.signals["tracks"]
    assert boxes.logs_with(Status.COMPUTED) == ["a"]
    assert boxes.outcomes["b"].status is Status.ABSTAINED
    assert "length_m" in (boxes.outcomes["box"].reason or "")
    assert sorted(batch.failures) == ["garbage", "gone"]
    assert "gone" not in batch.content_hashes
    assert sorted(batch.metadata) == ["a", "b", "box"]


def test_a_batch_is_its_logs_put_together(drive: Path) -> None:
    other = data_path("robot", "nav2_turtlebot.mcap")
    both = read_logs({"x": drive, "y": other}, CONFIG, workers=2)
    for name, computed in both.signals.items():
        alone = [read_logs({k: p}, CONFIG, workers=1) for k, p in (("x", drive), ("y", other))]
        parts = [single.signals[name] for single in alone]
        assert computed.rows.equals(parts[0].rows.vstack(parts[1].rows))
        assert computed.fingerprints == {**parts[0].fingerprints, **parts[1].fingerprints}


def test_no_logs_are_no_error() -> None:
    batch = read_logs({}, CONFIG)
    assert all(len(computed.rows) == 0 for computed in batch.signals.values())


def test_log_json_wins_over_the_recording(drive: Path) -> None:
    drive.with_name("drive1.log.json").write_text(
        json.dumps({"vehicle": "bot 7", "tags": ["rain"], "ego_length_m": 1, "crew": 2})
    )
    batch = read_logs({"log": drive}, CONFIG)
    (row,) = batch.signals["recordings"].rows.iter_rows(named=True)
    assert (row["vehicle"], row["ego_length_m"], row["release"]) == ("bot 7", 1.0, None)
    assert batch.metadata["log"].tags == ("rain",)
    assert "drive1.log.json: unknown keys are ignored: crew" in row["notes"]


def test_log_json_in_a_folder(tmp_path: Path, drive: Path) -> None:
    folder = tmp_path / "bag"
    folder.mkdir()
    shutil.copyfile(drive, folder / "bag_0.mcap")
    (folder / "log.json").write_text('{"release": "3.2"}')
    batch = read_logs({"log": folder}, CONFIG)
    (row,) = batch.signals["recordings"].rows.iter_rows(named=True)
    assert (row["vehicle"], row["release"]) == ("van", "3.2")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "drive1.log.json is not valid JSON"),
        ("[1]", "must be a JSON object, got list"),
        ('{"vehicle": 7}', "vehicle must be a string, got 7"),
        ('{"tags": "a b", "ego_length_m": "long"}', "ego_length_m must be a length"),
        ('{"ego_length_m": -1}', "ego_length_m must be a length in metres, got -1"),
        ('{"ego_width_m": NaN}', "ego_width_m must be a length"),
        ('{"tags": [1]}', "tags must be a list of strings"),
    ],
)
def test_a_log_json_that_makes_no_sense_fails_its_log(drive: Path, text: str, said: str) -> None:
    drive.with_name("drive1.log.json").write_text(text)
    assert said in read_logs({"log": drive}, CONFIG).failures["log"]


def test_one_recording_under_two_names_has_one_content_hash(drive: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mcap"
    shutil.copyfile(drive, copy)
    copy.with_name("copy.log.json").write_text('{"vehicle": "x"}')
    folders = []
    for name in ("one", "two", "renamed"):
        folder = tmp_path / name
        folder.mkdir()
        file = "b.mcap" if name == "renamed" else "a.mcap"
        shutil.copyfile(drive, folder / file)
        folders.append(folder)
    (folders[1] / "log.json").write_text("{}")
    paths = {"drive": drive, "copy": copy, **{folder.name: folder for folder in folders}}
    batch = read_logs(paths, CONFIG)
    hashes = batch.content_hashes
    assert hashes["drive"] == hashes["copy"]
    assert hashes["one"] == hashes["two"] != hashes["renamed"]
    inputs = batch.signals["recordings"].input_hashes
    assert inputs["drive"] != inputs["copy"]


def test_fingerprints_depend_on_format_signal_and_configuration(drive: Path) -> None:
    other = data_path("comma2k19", "Example_1")
    batch = read_logs({"a": drive, "b": drive, "c": other}, CONFIG)
    prints = batch.signals["ego_poses"].fingerprints
    assert prints["a"] == prints["b"] != prints["c"]
    assert prints["a"] != batch.signals["vehicle_speeds"].fingerprints["a"]
    configured = read_logs({"a": drive}, ReaderConfig(ego_poses=("*",)))
    assert configured.signals["ego_poses"].fingerprints["a"] != prints["a"]
