"""Any team's tables: what goes in comes out, and what is wrong with them is said."""

import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metrics_platform.core import Status
from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.core.frames import grain
from metrics_platform.readers import tables
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.formats import find_reader, formats, recorded_signals
from metrics_platform.readers.reading import ReadBatch, read_logs
from metrics_platform.testing.conformance import hardly_logs
from metrics_platform_tests.data import data_path

CONFIG = ReaderConfig()
FRAMES = hardly_logs()
POSES = pl.DataFrame(
    {"timestamp_ns": [0, 1], "x_m": [0.0, 1.0], "y_m": 0.0, "z_m": 0.0, "heading_rad": 0.5}
)


def written(folder: Path, **frames: pl.DataFrame) -> Path:
    folder.mkdir(exist_ok=True)
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
    return folder


def read_one(path: Path) -> ReadBatch:
    return read_logs({"log": path}, CONFIG)


def notes_of(batch: ReadBatch) -> str:
    return str(batch.signals["recordings"].rows["notes"].item())


@pytest.mark.parametrize("suffix", ["parquet", "feather", "arrow"])
def test_every_recorded_signal_comes_out_as_it_went_in(tmp_path: Path, suffix: str) -> None:
    folders = {}
    for (log_id,), recording in FRAMES["recordings"].group_by("log_id"):
        folder = tmp_path / str(log_id)
        folder.mkdir()
        folders[str(log_id)] = folder
        row = recording.row(0, named=True)
        names = ("vehicle", "release", "place", "mission", "ego_length_m", "ego_width_m",
                 "ego_center_offset_m", "has_ego")  # fmt: skip
        (folder / "log.json").write_text(json.dumps({name: row[name] for name in names}))
        for name, frame in FRAMES.items():
            own = frame.filter(log_id=log_id)
            # Without log_id, and without the columns in which nothing is.
            empty = [c for c in own.columns if own[c].null_count() == len(own)]
            if name == "recordings" or own.is_empty():
                continue
            given = own.drop("log_id", *empty).sample(fraction=1, shuffle=True, seed=1)
            file = folder / f"{name}.{suffix}"
            given.write_parquet(file) if suffix == "parquet" else given.write_ipc(file)
    batch = read_logs(folders, CONFIG)
    assert not batch.failures
    # Nobody can add a recorded signal and leave it out here.
    assert set(FRAMES) == set(recorded_signals())
    for name, frame in FRAMES.items():
        if name == "recordings":
            continue
        assert len(frame), f"no synthetic log has {name}"
        key = list(grain(recorded_signals()[name].rows))
        assert_frame_equal(batch.signals[name].rows, frame.sort(key))
        with_rows = set(frame["log_id"])
        for log_id, outcome in batch.signals[name].outcomes.items():
            expected = Status.COMPUTED if log_id in with_rows else Status.ABSTAINED
            assert outcome.status is expected
    read = batch.signals["recordings"].rows
    assert_frame_equal(
        read.drop("format", "notes", "start_ns", "end_ns", "duration_s"),
        FRAMES["recordings"]
        .sort("log_id")
        .drop("format", "notes", "start_ns", "end_ns", "duration_s"),
    )
    assert read["format"].unique().to_list() == ["tables"]


@pytest.mark.parametrize(
    "parts",
    [
        ("argoverse2", "sensor", "7fab2350-7eaf-3b7e-a39d-6937a4c1bede"),
        ("robot", "nav2_turtlebot.mcap"),
        ("dmv",),
    ],
    ids="/".join,
)
def test_a_real_log_is_the_same_as_tables(tmp_path: Path, parts: tuple[str, ...]) -> None:
    before = read_one(data_path(*parts)).signals
    recorded = {
        name: made.rows
        for name, made in before.items()
        if made.outcomes["log"].status is Status.COMPUTED and name != "recordings"
    }
    after = read_one(written(tmp_path / "a", **recorded)).signals
    assert recorded
    for name, rows in recorded.items():
        assert_frame_equal(after[name].rows, rows)
    times = ["start_ns", "end_ns", "duration_s"]
    assert_frame_equal(
        after["recordings"].rows.select(times), before["recordings"].rows.select(times)
    )


