"""Which boxes are judged by the rules of Argoverse 2, and which are found."""

import math

import polars as pl
import pytest

from metrics_platform.signals.av2_box_matches import av2_box_matches
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.detections import (
    Box,
    annotation,
    detection,
    ego_at,
    real_detections,
    square,
    tracks_of,
)

CAR = {"category": "REGULAR_VEHICLE"}
REACH_M = 2.0


def judged(boxes: list[Box], configuration: str = "av2_2023") -> pl.DataFrame:
    tracks = tracks_of([{**CAR, **box} for box in boxes])
    made = av2_box_matches(
        tracks.lazy(), ego_at().lazy(), square().lazy(), configuration=configuration
    )
    assert not isinstance(made, pl.LazyFrame)
    return made.rows.collect()


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        pytest.param(
            [annotation(0.0, "a"), detection(2.5, 0.9, "d"), detection(0.0, 0.5, "e")],
            [("d", "false"), ("e", "false"), ("a", "missed")],
            id="the_first_to_choose_is_too_far_and_the_next_comes_too_late",
        ),
        pytest.param(
            [
                annotation(0.0, "a"),
                annotation(1.5, "b"),
                detection(0.1, 0.9, "d"),
                detection(0.2, 0.8, "e"),
            ],
            [("d", "found"), ("e", "false"), ("b", "missed")],
            id="the_second_takes_nothing_else",
        ),
        pytest.param(
            [annotation(0.0, "a", z_m=2.0), detection(0.0, 0.5, "d")],
            [("d", "false"), ("a", "missed")],
            id="height_counts",
        ),
        pytest.param(
            [annotation(-1.0, "a"), annotation(1.0, "b"), detection(0.0, 0.5, "d")],
            [("d", "found"), ("b", "missed")],
            id="of_two_as_near_the_first",
        ),
        pytest.param(
            [annotation(0.0, "a"), detection(0.5, 0.5, "d"), detection(0.0, 0.5, "e")],
            [("d", "found"), ("e", "false")],
            id="of_equal_scores_the_earlier",
        ),
        pytest.param(
            [annotation(0.0, "a"), detection(0.0, 0.5, "d", category="BUS")],
            [("d", "false"), ("a", "missed")],
            id="of_another_class",
        ),
    ],
)
def test_outcomes(boxes: list[Box], expected: list[tuple[str, str]]) -> None:
    rows = judged(boxes).filter(threshold_m=REACH_M).sort("annotated", "track_id")
    assert rows.select("track_id", "outcome").rows() == expected


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        pytest.param([annotation(150.0)], "out of range", id="far"),
        pytest.param([annotation(149.0, z_m=20.0)], "out of range", id="far_in_space"),
        pytest.param([annotation(0.0, points_count=0)], "no points in it", id="points"),
        pytest.param([annotation(0.0, category="car")], "no class of the benchmark", id="class"),
        pytest.param([annotation(5.0, y_m=106.1)], "off the region of interest", id="off_a_side"),
        # Of a corner: the nearest of the box is 3.6 m off each way.
        pytest.param(
            [annotation(105.6, y_m=104.6)], "off the region of interest", id="off_a_corner"
        ),
        pytest.param(
            [detection(5.0, 0.5, y_m=106.1)], "off the region of interest", id="a_detection"
        ),
    ],
)
def test_what_is_not_judged_says_why(boxes: list[Box], reason: str) -> None:
    usual: list[Box] = [annotation(9.0, "usual"), detection(9.0, 0.5, "usual")]
    assert judged([*usual, *boxes])["reason"].drop_nulls().to_list() == [reason]


@pytest.mark.parametrize(
    "box",
    [
        pytest.param(annotation(5.0, y_m=105.9), id="with_a_side"),
        pytest.param(annotation(105.4, y_m=104.4), id="with_a_corner"),
        pytest.param(annotation(5.0, y_m=106.9, heading_rad=math.pi / 2), id="turned"),
        pytest.param(annotation(5.0, y_m=50.0), id="within"),
    ],
)
def test_what_is_within_five_metres_of_the_area_is_judged(box: Box) -> None:
    rows = judged(
        [annotation(9.0, "usual"), detection(9.0, 0.5, "usual"), {**box, "track_id": "b"}]
    )
    assert rows["reason"].drop_nulls().is_empty()


