"""KITTI tracking: what counts, by hand; and the published scores of a real tracker."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.core.errors import UnknownNameError
from metrics_platform.metrics.kitti_tracking import kitti_tracking, pooled
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.image_boxes import (
    TRACKER,
    TRUTH,
    Box,
    boxes_of,
    kitti_logs,
    read_boxes,
    rows_of,
)

# TrackEval's repository, CIWT; cars by TrackEval 1.3.0. Scores in percent.
EXPECTED: Mapping[str, Mapping[str, float]] = {
    "pedestrian": {
        "hota_ratio": 49.137,
        "det_a_ratio": 45.145,
        "ass_a_ratio": 54.027,
        "loc_a_ratio": 74.881,
        "mota_ratio": 48.593,
        "motp_similarity_ratio": 70.645,
        "idf1_ratio": 68.883,
        "true_positives_count": 2442,
        "misses_count": 828,
        "false_positives_count": 815,
        "switches_count": 38,
        "fragmentations_count": 80,
    },
    "car": {
        "hota_ratio": 66.985,
        "mota_ratio": 78.474,
        "idf1_ratio": 82.802,
        "false_positives_count": 473,
        "misses_count": 1110,
        "switches_count": 42,
    },
}


def test_a_real_tracker_over_nine_sequences(tmp_path: Path) -> None:
    boxes = read_boxes(kitti_logs(tmp_path))
    rows = rows_of(kitti_tracking(boxes.lazy()))
    assert len(rows) == 9 * 2
    scores = pooled(rows.lazy(), ["source", "category"]).collect()
    for category, expected in EXPECTED.items():
        row = scores.row(by_predicate=pl.col("category") == category, named=True)
        for name, value in expected.items():
            if name.endswith("_count"):
                assert row[name] == value, name
            else:
                assert row[name] * 100 == pytest.approx(value, abs=5.1e-4), name
        assert row["motp_distance_ratio"] == pytest.approx(1 - row["motp_similarity_ratio"])


def one(source: str, left: float = 0.0, **extra: object) -> Box:
    return (source, "1", 0, left, extra)


REGION: Box = (
    TRUTH, "region", 0, 300.0,
    {"tracked": False, "ignored": True, "category": "DontCare", "width_px": 100.0},
)  # fmt: skip


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        pytest.param([one(TRUTH), one(TRACKER)], (1, 0, 0), id="found"),
        pytest.param([one(TRUTH), one(TRACKER, 13.3)], (1, 0, 0), id="just_near_enough"),
        pytest.param([one(TRUTH), one(TRACKER, 13.4)], (0, 1, 1), id="just_too_far"),
        pytest.param([one(TRUTH, category="Pedestrian"), one(TRACKER)], (1, 0, 0), id="upper_case"),
        pytest.param([one(TRUTH), one(TRACKER, category="Cyclist")], (0, 1, 0), id="another_class"),
        pytest.param([one(TRUTH, truncation_index=1), one(TRACKER)], (0, 0, 0), id="cut_off"),
        pytest.param([one(TRUTH, occlusion_index=2), one(TRACKER)], (1, 0, 0), id="half_hidden"),
        pytest.param([one(TRUTH, occlusion_index=3), one(TRACKER)], (0, 0, 0), id="hidden"),
        pytest.param([one(TRUTH, category="Person"), one(TRACKER)], (0, 0, 0), id="distractor"),
        pytest.param([one(TRUTH, category="Person"), one(TRACKER, 90)], (0, 0, 1), id="beside_it"),
        pytest.param(
            [one(TRUTH), one(TRACKER, 90, height_px=25.0)], (0, 1, 0), id="too_small_to_count"
        ),
        pytest.param([one(TRUTH), one(TRACKER, 90, height_px=25.1)], (0, 1, 1), id="large_enough"),
        pytest.param(
            [one(TRUTH, height_px=20.0), one(TRACKER, height_px=20.0)], (1, 0, 0), id="small_match"
        ),
        pytest.param([one(TRUTH), REGION, one(TRACKER, 350)], (0, 1, 0), id="in_a_region"),
        pytest.param([one(TRUTH), REGION, one(TRACKER, 380)], (0, 1, 1), id="half_in_a_region"),
        pytest.param(
            [one(TRUTH, 310), REGION, one(TRACKER, 310)], (1, 0, 0), id="match_in_a_region"
        ),
        pytest.param(
            [one(TRUTH, width_px=0.0), one(TRACKER, width_px=0.0)], (0, 1, 1), id="of_no_size"
        ),
        pytest.param([REGION, one(TRACKER)], (0, 0, 1), id="nothing_but_a_region"),
    ],
)
def test_what_counts(boxes: list[Box], expected: tuple[int, int, int]) -> None:
    rows = rows_of(kitti_tracking(boxes_of(boxes).lazy())).filter(category="pedestrian")
    counted = rows.select("true_positives_count", "misses_count", "false_positives_count")
    assert counted.rows() == [expected]


def test_nothing_to_find_and_nothing_found_have_no_scores() -> None:
    boxes = boxes_of([one(TRUTH), one(TRACKER, category="Car")])
    rows = {row["category"]: row for row in rows_of(kitti_tracking(boxes.lazy())).to_dicts()}
    pedestrian, car = rows["pedestrian"], rows["car"]
    assert (pedestrian["mota_ratio"], pedestrian["recall_ratio"]) == (0.0, 0.0)
    assert (pedestrian["precision_ratio"], pedestrian["motp_similarity_ratio"]) == (None, None)
    assert (pedestrian["hota_ratio"], pedestrian["mostly_lost_count"]) == (0.0, 1)
    # TrackEval divides by one where there is nothing, and gives -1 here.
    assert (car["mota_ratio"], car["recall_ratio"], car["idr_ratio"]) == (None, None, None)
    assert (car["precision_ratio"], car["idf1_ratio"], car["hota_ratio"]) == (0.0, 0.0, 0.0)


def test_sources_are_judged_apart_and_detections_not_at_all() -> None:
    detection: Box = ("detector", "1", 0, 0.0, {"tracked": False})
    boxes = boxes_of([one(TRUTH), one(TRACKER), one("other", 90), detection])
    rows = rows_of(kitti_tracking(boxes.lazy())).filter(category="pedestrian").sort("source")
    assert rows.select("source", "mota_ratio").rows() == [("other", -1.0), (TRACKER, 1.0)]


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        pytest.param([one(TRUTH)], "no tracker", id="annotation_only"),
        pytest.param([one(TRACKER)], "nothing is annotated", id="tracker_only"),
        pytest.param(
            [one(TRUTH), one("detector", tracked=False)], "no tracker", id="detections_only"
        ),
    ],
)
def test_a_log_with_one_side_abstains(boxes: list[Box], reason: str) -> None:
    made = compute_on({"image_boxes": boxes_of(boxes)}, "kitti_tracking")
    assert made.rows.is_empty()
    assert made.outcomes["log"].status is Status.ABSTAINED
    assert reason in (made.outcomes["log"].reason or "")


def test_pooled_scores_are_those_of_one_long_sequence() -> None:
    first = [one(TRUTH), one(TRACKER)]
    second: list[Box] = [(TRUTH, "1", at, 0.0) for at in range(4)]
    second += [(TRACKER, str(at // 2), at, 2.0) for at in range(4)]
    logs = [
        boxes_of(rows).with_columns(log_id=pl.lit(name))
        for name, rows in zip("ab", (first, second), strict=True)
    ]
    rows = rows_of(kitti_tracking(pl.concat(logs).lazy())).filter(category="pedestrian")
    # The same, one after the other: objects and tracks of the second are others.
    joined = pl.concat(
        [
            logs[0],
            logs[1].with_columns(
                log_id=pl.lit("a"),
                timestamp_ns=pl.col("timestamp_ns") + 10**9,
                track_id=pl.format("later {}", "track_id"),
            ),
        ]
    )
    (together,) = pooled(rows.lazy(), ["category"]).collect().to_dicts()
    (whole,) = rows_of(kitti_tracking(joined.lazy())).filter(category="pedestrian").to_dicts()
    for name, value in together.items():
        assert value == pytest.approx(whole[name]), name
    assert together["switches_count"] == 1


def test_rules_of_no_benchmark() -> None:
    with pytest.raises(UnknownNameError, match="trackeval_kitti_2d_box"):
        kitti_tracking(boxes_of([]).lazy(), configuration="of_my_own")
