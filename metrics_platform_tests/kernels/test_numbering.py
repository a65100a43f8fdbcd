"""Numbers follow the order of the names, whatever the order of the rows."""

from itertools import pairwise

import polars as pl

from metrics_platform.kernels.numbering import gathered, numbered


def test_numbers_are_in_the_order_of_the_names() -> None:
    frame = pl.DataFrame({"a": ["y", "x", "y", "x"], "b": [2, 9, 1, 9]})
    made = numbered(frame, "number", "a", "b")
    assert made.columns == ["a", "b", "number"]
    assert made["number"].to_list() == [2, 0, 1, 0]
    assert numbered(frame.reverse(), "number", "a", "b").equals(made.reverse())


def test_no_rows_have_no_numbers() -> None:
    made = numbered(pl.DataFrame(schema={"a": pl.String}), "number", "a")
    assert made.schema == {"a": pl.String, "number": pl.Int64}


def test_rows_are_gathered_group_by_group_in_their_order() -> None:
    frame = pl.DataFrame({"a": ["y", "x", "y", "x"], "b": [2, 9, 1, 9]})
    groups, rows, starts = gathered(frame, "a", "b")
    slices = [rows[start:end].tolist() for start, end in pairwise(starts)]
    found = dict(zip(groups.rows(), slices, strict=True))
    assert found == {("y", 2): [0], ("x", 9): [1, 3], ("y", 1): [2]}


def test_no_rows_are_gathered_into_no_groups() -> None:
    groups, rows, starts = gathered(pl.DataFrame(schema={"a": pl.String}), "a")
    assert len(groups) == len(rows) == 0
    assert starts.tolist() == [0]
