"""Lifetimes of tracks: how long, with which gaps, and of what."""

from pathlib import Path

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.image_boxes import (
    STEP_NS,
    TRACKER,
    TRUTH,
    Box,
    boxes_of,
    kitti_logs,
    read_boxes,
    shown,
)
from metrics_platform_tests.metrics.conftest import RealLogs
from metrics_platform_tests.metrics.test_identity_switches import recordings_of
from metrics_platform_tests.metrics.test_object_tracking import tracks_of


def lifetimes(boxes: list[Box]) -> dict[tuple[str, str], dict[str, object]]:
    frames = {"recordings": recordings_of("log"), "image_boxes": boxes_of(boxes)}
    rows = compute_on(frames, "track_lifetimes").rows
    return {(row["source"], row["track_id"]): row for row in rows.to_dicts()}


@pytest.mark.parametrize(
    ("track", "expected"),
    [
        # Duration in images, boxes, gaps, missed, longest gap.
        pytest.param("xxxxx", (4, 5, 0, 0, None), id="whole"),
        pytest.param("..x..", (0, 1, 0, 0, None), id="once"),
        pytest.param("x.xxx", (4, 4, 1, 1, 2), id="gap"),
        pytest.param("x.x.x", (4, 3, 2, 2, 2), id="gaps"),
        pytest.param(".x..x", (3, 2, 1, 2, 3), id="long_gap"),
    ],
)
def test_when_it_is_there(track: str, expected: tuple[int, int, int, int, int | None]) -> None:
    # Another track makes every image a moment of the tracker.
    row = lifetimes(shown("aaaaa", track, "zzzzz"))[TRACKER, "x"]
    duration, boxes, gaps, missed, longest = expected
    assert row["start_ns"] == track.index("x") * STEP_NS
    assert row["duration_s"] == pytest.approx(duration * 0.1)
    assert (row["boxes_count"], row["gaps_count"], row["missed_count"]) == (boxes, gaps, missed)
    assert row["longest_gap_s"] == (longest if longest is None else pytest.approx(longest * 0.1))


def test_a_moment_without_any_box_of_the_source_is_no_gap() -> None:
    row = lifetimes(shown("aaaa", "xx.x"))[TRACKER, "x"]
    assert (row["gaps_count"], row["longest_gap_s"]) == (0, None)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        # Object, compared, matched, purity, coverage.
        pytest.param(shown("aaaa", "xxxx"), ("a", 4, 4, 1.0, 1.0), id="all_of_it"),
        pytest.param(shown("aaaa", "xx"), ("a", 2, 2, 1.0, 0.5), id="half_of_the_object"),
        pytest.param(shown("aaaa", "xxXX"), ("a", 4, 2, 0.5, 0.5), id="half_of_the_track"),
        pytest.param(shown("aabbb", "xxxxx"), ("b", 5, 3, 0.6, 1.0), id="the_greater_part"),
        pytest.param(shown("aabb", "xxxx"), ("a", 4, 2, 0.5, 1.0), id="the_first_of_equals"),
        pytest.param(shown("aaaa", "XXXX"), (None, 4, 0, 0.0, None), id="of_nothing"),
        pytest.param(
            [*shown("aa", ".."), (TRACKER, "x", 0, 0.0, {"category": "cyclist"})],
            (None, 0, 0, None, None),
            id="not_compared",
        ),
    ],
)
def test_what_it_is_of(boxes: list[Box], expected: tuple[object, ...]) -> None:
    rows = lifetimes(boxes)
    names = ("truth_id", "compared_count", "matched_count", "purity_ratio", "coverage_ratio")
    assert tuple(rows[TRACKER, "x"][name] for name in names) == expected
    assert rows[TRUTH, "a"]["compared_count"] == 0


def test_a_log_without_annotation_has_lifetimes_all_the_same() -> None:
    tracks = tracks_of([("radar", "1", at, 0.0, 0.0, "car") for at in (0, 1, 3)])
    frames = {"recordings": recordings_of("log", "empty"), "tracks": tracks}
    made = compute_on(frames, "track_lifetimes")
    columns = ("view", "source", "boxes_count", "truth_id", "purity_ratio")
    assert made.rows.select(columns).rows() == [("space", "radar", 3, None, None)]
    assert made.summary.select("tracks", "median_duration_s").row(0) == (1, pytest.approx(0.3))
    assert made.outcomes["empty"].status is Status.ABSTAINED


def test_a_real_tracker_in_images(tmp_path: Path) -> None:
    boxes = read_boxes(kitti_logs(tmp_path))
    frames = {"recordings": recordings_of(*boxes["log_id"].unique()), "image_boxes": boxes}
    rows = compute_on(frames, "track_lifetimes").rows.filter(source="ciwt")
    assert rows["boxes_count"].sum() == len(boxes.filter(source="ciwt"))
    # A track that is matched to one object can't be matched to more of others.
    assert rows["matched_count"].sum() <= 2442 + 6439
    assert rows["matched_count"].sum() > 0.9 * (2442 + 6439)


def test_annotated_road_users_of_a_real_log(real_logs: RealLogs) -> None:
    frames = real_logs("3b3570b4")
    rows = compute_on(
        {name: frames[name] for name in ("recordings", "tracks")}, "track_lifetimes"
    ).rows
    tracks = frames["tracks"]
    assert len(rows) == tracks["track_id"].n_unique()
    assert rows["boxes_count"].sum() == len(tracks)
    moments = tracks["timestamp_ns"].unique().sort()
    whole = rows.filter(boxes_count=len(moments))
    assert len(whole) > 0
    assert (whole["gaps_count"] == 0).all()
    assert whole["duration_s"].to_list() == pytest.approx(
        [(moments[-1] - moments[0]) * 1e-9] * len(whole)
    )
    assert rows.select(pl.col("truth_id", "coverage_ratio").null_count()).row(0) == (
        len(rows),
        len(rows),
    )
