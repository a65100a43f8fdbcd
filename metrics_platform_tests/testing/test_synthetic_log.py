"""Words make a log together, or say why they don't."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.testing import (
    CutIn,
    DetectorErrors,
    Ego,
    Expert,
    Follow,
    HardBrake,
    Intersection,
    OncomingWalker,
    ParkedCar,
    PedestrianCrossing,
    Predictor,
    Road,
    SensorNoise,
    SyntheticLog,
    Timings,
    compute_on,
    named_log,
    together,
)
from metrics_platform.testing.inputs import computed_of
from metrics_platform.testing.scenarios import SCENARIOS
from metrics_platform_tests.testing.known_logs import LOGS


def test_as_an_author_writes_it() -> None:
    log = SyntheticLog(
        Ego(speed_mps=15),
        Road(lanes=3, speed_limit_mps=13.9),
        [CutIn(gap_m=15, closing_mps=3)],
        faults=[SensorNoise(position_m=0.005, seed=1)],
        seconds=10,
    )
    made = compute_on(log.frames(), "time_to_collision")
    answer = log.answers["time_to_collision"]["min_ttc_s"]
    assert made.summary["min_ttc_s"].item() == pytest.approx(answer, rel=0.1)


def test_logs_keep_the_contracts_of_the_signals() -> None:
    for signal in computed_of(together(LOGS)).values():
        assert set(signal.outcomes) == {log.log_id for log in LOGS}


def test_the_same_words_give_the_same_log() -> None:
    one, two = (
        SyntheticLog(situations=[CutIn()], faults=[SensorNoise(position_m=1)]).frames()
        for _ in range(2)
    )
    for name, frame in one.items():
        assert frame.equals(two[name])


def test_a_log_is_named_and_timed_as_asked() -> None:
    row = SyntheticLog(seconds=2.5, log_id="mine", start_ns=5_000).frames()["recordings"].row(
        0, named=True
    )  # fmt: skip
    assert (row["log_id"], row["start_ns"], row["duration_s"]) == ("mine", 5_000, 2.5)


def test_several_logs_are_told_apart() -> None:
    logs = [SyntheticLog(situations=[Follow(h)], log_id=f"{h} s") for h in (1.0, 2.0)]
    made = compute_on(together(logs), "time_headway").summary.sort("log_id")
    assert made["min_headway_s"].to_list() == pytest.approx([1.0, 2.0])


def test_situations_go_together_and_each_keeps_its_answers() -> None:
    follow, cut_in = Follow(3.0), CutIn()
    alone = SyntheticLog(situations=[cut_in]).answers
    both = SyntheticLog(situations=[follow, cut_in]).answers
    assert both["time_to_collision"] == alone["time_to_collision"]
    assert both["closest_approach"]["encounters"] == 2
    # Which of the two is next in front changes on the way.
    assert "short_headways" in alone["time_headway"]
    assert "short_headways" not in both["time_headway"]


def test_a_moment_between_two_samples_has_no_answer() -> None:
    log = SyntheticLog(situations=[CutIn(in_lane_at_s=5.03)])
    assert "time_to_collision" not in log.answers
    assert "distance_driven" in log.answers


def test_a_brake_after_all_is_over_contradicts_nothing() -> None:
    crossing = PedestrianCrossing(arrive_s=4)
    log = SyntheticLog(Ego(8), situations=[crossing, HardBrake(4.0, 6.0, 1.5)])
    assert log.answers["post_encroachment_time"]["pet_s"] == 1.5
    assert log.answers["hard_brakes"]["hard_brakes"] == 1


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: SyntheticLog(situations=[Follow(), HardBrake()]), "keeps its speed until inf"),
        (lambda: SyntheticLog(Ego(8), situations=[PedestrianCrossing(), HardBrake(2, 5, 1)]),
         "keeps its speed until 6.6375 s"),
        (lambda: SyntheticLog(situations=[HardBrake(), HardBrake()]), "brakes already"),
        (lambda: SyntheticLog(Ego(10), situations=[HardBrake()]), "takes off 12 m/s, more than"),
        (lambda: SyntheticLog(Ego(6, radius_m=20), situations=[Follow()]), "the ego turns"),
        (lambda: SyntheticLog(Ego(0), situations=[CutIn()]), "this one stands"),
        (lambda: SyntheticLog(Ego(0, radius_m=5)), "needs a speed to turn"),
        (lambda: SyntheticLog(road=Road(lanes=1), situations=[CutIn()]), "the road has one"),
        (lambda: SyntheticLog(Ego(2), situations=[CutIn()]), "would drive backwards"),
        (lambda: SyntheticLog(situations=[CutIn()], seconds=4), "takes until 5 s, the log lasts 4"),
        (lambda: SyntheticLog(situations=[Intersection(1.0, 0.9)]), "before the log: arrive later"),
        (lambda: SyntheticLog(situations=[Follow(), Follow(2.1)]), "into one another at 0 s"),
        (lambda: SyntheticLog(Ego(offset_m=2.0)), "off its lane"),
        (lambda: SyntheticLog(seconds=1.23), "whole tenths of a second"),
        (lambda: SyntheticLog(recorded=[Predictor()]), "add DetectorErrors"),
        (lambda: SyntheticLog(faults=[DetectorErrors()]).frames(), "nobody is there"),
        (lambda: Follow(headway_s=0), "headway_s is to be greater than 0"),
        (lambda: ParkedCar(gap_m=-1), "gap_m is to be greater than 0"),
        (lambda: OncomingWalker(clearance_m=0), "clearance_m is to be greater than 0"),
        (lambda: Ego(-1), "a speed is at least 0"),
        (lambda: Road(lanes=0), "a road takes a lane"),
        (lambda: Road(speed_limit_mps=0), "greater than 0, or None"),
        (lambda: Timings({"planning": 0.1}), "two stages"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(made: Callable[[], Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        made()


def test_what_a_log_lacks_makes_metrics_abstain() -> None:
    frames = SyntheticLog(Ego(), Road(speed_limit_mps=None)).frames()
    limits = compute_on(frames, "speed_limit_compliance").outcomes["synthetic"]
    assert limits.reason == "the map says no speed limit where the ego drove"
    assert compute_on(frames, "time_to_collision").outcomes["synthetic"].status == "abstained"
    assert compute_on(frames, "expert_error").outcomes["synthetic"].status == "abstained"


def test_the_road_has_the_lanes_and_limit_it_says() -> None:
    frames = SyntheticLog(Ego(offset_m=0.5), Road(3, 2, 3.2, 22.2)).frames()
    lanes = frames["lanes"]
    first = lanes.filter(
        pl.col("lane_id").str.ends_with("_0") & ~pl.col("lane_id").str.contains("on")
    )
    assert first["lane_id"].to_list() == ["lane_0_0", "lane_1_0", "lane_2_0"]
    assert first["left_lane_id"].to_list() == ["lane_1_0", "lane_2_0", None]
    assert lanes["speed_limit_mps"].unique().to_list() == [22.2]
    assert not lanes["in_intersection"].any()
    centres = frames["lane_points"].filter(point_index=0)["y_m"].unique().sort().to_list()
    assert centres == pytest.approx([-0.5, 2.7, 5.9, 9.1, 12.3])


def test_an_expert_and_a_predictor_share_the_trajectories() -> None:
    words = [Follow(), OncomingWalker(clearance_m=3)]
    log = SyntheticLog(
        situations=words, recorded=[Expert(), Predictor()], faults=[DetectorErrors()]
    )
    made = log.frames()["predicted_trajectories"]
    assert set(made["source"]) == {"planner", "predictor"}
    assert made["track_id"].unique().sort().to_list() == ["000", "ego"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_named_log_has_all_that_can_be_recorded(name: str) -> None:
    frames = named_log(name, seconds=2, bystanders=1)
    assert {"lanes", "expert_poses", "spans", "image_boxes", "drive_modes"} <= set(frames)
    assert frames["recordings"]["log_id"].to_list() == [name]
    computed_of(frames)