def test_a_log_id_may_stand_in_the_table(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", ego_poses=POSES.with_columns(log_id=pl.lit("theirs")))
    rows = read_one(folder).signals["ego_poses"].rows
    assert rows["log_id"].to_list() == ["log", "log"]


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_the_name_of_a_folder_is_no_pattern(tmp_path: Path, suffix: str) -> None:
    for name, x_m in (("drive[1]", 1.0), ("drive*", 2.0), ("drive1", 3.0), ("x_m=9", 4.0)):
        (tmp_path / name).mkdir()
        poses = POSES.with_columns(x_m=pl.lit(x_m))
        file = tmp_path / name / f"ego_poses.{suffix}"
        poses.write_parquet(file) if suffix == "parquet" else poses.write_ipc(file)
        rows = read_one(tmp_path / name).signals["ego_poses"].rows
        assert rows["x_m"].to_list() == [x_m, x_m]


def test_events_far_outside_make_no_recording_longer(tmp_path: Path) -> None:
    event = {"timestamp_ns": 10**18, "intervention_id": "1", "kind": "takeover"}
    events = pl.DataFrame([event])
    batch = read_one(written(tmp_path / "a", ego_poses=POSES, interventions=events))
    assert batch.signals["recordings"].rows.select("start_ns", "end_ns").row(0) == (0, 1)
    assert batch.signals["interventions"].rows["timestamp_ns"].to_list() == [10**18]
    alone = read_one(written(tmp_path / "b", interventions=events))
    assert alone.signals["recordings"].rows["end_ns"].to_list() == [10**18]


def test_narrower_numbers_and_categories_are_taken(tmp_path: Path) -> None:
    modes = pl.DataFrame(
        {"timestamp_ns": [5], "mode": pl.Series(["manual"], dtype=pl.Categorical)},
        schema_overrides={"timestamp_ns": pl.UInt32},
    )
    poses = POSES.with_columns(
        pl.col("x_m").cast(pl.Float32), pl.lit(3).alias("y_m"), yaw_rate_radps=None
    )
    batch = read_one(written(tmp_path / "a", drive_modes=modes, ego_poses=poses))
    assert batch.signals["drive_modes"].rows.rows() == [("log", 5, "manual")]
    assert batch.signals["ego_poses"].rows["y_m"].to_list() == [3.0, 3.0]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        pytest.param(
            {"ego_poses": POSES.drop("heading_rad")},
            "ego_poses.parquet lacks heading_rad; expected timestamp_ns, x_m.* got timestamp_ns",
            id="column",
        ),
        pytest.param(
            {"ego_poses": POSES.with_columns(timestamp_ns=pl.lit(1.5))},
            "ego_poses.parquet: column timestamp_ns must be Int64, got Float64",
            id="type",
        ),
        pytest.param(
            {"ego_poses": POSES.with_columns(pl.col("timestamp_ns").cast(pl.Datetime("ns")))},
            "column timestamp_ns must be Int64, got Datetime.*no dates",
            id="date",
        ),
        pytest.param(
            {"ego_poses": POSES.with_columns(timestamp_ns=pl.lit(2**63 + 1, pl.UInt64))},
            "ego_poses.parquet, column timestamp_ns: .*9223372036854775809",
            id="too_large",
        ),
        pytest.param(
            {"ego_poses": POSES.with_columns(log_id=pl.Series(["a", "b"]))},
            "log_id must be the same in all rows, got 2",
            id="several_logs",
        ),
        pytest.param(
            {
                "ego_poses": POSES.with_columns(log_id=pl.lit("a")),
                "drive_modes": pl.DataFrame({"log_id": "b", "timestamp_ns": [0], "mode": "manual"}),
            },
            "log_id must be the same in all tables, got a, b",
            id="tables_of_several_logs",
        ),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, frames: dict[str, pl.DataFrame], message: str
) -> None:
    folder = written(tmp_path / "a", **frames)
    assert tables.recognises(folder)
    with pytest.raises(UnreadableLogError, match=message):
        tables.read(folder, CONFIG)


