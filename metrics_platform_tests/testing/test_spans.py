"""What is known of the spans of synthetic logs."""

import polars as pl

from metrics_platform.testing.inputs import compute_on, computed_of
from metrics_platform.testing.spans import DEADLINE_S, USUAL_S, stage_spans
from metrics_platform.testing.synthetic import synthetic_logs


def test_they_are_valid_and_the_same_each_time() -> None:
    frames = synthetic_logs(12, seconds=4)
    made = stage_spans(frames)
    computed_of(made)
    assert made["spans"].equals(stage_spans(frames)["spans"])
    assert set(made["spans"]["stage"]) == set(USUAL_S)
    assert made["spans"].filter(stage="planning")["deadline_s"].unique().to_list() == [
        DEADLINE_S["planning"]
    ]


def test_every_way_to_drop_a_frame_occurs() -> None:
    spans = stage_spans(synthetic_logs(3, seconds=20))["spans"]
    made = compute_on({"spans": spans}, "dropped_frames")
    assert set(made.rows["kind"]) == {"missing", "unfinished", "lost"}
    # Not at the same moments in all logs.
    first = made.rows.group_by("log_id").agg(pl.col("at_ns").min() % 60_000_000_000)
    assert first["at_ns"].n_unique() == 3
