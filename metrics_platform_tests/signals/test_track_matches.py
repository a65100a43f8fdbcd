"""Matches of a tracker's boxes with annotated objects, box by box."""

from pathlib import Path

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.metrics.kitti_tracking import kitti_tracking
from metrics_platform.metrics.object_tracking import object_tracking
from metrics_platform.testing.families import with_families
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import synthetic_logs
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
from metrics_platform_tests.metrics.test_identity_switches import recordings_of
from metrics_platform_tests.metrics.test_object_tracking import Road, tracks_of

Row = tuple[int, str | None, str | None, str | None, int | None]


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        # Image, object, track, track before, image before.
        pytest.param(
            shown("aa", "xx"), [(0, "a", "x", None, None), (1, "a", "x", "x", 0)], id="followed"
        ),
        pytest.param(
            shown("aaa", "x.y"),
            [(0, "a", "x", None, None), (1, "a", None, None, None), (2, "a", "y", "x", 0)],
            id="missed_between",
        ),
        pytest.param(
            shown("a", "X"), [(0, None, "x", None, None), (0, "a", None, None, None)], id="beside"
        ),
        pytest.param(
            shown("ab", "xx"), [(0, "a", "x", None, None), (1, "b", "x", None, None)], id="two"
        ),
        pytest.param(shown("..", "xx"), [], id="nothing_annotated"),
    ],
)
def test_matches_in_images(boxes: list[Box], expected: list[Row]) -> None:
    frames = {"recordings": recordings_of("log"), "image_boxes": boxes_of(boxes)}
    rows = compute_on(frames, "track_matches").rows
    found = [
        (at // STEP_NS, truth, track, before, None if last is None else last // STEP_NS)
        for at, truth, track, before, last in rows.select(
            "timestamp_ns", "truth_id", "track_id", "last_track_id", "last_ns"
        ).rows()
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert set(rows["view"]) <= {"image"}


def test_similarity_and_category() -> None:
    # Boxes 40 wide of which one is 4 beside the other: 36 of 44.
    made = compute_on(
        {"recordings": recordings_of("log"), "image_boxes": boxes_of(shown("a.", "xX"))},
        "track_matches",
    ).rows.sort("timestamp_ns")
    assert made["similarity_ratio"].to_list() == [pytest.approx(36 / 44), None]
    assert made["category"].to_list() == ["pedestrian", "pedestrian"]


def test_in_space_whatever_the_category() -> None:
    rows: list[Road] = [(TRUTH, "a", 0, 0.0, 0.0, "car"), (TRACKER, "x", 0, 0.0, 1.0, "truck")]
    frames = {"recordings": recordings_of("log"), "tracks": tracks_of(rows)}
    made = compute_on(frames, "track_matches").rows
    columns = ("view", "source", "truth_id", "track_id", "category", "similarity_ratio")
    # One metre, of four.
    assert made.select(columns).rows() == [("space", TRACKER, "a", "x", "car", 0.75)]


def counts_of(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    matched = pl.col("truth_id").is_not_null() & pl.col("track_id").is_not_null()
    return rows.group_by(by).agg(
        true_positives_count=matched.sum().cast(pl.Int64),
        misses_count=pl.col("track_id").is_null().sum().cast(pl.Int64),
        false_positives_count=pl.col("truth_id").is_null().sum().cast(pl.Int64),
        similarity_total_ratio=pl.col("similarity_ratio").sum().round(9),
        switches_count=(pl.col("track_id") != pl.col("last_track_id")).sum().cast(pl.Int64),
    ).sort(by)  # fmt: skip


def counted(scores: pl.DataFrame, by: list[str], names: list[str]) -> pl.DataFrame:
    rows = scores.with_columns(pl.col("similarity_total_ratio").round(9))
    return rows.filter(pl.col("truth_count") + pl.col("found_count") > 0).select(names).sort(by)


def test_as_many_as_kitti_counts(tmp_path: Path) -> None:
    boxes = read_boxes(kitti_logs(tmp_path))
    frames = {"recordings": recordings_of(*boxes["log_id"].unique()), "image_boxes": boxes}
    rows = compute_on(frames, "track_matches").rows
    by = ["log_id", "source", "category"]
    found = counts_of(rows.with_columns(pl.col("category").str.to_lowercase()), by)
    assert found.rows() == counted(rows_of(kitti_tracking(boxes.lazy())), by, found.columns).rows()
    assert found["true_positives_count"].sum() == 2442 + 6439


def test_as_many_as_object_tracking_counts() -> None:
    frames = with_families(synthetic_logs(4, seconds=4.0, tracks=5))
    given = {name: frames[name] for name in ("recordings", "tracks")}
    found = counts_of(compute_on(given, "track_matches").rows, ["log_id", "source"])
    every = rows_of(object_tracking(frames["tracks"].lazy())).filter(category="all")
    assert len(found) > 0
    assert found.rows() == counted(every, ["log_id", "source"], found.columns).rows()


def test_who_abstains_and_why() -> None:
    boxes = boxes_of(shown("a", "x"))
    frames = {
        "recordings": recordings_of("log", "with_nothing", "with_one_side"),
        "image_boxes": pl.concat(
            [boxes, boxes.filter(source=TRUTH).with_columns(log_id=pl.lit("with_one_side"))]
        ),
    }
    outcomes = compute_on(frames, "track_matches").outcomes
    assert outcomes["log"].status is Status.COMPUTED
    reasons = {log_id: outcome.reason or "" for log_id, outcome in outcomes.items()}
    assert "neither tracks nor boxes" in reasons["with_nothing"]
    assert reasons["with_one_side"].startswith("images: there are annotations, and no tracker")
