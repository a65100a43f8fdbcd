"""The platform's metrics find in synthetic logs what was put into them."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.definitions import Metric, Tolerance
from metrics_platform.testing import (
    CutIn,
    Ego,
    Follow,
    HardBrake,
    Intersection,
    OncomingWalker,
    ParkedCar,
    PedestrianCrossing,
    Road,
    SyntheticLog,
    compute_on,
    scenario,
    together,
)
from metrics_platform.testing.answers import Answer
from metrics_platform.testing.synthetic_frames import Frames
from metrics_platform_tests.testing.known_logs import LOGS, random_logs

# Nobody leaves the lane, is switched off or jerks in what the vocabulary tells.
_OF_NOTHING = {"disengagements", "lane_changes", "lane_departures", "road_user_jerk"}
_RANDOM_LOGS, _SEED = 60, 7
CASES = [
    pytest.param(log, metric, id=f"{log.log_id}-{metric}") for log in LOGS for metric in log.answers
]
METRICS = sorted({metric for log in LOGS for metric in log.answers})


@cache
def _known_logs() -> Frames:
    return together(LOGS)


@cache
def _random() -> tuple[Sequence[SyntheticLog], Frames]:
    logs = random_logs(_RANDOM_LOGS, _SEED)
    return logs, together(logs)


@cache
def _found(metric: str) -> Mapping[str, Mapping[str, Any]]:
    return _by_log(metric, _known_logs())


def _by_log(metric: str, frames: Frames) -> Mapping[str, Mapping[str, Any]]:
    """Return the summary of each log, of all of them computed at once."""
    summary = compute_on(frames, metric).summary
    return {row["log_id"]: row for row in summary.iter_rows(named=True)}


def _wrong(log: SyntheticLog, metric: str, found: Mapping[str, Any]) -> list[str]:
    return [
        f"{answer.summary}: {answer.value} is found as {found[answer.summary]}"
        for answer in log.known
        if answer.metric == metric and not answer.agrees(found[answer.summary])
    ]


@pytest.mark.parametrize(("log", "metric"), CASES)
def test_a_metric_finds_the_answer(log: SyntheticLog, metric: str) -> None:
    assert _wrong(log, metric, _found(metric)[log.log_id]) == []


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_finds_the_answers_whatever_the_parameters(metric: str) -> None:
    logs, frames = _random()
    found = _by_log(metric, frames)
    wrong = {
        log.log_id: off
        for log in logs
        if metric in log.answers and (off := _wrong(log, metric, found[log.log_id]))
    }
    assert wrong == {}


def test_nearly_all_metrics_have_answers_and_most_say_that_something_was() -> None:
    """A new metric needs none; but what has them keeps them."""
    metrics = {known.name for known in default_catalog() if isinstance(known, Metric)}
    told = {answer.metric for log in LOGS for answer in log.known if answer.value}
    assert set(METRICS) <= metrics
    assert len(metrics - set(METRICS)) <= len(metrics) // 10
    assert set(METRICS) - told == _OF_NOTHING


@pytest.mark.parametrize(
    ("metric", "summary", "log", "by_hand"),
    [
        ("time_to_collision", "min_ttc_s", [CutIn(gap_m=8, closing_mps=4)], 2.0),
        ("drac", "max_drac_mps2", [CutIn(gap_m=8, closing_mps=4)], 1.0),
        ("time_to_brake", "min_ttb_s", [CutIn(gap_m=8, closing_mps=4)], 1.75),
        ("required_acceleration", "max_required_lateral_mps2", [CutIn(8, 4)], 0.925),
        ("time_headway", "min_headway_s", [Follow(headway_s=1.3)], 1.3),
        ("closest_approach", "distance_m", [Follow(headway_s=1.3)], 19.5),
        # 4 s at 15 m/s, 2 s at 9 on average, 4 s at 3.
        ("distance_driven", "distance_m", [HardBrake()], 90.0),
        ("hard_brakes", "peak_deceleration_mps2", [HardBrake(5.0)], 5.0),
        ("hard_brakes", "hard_brakes", [HardBrake(2.5)], 0),
        ("post_encroachment_time", "pet_s", [PedestrianCrossing(pet_s=1.2)], 1.2),
        # 1.8 m of its width and 4.6 m of the ego's length at 15 m/s.
        ("encroachment_time", "et_s", [Intersection()], 6.4 / 15),
        ("closest_encounter", "dce_m", [OncomingWalker(clearance_m=0.6)], 0.6),
        ("collisions", "max_relative_speed_mps", [ParkedCar(gap_m=100)], 15.0),
        ("mean_speed", "mean_speed_mps", [], 15.0),
        ("stops", "stops", [HardBrake(7.5)], 1),
        ("speed_limit_compliance", "max_over_speed_mps", [], 1.1),
        ("lane_keeping", "min_margin_m", [], 0.8),
    ],
)
def test_an_answer_is_what_is_worked_out_by_hand(
    metric: str, summary: str, log: Any, by_hand: float
) -> None:
    made = SyntheticLog(Ego(speed_mps=15), Road(speed_limit_mps=13.9), log)
    assert made.answers[metric][summary] == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("cruise", SyntheticLog()),
        ("hard_brake", SyntheticLog(situations=[HardBrake()])),
        ("follow", SyntheticLog(situations=[Follow()])),
        ("cut_in", SyntheticLog(situations=[CutIn()])),
        ("pedestrian_crossing", SyntheticLog(Ego(8), situations=[PedestrianCrossing()])),
        ("intersection", SyntheticLog(Ego(10), situations=[Intersection()])),
        ("turn", SyntheticLog(Ego(6, radius_m=20))),
        ("standing", SyntheticLog(Ego(0), situations=[ParkedCar()])),
        ("sidewalk", SyntheticLog(Ego(1.2, "robot"), situations=[OncomingWalker()])),
    ],
)
def test_a_word_is_the_scenario_of_its_name(name: str, log: SyntheticLog) -> None:
    named, made = scenario(name, log_id=log.log_id), log.frames()
    for signal, frame in named.items():
        assert_frame_equal(made[signal], frame)


@pytest.mark.parametrize(
    ("value", "found", "right"),
    [
        (2.0, 2.0 + 1e-7, True),
        (2.0, 2.00001, False),
        (0.0, 1e-7, True),
        (None, None, True),
        (None, 0.0, False),
        (0.0, None, False),
    ],
)
def test_an_answer_says_who_agrees(value: float | None, found: float | None, right: bool) -> None:
    assert Answer("metric", "summary", value).agrees(found) is right


def test_a_tolerance_is_by_either_of_the_two() -> None:
    answer = Answer("metric", "summary", 100.0, Tolerance(absolute=0.5, relative=0.02))
    assert answer.agrees(101.9)
    assert not answer.agrees(102.1)


def test_where_the_scene_is_changes_no_answer() -> None:
    """The same brake elsewhere, later and driving another way: turned by 90 degrees."""
    frames = scenario("hard_brake")
    moved = frames["ego_poses"].with_columns(
        pl.col("timestamp_ns") + 5_000_000_000,
        x_m=700.0 - pl.col("y_m"),
        y_m=pl.col("x_m") - 300.0,
        heading_rad=pl.col("heading_rad") + 1.5707963267948966,
    )
    before = compute_on(frames, "hard_brakes").rows
    after = compute_on({**frames, "ego_poses": moved}, "hard_brakes").rows
    peak = "peak_deceleration_mps2"
    assert after[peak].item() == pytest.approx(before[peak].item())
