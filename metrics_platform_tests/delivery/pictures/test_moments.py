"""Times are read off the columns' names, and the worst row is found by the summary."""

from typing import Any

import polars as pl
import pytest
from pandera.polars import Field

from metrics_platform.core import Metric, MetricFrame
from metrics_platform.delivery.pictures.moments import events, focus, keys, with_times

S = 1_000_000_000


class Values(MetricFrame):
    """One row per log_id, track_id, at_ns."""

    track_id: str = Field()
    at_ns: int = Field()
    gap_m: float = Field(nullable=True)

    class Config:
        unique = ["log_id", "track_id", "at_ns"]


def _metric(**summary: pl.Expr) -> Metric:
    def gaps(ego_poses: pl.LazyFrame) -> pl.LazyFrame:
        """Not called."""
        raise AssertionError

    return Metric(
        name="gaps", version="1.0.0", rows=Values, owner="tests", function=gaps, summary=summary
    )


ROWS = pl.DataFrame(
    [("a", "1", S, 5.0), ("a", "2", 2 * S, None), ("b", "1", 3 * S, 2.0), ("a", "1", 4 * S, 9.0)],
    schema=["log_id", "track_id", "at_ns", "gap_m"],
    orient="row",
)  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "times_s"),
    [
        ({"at_ns": 3 * S}, (3, 3, 3)),
        ({"timestamp_ns": 3 * S}, (3, 3, 3)),
        ({"start_ns": 2 * S, "duration_s": 4.0}, (2, 6, 4)),
        ({"start_ns": 2 * S, "end_ns": 8 * S, "duration_s": 6.0}, (2, 8, 5)),
        ({"start_ns": 2 * S, "duration_s": 4.0, "worst_at_ns": 5 * S}, (2, 6, 5)),
        ({"at_ns": 4 * S, "start_ns": 2 * S, "duration_s": 4.0}, (2, 6, 4)),
        ({"at_ns": 3 * S, "duration_s": 2.0}, (3, 5, 3)),
        ({"max_at_ns": 7 * S}, (7, 7, 7)),
        ({"longest_start_ns": 7 * S, "duration_s": 2.0}, (7, 7, 7)),
        ({"max_at_ns": None}, (None, None, None)),
        ({"distance_m": 3.0}, (None, None, None)),
    ],
    ids=str,
)
def test_a_row_has_a_start_an_end_and_a_moment(columns: dict[str, Any], times_s: Any) -> None:
    frame = pl.DataFrame([{"log_id": "a", **columns}], schema_overrides={"max_at_ns": pl.Int64})

    [row] = with_times(frame).select("_start_ns", "_end_ns", "_at_ns").rows()

    assert row == tuple(None if time is None else time * S for time in times_s)


@pytest.mark.parametrize(
    ("summary", "log_id", "at_s", "why"),
    [
        ({"least_gap_m": pl.col("gap_m").min()}, "b", 3, "that of least_gap_m"),
        ({"most": pl.col("gap_m").max()}, "a", 4, "that of most"),
        ({"rows": pl.len(), "most": pl.col("gap_m").max()}, "a", 4, "that of most"),
        # A mean is no row's.
        ({"mean_gap_m": pl.col("gap_m").mean()}, "a", 1, "most rows: 3"),
    ],
    ids=["least", "greatest", "count first", "mean"],
)
def test_the_row_of_most_interest_is_that_of_the_summary(
    summary: dict[str, pl.Expr], log_id: str, at_s: int, why: str
) -> None:
    found = focus(ROWS, _metric(**summary))

    assert found is not None
    assert (found.log_id, found.at_ns, found.why) == (log_id, at_s * S, why)
    assert set(found.row) == set(ROWS.columns)


def test_without_rows_nothing_is_of_interest() -> None:
    assert focus(ROWS.clear(), _metric(rows=pl.len())) is None


def test_events_are_numbered_in_the_order_of_time() -> None:
    found = events(ROWS.filter(pl.col("log_id") == "a").reverse(), start_ns=S)

    assert [(event.number, event.at_s) for event in found] == [(1, 0.0), (2, 1.0), (3, 3.0)]
    assert found[1].row == {"log_id": "a", "track_id": "2", "at_ns": 2 * S, "gap_m": None}


def test_keys_are_what_a_row_is_about_besides_log_and_time() -> None:
    assert keys(_metric(rows=pl.len())) == ["track_id"]
