"""A detector errs as often as it says, and metrics count just that."""

import math

import polars as pl
import pytest

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.testing import (
    CameraErrors,
    DetectorErrors,
    Ego,
    OncomingWalker,
    ParkedCar,
    SyntheticLog,
    compute_on,
)
from metrics_platform.testing.synthetic_frames import Frames

_WORDS = [OncomingWalker(), OncomingWalker(meet_s=4.0, clearance_m=7.0), ParkedCar(gap_m=30.0)]
_ERRORS = DetectorErrors(0.2, 0.1, 0.15, 0.6)
_BOXES = 303


def _log(*faults: DetectorErrors | CameraErrors) -> SyntheticLog:
    return SyntheticLog(Ego(1.2, "robot"), situations=_WORDS, faults=faults)


def _boxes(frames: Frames, source: str) -> pl.DataFrame:
    return frames["tracks"].filter(source=source)


def test_counts_are_the_rates_that_were_asked_for() -> None:
    counts = _ERRORS.counts(_log().frames())
    assert sum(c.truths for c in counts.values()) == _BOXES
    assert sum(c.missed for c in counts.values()) == round(0.2 * _BOXES)
    assert sum(c.misclassified for c in counts.values()) == round(0.1 * _BOXES)
    assert sum(c.false for c in counts.values()) == round(0.15 * _BOXES)
    assert sum(c.false_class for c in counts.values()) == round(0.1 * _BOXES)


def test_the_boxes_are_what_the_counts_say() -> None:
    frames = _log(_ERRORS).frames()
    key = ["timestamp_ns", "track_id"]
    truths, found = _boxes(frames, "annotation"), _boxes(frames, "detector")
    same = found.join(truths, on=key, suffix="_true")
    assert len(truths) == _BOXES
    assert len(same) == _BOXES - round(0.2 * _BOXES)
    assert len(found) - len(same) == round(0.15 * _BOXES)
    assert same.filter(pl.col("category") != pl.col("category_true")).height == round(0.1 * _BOXES)
    off_m = ((same["x_m"] - same["x_m_true"]) ** 2 + (same["y_m"] - same["y_m_true"]) ** 2).sqrt()
    assert off_m.to_list() == pytest.approx([0.6] * len(same))
    assert same.select(pl.col("timestamp_ns").n_unique()).item() == 101


def test_what_is_false_is_near_nobody() -> None:
    frames = _log(_ERRORS).frames()
    false = _boxes(frames, "detector").filter(pl.col("track_id").str.starts_with("false"))
    pairs = false.join(_boxes(frames, "annotation"), on="timestamp_ns", suffix="_true")
    away_m = (
        (pairs["x_m"] - pairs["x_m_true"]) ** 2 + (pairs["y_m"] - pairs["y_m_true"]) ** 2
    ).sqrt()
    assert away_m.min() >= 6.0  # type: ignore[operator]


@pytest.mark.parametrize("surest_when_wrong", [False, True])
def test_scores_tell_right_from_wrong_as_asked(surest_when_wrong: bool) -> None:
    found = _boxes(
        _log(DetectorErrors(false_ratio=0.2, surest_when_wrong=surest_when_wrong)).frames(),
        "detector",
    ).with_columns(wrong=pl.col("track_id").str.starts_with("false"))
    surest = found.sort("score", descending=True)["wrong"]
    assert surest[0] is surest_when_wrong
    assert surest.rle().len() == 2


def test_tracking_counts_the_boxes_of_each_kind() -> None:
    rows = compute_on(_log(_ERRORS).frames(), "object_tracking").rows
    of_all = rows.filter(category="all").row(0, named=True)
    missed, false = round(0.2 * _BOXES), round(0.15 * _BOXES)
    assert of_all["truth_count"] == _BOXES
    assert of_all["true_positives_count"] == _BOXES - missed
    assert of_all["false_positives_count"] == false
    assert of_all["misses_count"] == missed
    assert of_all["recall_ratio"] == pytest.approx((_BOXES - missed) / _BOXES)
    assert of_all["precision_ratio"] == pytest.approx((_BOXES - missed) / (_BOXES - missed + false))
    # By what both call it: what is taken for something else is missed here and false there.
    for name, counts in _ERRORS.counts(_log().frames()).items():
        row = rows.filter(category=name).row(0, named=True)
        assert row["true_positives_count"] == counts.found
        assert row["false_positives_count"] == counts.false + counts.false_class
        assert row["recall_ratio"] == pytest.approx(counts.recall)
        assert row["precision_ratio"] == pytest.approx(counts.precision)