def test_the_region_is_that_of_the_own_log() -> None:
    boxes = [annotation(200.0), detection(0.0, 0.5)]
    tracks = tracks_of([{**CAR, **box, "log_id": log} for log in "ab" for box in boxes])
    poses = pl.concat([ego_at(200.0, log_id=log) for log in "ab"])
    areas = pl.concat([square(-100.0, "a"), square(150.0, "b")])
    made = av2_box_matches(tracks.lazy(), poses.lazy(), areas.lazy())
    assert not isinstance(made, pl.LazyFrame)
    missed = made.rows.collect().filter(outcome="missed", threshold_m=REACH_M)
    assert missed["log_id"].to_list() == ["b"]


def test_the_most_confident_are_counted_before_the_region_is_looked_at() -> None:
    boxes = [annotation(0.0), detection(0.0, 0.1, "in")]
    boxes += [detection(0.0, 0.5, f"{i:03}", y_m=-120.0) for i in range(100)]
    reasons = judged(boxes).filter(~pl.col("annotated"))["reason"].value_counts().sort("count")
    assert reasons.rows() == [
        ("too many detections in one frame", 1), ("off the region of interest", 100)
    ]  # fmt: skip


def test_a_log_without_a_map_names_the_rules_without_a_region() -> None:
    tracks = tracks_of([{**CAR, **annotation(0.0)}, {**CAR, **detection(0.0, 0.5)}])
    frames = {"tracks": tracks, "ego_poses": ego_at()}
    outcome = compute_on(frames, "av2_box_matches").outcomes["log"]
    assert "'av2_2023_without_region'" in (outcome.reason or "")
    nowhere = square().clear().lazy()
    for configuration in ("av2_2023_without_region", "av2_class_agnostic"):
        made = av2_box_matches(tracks.lazy(), ego_at().lazy(), nowhere, configuration=configuration)
        assert not isinstance(made, pl.LazyFrame)
        assert made.rows.collect()["outcome"].to_list() == ["found"] * 4


def test_of_many_detections_the_most_confident_hundred_are_judged() -> None:
    boxes = [annotation(0.0), *(detection(0.0, i / 200, f"{i:03}") for i in range(1, 130))]
    rows = judged(boxes)
    aside = rows.filter(outcome="not_judged")
    assert aside["reason"].unique().to_list() == ["too many detections in one frame"]
    assert aside["track_id"].to_list() == [f"{i:03}" for i in range(29, 0, -1)]


def test_moments_without_annotation_are_judged_where_the_benchmark_does() -> None:
    boxes = [annotation(0.0), detection(0.0, 0.5), detection(0.0, 0.5, timestamp_ns=1)]
    poses = ego_at(0.0, 0, 1).lazy()
    tracks = tracks_of([{**CAR, **box} for box in boxes]).lazy()
    for configuration, false in (("av2_2023", 4), ("av2_class_agnostic", 0)):
        made = av2_box_matches(tracks, poses, square().lazy(), configuration=configuration)
        assert not isinstance(made, pl.LazyFrame)
        assert len(made.rows.filter(outcome="false").collect()) == false


def test_a_real_log_is_accounted_for() -> None:
    frames = real_detections()
    made = av2_box_matches(
        frames["tracks"].lazy(),
        frames["ego_poses"].lazy(),
        frames["drivable_areas"].lazy(),
        configuration="av2_class_agnostic",
    )
    assert not isinstance(made, pl.LazyFrame)
    rows = made.rows.collect()
    # 157 of 13,820 boxes are the ego's own, and none of them is an object to be found.
    assert "EGO_VEHICLE" not in rows["category"].unique()
    aside = rows.filter(outcome="not_judged")
    at_two_metres = rows.filter(threshold_m=REACH_M)
    boxes = len(at_two_metres) + len(at_two_metres.filter(outcome="found")) + len(aside)
    assert boxes == 13_820 - 157 + 5_576
