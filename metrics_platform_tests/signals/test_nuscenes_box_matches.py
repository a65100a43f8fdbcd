"""Which boxes are judged by the rules of nuScenes, and which are found."""

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.core.errors import UnknownNameError
from metrics_platform.kernels.detection_rules import NUSCENES_CONFIGURATIONS
from metrics_platform.signals.nuscenes_box_matches import nuscenes_box_matches
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.detections import (
    Box,
    annotation,
    detection,
    ego_at,
    tracks_of,
)

REACH_M = 2.0


def judged(boxes: list[Box], **chosen: str) -> pl.DataFrame:
    poses = ego_at(0.0, 0, 9).lazy()
    made = nuscenes_box_matches(tracks_of(boxes).lazy(), poses, **chosen)
    assert not isinstance(made, pl.LazyFrame)
    return made.rows.collect()


def outcomes(boxes: list[Box], reach_m: float = REACH_M) -> list[tuple[str, str, str | None]]:
    rows = judged(boxes).filter(threshold_m=reach_m).sort("annotated", "track_id")
    return rows.select("track_id", "outcome", "matched_id").rows()


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        pytest.param(
            [annotation(0.0, "a"), detection(1.0, 0.5, "d")], [("d", "found", "a")], id="found"
        ),
        pytest.param(
            [annotation(0.0, "a"), detection(2.0, 0.5, "d")],
            [("d", "false", None), ("a", "missed", None)],
            id="at_the_threshold_is_not_within",
        ),
        pytest.param(
            [annotation(0.0, "a"), detection(0.1, 0.5, "d"), detection(1.9, 0.6, "e")],
            [("d", "false", None), ("e", "found", "a")],
            id="the_more_confident_comes_first_however_far",
        ),
        pytest.param(
            [
                annotation(0.0, "a"),
                annotation(1.5, "b"),
                detection(0.1, 0.9, "d"),
                detection(0.2, 0.8, "e"),
            ],
            [("d", "found", "a"), ("e", "found", "b")],
            id="the_second_takes_what_is_left",
        ),
        pytest.param(
            [annotation(-1.0, "a"), annotation(1.0, "b"), detection(0.0, 0.5, "d")],
            [("d", "found", "a"), ("b", "missed", None)],
            id="of_two_as_near_the_first",
        ),
        pytest.param(
            [annotation(0.0, "a"), detection(0.5, 0.5, "d"), detection(0.0, 0.5, "e")],
            [("d", "false", None), ("e", "found", "a")],
            id="of_equal_scores_the_later",
        ),
        pytest.param(
            [annotation(0.0, "a"), detection(0.0, 0.5, "d", category="truck")],
            [("d", "false", None), ("a", "missed", None)],
            id="of_another_class",
        ),
        pytest.param(
            [
                annotation(0.0, "a", category="vehicle.bus.rigid"),
                detection(0, None, category="bus"),
            ],
            [("1", "found", "a")],
            id="names_of_annotations_are_finer",
        ),
        pytest.param(
            [annotation(0.0, "a", z_m=30.0), detection(0.0, 0.5, "d")],
            [("d", "found", "a")],
            id="height_does_not_count",
        ),
        pytest.param(
            [annotation(0.0, "a"), annotation(0.0, "b", timestamp_ns=9), detection(0.0, 0.5, "d")],
            [("d", "found", "a"), ("b", "missed", None)],
            id="a_frame_without_detections",
        ),
    ],
)
def test_outcomes(boxes: list[Box], expected: list[tuple[str, str, str | None]]) -> None:
    assert outcomes(boxes) == expected


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        pytest.param([annotation(0.0, category="tree")], "no class of the benchmark", id="class"),
        pytest.param([annotation(50.0)], "out of range", id="far_car"),
        pytest.param([annotation(49.9, category="pedestrian")], "out of range", id="far_walker"),
        pytest.param([annotation(0.0, points_count=0)], "no points in it", id="points"),
        pytest.param(
            [detection(0.0, 0.5, "2", category="tree")], "no class of the benchmark", id="d"
        ),
        pytest.param([detection(50.0, 0.5, "2")], "out of range", id="far_detection"),
        pytest.param(
            [detection(0.0, 0.5, "2", timestamp_ns=7)], "no annotation at this moment", id="moment"
        ),
        pytest.param(
            [annotation(0.0, timestamp_ns=10)], "the ego's place is unknown", id="without_ego"
        ),
    ],
)
def test_what_is_not_judged_says_why(boxes: list[Box], reason: str) -> None:
    usual: list[Box] = [annotation(9.0, "usual"), detection(9.0, 0.5, "usual")]
    rows = judged([*usual, *boxes])
    aside = rows.filter(outcome="not_judged")
    assert aside.select("threshold_m", "reason").rows() == [(None, reason)]
    assert rows.filter(pl.col("outcome") != "not_judged")["outcome"].to_list() == ["found"] * 4


def rack(**columns: object) -> Box:
    """Return one of 6 m along y, 2 m wide and 1 m high, with its centre at (9, 0, 1)."""
    place: Box = {"heading_rad": math.pi / 2, "length_m": 6.0, "width_m": 2.0, "height_m": 1.0}
    category = "static_object.bicycle_rack"
    return annotation(9.0, "rack", z_m=1.0, category=category, **place) | columns


