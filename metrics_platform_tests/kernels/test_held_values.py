"""From changes to stretches: whole, without repetition, each in its place."""

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.kernels.held_values import held

Row = tuple[int, int, str, str | None]


def rows_of(changes: list[tuple[int, str]], first: int = 0, last: int = 10) -> list[Row]:
    frame = pl.LazyFrame(
        {
            "log_id": ["log"] * len(changes),
            "timestamp_ns": [at for at, _ in changes],
            "mode": [mode for _, mode in changes],
        },
        schema={"log_id": pl.String, "timestamp_ns": pl.Int64, "mode": pl.String},
    )
    spans = pl.LazyFrame({"log_id": ["log"], "first_ns": [first], "last_ns": [last]})
    made = held(frame, spans, "mode", before="?")
    return made.drop("log_id").collect().rows()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param([], [(0, 10, "?", None)], id="nothing_said"),
        pytest.param([(0, "a")], [(0, 10, "a", None)], id="from_the_start"),
        pytest.param([(-5, "a")], [(0, 10, "a", None)], id="from_before"),
        pytest.param([(-5, "a"), (-2, "b")], [(0, 10, "b", None)], id="the_last_before"),
        pytest.param([(-5, "a"), (0, "b")], [(0, 10, "b", None)], id="before_and_at"),
        pytest.param([(4, "a")], [(0, 4, "?", None), (4, 10, "a", "?")], id="from_the_middle"),
        pytest.param(
            [(0, "a"), (3, "a"), (6, "b"), (8, "b")],
            [(0, 6, "a", None), (6, 10, "b", "a")],
            id="repeated",
        ),
        pytest.param(
            [(0, "a"), (3, "b"), (6, "a")],
            [(0, 3, "a", None), (3, 6, "b", "a"), (6, 10, "a", "b")],
            id="back_again",
        ),
        pytest.param([(0, "a"), (10, "b")], [(0, 10, "a", None)], id="at_the_end"),
        pytest.param([(0, "a"), (99, "b")], [(0, 10, "a", None)], id="after_the_end"),
        pytest.param([(4, "?")], [(0, 10, "?", None)], id="said_to_be_unknown"),
    ],
)
def test_stretches(changes: list[tuple[int, str]], expected: list[Row]) -> None:
    assert rows_of(changes) == expected
    assert rows_of(changes[::-1]) == expected


def test_a_log_of_one_moment() -> None:
    assert rows_of([(0, "a")], first=0, last=0) == [(0, 0, "?", None)]


def test_logs_keep_to_themselves() -> None:
    changes = pl.LazyFrame({"log_id": ["a", "b"], "timestamp_ns": [0, 5], "mode": ["x", "x"]})
    spans = pl.LazyFrame({"log_id": ["b", "a"], "first_ns": [0, 0], "last_ns": [10, 10]})
    assert held(changes, spans, "mode", before="?").collect().rows() == [
        ("a", 0, 10, "x", None),
        ("b", 0, 5, "?", None),
        ("b", 5, 10, "x", "?"),
    ]


@given(st.dictionaries(st.integers(-5, 15), st.sampled_from("abc"), max_size=12))
def test_the_stretches_are_what_is_said_moment_by_moment(changes: dict[int, str]) -> None:
    rows = rows_of(list(changes.items()))
    for now in range(10):
        said = [changes[at] for at in sorted(changes) if at <= now]
        (found,) = [value for start, end, value, _ in rows if start <= now < end]
        assert found == (said[-1] if said else "?")
    assert all(before[2] != after[2] for before, after in pairwise(rows))
