"""Scores by the rules of Argoverse 2: worked out by hand, and those of its package."""

import math
from dataclasses import replace

import polars as pl
import pytest

from metrics_platform.kernels.detection_rules import AV2_CONFIGURATIONS
from metrics_platform.metrics.av2_detection import av2_detection, pooled
from metrics_platform.signals.av2_box_matches import av2_box_matches
from metrics_platform.signals.box_matches import match_boxes
from metrics_platform_tests.metrics.detections import (
    Box,
    annotation,
    detection,
    detection_case,
    ego_at,
    real_detections,
    square,
    tracks_of,
)

CAR = {"category": "REGULAR_VEHICLE"}
SCORES = [
    "average_precision_ratio",
    "translation_error_m",
    "scale_error_ratio",
    "heading_error_rad",
    "composite_detection_score",
]


def scores_of(boxes: list[Box], class_name: str = "all") -> dict[str, float | None]:
    tracks = tracks_of([{**CAR, **box} for box in boxes])
    made = av2_box_matches(tracks.lazy(), ego_at().lazy(), square().lazy())
    assert not isinstance(made, pl.LazyFrame)
    scores = av2_detection(made.rows)
    assert isinstance(scores, pl.LazyFrame)
    return scores.filter(pl.col("class_name") == class_name).collect().row(0, named=True)


def test_a_perfect_detector() -> None:
    scores = scores_of([annotation(5.0), detection(5.0, 0.7)])
    assert [scores[name] for name in SCORES] == [1.0, 0.0, 0.0, 0.0, 1.0]


def test_average_precision_by_hand() -> None:
    # Found, false, found: the greatest precision from here on is 1, 2/3, 2/3, so it falls from 1
    # to 2/3 at a recall of 1/2, and stays there.
    boxes = [
        annotation(0.0, "1"),
        annotation(20.0, "2"),
        detection(0.0, 0.9, "1"),
        detection(-15.0, 0.8, "2"),
        detection(20.0, 0.7, "3"),
    ]
    # Linear between the detections: from the false one, at .5 as well, to the last.
    expected = (50 * 1.0 + 51 * 2 / 3) / 101
    assert scores_of(boxes)["average_precision_ratio"] == pytest.approx(expected, rel=1e-12)


def test_nothing_found_has_the_worst_errors() -> None:
    scores = scores_of([annotation(0.0), detection(9.0, 0.5)])
    assert [scores[name] for name in SCORES] == [0.0, 2.0, 1.0, math.pi, 0.0]


def test_a_class_that_nobody_annotated_has_no_score_and_is_in_no_mean() -> None:
    boxes = [annotation(0.0), detection(0.0, 0.5), detection(9.0, 0.5, "2", category="BUS")]
    assert [scores_of(boxes, "BUS")[name] for name in SCORES] == [None] * 5
    assert scores_of(boxes)["composite_detection_score"] == 1.0


def test_boxes_without_volume_have_the_worst_scale_error() -> None:
    flat: Box = {"length_m": 0.0, "width_m": 0.0, "height_m": 0.0}
    assert scores_of([annotation(0.0) | flat, detection(0.0, 0.5) | flat])["scale_error_ratio"] == 1


def test_the_union_has_the_greater_of_each_size() -> None:
    # 4 x 2 against 2 x 4, both 1.5 high: 2 · 2 of 4 · 4, where nuScenes has 4 of 12.
    boxes = [annotation(0.0), detection(0.0, 0.5, length_m=2.0, width_m=4.0)]
    assert scores_of(boxes)["scale_error_ratio"] == pytest.approx(0.75)


def test_a_whole_turn_is_none() -> None:
    # av2's wrap_angles makes pi of it.
    boxes = [annotation(0.0, heading_rad=math.pi), detection(0.0, 0.5, heading_rad=-math.pi)]
    assert scores_of(boxes)["heading_error_rad"] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        # Published in av2's tests: the average precision of the first, the errors of the second.
        pytest.param("detections_assignment", (0.999, 0.0, 0.0, 0.0, 0.999), id="assignment"),
        pytest.param("detections", (1.0, 0.017, 0.033, 0.524, 0.931), id="errors"),
        pytest.param("detections_identity", (1.0, 0.0, 0.0, 0.0, 1.0), id="identity"),
    ],
)
def test_published_cases(case: str, expected: tuple[float, ...]) -> None:
    frames = detection_case(case)
    made = av2_box_matches(
        frames["tracks"].lazy(),
        frames["ego_poses"].lazy(),
        square().clear().lazy(),
        configuration="av2_2023_without_region",
    )
    assert not isinstance(made, pl.LazyFrame)
    pool = pooled(made.rows, ["source"]).filter(class_name="all").collect()
    scores = pool.row(0, named=True)
    assert scores["truths_count"] == 6
    assert [round(scores[name], 3) for name in SCORES] == list(expected)


def test_av2_on_a_real_log() -> None:
    frames = real_detections()
    made = av2_box_matches(
        frames["tracks"].lazy(),
        frames["ego_poses"].lazy(),
        frames["drivable_areas"].lazy(),
        configuration="av2_class_agnostic",
    )
    assert not isinstance(made, pl.LazyFrame)
    scores = pooled(made.rows, []).filter(class_name="all").collect().row(0, named=True)
    # av2 0.3.6 on the same boxes, before it rounds to three digits.
    expected = [0.42539, 0.314902, 0.221029, 0.592998, 0.344957]
    assert [scores[name] for name in SCORES[:3]] == pytest.approx(expected[:3], abs=1e-6)
    # It compares headings in the axes of the vehicle, which pitches.
    assert [scores[name] for name in SCORES[3:]] == pytest.approx(expected[3:], abs=2e-5)
    assert [round(scores[name], 3) for name in SCORES] == [0.425, 0.315, 0.221, 0.593, 0.345]


def test_av2_on_a_real_log_in_its_region_of_interest() -> None:
    frames = real_detections()
    rules = replace(AV2_CONFIGURATIONS["av2_class_agnostic"], region_margin_m=5.0)
    made = match_boxes(
        frames["tracks"].lazy(),
        frames["ego_poses"].lazy(),
        rules,
        "annotation",
        frames["drivable_areas"].lazy(),
    )
    scores = pooled(made.rows, []).filter(class_name="all").collect().row(0, named=True)
    # av2 0.3.6 draws the area on a raster of 0.1 m: 1,810 objects and 2,730 detections, and
    # [0.432138, 0.310240, 0.216821, 0.587560, 0.351621].
    assert (scores["truths_count"], scores["detections_count"]) == (1811, 2722)
    expected = [0.432711, 0.310240, 0.216821, 0.587546, 0.352088]
    assert [scores[name] for name in SCORES] == pytest.approx(expected, abs=1e-6)


def test_the_greatest_precision_that_rounding_leaves_is_within_bounds() -> None:
    boxes = [annotation(20.0 * i, str(i)) for i in range(7)]
    found = [detection(20.0 * i, 0.5, str(i)) for i in range(7)]
    assert scores_of(boxes + found)["average_precision_ratio"] == pytest.approx(1.0, abs=1e-12)