@pytest.mark.parametrize(
    ("box", "reasons"),
    [
        pytest.param(annotation(9.0, y_m=2.9, category="bicycle", z_m=1.4), 1, id="along"),
        pytest.param(annotation(9.0, y_m=3.1, category="bicycle", z_m=1.4), 0, id="beyond"),
        pytest.param(annotation(10.0, category="vehicle.motorcycle", z_m=1.0), 1, id="on_its_side"),
        pytest.param(annotation(10.1, category="bicycle", z_m=1.0), 0, id="beside"),
        pytest.param(annotation(9.0, category="bicycle", z_m=1.6), 0, id="above"),
        pytest.param(annotation(9.0, category="car", z_m=1.0), 0, id="a_car"),
        pytest.param(detection(9.0, 0.5, category="bicycle", z_m=1.0), 1, id="a_detection"),
        pytest.param(
            annotation(9.0, category="bicycle", z_m=1.0, timestamp_ns=9), 0, id="another_moment"
        ),
    ],
)
def test_bicycles_in_racks_are_not_judged(box: Box, reasons: int) -> None:
    usual: list[Box] = [annotation(20.0, "usual"), detection(20.0, 0.5, "usual")]
    rows = judged([*usual, rack(), {**box, "track_id": "b"}])
    assert rows["reason"].to_list().count("in a rack") == reasons
    agnostic = judged([*usual, rack(), box], configuration="nuscenes_class_agnostic")
    assert "in a rack" not in agnostic["reason"].to_list()


def test_unknown_points_are_judged() -> None:
    assert outcomes([annotation(0.0, "a"), detection(0.0, 0.5, "d")]) == [("d", "found", "a")]


def test_every_source_is_judged_by_itself() -> None:
    boxes = [
        annotation(0.0, "a"),
        detection(0.0, 0.5, "d"),
        {**detection(0.0, 0.9, "d"), "source": "tracker"},
    ]
    found = judged(boxes).filter(outcome="found")
    assert found.group_by("source").len().sort("source").rows() == [("detector", 4), ("tracker", 4)]


def test_a_found_object_is_described_as_annotated() -> None:
    boxes = [
        annotation(
            3.0,
            y_m=4.0,
            velocity_x_mps=3.0,
            velocity_y_mps=4.0,
            occlusion_ratio=0.5,
            points_count=9,
        ),
        detection(3.0, 0.5, y_m=4.5, velocity_x_mps=3.0, velocity_y_mps=2.0),
    ]
    (row,) = judged(boxes).filter(threshold_m=REACH_M).rows(named=True)
    described = ("range_m", "speed_mps", "occlusion_ratio", "points_count")
    assert [row[name] for name in described] == [5.0, 5.0, 0.5, 9]
    assert (row["distance_m"], row["velocity_error_mps"]) == (0.5, 2.0)


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        pytest.param([detection(0.0, 0.5)], "nothing to judge by", id="no_annotation"),
        pytest.param([annotation(0.0)], "nothing to judge:", id="no_detection"),
        pytest.param([annotation(0.0), detection(0.0, 0.5)], "no ego_poses", id="no_ego"),
    ],
)
def test_it_abstains(boxes: list[Box], reason: str) -> None:
    outcome = compute_on({"tracks": tracks_of(boxes)}, "nuscenes_box_matches").outcomes["log"]
    assert reason in (outcome.reason or "")


def test_an_unknown_configuration_is_named() -> None:
    with pytest.raises(UnknownNameError, match="nuscenes_cvpr_2019"):
        judged([annotation(0.0)], configuration="nuscenes_cvpr_2091")


def test_another_source_can_be_the_truth() -> None:
    boxes = [{**annotation(0.0, "a"), "source": "lidar"}, detection(0.0, 0.5, "d")]
    assert judged(boxes, truth="lidar")["outcome"].to_list() == ["found"] * 4


coordinates = st.integers(-6, 6).map(lambda half: half / 2)
drawn = st.lists(st.tuples(coordinates, st.sampled_from([0.1, 0.5, 0.9])), min_size=1, max_size=8)


# The first call in a process takes some tenths of a second.
@settings(deadline=None)
@given(drawn, drawn)
def test_every_box_has_one_outcome_at_each_threshold(
    objects: list[tuple[float, float]], found: list[tuple[float, float]]
) -> None:
    boxes = [annotation(x, str(i)) for i, (x, _) in enumerate(objects)]
    boxes += [detection(x, score, str(i)) for i, (x, score) in enumerate(found)]
    rows = judged(boxes)
    hits = 0
    for reach in NUSCENES_CONFIGURATIONS["nuscenes_cvpr_2019"].thresholds_m:
        at = rows.filter(threshold_m=reach)
        right = at.filter(outcome="found")
        assert len(at.filter(~pl.col("annotated"))) == len(found)
        assert len(right) + len(at.filter(outcome="missed")) == len(objects)
        assert right["matched_id"].n_unique() == len(right)
        assert right["distance_m"].is_between(0, reach, closed="left").all()
        # A greater threshold never finds fewer.
        assert len(right) >= hits
        hits = len(right)
