"""MOTChallenge tracking: a real sequence as its tools judge it, and where these differ."""

from collections.abc import Mapping

import polars as pl
import pytest

from metrics_platform.metrics.mot_tracking import mot_tracking
from metrics_platform_tests.data import data_path
from metrics_platform_tests.image_boxes import (
    TRACKER,
    TRUTH,
    Box,
    boxes_of,
    read_boxes,
    rows_of,
    shown,
)

MOTMETRICS, TRACKEVAL = "motmetrics_mot_challenge", "trackeval_mot_challenge_2d_box"

# motmetrics 1.4.0 at IoU 0.5; HOTA by TrackEval 1.3.0.
TUD_CAMPUS: Mapping[str, float] = {
    "mota_ratio": 0.526462,
    "idf1_ratio": 0.557659,
    "idp_ratio": 0.72973,
    "idr_ratio": 0.451253,
    "recall_ratio": 0.582173,
    "precision_ratio": 0.941441,
    "motp_distance_ratio": 0.277201,
    "motp_similarity_ratio": 1 - 0.277201,
    "hota_ratio": 0.391397,
    "mostly_tracked_count": 1,
    "partially_tracked_count": 6,
    "mostly_lost_count": 1,
    "false_positives_count": 13,
    "misses_count": 150,
    "switches_count": 7,
    "fragmentations_count": 7,
}


@pytest.mark.parametrize("configuration", [MOTMETRICS, TRACKEVAL])
def test_a_real_tracker(configuration: str) -> None:
    boxes = read_boxes({"TUD-Campus": data_path("mot15", "TUD-Campus")})
    (row,) = rows_of(mot_tracking(boxes.lazy(), configuration=configuration)).to_dicts()
    for name, expected in TUD_CAMPUS.items():
        if name.endswith("_count"):
            assert row[name] == expected, name
        else:
            assert row[name] == pytest.approx(expected, abs=1e-6), name


@pytest.mark.parametrize(
    ("boxes", "motmetrics", "trackeval"),
    [
        # TP, FN, FP, switches, fragmentations
        pytest.param(shown("aaa", "xxx"), (3, 0, 0, 0, 0), (3, 0, 0, 0, 0), id="followed"),
        pytest.param(shown("aaaa", "xxyy"), (4, 0, 0, 1, 0), (4, 0, 0, 1, 0), id="switched"),
        pytest.param(shown("aaa", "xXx"), (2, 1, 1, 0, 1), (2, 1, 1, 0, 1), id="lost_and_found"),
        pytest.param(shown("a.a", "xXx"), (2, 0, 1, 0, 0), (2, 0, 1, 0, 0), id="away_alone"),
        pytest.param(shown("a", "X"), (0, 1, 1, 0, 0), (0, 1, 1, 0, 0), id="never_found"),
        pytest.param(shown("a", "x"), (1, 0, 0, 0, 0), (1, 0, 0, 0, 0), id="once"),
        # y is nearer, but x was there before the gap, and motmetrics remembers.
        pytest.param(
            [*shown("aaa", "xZx"), (TRACKER, "y", 2, 1.0)],
            (2, 1, 2, 0, 1),
            (2, 1, 2, 1, 1),
            id="remembered",
        ),
    ],
)
def test_conventions(
    boxes: list[Box], motmetrics: tuple[int, ...], trackeval: tuple[int, ...]
) -> None:
    names = [
        "true_positives_count",
        "misses_count",
        "false_positives_count",
        "switches_count",
        "fragmentations_count",
    ]
    for configuration, expected in ((MOTMETRICS, motmetrics), (TRACKEVAL, trackeval)):
        rows = rows_of(mot_tracking(boxes_of(boxes).lazy(), configuration=configuration))
        assert rows.select(names).rows() == [expected]


@pytest.mark.parametrize(
    ("annotated", "expected"),
    [
        pytest.param({"ignored": True}, (0, 1), id="flagged"),
        pytest.param({"category": "static_person", "ignored": True}, (0, 0), id="distractor"),
        pytest.param({"category": "car", "ignored": True}, (0, 1), id="no_distractor"),
        pytest.param({}, (1, 0), id="counts"),
    ],
)
def test_what_counts(annotated: dict[str, object], expected: tuple[int, int]) -> None:
    boxes: list[Box] = [(TRUTH, "1", 0, 0.0, annotated), (TRACKER, "1", 0, 0.0)]
    rows = rows_of(mot_tracking(boxes_of(boxes).lazy()))
    assert rows.select("true_positives_count", "false_positives_count").rows() == [expected]
    assert rows["misses_count"].to_list() == [0]


def test_ids_of_two_logs_are_not_mixed_up() -> None:
    boxes = boxes_of(shown("aaa", "xxy"))
    logs = [boxes.with_columns(log_id=pl.lit(name)) for name in ("one", "two")]
    (alone,) = rows_of(mot_tracking(boxes.lazy())).drop("log_id").rows()
    together = rows_of(mot_tracking(pl.concat(logs).lazy())).drop("log_id")
    assert together.rows() == [alone, alone]


@pytest.mark.parametrize("configuration", [MOTMETRICS, TRACKEVAL])
def test_boxes_that_are_the_same_are_matched_by_their_ids(configuration: str) -> None:
    boxes = boxes_of(shown("aaa", "xxx", "yyy"))
    rows = rows_of(mot_tracking(boxes.lazy(), configuration=configuration))
    counts = ("true_positives_count", "false_positives_count", "switches_count")
    assert rows.select(counts).rows() == [(3, 3, 0)]
    for seed in range(3):
        shuffled = boxes.sample(fraction=1, shuffle=True, seed=seed)
        again = rows_of(mot_tracking(shuffled.lazy(), configuration=configuration))
        assert again.equals(rows)
