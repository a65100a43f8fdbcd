"""Result lines of driving_log_replayer: a real file, and what can be wrong with one."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from metrics_platform.core import Status
from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers.autoware_results import read, recognises
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.data import data_path

CONFIG = ReaderConfig()
CONDITION = {"Condition": {"Convergence": {"AllowableExeTimeMs": 50.0}}}
NOTHING: dict[str, Any] = {"Result": {}, "Stamp": {"System": 1.0}, "Frame": {}}


def line(stamp_ns: int, run_ms: float | None = None, x_m: float = 1.0) -> dict[str, Any]:
    """Return a result line with a pose turned by 90 degrees, and maybe a run time."""
    turned = {"x": 0.0, "y": 0.0, "z": 0.5**0.5, "w": 0.5**0.5}
    stamp = {"sec": stamp_ns // 10**9, "nanosec": stamp_ns % 10**9}
    pose = {
        "header": {"stamp": stamp, "frame_id": "map"},
        "transform": {"translation": {"x": x_m, "y": 2.0, "z": 3.0}, "rotation": turned},
    }
    frame: dict[str, Any] = {"Ego": {"TransformStamped": pose}}
    if run_ms is not None:
        frame["Convergence"] = {"Info": {"ExeTimeMs": run_ms}}
    return {**NOTHING, "Frame": frame}


def written(path: Path, *objects: dict[str, Any], lines: bool) -> Path:
    text = "\n".join(map(json.dumps, objects)) if lines else json.dumps(objects, indent=2)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("lines", [True, False], ids=["json_lines", "json_list"])
def test_poses_and_run_times(tmp_path: Path, lines: bool) -> None:
    objects = [CONDITION, NOTHING, line(10**9), line(10**9, 2.5), line(11 * 10**8, 4.0, x_m=5.0)]
    path = written(tmp_path / "result.txt", *objects, lines=lines)
    assert recognises(path)
    contents = read(path, CONFIG)
    poses = contents.signals["ego_poses"]
    assert poses["timestamp_ns"].to_list() == [1_000_000_000, 1_100_000_000]
    assert poses["x_m"].to_list() == [1.0, 5.0]
    assert poses["heading_rad"].to_list() == pytest.approx([1.5707963] * 2)
    spans = contents.signals["spans"]
    assert spans.select("timestamp_ns", "stage", "duration_s", "deadline_s").rows() == [
        (1_000_000_000, "ndt", pytest.approx(0.0025), 0.05),
        (1_100_000_000, "ndt", pytest.approx(0.004), 0.05),
    ]
    assert contents.notes == ("2 of 4 lines have no run time of a localiser",)
    assert not contents.truncated


def test_a_run_time_of_zero_is_one_and_none_is_none(tmp_path: Path) -> None:
    path = written(tmp_path / "a", line(0, 0.0), line(1), line(2, math.nan), lines=True)
    assert read(path, CONFIG).signals["spans"]["duration_s"].to_list() == [0.0]


@pytest.mark.parametrize("allowed_ms", [None, 0.0], ids=["none", "zero"])
def test_without_a_limit_there_is_no_deadline(tmp_path: Path, allowed_ms: float | None) -> None:
    limit = {"Condition": {"Convergence": {"AllowableExeTimeMs": allowed_ms}}}
    path = written(tmp_path / "a", limit, line(0, 1.0), lines=True)
    assert read(path, CONFIG).signals["spans"]["deadline_s"].to_list() == [None]


def test_another_use_case_has_poses_only(tmp_path: Path) -> None:
    contents = read(written(tmp_path / "a", line(0), lines=True), CONFIG)
    assert set(contents.signals) == {"ego_poses"}
    assert contents.missing["spans"].startswith("no line has a run time")


@pytest.mark.parametrize("lines", [True, False], ids=["json_lines", "json_list"])
def test_a_file_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path, lines: bool) -> None:
    path = written(tmp_path / "a", line(0, 1.0), line(1, 2.0), lines=lines)
    path.write_text(path.read_text()[:-40])
    contents = read(path, CONFIG)
    assert contents.truncated
    assert contents.signals["spans"]["duration_s"].to_list() == pytest.approx([0.001])
    assert contents.notes[-1] == "no JSON after 1 objects: the rest is left out"


def test_a_list_without_its_end_breaks_off(tmp_path: Path) -> None:
    path = written(tmp_path / "a", line(0, 1.0), lines=False)
    assert not read(path, CONFIG).truncated
    path.write_text(path.read_text().removesuffix("]"))
    contents = read(path, CONFIG)
    assert contents.truncated
    assert len(contents.signals["spans"]) == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="empty_list"),
        pytest.param('{"Result": 1}', id="another_object"),
        pytest.param('[1, {"Result": 1, "Stamp": 2, "Frame": 3}]', id="a_list_of_numbers"),
        pytest.param("Result Stamp Frame", id="no_json"),
        pytest.param('{"Condition": {}}', id="conditions_only"),
    ],
)
def test_other_files_are_not_recognised(tmp_path: Path, text: str) -> None:
    path = tmp_path / "localization_result.json"
    path.write_text(text)
    assert not recognises(path)
    assert not recognises(tmp_path)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param({"Ego": {"TransformStamped": {"header": {}}}}, id="no_stamp"),
        pytest.param({"Ego": []}, id="another_type"),
    ],
)
def test_a_line_unlike_a_result_is_told(tmp_path: Path, frame: dict[str, Any]) -> None:
    path = written(tmp_path / "a", {**NOTHING, "Frame": frame}, lines=True)
    with pytest.raises(UnreadableLogError, match="a has a line unlike a result's"):
        read(path, CONFIG)


def test_text_of_another_encoding_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a", line(0), lines=True)
    path.write_bytes(path.read_bytes() + b"\xff")
    with pytest.raises(UnreadableLogError, match="not UTF-8"):
        read(path, CONFIG)


def test_a_real_run() -> None:
    path = data_path("autoware", "localization_result.json")
    batch = read_logs({"log": path}, CONFIG)
    outcomes = {name: made.outcomes["log"].status for name, made in batch.signals.items()}
    assert {name for name, status in outcomes.items() if status is Status.COMPUTED} == {
        "recordings", "ego_poses", "spans",
    }  # fmt: skip
    assert len(batch.signals["spans"].rows) == len(batch.signals["ego_poses"].rows) == 279
    recording = batch.signals["recordings"].rows.row(0, named=True)
    assert recording["notes"] == "610 of 889 lines have no run time of a localiser"
    lines = json.loads(path.read_bytes())
    yaws = {
        stamped["header"]["stamp"]["sec"] * 10**9 + stamped["header"]["stamp"]["nanosec"]: stamped[
            "rotation_euler"
        ]["yaw"]
        for entry in lines
        if (stamped := entry.get("Frame", {}).get("Ego", {}).get("TransformStamped"))
    }
    poses = batch.signals["ego_poses"].rows
    assert poses["heading_rad"].to_list() == pytest.approx(
        [yaws[stamp_ns] for stamp_ns in poses["timestamp_ns"]], abs=1e-6
    )