def test_two_tables_of_one_signal_are_one_too_many(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", ego_poses=POSES)
    POSES.write_ipc(folder / "ego_poses.feather")
    with pytest.raises(UnreadableLogError, match=r"ego_poses\.parquet is a second table"):
        tables.read(folder, CONFIG)


def test_a_damaged_table_beside_a_good_one_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", ego_poses=POSES)
    (folder / "drive_modes.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(UnreadableLogError, match=r"drive_modes\.parquet is not a readable table"):
        tables.read(folder, CONFIG)


def test_values_that_break_the_contract_fail_their_signal_alone(tmp_path: Path) -> None:
    modes = pl.DataFrame({"timestamp_ns": [0], "mode": ["autopilot"]})
    batch = read_one(written(tmp_path / "a", ego_poses=POSES, drive_modes=modes))
    assert batch.signals["ego_poses"].outcomes["log"].status is Status.COMPUTED
    outcome = batch.signals["drive_modes"].outcomes["log"]
    assert outcome.status is Status.FAILED
    assert "autopilot" in (outcome.reason or "")


def test_an_empty_table_says_that_nothing_happened(tmp_path: Path) -> None:
    none = FRAMES["interventions"].clear()
    batch = read_one(written(tmp_path / "a", ego_poses=POSES, interventions=none))
    assert batch.signals["interventions"].outcomes["log"].status is Status.COMPUTED
    assert batch.signals["interventions"].rows.is_empty()


def test_what_is_not_read_is_noted(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", ego_poses=POSES.with_columns(battery=pl.lit(1)), radar=POSES)
    (folder / "camera").mkdir()
    notes = notes_of(read_one(folder))
    assert "not read: camera, radar.parquet" in notes
    assert "ego_poses.parquet: unknown columns are ignored: battery" in notes
    assert notes_of(read_one(written(tmp_path / "b", ego_poses=POSES))) == ""


def test_a_folder_named_like_a_table_is_none(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", ego_poses=POSES)
    (folder / "tracks.parquet").mkdir()
    contents = tables.read(folder, CONFIG)
    assert set(contents.signals) == {"ego_poses"}
    assert contents.notes == ("not the table of a recorded signal, and not read: tracks.parquet",)


@pytest.mark.parametrize(
    ("names", "said", "expected"),
    [
        pytest.param(["ego_poses", "tracks"], None, True, id="poses"),
        pytest.param(["tracks"], None, True, id="lost_poses"),
        pytest.param(["tracks"], False, False, id="said"),
        # As MCAP metadata says it.
        pytest.param(["tracks"], "false", False, id="said_as_text"),
        pytest.param(["ego_poses", "tracks"], False, False, id="said_not"),
    ],
)
def test_who_is_the_ego(
    tmp_path: Path, names: list[str], said: bool | str | None, expected: bool
) -> None:
    frames = {name: FRAMES[name].filter(log_id="synthetic_00003") for name in names}
    folder = written(tmp_path / "a", **frames)
    if said is not None:
        (folder / "log.json").write_text(json.dumps({"has_ego": said}))
    recording = read_one(folder).signals["recordings"].rows
    assert recording["has_ego"].item() is expected


def test_has_ego_must_be_a_boolean(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", ego_poses=POSES)
    (folder / "log.json").write_text('{"has_ego": "perhaps"}')
    reason = read_one(folder).failures["log"]
    assert "has_ego must be true or false, got 'perhaps'" in reason


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param({}, id="empty"),
        pytest.param({"radar": POSES}, id="no_signal"),
        pytest.param({"recordings": FRAMES["recordings"][:1]}, id="recordings"),
        pytest.param({"tracks": POSES}, id="only_the_name"),
    ],
)
def test_other_folders_are_not_recognised(tmp_path: Path, frames: dict[str, pl.DataFrame]) -> None:
    assert not tables.recognises(written(tmp_path / "a", **frames))
    file = tmp_path / "ego_poses.parquet"
    POSES.write_parquet(file)
    assert not tables.recognises(file)
    assert not tables.recognises(tmp_path / "nothing")


def test_only_this_reader_recognises_tables(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", ego_poses=POSES, tracks=FRAMES["tracks"])
    assert [name for name, reader in formats().items() if reader.recognises(folder)] == ["tables"]
    assert find_reader(folder).__name__.endswith(".tables")


@pytest.mark.parametrize(
    "parts",
    [
        ("argoverse2", "sensor", "7fab2350-7eaf-3b7e-a39d-6937a4c1bede"),
        ("argoverse2", "predictions"),
        ("argoverse2", "detection_cases"),
        ("comma2k19", "Example_1"),
        ("dmv",),
        ("sumo",),
        ("robot",),
    ],
    ids="/".join,
)
def test_no_other_format_is_taken_for_tables(parts: tuple[str, ...]) -> None:
    assert not tables.recognises(data_path(*parts))