def test_detection_counts_the_boxes_of_each_class() -> None:
    rows = compute_on(_log(_ERRORS).frames(), "matched_box_errors").rows
    for name, counts in _ERRORS.counts(_log().frames()).items():
        of_class = rows.filter(class_name=name)
        assert of_class["truths_count"].sum() == counts.truths
        assert of_class["found_count"].sum() == counts.found
        assert of_class["false_count"].sum() == counts.false + counts.false_class
        errors_m = of_class["translation_error_m"].drop_nulls()
        assert errors_m.to_list() == pytest.approx([0.6] * len(errors_m))


def test_average_precision_worked_out_by_hand() -> None:
    """Nobody is missed, and as many wrong boxes come first: precision is j / (j + F)."""
    log = SyntheticLog(
        Ego(1.2, "robot"),
        situations=[OncomingWalker()],
        faults=[DetectorErrors(false_ratio=1.0, surest_when_wrong=True)],
    )
    # At the recall r: r / (r + 1), less 0.1, over 0.9; of 101 boxes, read between two of them.
    recalls = [r / 100 for r in range(11, 101)]
    by_hand = sum(max(r / (r + 1) - 0.1, 0) / 0.9 for r in recalls) / len(recalls)
    answer = log.answers["nuscenes_detection"]["mean_ap"]
    assert answer == pytest.approx(by_hand, abs=1e-5)
    found = compute_on(log.frames(), "nuscenes_detection").summary["mean_ap"].item()
    assert found == pytest.approx(answer, abs=1e-9)


def test_a_perfect_detector_has_every_score() -> None:
    answers = _log(DetectorErrors()).answers
    assert answers["object_tracking"]["mota"] == 1
    assert answers["object_tracking"]["idf1"] == 1
    assert answers["nuscenes_detection"] == {"mean_ap": 1, "nds": pytest.approx(0.9)}


def test_pairs_have_no_answers_with_two_sources() -> None:
    assert "closest_approach" in _log().answers
    assert "closest_approach" not in _log(_ERRORS).answers
    assert "distance_driven" in _log(_ERRORS).answers


def test_a_camera_counts_as_it_says() -> None:
    camera = CameraErrors(missed_ratio=0.2, false_ratio=0.1, switch_at_s=4.0)
    boxes = _log(camera).frames()["image_boxes"]
    tracked = boxes.filter(source="camera_tracker")
    assert boxes.filter(source="annotation").height == _BOXES
    assert tracked.filter(pl.col("track_id").str.starts_with("false")).height == round(0.1 * _BOXES)
    assert tracked.height == _BOXES - round(0.2 * _BOXES) + round(0.1 * _BOXES)
    # Each of the three is seen before and after.
    assert _log(camera).answers["identity_switches"]["identity_switches"] == 3
    switches = compute_on(_log(camera).frames(), "identity_switches").rows
    since_s = (switches["at_ns"] - _log().start_ns) * 1e-9
    assert since_s.is_between(4.0, 4.8).all()


def test_a_detector_and_a_camera_go_together() -> None:
    log = _log(_ERRORS, CameraErrors(switch_at_s=5.0))
    assert log.answers["identity_switches"] == {"identity_switches": 3}
    found = compute_on(log.frames(), "identity_switches").summary["identity_switches"].item()
    assert found == 3
    assert {"object_tracking", "kitti_tracking", "mot_tracking"} <= set(log.answers)


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ({"missed_ratio": -0.1}, "shares lie between 0 and 1"),
        ({"missed_ratio": 0.6, "misclassified_ratio": 0.6}, "shares lie between 0 and 1"),
        ({"position_error_m": 2.0}, "nobody takes a box for the same object"),
        ({"heading_error_rad": math.pi}, "less than a right angle"),
    ],
)
def test_errors_that_make_no_sense_are_refused(shares: dict[str, float], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        DetectorErrors(**shares)  # type: ignore[arg-type]


def test_somebody_is_found_at_every_moment() -> None:
    with pytest.raises(ConfigurationError, match="misses 273 of 303 boxes, and of 202 there is"):
        _log(DetectorErrors(missed_ratio=0.9)).frames()
    with pytest.raises(ConfigurationError, match="shares lie"):
        CameraErrors(missed_ratio=1.5)
