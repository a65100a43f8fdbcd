"""Argoverse 2 forecasting scenarios: a real one, and what can be wrong with one."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.core.errors import UnreadableLogError
from metrics_platform.readers import argoverse2
from metrics_platform.readers.argoverse2_forecasting import read, recognises
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.data import data_path

CONFIG = ReaderConfig()
STEP_NS = 100_000_000


@pytest.fixture
def scenario() -> Path:
    return next(data_path("argoverse2", "forecasting").iterdir())


@pytest.fixture
def copied(scenario: Path, tmp_path: Path) -> Path:
    """Return a folder of one's own, without the map."""
    folder = tmp_path / "scenario"
    folder.mkdir()
    for file in scenario.glob("*.parquet"):
        shutil.copyfile(file, folder / file.name)
    return folder


def table_of(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(next(folder.glob("scenario_*.parquet")))


def submission(scenario_id: str, **columns: list[object]) -> pl.DataFrame:
    usual: dict[str, list[object]] = {
        "track_id": ["138951", "138951", "AV"],
        "probability": [0.25, 0.75, 1.0],
        "predicted_trajectory_x": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
        "predicted_trajectory_y": [[0.0, 0.0], [0.5, 0.5], [0.0, 0.0]],
    }
    rows = pl.DataFrame(usual | columns)
    return rows.select(pl.lit(scenario_id).alias("scenario_id"), pl.all())


def test_a_real_scenario(scenario: Path) -> None:
    assert recognises(scenario)
    assert not argoverse2.recognises(scenario)
    batch = read_logs({"log": scenario}, CONFIG)
    outcomes = {name: made.outcomes["log"] for name, made in batch.signals.items()}
    assert {name for name, outcome in outcomes.items() if outcome.status is Status.COMPUTED} == {
        "recordings", "ego_poses", "tracks", "forecast_targets",
        "lanes", "lane_points", "drivable_areas",
    }  # fmt: skip
    predicted = outcomes["predicted_trajectories"].reason
    assert predicted == "no submission (*.parquet) in the folder"
    recording = batch.signals["recordings"].rows.row(0, named=True)
    assert (recording["format"], recording["place"]) == ("argoverse2_forecasting", "austin")
    assert recording["duration_s"] == pytest.approx(10.9)
    tracks = batch.signals["tracks"].rows
    assert tracks["track_id"].n_unique() == 57
    assert tracks["source"].unique().to_list() == ["annotation"]
    assert tracks.select("length_m", "width_m", "height_m", "z_m").sum().row(0) == (0, 0, 0, 0)
    assert "tracks have no boxes" in recording["notes"]


def test_states_are_those_of_the_table(scenario: Path) -> None:
    signals, table = read(scenario, CONFIG).signals, table_of(scenario)
    start_ns = int(table["start_timestamp"][0])
    table = table.with_columns(timestamp_ns=start_ns + pl.col("timestep") * STEP_NS)
    assert table["end_timestamp"][0] == table["timestamp_ns"].max()
    tracks = signals["tracks"].sort("track_id", "timestamp_ns")
    others = table.filter(pl.col("track_id") != "AV").sort("track_id", "timestamp_ns")
    for ours, theirs in (
        ("timestamp_ns", "timestamp_ns"),
        ("x_m", "position_x"),
        ("y_m", "position_y"),
        ("heading_rad", "heading"),
        ("velocity_x_mps", "velocity_x"),
        ("category", "object_type"),
    ):
        assert tracks[ours].to_list() == others[theirs].to_list()
    own = table.filter(pl.col("track_id") == "AV").sort("timestamp_ns")
    poses = signals["ego_poses"]
    assert poses["x_m"].to_list() == own["position_x"].to_list()
    forward, left = poses["longitudinal_velocity_mps"], poses["lateral_velocity_mps"]
    assert (forward**2 + left**2).to_list() == pytest.approx(
        (own["velocity_x"] ** 2 + own["velocity_y"] ** 2).to_list()
    )
    # It drives forward, and hardly sideways.
    assert forward.min() > 0  # type: ignore[operator]
    assert left.abs().max() < 0.1  # type: ignore[operator]


def test_targets_are_asked_for_at_the_last_observed_moment(scenario: Path) -> None:
    targets = read(scenario, CONFIG).signals["forecast_targets"]
    at_ns = int(table_of(scenario)["start_timestamp"][0]) + 49 * STEP_NS
    assert targets.sort("track_id").select("timestamp_ns", "track_id", "focal").rows() == [
        (at_ns, "138951", True),
        (at_ns, "139344", False),
    ]


def test_predictions_beside_the_scenario(copied: Path) -> None:
    table = table_of(copied)
    scenario_id = table["scenario_id"][0]
    rows = pl.concat([submission(scenario_id), submission("another")])
    rows.write_parquet(copied / "transformer.parquet")
    predicted = read(copied, CONFIG).signals["predicted_trajectories"]
    start_ns = int(table["start_timestamp"][0])
    columns = ("source", "track_id", "mode_index", "step_index", "x_m", "y_m", "probability_ratio")
    assert predicted.select(columns).rows() == [
        ("transformer", "138951", 0, 0, 1.0, 0.0, 0.25),
        ("transformer", "138951", 0, 1, 2.0, 0.0, 0.25),
        ("transformer", "138951", 1, 0, 3.0, 0.5, 0.75),
        ("transformer", "138951", 1, 1, 4.0, 0.5, 0.75),
        ("transformer", "ego", 0, 0, 5.0, 0.0, 1.0),
        ("transformer", "ego", 0, 1, 6.0, 0.0, 1.0),
    ]
    assert predicted["timestamp_ns"].unique().to_list() == [start_ns + 49 * STEP_NS]
    assert predicted["at_ns"].to_list() == [start_ns + (50 + n % 2) * STEP_NS for n in range(6)]
    # Through validation, and two predictors side by side.
    rows.write_parquet(copied / "constant_velocity.parquet")
    made = read_logs({"log": copied}, CONFIG).signals["predicted_trajectories"]
    assert made.rows["source"].unique().sort().to_list() == ["constant_velocity", "transformer"]
    assert len(made.rows) == 12


def test_without_the_vehicle_or_a_map_the_rest_is_read(copied: Path) -> None:
    file = next(copied.glob("*.parquet"))
    table_of(copied).filter(pl.col("track_id") != "AV").write_parquet(file)
    contents = read(copied, CONFIG)
    assert set(contents.signals) == {"tracks", "forecast_targets"}
    assert contents.missing["ego_poses"] == "no track AV in the scenario"
    assert contents.missing["lanes"] == "no log_map_archive_*.json in the folder"


def test_a_submission_of_other_scenarios_predicts_nothing(copied: Path) -> None:
    submission("another").write_parquet(copied / "predictor.parquet")
    contents = read(copied, CONFIG)
    assert "predicted_trajectories" not in contents.signals
    reason = contents.missing["predicted_trajectories"]
    assert reason == "no submission predicts anybody of this scenario"


def test_ids_that_are_numbers_and_a_mode_without_places(copied: Path) -> None:
    places: list[object] = [None, [], [5.0, 6.0]]
    empty = {f"predicted_trajectory_{axis}": places for axis in "xy"}
    rows = submission(table_of(copied)["scenario_id"][0], track_id=[138951, 138951, 1], **empty)
    rows.write_parquet(copied / "predictor.parquet")
    predicted = read(copied, CONFIG).signals["predicted_trajectories"]
    assert predicted["track_id"].to_list() == ["1", "1"]


@pytest.mark.parametrize("y", [[0.0], None], ids=["fewer", "none"])
def test_trajectories_with_more_x_than_y_are_told(copied: Path, y: list[float] | None) -> None:
    scenario_id = table_of(copied)["scenario_id"][0]
    uneven = submission(scenario_id, predicted_trajectory_y=[y, [0.5, 0.5], [0.0, 0.0]])
    uneven.write_parquet(copied / "predictor.parquet")
    with pytest.raises(UnreadableLogError, match="1 of 3 trajectories have not as many x as y"):
        read(copied, CONFIG)


def test_two_scenarios_in_a_folder_are_told(copied: Path) -> None:
    file = next(copied.glob("*.parquet"))
    shutil.copyfile(file, copied / "another.parquet")
    with pytest.raises(UnreadableLogError, match="expected one scenario in the folder, got anoth"):
        read(copied, CONFIG)


def test_an_empty_table_is_told(copied: Path) -> None:
    file = next(copied.glob("*.parquet"))
    table_of(copied).clear().write_parquet(file)
    with pytest.raises(UnreadableLogError, match="has not a single row"):
        read(copied, CONFIG)


def test_what_it_is_not(copied: Path, tmp_path: Path) -> None:
    file = next(copied.glob("*.parquet"))
    assert not recognises(file)
    assert not recognises(tmp_path)
    submission("a").write_parquet(file)
    assert not recognises(copied)
    file.write_bytes(b"PAR1 and no Parquet")
    assert not recognises(copied)
    file.write_bytes(b"")
    assert not recognises(copied)
