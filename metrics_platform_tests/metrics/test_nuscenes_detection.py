"""Scores by the rules of nuScenes: worked out by hand, and those of its devkit."""

import math

import polars as pl
import pytest

from metrics_platform.metrics.nuscenes_detection import nuscenes_detection, pooled
from metrics_platform.signals.nuscenes_box_matches import nuscenes_box_matches
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.detections import (
    Box,
    annotation,
    detection,
    ego_at,
    real_detections,
    tracks_of,
)

APS = [f"ap_within_{reach}_m_ratio" for reach in ("0_5", "1", "2", "4")]


def matches_of(boxes: list[Box], configuration: str = "nuscenes_cvpr_2019") -> pl.LazyFrame:
    made = nuscenes_box_matches(
        tracks_of(boxes).lazy(), ego_at().lazy(), configuration=configuration
    )
    assert not isinstance(made, pl.LazyFrame)
    return made.rows


def scores_of(boxes: list[Box], class_name: str = "all") -> dict[str, float | None]:
    made = nuscenes_detection(matches_of(boxes))
    assert isinstance(made, pl.LazyFrame)
    return made.filter(pl.col("class_name") == class_name).collect().row(0, named=True)


def test_a_perfect_detector_lacks_nothing_but_attributes() -> None:
    moving: Box = {"velocity_x_mps": 1.0, "velocity_y_mps": 0.0}
    scores = scores_of([annotation(5.0) | moving, detection(5.0, 0.7) | moving])
    assert [scores[name] for name in APS] == [1.0] * 4
    errors = ("translation_error_m", "scale_error_ratio", "heading_error_rad", "velocity_error_mps")
    assert [scores[name] for name in errors] == [0.0] * 4
    assert scores["nuscenes_detection_score"] == pytest.approx(0.9)


def test_average_precision_by_hand() -> None:
    # Of two objects the first is found, then a false one, then the other: precision is 1 up to a
    # recall of .5, then goes from 1/2 to 2/3 at a recall of 1.
    boxes = [
        annotation(0.0, "1"),
        annotation(20.0, "2"),
        detection(0.0, 0.9, "1"),
        detection(40.0, 0.8, "2"),
        detection(20.0, 0.7, "3"),
    ]
    recalls = [i / 100 for i in range(11, 101)]
    precision = [1.0 if r < 0.5 else 1 / 2 + (r - 0.5) / 0.5 * (2 / 3 - 1 / 2) for r in recalls]
    expected = sum(p - 0.1 for p in precision) / 90 / 0.9
    assert scores_of(boxes)["average_precision_ratio"] == pytest.approx(expected, rel=1e-12)


def test_the_error_is_the_mean_of_running_means() -> None:
    # Errors 0 and 1 m at recalls .5 and 1: the running mean goes from 0 to .5 between the scores.
    boxes = [
        annotation(0.0, "1"),
        annotation(20.0, "2"),
        detection(0.0, 0.9, "1"),
        detection(21.0, 0.5, "2"),
    ]
    confidence = [0.9 - max(0.0, i / 100 - 0.5) / 0.5 * 0.4 for i in range(11, 101)]
    expected = sum(0.5 * (0.9 - c) / 0.4 for c in confidence) / 90
    assert scores_of(boxes)["translation_error_m"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("boxes", "average", "counts"),
    [
        pytest.param([annotation(0.0), detection(9.0, 0.5)], 0.0, (1, 1), id="nothing_found"),
        pytest.param(
            [annotation(0.0), detection(0.0, 0.5, category="truck")], 0.0, (1, 1), id="other_class"
        ),
        pytest.param(
            [annotation(0.0, height_m=0.0), detection(0.0, 0.5, height_m=0.0)],
            1.0,
            (1, 1),
            id="flat_boxes",
        ),
    ],
)
def test_edges(boxes: list[Box], average: float, counts: tuple[int, int]) -> None:
    scores = scores_of(boxes)
    assert scores["average_precision_ratio"] == average
    assert (scores["truths_count"], scores["detections_count"]) == counts


def test_nothing_found_has_the_worst_errors() -> None:
    scores = scores_of([annotation(0.0), detection(9.0, 0.5)])
    assert scores["translation_error_m"] == scores["heading_error_rad"] == 1.0
    assert scores["nuscenes_detection_score"] == 0.0


