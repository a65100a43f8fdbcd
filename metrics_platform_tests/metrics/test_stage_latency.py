"""Latencies: by hand, against numpy, and of a real localiser."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.core import Computed
from metrics_platform.metrics.stage_latency import pooled, stage_latency
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.data import data_path
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.spans import MS, pipeline, spans_of


def latency_of(*spans: pl.DataFrame) -> Computed:
    return result_of(stage_latency, spans=pl.concat(spans))


def test_durations_and_periods_of_a_stage() -> None:
    made = latency_of(spans_of((0, 10), (100, 40), (220, 20), (300, 30)))
    row = made.rows.row(0, named=True)
    assert (row["scope"], row["stage"], row["spans_count"]) == ("stage", "camera", 4)
    assert row["mean_s"] == pytest.approx(0.025)
    # At ranks 1.5, 2.85 and 2.97 of 10, 20, 30, 40 ms.
    assert row["p50_s"] == pytest.approx(0.025)
    assert row["p95_s"] == pytest.approx(0.0385)
    assert row["p99_s"] == pytest.approx(0.0397)
    assert (row["max_s"], row["max_at_ns"]) == (pytest.approx(0.04), 100 * MS)
    assert row["jitter_s"] == pytest.approx(np.std([0.01, 0.04, 0.02, 0.03], ddof=1))
    assert row["period_s"] == pytest.approx(0.1)
    assert row["period_jitter_s"] == pytest.approx(0.02)
    assert made.summary["longest_stage_s"].item() == pytest.approx(0.04)
    assert made.summary["end_to_end_p99_s"].item() is None


def test_one_span_has_no_jitter_and_no_period() -> None:
    row = latency_of(spans_of((0, 10))).rows.row(0, named=True)
    assert row["p99_s"] == row["p50_s"] == pytest.approx(0.01)
    assert (row["jitter_s"], row["period_s"], row["period_jitter_s"]) == (None, None, None)


@pytest.mark.parametrize(
    ("durations", "misses"),
    [
        pytest.param([10, 20, 30], 1, id="one_takes_longer"),
        pytest.param([20, 20], 0, id="at_the_deadline"),
        pytest.param([10, None], 1, id="never_finished"),
    ],
)
def test_deadlines(durations: list[float | None], misses: int) -> None:
    work = [(100.0 * number, duration) for number, duration in enumerate(durations)]
    made = latency_of(
        spans_of(*work, deadline_ms=20), spans_of((0, 99), (100, 99), stage="has_none")
    )
    row = made.rows.row(0, named=True)
    assert (row["deadlines_count"], row["deadline_misses_count"]) == (len(durations), misses)
    assert made.summary["deadline_miss_ratio"].item() == pytest.approx(misses / len(durations))


def test_without_deadlines_there_is_no_ratio_of_misses() -> None:
    summary = latency_of(spans_of((0, 10))).summary.row(0, named=True)
    assert (summary["deadline_misses"], summary["deadline_miss_ratio"]) == (0, None)


def test_nothing_that_never_finished_has_a_duration() -> None:
    row = latency_of(spans_of((0, None), (100, None))).rows.row(0, named=True)
    assert (row["spans_count"], row["unfinished_count"]) == (0, 2)
    assert (row["mean_s"], row["p99_s"], row["max_s"], row["max_at_ns"]) == (None,) * 4
    assert row["period_s"] == pytest.approx(0.1)


def test_from_end_to_end() -> None:
    made = latency_of(pipeline(lost=[2], unfinished=[5]))
    row = made.rows.filter(scope="end_to_end").row(0, named=True)
    assert row["stage"] == "a to b"
    assert (row["spans_count"], row["unfinished_count"]) == (8, 2)
    assert row["max_s"] == row["p50_s"] == pytest.approx(0.03)
    assert row["period_s"] == pytest.approx(0.1)
    assert made.summary["end_to_end_p50_s"].item() == pytest.approx(0.03)
    assert made.rows.filter(stage="b")["spans_count"].to_list() == [8]


def test_waiting_counts_from_end_to_end() -> None:
    made = latency_of(
        spans_of((0, 10), (100, 10), stage="a", traces=["0", "1"]),
        spans_of((50, 10), (150, 10), stage="b", traces=["0", "1"]),
    )
    assert made.summary["end_to_end_p50_s"].item() == pytest.approx(0.06)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 10_000), min_size=1, max_size=40))
def test_against_numpy(durations_ms: list[float]) -> None:
    work = [(100.0 * number, duration) for number, duration in enumerate(durations_ms)]
    row = latency_of(spans_of(*work)).rows.row(0, named=True)
    durations_s = np.array(durations_ms) * 1e-3
    for name, share in (("p50_s", 0.5), ("p95_s", 0.95), ("p99_s", 0.99)):
        assert row[name] == pytest.approx(np.quantile(durations_s, share), rel=1e-9, abs=1e-12)
    assert row["mean_s"] == pytest.approx(durations_s.mean(), abs=1e-12)


def test_percentiles_of_several_logs_come_from_all_their_spans() -> None:
    """Ten quick spans in one log and two slow ones in another: the median is quick."""
    quick = spans_of(*[(100.0 * number, 10) for number in range(10)])
    slow = spans_of((0, 50), (100, 50), log_id="other")
    row = pooled(pl.concat([quick, slow]).lazy()).collect().row(0, named=True)
    assert (row["spans_count"], row["p50_s"]) == (12, pytest.approx(0.01))
    rows = latency_of(quick, slow).rows
    assert rows["p50_s"].mean() == pytest.approx(0.03)


def test_the_run_times_of_a_real_localiser() -> None:
    path = data_path("autoware", "localization_result.json")
    batch = read_logs({"log": path}, ReaderConfig())
    made = compute_on({"spans": batch.signals["spans"].rows}, "stage_latency")
    row = made.rows.row(0, named=True)
    assert (row["stage"], row["spans_count"]) == ("ndt", 279)
    published_ms = {"mean": 2.123, "p50": 1.425, "p95": 4.366, "p99": 5.595, "max": 10.439}
    for name, value in published_ms.items():
        assert row[f"{name}_s"] * 1e3 == pytest.approx(value, abs=5e-4)
    # The scenario allows 100 ms, and a sweep comes every 100 ms.
    assert (row["deadlines_count"], row["deadline_misses_count"]) == (279, 0)
    assert row["period_s"] == pytest.approx(0.1, abs=1e-3)
