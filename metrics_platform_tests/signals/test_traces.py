"""Traces through stages, on paper."""

import polars as pl
import pytest

from metrics_platform.signals.traces import traces
from metrics_platform_tests.metrics.builders import result_of
from metrics_platform_tests.metrics.spans import MS, pipeline, spans_of


def traces_of(*spans: pl.DataFrame) -> pl.DataFrame:
    return result_of(traces, spans=pl.concat(spans)).rows.sort("start_ns")


def test_a_trace_lasts_from_its_first_start_to_its_last_finish() -> None:
    rows = traces_of(pipeline())
    assert rows.drop("log_id", "trace_id").row(3) == (
        300 * MS, "a", "b", "b", pytest.approx(0.03), True,
    )  # fmt: skip
    assert rows["complete"].to_list() == [True] * 10


def test_a_lost_trace_is_not_complete() -> None:
    rows = traces_of(pipeline(lost=[2], unfinished=[5]))
    assert rows["complete"].to_list() == [True, True, False, True, True, False, *[True] * 4]
    assert rows["last_stage"].to_list()[2] == "a"
    assert rows["duration_s"].to_list()[5] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("longest_ms", "complete"),
    [
        pytest.param(10.0, False, id="it_would_have_been_done"),
        pytest.param(20.0, None, id="the_recording_ends_too_soon"),
    ],
)
def test_at_the_end_of_the_recording_nobody_can_tell(
    longest_ms: float, complete: bool | None
) -> None:
    done = [(0, 5), (100, 5)]
    rows = traces_of(
        spans_of(*done, (200, 15), stage="a", traces=["0", "1", "2"]),
        spans_of((5, longest_ms - 5), (105, 5), stage="b", traces=["0", "1"]),
    )
    assert rows["complete"].to_list() == [True, True, complete]


def test_the_longer_of_equally_frequent_ways_is_the_usual_one() -> None:
    rows = traces_of(
        spans_of((0, 10), (100, 10), (900, 10), stage="a", traces=["0", "1", None]),
        spans_of((20, 10), stage="b", traces=["0"]),
        spans_of((120, 20), stage="c", traces=["1"]),
    )
    assert rows["usual_last_stage"].to_list() == ["c", "c"]
    assert rows["complete"].to_list() == [False, True]


def test_inputs_of_several_sensors_go_ways_of_their_own() -> None:
    camera = pipeline()
    lidar = camera.with_columns(
        pl.col("stage").replace({"a": "sweep", "b": "track"}), trace_id="lidar" + pl.col("trace_id")
    )
    rows = traces_of(camera, lidar)
    assert rows.group_by("first_stage", "usual_last_stage").len().sort("first_stage").rows() == [
        ("a", "b", 10),
        ("sweep", "track", 10),
    ]


def test_stages_side_by_side_end_with_the_last_to_finish() -> None:
    rows = traces_of(
        spans_of((0, 10), stage="a", traces=["0"]),
        spans_of((10, 50), stage="slow", traces=["0"]),
        spans_of((20, 10), stage="quick", traces=["0"]),
    )
    assert rows.select("last_stage", "duration_s").row(0) == ("slow", pytest.approx(0.06))


def test_a_stage_beside_that_finishes_later_now_and_then_loses_nothing() -> None:
    rows = traces_of(
        pipeline(),
        # As `b` does, which takes from 10 to 30 ms; then two that are slower.
        spans_of(*[(100 * frame + 5, 10) for frame in range(8)], (805, 50), (905, 70), stage="view",
                 traces=[f"{frame}" for frame in range(10)]),
    )  # fmt: skip
    assert rows["last_stage"].to_list() == ["b"] * 8 + ["view"] * 2
    assert rows["complete"].to_list() == [True] * 10
    # Where it usually ends it was there as soon as the others.
    assert rows["duration_s"].to_list() == pytest.approx([0.03] * 10)


def test_work_that_takes_no_time_is_a_stage_like_another() -> None:
    """Neither stage comes where its name would put it."""
    rows = traces_of(
        spans_of((0, 0), (100, 0), stage="sensor", traces=["0", "1"]),
        spans_of((0, 30), (100, 30), stage="detection", traces=["0", "1"]),
        spans_of((30, 0), (130, 0), stage="actuation", traces=["0", "1"]),
    )
    assert (
        rows.select("first_stage", "last_stage", "complete").rows()
        == [("sensor", "actuation", True)] * 2
    )


def test_a_trace_of_which_nothing_finished_goes_nowhere() -> None:
    row = traces_of(spans_of((0, None), stage="a", traces=["0"])).row(0, named=True)
    assert (row["last_stage"], row["usual_last_stage"], row["duration_s"]) == (None,) * 3
    assert row["complete"] is None


def test_spans_without_a_trace_make_none() -> None:
    assert traces_of(spans_of((0, 10), (100, 10))).is_empty()
