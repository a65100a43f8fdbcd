"""A synthetic fleet keeps the contracts of the recorded signals, and its logs differ."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from metrics_platform.core.log_ids import check_log_id
from metrics_platform.testing.inputs import computed_of
from metrics_platform.testing.synthetic import START_NS, Frames, scenario, synthetic_logs


@pytest.fixture(scope="module")
def fleet() -> Frames:
    return synthetic_logs(27, seconds=4)


def test_it_keeps_the_contracts_of_the_signals(fleet: Frames) -> None:
    assert list(computed_of(fleet)) == ["recordings", "ego_poses", "vehicle_speeds", "tracks"]


def test_rows_are_in_the_order_of_their_key(fleet: Frames) -> None:
    for name, key in (
        ("ego_poses", ["log_id", "timestamp_ns"]),
        ("vehicle_speeds", ["log_id", "timestamp_ns"]),
        ("tracks", ["log_id", "timestamp_ns", "source", "track_id"]),
    ):
        assert_frame_equal(fleet[name], fleet[name].sort(key))


@settings(max_examples=20, deadline=None)
@given(
    count=st.integers(0, 12),
    seconds=st.floats(0, 3),
    tracks=st.integers(0, 7),
    seed=st.integers(0, 2**32),
)
def test_any_fleet_keeps_the_contracts(count: int, seconds: float, tracks: int, seed: int) -> None:
    frames = synthetic_logs(count, seconds=seconds, tracks=tracks, seed=seed)
    for computed in computed_of(frames).values():
        assert len(computed.outcomes) == count
    assert len(frames["ego_poses"]) == count * (int(seconds * 20) + 1)
    with_tracks = count - sum(i % 9 == 7 for i in range(count))
    assert len(frames["tracks"]) == with_tracks * tracks * (int(seconds * 10) + 1)


def test_the_same_seed_gives_the_same_logs_and_another_gives_others() -> None:
    first, again, other = (synthetic_logs(9, seconds=1, seed=seed) for seed in (4, 4, 5))
    for name in first:
        assert_frame_equal(first[name], again[name])
    assert not first["ego_poses"].equals(other["ego_poses"])


def test_logs_differ_in_what_mixing_them_up_would_show(fleet: Frames) -> None:
    poses = (
        fleet["ego_poses"]
        .group_by("log_id")
        .agg(
            pl.col("timestamp_ns").min(),
            pl.col("x_m").first(),
            pl.col("yaw_rate_radps").null_count(),
        )
    )
    assert poses["timestamp_ns"].n_unique() == len(poses)
    assert poses["x_m"].n_unique() == len(poses)
    assert sorted(poses["yaw_rate_radps"].unique()) == [0, 81]
    assert set(fleet["recordings"]["mission"]) == {"drive", "delivery"}
    without_tracks = set(fleet["recordings"]["log_id"]) - set(fleet["tracks"]["log_id"])
    assert without_tracks == {"synthetic_00007", "synthetic_00016", "synthetic_00025"}


def test_samples_jitter_and_the_clock_never_runs_backwards(fleet: Frames) -> None:
    steps = fleet["ego_poses"].select(pl.col("timestamp_ns").diff().over("log_id").drop_nulls())
    assert steps.select(pl.all().is_between(48_000_000, 52_000_000).all()).item()
    assert steps["timestamp_ns"].n_unique() > 100


def test_a_recording_spans_all_its_signals(fleet: Frames) -> None:
    moments = pl.concat(
        fleet[name].select("log_id", "timestamp_ns") for name in ("ego_poses", "vehicle_speeds")
    )
    spans = moments.group_by("log_id").agg(
        first=pl.col("timestamp_ns").min(), last=pl.col("timestamp_ns").max()
    )
    joined = fleet["recordings"].join(spans, on="log_id", validate="1:1")
    assert (joined["start_ns"] <= joined["first"]).all()
    assert (joined["end_ns"] >= joined["last"]).all()
    assert joined["duration_s"].is_between(3.998, 4.002).all()


def test_a_log_is_where_its_place_is() -> None:
    """Turning and moving the scene keeps distances: the ego drives as fast, past the same cars."""
    frames = synthetic_logs(9, seconds=2, seed=1)
    poses = frames["ego_poses"].filter(pl.col("log_id") == "synthetic_00000")
    t = (poses["timestamp_ns"].to_numpy() - START_NS) * 1e-9
    speed = frames["vehicle_speeds"]["speed_mps"][0]
    x, y = (poses[name].to_numpy() - poses[name][0] for name in ("x_m", "y_m"))
    assert np.hypot(x, y) == pytest.approx(speed * (t - t[0]), abs=1e-6)
    assert np.arctan2(y[1:], x[1:]) == pytest.approx(poses["heading_rad"].to_numpy()[1:], abs=1e-6)


def test_a_single_log_is_named_and_timed_as_asked() -> None:
    frames = scenario("cruise", log_id="my-log", start_ns=5_000, seconds=2)
    row = frames["recordings"].row(0, named=True)
    assert check_log_id(row["log_id"]) == "my-log"
    assert (row["start_ns"], row["end_ns"], row["duration_s"]) == (5_000, 2_000_005_000, 2.0)
    assert frames["ego_poses"]["timestamp_ns"].to_list()[:2] == [5_000, 50_005_000]


def test_velocities_are_there_if_asked_for() -> None:
    without, with_them = (
        scenario("hard_brake", velocities=given)["ego_poses"] for given in (False, True)
    )
    assert without["longitudinal_velocity_mps"].null_count() == len(without)
    assert with_them["longitudinal_velocity_mps"][0] == 15.0
    assert with_them["lateral_velocity_mps"].unique().to_list() == [0.0]
