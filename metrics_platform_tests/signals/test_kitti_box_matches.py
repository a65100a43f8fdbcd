"""Which boxes are judged by the rules of KITTI, and which are found."""

import polars as pl
import pytest

from metrics_platform.core.errors import UnknownNameError
from metrics_platform.signals.kitti_box_matches import kitti_box_matches
from metrics_platform_tests.metrics.kitti_devkit import Box
from metrics_platform_tests.metrics.test_kitti_detection import car, detected, frame_of


def judged(boxes: list[Box], **chosen: str) -> pl.DataFrame:
    made = kitti_box_matches(frame_of(boxes).lazy(), **chosen)
    assert not isinstance(made, pl.LazyFrame)
    return made.rows.collect()


def outcomes(boxes: list[Box], difficulty: str = "easy") -> list[tuple[str, str, str | None]]:
    rows = judged(boxes, difficulty=difficulty).sort("annotated", "track_id")
    return rows.select("track_id", "space_outcome", "space_matched_id").rows()


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
            [("d", "ignored", None), ("a", "missed", None)],
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


@pytest.mark.parametrize(
    ("columns", "difficulty"),
    [
        pytest.param({}, "easy", id="easy"),
        pytest.param({"height_px": 39.0}, "moderate", id="small"),
        pytest.param({"occlusion_index": 2}, "hard", id="hidden"),
        pytest.param({"height_px": 24.0}, None, id="too_small"),
        pytest.param({"category": "Van"}, None, id="of_a_neighbour"),
    ],
)
def test_the_least_difficulty_is_told(columns: Box, difficulty: str | None) -> None:
    rows = judged([car("a", 0.0, **columns), detected("d", 50.0, 0.5)]).filter("annotated")
    assert rows.select("class_name", "difficulty").rows() == [("car", difficulty)]


def test_volumes_overlap_less_than_areas() -> None:
    (row,) = (
        judged([car("a", 0.0), detected("d", 0.0, 0.5, z_m=1.0)]).filter("annotated").to_dicts()
    )
    assert (row["ground_outcome"], row["ground_matched_id"]) == ("found", "d")
    assert (row["space_outcome"], row["space_matched_id"]) == ("missed", None)


def test_names_of_no_class_are_noted() -> None:
    tram = detected("e", 5.0, 0.5, category="Tram")
    rows = judged([car("a", 0.0), detected("d", 0.0, 0.5), tram])
    (row,) = rows.filter(pl.col("class_name").is_null()).rows(named=True)
    assert (row["track_id"], row["category"], row["space_outcome"]) == ("e", "Tram", "ignored")


def test_an_unknown_configuration_is_named() -> None:
    with pytest.raises(UnknownNameError, match="kitti_2017"):
        judged([car("a", 0.0)], configuration="kitti_2071")


def test_an_unknown_difficulty_is_named() -> None:
    with pytest.raises(UnknownNameError, match="hard"):
        judged([car("a", 0.0), detected("d", 0.0, 0.5)], difficulty="hardest")
