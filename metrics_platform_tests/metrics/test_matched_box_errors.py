"""Errors of found objects by band, by hand and on a real log."""

import math

import polars as pl
import pytest

from metrics_platform.metrics.matched_box_errors import matched_box_errors, pooled
from metrics_platform.signals.nuscenes_box_matches import nuscenes_box_matches
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.metrics.detections import (
    Box,
    annotation,
    detection,
    ego_at,
    real_detections,
    tracks_of,
)


def errors_of(boxes: list[Box]) -> pl.DataFrame:
    frames = {"tracks": tracks_of(boxes), "ego_poses": ego_at()}
    return compute_on(frames, "matched_box_errors").rows


def test_a_found_object_counts_in_its_own_band() -> None:
    boxes = [
        annotation(29.0, "a", velocity_x_mps=5.0, velocity_y_mps=0.0),
        detection(30.5, 0.5, "a", velocity_x_mps=5.0, velocity_y_mps=3.0, heading_rad=3.0),
        annotation(40.0, "b"),
        detection(45.0, 0.5, "c"),
    ]
    near, far = errors_of(boxes).rows(named=True)
    assert (near["from_range_m"], near["truths_count"], near["found_count"]) == (0.0, 1, 1)
    assert near["translation_error_m"] == pytest.approx(1.5)
    assert (near["velocity_error_mps"], near["velocities_count"]) == (3.0, 1)
    assert (near["heading_error_rad"], near["flipped_ratio"]) == (pytest.approx(3.0), 1.0)
    assert (far["from_range_m"], far["recall_ratio"], far["false_count"]) == (30.0, 0.0, 1)
    assert far["translation_error_m"] is None


def test_means_are_weighed_by_what_was_found() -> None:
    boxes = [annotation(0.0, str(i), y_m=5.0 * i, timestamp_ns=0) for i in range(3)]
    boxes += [detection(0.0, 0.5, str(i), y_m=5.0 * i, heading_rad=0.3) for i in range(3)]
    boxes += [annotation(35.0, "9"), detection(35.0, 0.5, "9", heading_rad=-0.7)]
    frames = {"tracks": tracks_of(boxes), "ego_poses": ego_at()}
    summary = compute_on(frames, "matched_box_errors").summary
    assert summary["heading_error_rad"].item() == pytest.approx((3 * 0.3 + 0.7) / 4)
    assert summary["velocity_error_mps"].item() is None


def test_nothing_to_find_has_no_recall() -> None:
    boxes = [annotation(0.0), detection(0.0, 0.5, category="bus"), detection(0.0, 0.5, "2")]
    rows = errors_of(boxes).filter(class_name="bus")
    assert rows.select("truths_count", "false_count", "recall_ratio").row(0) == (0, 1, None)


def test_a_real_log_adds_up() -> None:
    frames = real_detections()
    made = nuscenes_box_matches(
        frames["tracks"].lazy(), frames["ego_poses"].lazy(), configuration="nuscenes_class_agnostic"
    )
    assert not isinstance(made, pl.LazyFrame)
    matches = made.rows.collect().lazy()
    bands = matched_box_errors(matches)
    assert isinstance(bands, pl.LazyFrame)
    rows = bands.sort("from_range_m").collect()
    assert rows["from_range_m"].to_list() == [0.0, 30.0, 50.0]
    assert rows["truths_count"].sum() == 2_762
    judged = rows.select(pl.col("found_count") + pl.col("false_count")).to_series()
    assert judged.sum() == 5_576
    whole = pooled(matches, [], bands_m=(0.0,)).collect()
    total, found = pl.col("heading_error_rad").dot("found_count"), pl.col("found_count").sum()
    weighed = rows.select(total / found).item()
    assert whole["heading_error_rad"].item() == pytest.approx(weighed)
    # What is farther is found less often.
    assert rows["recall_ratio"].is_sorted(descending=True)
    assert 0 < whole["flipped_ratio"].item() < whole["heading_error_rad"].item() < math.pi / 2
