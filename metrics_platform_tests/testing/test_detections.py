"""The annotations of synthetic logs: what is known of them comes out of the matching."""

import polars as pl

from metrics_platform.signals.nuscenes_box_matches import nuscenes_box_matches
from metrics_platform.testing.detections import DISPLACEMENTS_M, NO_CLASS, detections
from metrics_platform.testing.synthetic import synthetic_logs


def test_every_known_disturbance_comes_out() -> None:
    frames = synthetic_logs(8, seconds=2)
    tracks = detections(frames)["tracks"]
    made = nuscenes_box_matches(
        tracks.lazy(), frames["ego_poses"].lazy(), configuration="nuscenes_class_agnostic"
    )
    assert not isinstance(made, pl.LazyFrame)
    found = made.rows.filter(outcome="found", threshold_m=4.0).collect()
    own = found.filter(pl.col("matched_id") == pl.col("track_id"))
    displaced = own.with_columns(pl.col("distance_m").round(6))["distance_m"].unique().sort()
    assert displaced.to_list() == list(DISPLACEMENTS_M)
    outcomes = set(made.rows.collect()["outcome"])
    assert outcomes >= {"found", "false", "missed"}


def test_what_was_there_stays_and_each_fourth_log_has_no_annotation() -> None:
    frames = synthetic_logs(8, seconds=2)
    tracks = detections(frames)["tracks"]
    key = ["log_id", "timestamp_ns", "source", "track_id"]
    assert len(frames["tracks"].join(tracks, on=key, how="anti")) == 0
    annotated = tracks.filter(source="annotation")
    logs = sorted(frames["tracks"]["log_id"].unique())
    assert set(logs) - set(annotated["log_id"]) == set(logs[3::4])
    assert NO_CLASS in set(annotated["category"])
    assert 0 in set(annotated["points_count"])
    assert not tracks.select(key).is_duplicated().any()
