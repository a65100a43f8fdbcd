"""Faults do what they say, and metrics keep their answers or abstain where they should."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metrics_platform.core.errors import ClockError, ConfigurationError, UnknownNameError
from metrics_platform.readers.cleaning import clean
from metrics_platform.signals.tracks import tracks
from metrics_platform.testing import (
    ClockFault,
    CutIn,
    Dropout,
    Ego,
    Follow,
    SensorNoise,
    SyntheticLog,
    compute_on,
)
from metrics_platform.testing.faults import Fault
from metrics_platform.testing.synthetic_frames import Frames

_SIGMA = 0.2


def _with(*faults: Fault, **how: Any) -> Frames:
    return SyntheticLog(
        Ego(10, velocities=True), situations=[Follow(2.0)], faults=faults, **how
    ).frames()


def _changes(fault: Fault, signal: str, column: str, **how: Any) -> np.ndarray[Any, Any]:
    clean, faulty = _with(**how), _with(fault, **how)
    return (faulty[signal][column] - clean[signal][column]).to_numpy()


@pytest.mark.parametrize(
    ("noise", "signal", "column"),
    [
        (SensorNoise(position_m=_SIGMA), "ego_poses", "x_m"),
        (SensorNoise(position_m=_SIGMA), "tracks", "y_m"),
        (SensorNoise(heading_rad=_SIGMA), "tracks", "heading_rad"),
        (SensorNoise(heading_rad=_SIGMA), "ego_poses", "heading_rad"),
        (SensorNoise(speed_mps=_SIGMA), "vehicle_speeds", "speed_mps"),
        (SensorNoise(speed_mps=_SIGMA), "tracks", "velocity_x_mps"),
        (SensorNoise(speed_mps=_SIGMA), "ego_poses", "longitudinal_velocity_mps"),
    ],
)
def test_noise_has_the_standard_deviation_that_it_says(
    noise: SensorNoise, signal: str, column: str
) -> None:
    errors = _changes(noise, signal, column, seconds=100.0)
    # Within four standard errors, of the deviation and of the mean.
    assert errors.std() == pytest.approx(_SIGMA, rel=4 / math.sqrt(2 * len(errors)))
    assert abs(errors.mean()) < 4 * _SIGMA / math.sqrt(len(errors))
    # Independent from sample to sample.
    assert abs(np.corrcoef(errors[1:], errors[:-1])[0, 1]) < 4 / math.sqrt(len(errors))


def test_noise_leaves_alone_what_it_is_not_of() -> None:
    clean, noisy = _with(), _with(SensorNoise(position_m=1, signals=["tracks"]))
    assert_frame_equal(clean["ego_poses"], noisy["ego_poses"])
    unmoved = pl.all().exclude("x_m", "y_m")
    assert_frame_equal(clean["tracks"].select(unmoved), noisy["tracks"].select(unmoved))


def test_noise_of_one_signal_is_the_same_whatever_else_is_noisy() -> None:
    alone = _with(SensorNoise(position_m=1, signals=["tracks"]))
    assert_frame_equal(alone["tracks"], _with(SensorNoise(position_m=1))["tracks"])
    other = _with(SensorNoise(position_m=1, seed=1))
    assert not alone["tracks"].equals(other["tracks"])


def test_no_noise_on_velocities_that_are_not_recorded() -> None:
    frames = SyntheticLog(faults=[SensorNoise(speed_mps=1)]).frames()
    assert frames["ego_poses"]["longitudinal_velocity_mps"].is_null().all()


def test_a_dropout_takes_its_interval_and_nothing_else() -> None:
    clean, faulty = _with(), _with(Dropout("tracks", 3.0, 4.0))
    gone = clean["tracks"].join(faulty["tracks"], on=["timestamp_ns", "track_id"], how="anti")
    since_s = (gone["timestamp_ns"] - clean["recordings"]["start_ns"].item()) * 1e-9
    assert since_s.to_list() == pytest.approx([3 + k / 10 for k in range(10)])
    assert_frame_equal(clean["ego_poses"], faulty["ego_poses"])


def test_a_dropout_of_one_track_leaves_the_others() -> None:
    words = [Follow(3.0), CutIn()]
    frames = SyntheticLog(situations=words, faults=[Dropout(track_id="000", from_s=5)]).frames()
    last = frames["tracks"].group_by("track_id").agg(pl.len()).sort("track_id")
    assert last.rows() == [("000", 50), ("001", 101)]


def test_without_the_worst_moment_the_next_one_counts() -> None:
    log = SyntheticLog(situations=[CutIn()], faults=[Dropout("tracks", 4.95, 5.95)])
    found = compute_on(log.frames(), "time_to_collision").summary["min_ttc_s"].item()
    # A second after it came in: gap / (2 closing) · (1 + exp(2 · closing / gap)).
    later = 15 / 6 * (1 + math.exp(6 / 15))
    assert later > found > log.answers["time_to_collision"]["min_ttc_s"] == 5.0


@pytest.mark.parametrize(
    ("signal", "metric", "reason"),
    [
        ("tracks", "time_to_collision", "tracks"),
        ("ego_poses", "hard_brakes", "ego_poses"),
        ("lanes", "lane_keeping", "lanes"),
    ],
)
def test_a_metric_abstains_where_its_signal_is_missing(
    signal: str, metric: str, reason: str
) -> None:
    outcome = compute_on(_with(Dropout(signal)), metric).outcomes["synthetic"]
    assert outcome.status == "abstained"
    assert reason in (outcome.reason or "")


def test_a_metric_keeps_its_answer_where_another_signal_is_missing() -> None:
    made = compute_on(_with(Dropout("vehicle_speeds"), Dropout("lanes")), "time_headway")
    assert made.summary["min_headway_s"].item() == pytest.approx(2.0)


def test_a_gap_in_the_poses_is_bridged_or_not_driven() -> None:
    short = compute_on(_with(Dropout("ego_poses", 3.0, 3.4)), "distance_driven").summary
    assert short["distance_m"].item() == pytest.approx(100.0)
    # The last pose before it is from 2.95 s.
    long = compute_on(_with(Dropout("ego_poses", 3.0, 5.0)), "distance_driven").summary
    assert long["distance_m"].item() == pytest.approx(100.0 - 20.5)


def test_tracks_that_are_stamped_late_seem_nearer_by_the_delay() -> None:
    late = _with(ClockFault("tracks", offset_s=0.3))
    found = compute_on(late, "time_headway").summary["min_headway_s"].item()
    assert found == pytest.approx(2.0 - 0.3)


def test_a_drifting_clock_is_off_by_its_share_of_the_time() -> None:
    drifting = _with(ClockFault("tracks", drift_ratio=0.01))
    # At the last sample before the poses end: at 9.9 s it is off by 0.099 s.
    found = compute_on(drifting, "time_headway").summary["min_headway_s"].item()
    assert found == pytest.approx(2.0 - 0.099)


def test_jitter_delays_whole_messages_by_no_more_than_it_says() -> None:
    words = [Follow(3.0), CutIn()]
    clean, late = (
        SyntheticLog(situations=words, faults=faults).frames()["tracks"]
        for faults in ([], [ClockFault("tracks", jitter_s=0.04)])
    )
    delay_s = (late["timestamp_ns"] - clean["timestamp_ns"]) * 1e-9
    assert delay_s.is_between(0, 0.04).all()
    assert delay_s.n_unique() > 90
    assert late.group_by("timestamp_ns").len()["len"].unique().to_list() == [2]


def test_readers_sort_jitter_and_refuse_a_clock_that_jumps_back() -> None:
    """As every reader hands over what it read, in the order of recording."""
    late = _with(ClockFault("tracks", jitter_s=0.15))["tracks"]
    rows, notes = clean(tracks, late.drop("log_id"))
    assert rows["timestamp_ns"].is_sorted()
    assert "rows came late" in notes[0]
    back = _with(ClockFault("tracks", back_s=2.0, back_at_s=6.0))["tracks"]
    with pytest.raises(ClockError, match=r"tracks: the recording's clock jumps back by 1.900 s"):
        clean(tracks, back.drop("log_id"))


def test_answers_are_of_what_happened_whatever_is_recorded() -> None:
    faults = [SensorNoise(position_m=1), Dropout("tracks"), ClockFault("ego_poses", offset_s=1)]
    clean = SyntheticLog(situations=[CutIn()])
    assert SyntheticLog(situations=[CutIn()], faults=faults).answers == clean.answers


@pytest.mark.parametrize(
    ("made", "error", "told"),
    [
        (lambda: SensorNoise(position_m=-1), ConfigurationError, "at least 0"),
        (lambda: SensorNoise(signals=["track"]), UnknownNameError, "did you mean 'tracks'"),
        (lambda: Dropout(from_s=4, to_s=3), ConfigurationError, "less than to_s"),
        (lambda: _with(Dropout("track")), UnknownNameError, "did you mean 'tracks'"),
        (lambda: ClockFault(jitter_s=-1), ConfigurationError, "at least 0"),
        (lambda: _with(ClockFault("ego_pose")), UnknownNameError, "did you mean 'ego_poses'"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(
    made: Callable[[], Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        made()
