"""Identity switches: which, when, from and to what; as many as are counted elsewhere."""

from pathlib import Path

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.metrics.kitti_tracking import kitti_tracking
from metrics_platform.metrics.object_tracking import object_tracking
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.image_boxes import (
    STEP_NS,
    TRACKER,
    TRUTH,
    Box,
    boxes_of,
    kitti_logs,
    read_boxes,
    rows_of,
    shown,
)
from metrics_platform_tests.metrics.test_object_tracking import Road, tracks_of


def recordings_of(*log_ids: str) -> pl.DataFrame:
    one = scenario("cruise", seconds=1)["recordings"]
    return pl.concat([one.with_columns(log_id=pl.lit(log_id)) for log_id in log_ids])


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        # From, to, at, last match before.
        pytest.param(shown("aaa", "xxx"), [], id="none"),
        pytest.param(shown("aaaa", "xxyy"), [("x", "y", 2, 1)], id="one"),
        pytest.param(shown("aaa", "xyx"), [("x", "y", 1, 0), ("y", "x", 2, 1)], id="and_back"),
        pytest.param(shown("aaaaa", "xXXXy"), [("x", "y", 4, 0)], id="after_a_gap"),
        pytest.param(shown("a...a", "x...y"), [("x", "y", 4, 0)], id="after_it_was_away"),
        pytest.param(shown("aabb", "xxyy"), [], id="another_object"),
    ],
)
def test_switches_in_images(boxes: list[Box], expected: list[tuple[str, str, int, int]]) -> None:
    made = compute_on(
        {"recordings": recordings_of("log"), "image_boxes": boxes_of(boxes)}, "identity_switches"
    )
    found = made.rows.select("from_id", "to_id", "at_ns", "last_ns", "gap_s")
    assert found.rows() == [
        (a, b, at * STEP_NS, last * STEP_NS, pytest.approx((at - last) * 0.1))
        for a, b, at, last in expected
    ]
    assert made.summary["identity_switches"].to_list() == [len(expected)]
    assert set(made.rows["view"]) <= {"image"}


def test_switches_in_space_whatever_the_category() -> None:
    rows: list[Road] = [(TRUTH, "a", at, 9.0 * at, 0.0, "car") for at in range(4)]
    rows += [(TRACKER, "xyyx"[at], at, 9.0 * at, 1.0, "truck" if at else "car") for at in range(4)]
    tracks = tracks_of(rows)
    made = compute_on({"recordings": recordings_of("log"), "tracks": tracks}, "identity_switches")
    columns = ("view", "category", "truth_id", "from_id", "to_id", "at_ns")
    assert made.rows.select(columns).rows() == [
        ("space", "car", "a", "x", "y", STEP_NS),
        ("space", "car", "a", "y", "x", 3 * STEP_NS),
    ]
    scores = rows_of(object_tracking(tracks.lazy())).filter(category="all")
    assert scores["switches_count"].to_list() == [2]


def test_as_many_as_kitti_counts(tmp_path: Path) -> None:
    boxes = read_boxes(kitti_logs(tmp_path))
    recordings = recordings_of(*boxes["log_id"].unique())
    found = compute_on({"recordings": recordings, "image_boxes": boxes}, "identity_switches").rows
    counted = rows_of(kitti_tracking(boxes.lazy())).select("log_id", "category", "switches_count")
    events = found.group_by("log_id", pl.col("category").str.to_lowercase()).len("switches_count")
    assert (
        events.cast({"switches_count": pl.Int64}).sort("log_id", "category").rows()
        == counted.filter(pl.col("switches_count") > 0).sort("log_id", "category").rows()
    )
    assert len(found) == 38 + 42


def test_who_abstains_and_why() -> None:
    boxes = boxes_of(shown("a", "x"))
    frames = {
        "recordings": recordings_of("log", "with_nothing", "with_one_side"),
        "image_boxes": pl.concat(
            [boxes, boxes.filter(source=TRUTH).with_columns(log_id=pl.lit("with_one_side"))]
        ),
    }
    outcomes = compute_on(frames, "identity_switches").outcomes
    assert outcomes["log"].status is Status.COMPUTED
    reasons = {log_id: outcome.reason or "" for log_id, outcome in outcomes.items()}
    assert "neither tracks nor boxes" in reasons["with_nothing"]
    assert "images: there are annotations, and no tracker" in reasons["with_one_side"]