def test_a_class_that_nobody_annotated_has_no_score_and_is_in_no_mean() -> None:
    boxes = [annotation(0.0), detection(0.0, 0.5), detection(9.0, 0.5, "2", category="truck")]
    assert scores_of(boxes, "truck")["average_precision_ratio"] is None
    assert scores_of(boxes, "truck")["detections_count"] == 1
    assert scores_of(boxes)["average_precision_ratio"] == 1.0


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        pytest.param("car", math.pi, id="turned_round"),
        pytest.param("barrier", 0.0, id="a_barrier_has_no_front"),
        pytest.param("traffic_cone", None, id="a_cone_has_no_heading"),
    ],
)
def test_heading_error_of_a_box_turned_round(category: str, expected: float | None) -> None:
    boxes = [
        annotation(0.0, category=category, heading_rad=math.pi),
        detection(0.0, 0.5, category=category),
    ]
    error = scores_of(boxes, category)["heading_error_rad"]
    assert error == (None if expected is None else pytest.approx(expected, abs=1e-12))


def test_headings_are_compared_across_pi() -> None:
    boxes = [
        annotation(0.0, heading_rad=math.pi - 0.1),
        detection(0, 0.5, heading_rad=0.1 - math.pi),
    ]
    assert scores_of(boxes)["heading_error_rad"] == pytest.approx(0.2)


def test_an_unknown_velocity_is_null_and_scores_nothing() -> None:
    scores = scores_of([annotation(0.0), detection(0.0, 0.5)])
    assert scores["velocity_error_mps"] is None
    assert scores["nuscenes_detection_score"] == pytest.approx(0.8)


def test_two_logs_pooled_are_not_the_mean_of_both() -> None:
    boxes = [
        annotation(0.0, log_id="a"),
        detection(0.0, 0.5, log_id="a"),
        annotation(0.0, "1", log_id="b"),
        annotation(20.0, "2", log_id="b"),
        detection(40.0, 0.9, log_id="b"),
        detection(20.0, 0.4, "2", log_id="b"),
    ]
    made = nuscenes_box_matches(
        tracks_of(boxes).lazy(),
        pl.concat([ego_at(log_id="a"), ego_at(log_id="b")]).lazy(),
        configuration="nuscenes_cvpr_2019",
    )
    assert not isinstance(made, pl.LazyFrame)
    together = pooled(made.rows, ["source"]).filter(class_name="all").collect()
    # As though it were one log of two frames.
    one = [{**box, "log_id": "log", "timestamp_ns": ord(str(box["log_id"]))} for box in boxes]
    frames = tracks_of(one).lazy()
    ego = ego_at(0.0, ord("a"), ord("b")).lazy()
    merged = nuscenes_box_matches(frames, ego)
    assert not isinstance(merged, pl.LazyFrame)
    alone = nuscenes_detection(merged.rows)
    assert isinstance(alone, pl.LazyFrame)
    expected = alone.filter(class_name="all").drop("log_id").collect()
    assert together.select(expected.columns).equals(expected)
    assert pooled(made.rows, []).filter(class_name="all").collect()["truths_count"].item() == 3


def test_the_devkit_on_a_real_log() -> None:
    frames = real_detections()
    made = nuscenes_box_matches(
        frames["tracks"].lazy(), frames["ego_poses"].lazy(), configuration="nuscenes_class_agnostic"
    )
    assert not isinstance(made, pl.LazyFrame)
    scores = pooled(made.rows, ["source"]).filter(class_name="all").collect().row(0, named=True)
    assert (scores["source"], scores["detections_count"]) == ("tracker", 5576)
    # nuscenes-devkit 1.2.0 on the same boxes.
    expected = [0.243085, 0.296678, 0.322451, 0.340202]
    assert [scores[name] for name in APS] == pytest.approx(expected, abs=5e-7)
    assert scores["average_precision_ratio"] == pytest.approx(0.300604, abs=5e-7)
    assert scores["translation_error_m"] == pytest.approx(0.251283, abs=5e-7)
    assert scores["scale_error_ratio"] == pytest.approx(0.172285, abs=5e-7)
    assert scores["heading_error_rad"] == pytest.approx(0.60004, abs=5e-6)


def test_a_log_of_other_names_is_not_scored() -> None:
    made = compute_on(real_detections(), "nuscenes_detection")
    assert made.rows.is_empty()
    assert made.summary.select("mean_ap", "nds").row(0) == (None, None)
