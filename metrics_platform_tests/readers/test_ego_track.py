"""A road user that is made the ego by the `log.json` beside the recording."""

import json
import math
import shutil
from pathlib import Path

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogContents, LogMetadata
from metrics_platform.readers.ego_track import with_ego_track
from metrics_platform.readers.reading import ReadBatch, read_logs
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.data import data_path
from metrics_platform_tests.readers.recordings import T0, TENTH, box, pose, scene, write_foxglove


def read_with(folder: Path, given: dict[str, object]) -> ReadBatch:
    scenario = folder / "urban.xml"
    shutil.copyfile(data_path("commonroad", "ZAM_Urban-3_3_Repair.xml"), scenario)
    scenario.with_name("urban.log.json").write_text(json.dumps(given))
    return read_logs({"log": scenario}, ReaderConfig())


@pytest.mark.parametrize("ego", ["8", 8], ids=["text", "number"])
def test_the_track_becomes_the_ego(tmp_path: Path, ego: object) -> None:
    batch = read_with(tmp_path, {"ego_track_id": ego})
    (recording,) = batch.signals["recordings"].rows.iter_rows(named=True)
    assert recording["has_ego"]
    assert "the ego is the road user 8" in recording["notes"]
    assert (recording["ego_length_m"], recording["ego_width_m"]) == (4.508, 1.608)
    assert recording["ego_center_offset_m"] == 0.0
    poses = batch.signals["ego_poses"].rows
    assert len(poses) == 36
    first = poses.row(0, named=True)
    assert (first["x_m"], first["y_m"], first["heading_rad"]) == (60.0, 0.06, 0.02)
    assert first["longitudinal_velocity_mps"] == pytest.approx(9.0)
    assert first["lateral_velocity_mps"] == pytest.approx(0.0, abs=1e-12)
    assert first["yaw_rate_radps"] is None
    assert batch.signals["tracks"].rows["track_id"].unique().sort().to_list() == ["6", "7"]
    frames = {
        name: made.rows
        for name, made in batch.signals.items()
        if made.outcomes["log"].status is Status.COMPUTED
    }
    pairs = compute_on(frames, "actor_pairs").rows
    assert pairs["actor_id"].unique().to_list() == ["ego"]


@pytest.mark.parametrize(
    ("metric", "column"),
    [
        ("closest_encounter", "dce_m"),
        ("time_to_collision", "min_ttc_s"),
        ("worst_time_to_collision", "min_wttc_s"),
    ],
)
def test_it_fares_as_ego_as_it_did_as_one_of_all(tmp_path: Path, metric: str, column: str) -> None:
    def of(batch: ReadBatch, actor: str) -> dict[str, float]:
        made = compute_on({name: made.rows for name, made in batch.signals.items()}, metric)
        seen = made.rows.filter(pl.col("actor_id") == actor)
        return dict(seen.select("other_id", column).rows())

    as_ego = of(read_with(tmp_path, {"ego_track_id": "8"}), "ego")
    as_one = of(read_with(tmp_path, {}), "8")
    assert as_ego == pytest.approx(as_one, abs=1e-6)
    assert as_ego


def test_a_size_that_is_told_wins(tmp_path: Path) -> None:
    told = {"ego_track_id": "8", "ego_length_m": 5.0, "ego_center_offset_m": 1.4}
    (recording,) = read_with(tmp_path, told).signals["recordings"].rows.iter_rows(named=True)
    assert (recording["ego_length_m"], recording["ego_width_m"]) == (5.0, 1.608)
    assert recording["ego_center_offset_m"] == 0.0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"ego_track_id": "9"},
            "ego_track_id is '9', but the recording has the road users 6, 7, 8",
        ),
        ({"ego_track_id": True}, "ego_track_id must be a string, got True"),
        ({"ego_track_id": 8.5}, "ego_track_id must be a string, got 8.5"),
    ],
)
def test_an_id_that_is_none_fails_the_log(
    tmp_path: Path, given: dict[str, object], said: str
) -> None:
    assert said in read_with(tmp_path, given).failures["log"]


