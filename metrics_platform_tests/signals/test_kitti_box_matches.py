"""Which boxes are judged by the rules of KITTI, and which are found."""

import polars as pl
import pytest

from metrics_platform.core.errors import UnknownNameError
from metrics_platform.signals.kitti_box_matches import kitti_box_matches
from metrics_platform_tests.metrics.kitti_devkit import Box
from metrics_platform_tests.metrics.test_kitti_detection import car, detected, frame_of


def judged(boxes: list[Box], configuration: str = "kitti_2017") -> pl.DataFrame:
    made = kitti_box_matches(frame_of(boxes).lazy(), configuration=configuration)
    assert not isinstance(made, pl.LazyFrame)
    return made.rows.collect()


def outcomes(boxes: list[Box], difficulty: str = "easy") -> list[tuple[str, str, str | None]]:
    rows = judged(boxes).filter(class_name="car", view="space", difficulty=difficulty)
    rows = rows.sort("annotated", "track_id")
    return rows.select("track_id", "outcome", "matched_id").rows()


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        pytest.param(
            [car("a", 0.0), detected("d", 0.5, 0.5)],
            [("d", "found", "a"), ("a", "found", "d")],
            id="found",
        ),
        pytest.param(
            [car("a", 0.0), detected("d", 1.0, 0.5)],
            [("d", "false", None), ("a", "missed", None)],
            id="too_little_overlap",
        ),
        pytest.param(
            [car("a", 0.0), detected("d", 0.1, 0.4), detected("e", 0.5, 0.9)],
            [("d", "found", "a"), ("e", "false", None), ("a", "found", "d")],
            id="overlap_counts_and_not_confidence",
        ),
        pytest.param(
            [car("a", 0.0, occlusion_index=1), detected("d", 0.0, 0.5)],
            [("d", "ignored", "a"), ("a", "ignored", "d")],
            id="a_hidden_object_may_be_found",
        ),
        pytest.param(
            [car("a", 0.0, truncation_index=1), detected("d", 9.0, 0.5)],
            [("d", "false", None), ("a", "ignored", None)],
            id="a_cut_off_object_need_not",
        ),
        pytest.param(
            [car("a", 0.0, category="Van"), detected("d", 0.0, 0.5)],
            [("d", "ignored", "a"), ("a", "ignored", "d")],
            id="a_van_is_no_car_and_no_mistake",
        ),
        pytest.param(
            [car("a", 0.0), detected("d", 0.0, 0.5, height_px=39.0)],
            [("d", "ignored", "a"), ("a", "ignored", "d")],
            id="found_by_a_small_box",
        ),
        pytest.param(
            [car("a", 0.0), detected("d", 9.0, 0.5, height_px=39.0)],
            [("a", "missed", None)],
            id="a_small_box_is_no_mistake",
        ),
        pytest.param(
            [car("a", 0.0), detected("d", 0.0, 0.5, heading_rad=None), detected("e", 9.0, 0.1)],
            [("d", "false", None), ("e", "false", None), ("a", "missed", None)],
            id="without_a_heading",
        ),
    ],
)
def test_outcomes(boxes: list[Box], expected: list[tuple[str, str, str | None]]) -> None:
    assert outcomes(boxes) == expected


def test_what_a_detection_adds_depends_on_those_before_it() -> None:
    # The first of the objects chooses first, and the better box comes only with less confidence:
    # from then on it takes that one, and the other is free for nobody.
    boxes = [car("a", 0.0), detected("d", 0.5, 0.9), detected("e", 0.0, 0.2)]
    rows = judged(boxes).filter(class_name="car", view="space", difficulty="easy", annotated=False)
    changes = ("score", "found_change_count", "false_change_count")
    assert rows.sort("score").select(changes).rows() == [(0.2, 0, 1), (0.9, 1, 0)]


def test_names_of_no_class_are_noted() -> None:
    tram = detected("e", 5.0, 0.5, category="Tram")
    rows = judged([car("a", 0.0), detected("d", 0.0, 0.5), tram])
    (row,) = rows.filter(pl.col("class_name").is_null()).rows(named=True)
    assert (row["track_id"], row["category"], row["outcome"]) == ("e", "Tram", "ignored")


def test_an_unknown_configuration_is_named() -> None:
    with pytest.raises(UnknownNameError, match="kitti_2017"):
        judged([car("a", 0.0)], "kitti_2071")
