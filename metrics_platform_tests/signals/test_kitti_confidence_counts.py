"""What detections of a confidence add, by the rules of KITTI."""

import polars as pl
import pytest

from metrics_platform.core.errors import UnknownNameError
from metrics_platform.signals.kitti_confidence_counts import kitti_confidence_counts
from metrics_platform_tests.metrics.kitti_devkit import Box
from metrics_platform_tests.metrics.test_kitti_detection import car, detected, frame_of

COUNTS = ("found_change_count", "false_change_count", "recalled_count")


def counted(boxes: list[Box], **chosen: str) -> pl.DataFrame:
    made = kitti_confidence_counts(frame_of(boxes).lazy(), **chosen)
    assert not isinstance(made, pl.LazyFrame)
    return made.rows.collect()


def changes(boxes: list[Box]) -> list[tuple[float, int, int, int]]:
    rows = counted(boxes).filter(class_name="car", view="space", difficulty="easy")
    rows = rows.filter(pl.col("score").is_not_null()).sort("score", descending=True)
    return rows.select("score", *COUNTS).rows()


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        pytest.param(
            # The better box comes only with less confidence: from then on it is taken, and the
            # other is free for nobody.
            [car("a", 0.0), detected("d", 0.5, 0.9), detected("e", 0.0, 0.2)],
            [(0.9, 1, 0, 1), (0.2, 0, 1, 0)],
            id="two_for_one_object",
        ),
        pytest.param(
            # At .9 b has d. At .2 a still can't be found, and at .1 it takes d, so that b is left
            # with f, which is as good.
            [
                car("a", 0.0),
                car("b", 0.8),
                detected("d", 0.4, 0.9),
                detected("f", 1.0, 0.1),
            ],
            [(0.9, 1, 0, 1), (0.1, 1, 0, 1)],
            id="a_chain",
        ),
        pytest.param(
            # Once e is there a takes it, and d finds b, where it was a's before: none is false.
            [
                car("a", 0.0),
                car("b", 0.8),
                detected("d", 0.4, 0.9),
                detected("e", 0.0, 0.5),
            ],
            [(0.9, 1, 0, 1), (0.5, 1, 0, 0)],
            id="who_comes_later_sets_another_free",
        ),
        pytest.param(
            [car("a", 0.0, occlusion_index=1), detected("d", 0.0, 0.5), detected("e", 0.1, 0.4)],
            [(0.5, 0, 0, 0), (0.4, 0, 1, 0)],
            id="a_hidden_object_excuses_one",
        ),
        pytest.param(
            [car("a", 0.0), detected("d", 9.0, 0.5), detected("e", 9.5, 0.5)],
            [(0.5, 0, 2, 0)],
            id="equal_confidences_are_one_row",
        ),
        pytest.param(
            # Objects take the most confident to say which confidences matter, whatever its size.
            [car("a", 0.0), detected("d", 0.0, 0.5), detected("e", 0.0, 0.9, height_px=39.0)],
            [(0.5, 1, 0, 0)],
            id="a_small_box_hides_a_recall",
        ),
    ],
)
def test_changes(boxes: list[Box], expected: list[tuple[float, int, int, int]]) -> None:
    assert changes(boxes) == expected


def test_objects_are_counted_by_difficulty() -> None:
    boxes = [car("a", 0.0), car("b", 9.0, occlusion_index=1), car("c", 18.0, category="Van")]
    rows = counted([*boxes, detected("d", 50.0, 0.5)]).filter(pl.col("score").is_null())
    counts = {row["difficulty"]: row["truths_count"] for row in rows.to_dicts()}
    assert counts == {"easy": 1, "moderate": 2, "hard": 2}


def test_it_makes_no_difference_which_logs_are_looked_at_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    boxes = [
        {**box, "log_id": log}
        for log in "abcde"
        for box in (car("a", 0.0), detected("d", 0.5, 0.9), detected("e", 0.0, 0.2))
    ]
    together = counted(boxes).sort(pl.all())
    monkeypatch.setattr("metrics_platform.signals.kitti_pairing._BOXES", 4)
    assert counted(boxes).sort(pl.all()).equals(together)
    assert together["log_id"].n_unique() == 5


def test_an_unknown_configuration_is_named() -> None:
    with pytest.raises(UnknownNameError, match="kitti_2017"):
        counted([car("a", 0.0)], configuration="kitti_2071")