def test_a_recording_with_an_ego_has_no_second_one(tmp_path: Path) -> None:
    poses = [pose(T0 + k * TENTH, float(k)) for k in range(3)]
    drive = write_foxglove(
        tmp_path / "drive.mcap", poses=poses, scenes={"/objects": [scene(box(T0, "a", 1.0, 1.0))]}
    )
    drive.with_name("drive.log.json").write_text('{"ego_track_id": "a"}')
    failure = read_logs({"log": drive}, ReaderConfig()).failures["log"]
    assert failure == "ego_track_id is 'a', but the recording has an ego of its own"


def contents(ego: str | None, **columns: object) -> LogContents:
    usual = {
        "timestamp_ns": [0, 0, 1],
        "source": "simulation",
        "track_id": ["a", "b", "a"],
        "x_m": 1e6,
        "y_m": -1e6,
        "z_m": 0.7,
        "heading_rad": math.pi / 2,
        "length_m": [4.0, 9.0, 4.2],
        "width_m": 2.0,
        "velocity_x_mps": [-1.0, 0.0, None],
        "velocity_y_mps": [3.0, 0.0, 3.0],
    }
    tracks = pl.DataFrame({**usual, **columns}, strict=False)
    return LogContents(
        {"tracks": tracks}, {"ego_poses": "none"}, LogMetadata(ego_track_id=ego), has_ego=False
    )


def test_velocities_are_turned_into_its_axes_and_may_be_unknown() -> None:
    made = with_ego_track(contents("a"))
    poses = made.signals["ego_poses"]
    velocities = poses.select("longitudinal_velocity_mps", "lateral_velocity_mps").rows()
    assert velocities == [pytest.approx((3.0, 1.0)), (None, None)]
    assert poses.select("x_m", "y_m", "z_m").unique().rows() == [(1e6, -1e6, 0.7)]
    assert made.metadata.ego_length_m == pytest.approx(4.1)
    assert not made.missing


def test_velocities_may_be_left_out() -> None:
    given = contents("a")
    tracks = given.signals["tracks"].drop("velocity_x_mps", "velocity_y_mps")
    made = with_ego_track(LogContents({"tracks": tracks}, {}, given.metadata, has_ego=False))
    poses = made.signals["ego_poses"]
    assert poses["longitudinal_velocity_mps"].to_list() == [None, None]
    assert poses["x_m"].to_list() == [1e6, 1e6]


def test_who_is_the_ego_is_the_ego_whatever_else_is_told(tmp_path: Path) -> None:
    batch = read_with(tmp_path, {"ego_track_id": "8", "has_ego": False})
    assert batch.signals["recordings"].rows["has_ego"].to_list() == [True]


def test_a_point_has_no_size() -> None:
    assert with_ego_track(contents("a", width_m=0.0)).metadata.ego_width_m is None


def test_nobody_named_changes_nothing() -> None:
    given = contents(None)
    assert with_ego_track(given) is given


def test_one_id_in_two_sources_is_no_road_user() -> None:
    with pytest.raises(Exception, match="'a', which is in several sources: radar, tracker"):
        with_ego_track(contents("a", source=["tracker", "radar", "radar"]))


def test_no_road_user_at_all() -> None:
    given = contents("a")
    with pytest.raises(Exception, match="but the recording has no road user"):
        with_ego_track(LogContents({}, {}, given.metadata, has_ego=False))


def test_its_place_along_the_lane_is_the_egos() -> None:
    given = contents("a")
    places = pl.DataFrame({"track_id": ["a", "b"], "position_m": [1.0, 2.0]})
    signals = {**given.signals, "lane_positions": places}
    made = with_ego_track(LogContents(signals, {}, given.metadata, has_ego=False))
    assert made.signals["lane_positions"]["track_id"].to_list() == ["ego", "b"]
