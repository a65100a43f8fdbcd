"""Numbers follow the order of the names, whatever the order of the rows."""

import polars as pl

from metrics_platform.kernels.numbering import numbered


def test_numbers_are_in_the_order_of_the_names() -> None:
    frame = pl.DataFrame({"a": ["y", "x", "y", "x"], "b": [2, 9, 1, 9]})
    made = numbered(frame, "number", "a", "b")
    assert made.columns == ["a", "b", "number"]
    assert made["number"].to_list() == [2, 0, 1, 0]
    assert numbered(frame.reverse(), "number", "a", "b").equals(made.reverse())


def test_no_rows_have_no_numbers() -> None:
    made = numbered(pl.DataFrame(schema={"a": pl.String}), "number", "a")
    assert made.schema == {"a": pl.String, "number": pl.Int64}
