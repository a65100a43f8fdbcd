"""Dropped frames, on paper and in a real log."""

import polars as pl
import pytest

from metrics_platform.core import Computed
from metrics_platform.metrics.dropped_frames import dropped_frames
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.data import data_path
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.spans import MS, pipeline, spans_of


def dropped_of(*spans: pl.DataFrame) -> Computed:
    return result_of(dropped_frames, spans=pl.concat(spans))


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        pytest.param([0, 100, 200, 300, 400], [], id="steady"),
        pytest.param([0, 100, 200, 349, 449], [], id="late"),
        pytest.param([0, 100, 200, 350, 450], [(200, 1)], id="as_late_as_that_is_missing"),
        pytest.param([0, 100, 200, 400, 500], [(200, 1)], id="one"),
        pytest.param([0, 100, 200, 300, 640, 740], [(300, 2)], id="rounded_down"),
        pytest.param([0, 100, 200, 300, 660, 760], [(300, 3)], id="rounded_up"),
        pytest.param([0, 200, 300, 400, 500, 700], [(0, 1), (500, 1)], id="at_both_ends"),
        pytest.param([0, 1000, 1100], [], id="too_few_for_a_rate"),
        pytest.param([0], [], id="one_frame"),
        pytest.param([0, 0, 100, 100, 200, 200, 400, 400, 500], [(200, 1)], id="two_at_once"),
    ],
)
def test_missing_frames(starts: list[int], expected: list[tuple[int, int]]) -> None:
    traces = [str(number) for number in range(len(starts))]
    made = dropped_of(spans_of(*[(start, 1) for start in starts], traces=traces))
    assert made.rows.select("kind", "stage", "at_ns", "frames_count").rows() == [
        ("missing", "camera", at * MS, count) for at, count in expected
    ]
    assert made.summary["missing_frames"].item() == sum(count for _, count in expected)


def test_each_stage_and_log_has_its_own_rate() -> None:
    quick = spans_of(*[(10.0 * number, 1) for number in range(20)], stage="imu")
    slow = spans_of(*[(100.0 * number, 1) for number in range(20)])
    slower = spans_of(*[(500.0 * number, 1) for number in range(20)], log_id="other")
    assert dropped_of(quick, slow, slower).rows.is_empty()


def test_lost_and_unfinished_frames() -> None:
    made = dropped_of(pipeline(lost=[2], unfinished=[5]))
    assert made.rows.drop("log_id", "gap_s").rows() == [
        ("lost", "b", 200 * MS, "2", 1, "a"),
        ("lost", "b", 500 * MS, "5", 1, "a"),
        ("missing", "b", 110 * MS, None, 1, None),
        ("unfinished", "b", 510 * MS, "5", 1, None),
    ]
    summary = made.summary.row(0, named=True)
    assert (summary["missing_frames"], summary["unfinished_frames"], summary["lost_frames"]) == (
        1, 1, 2,
    )  # fmt: skip
    assert summary["longest_gap_s"] == pytest.approx(0.2)


def test_nothing_dropped_is_a_result() -> None:
    made = dropped_of(pipeline())
    assert made.rows.is_empty()
    assert made.summary.row(0) == ("log", 0, 0, 0, None)


def test_a_real_localiser_misses_one_sweep() -> None:
    path = data_path("autoware", "localization_result.json")
    spans = read_logs({"log": path}, ReaderConfig()).signals["spans"].rows
    row = compute_on({"spans": spans}, "dropped_frames").rows.row(0, named=True)
    assert (row["kind"], row["frames_count"]) == ("missing", 1)
    assert row["gap_s"] == pytest.approx(0.2, abs=1e-4)
    assert spans["timestamp_ns"].diff().max() == round(row["gap_s"] * 1e9)
