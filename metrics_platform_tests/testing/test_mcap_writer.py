"""What is written as an MCAP recording is what readers find in it."""

from pathlib import Path

import polars as pl
import pytest
from mcap.reader import make_reader
from mcap_protobuf.decoder import DecoderFactory
from polars.testing import assert_frame_equal

from metrics_platform.core import Status
from metrics_platform.core.errors import ConfigurationError
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform.testing.mcap_writer import write_mcap
from metrics_platform.testing.scenarios import SCENARIOS
from metrics_platform.testing.synthetic import START_NS, scenario, synthetic_logs


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_log_comes_back_through_the_reader(name: str, tmp_path: Path) -> None:
    frames = scenario(name, log_id="log", bystanders=2, seconds=5)
    write_mcap(tmp_path / "log.mcap", frames, tags=["demo", name])
    batch = read_logs({"log": tmp_path / "log.mcap"}, ReaderConfig())
    assert batch.failures == {}
    for signal in ("ego_poses", "vehicle_speeds", "tracks"):
        assert_frame_equal(batch.signals[signal].rows, frames[signal], abs_tol=1e-9)
    assert_frame_equal(
        batch.signals["recordings"].rows.drop("notes"),
        frames["recordings"].drop("notes").with_columns(format=pl.lit("mcap")),
    )
    assert batch.metadata["log"].tags == ("demo", name)


def test_a_log_far_from_the_origin_of_the_map_comes_back(tmp_path: Path) -> None:
    frames = {
        name: frame.filter(pl.col("log_id") == "synthetic_00003")
        for name, frame in synthetic_logs(4, seconds=3, seed=8).items()
    }
    frames["ego_poses"] = frames["ego_poses"].with_columns(
        pl.lit(None, dtype=pl.Float64).alias(name)
        for name in ("longitudinal_velocity_mps", "lateral_velocity_mps", "yaw_rate_radps")
    )
    write_mcap(tmp_path / "log.mcap", frames)
    batch = read_logs({"synthetic_00003": tmp_path / "log.mcap"}, ReaderConfig())
    for signal in ("ego_poses", "vehicle_speeds", "tracks"):
        assert_frame_equal(batch.signals[signal].rows, frames[signal], abs_tol=1e-9)


def test_a_log_without_tracks_abstains_from_them(tmp_path: Path) -> None:
    write_mcap(tmp_path / "log.mcap", scenario("no_tracks"))
    batch = read_logs({"log": tmp_path / "log.mcap"}, ReaderConfig())
    assert batch.signals["tracks"].outcomes["log"].status is Status.ABSTAINED
    assert batch.signals["ego_poses"].outcomes["log"].status is Status.COMPUTED


def test_log_times_are_those_of_the_samples_in_order(tmp_path: Path) -> None:
    write_mcap(tmp_path / "log.mcap", scenario("follow", seconds=2))
    with (tmp_path / "log.mcap").open("rb") as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        times = [message.log_time for _, _, message in reader.iter_messages(log_time_order=False)]
        schemas = {
            channel.topic: schema.name
            for schema, channel, _ in reader.iter_messages()
            if schema is not None
        }
    assert times == sorted(times)
    assert (times[0], times[-1]) == (START_NS, START_NS + 2_000_000_000)
    assert schemas == {
        "/ego_pose": "foxglove.PoseInFrame",
        "/tracks": "foxglove.SceneUpdate",
        "/vehicle_speed": "metrics_platform.VehicleSpeed",
    }


def test_what_is_not_known_is_not_written(tmp_path: Path) -> None:
    frames = scenario("cruise")
    frames["recordings"] = frames["recordings"].with_columns(
        pl.lit(None, dtype=pl.String).alias("release"),
        pl.lit(None, dtype=pl.Float64).alias("ego_length_m"),
    )
    write_mcap(tmp_path / "log.mcap", frames)
    with (tmp_path / "log.mcap").open("rb") as stream:
        records = list(make_reader(stream).iter_metadata())
    assert [record.name for record in records] == ["log"]
    assert records[0].metadata == {
        "vehicle": "car-00",
        "place": "harbour",
        "mission": "drive",
        "ego_width_m": "1.9",
        "ego_center_offset_m": "1.4",
    }


@pytest.mark.parametrize(
    "frames",
    [synthetic_logs(2, seconds=1), {"ego_poses": scenario("cruise")["ego_poses"]}, {}],
    ids=["two-logs", "no-recordings", "nothing"],
)
def test_only_one_log_goes_into_a_file(tmp_path: Path, frames: dict[str, pl.DataFrame]) -> None:
    with pytest.raises(ConfigurationError, match="holds one log and needs its recordings frame"):
        write_mcap(tmp_path / "log.mcap", frames)
    assert not (tmp_path / "log.mcap").exists()
