"""Numbers in the place of names, and who meets whom."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_platform.kernels.tracked_boxes import between, equal, numbered

small = st.lists(st.integers(0, 6), max_size=12)


def boxes(rows: list[tuple[str, str, str, int]]) -> pl.DataFrame:
    names = ("log_id", "source", "track_id", "timestamp_ns")
    kinds = (pl.String, pl.String, pl.String, pl.Int64)
    frame = pl.DataFrame(rows, dict(zip(names, kinds, strict=True)), orient="row")
    return frame.with_columns(category=pl.lit("car"))


def test_ids_that_are_numbers_come_first_and_in_their_order() -> None:
    ids = ["b", "10", "9", "a", "09"]
    known = numbered(boxes([("log", "s", track_id, 0) for track_id in ids]))
    assert [ids[at] for at in np.argsort(known.track)] == ["09", "9", "10", "a", "b"]


def test_images_come_in_the_order_of_log_and_time() -> None:
    rows = [("b", "s", "1", 5), ("a", "annotation", "1", 7), ("a", "s", "1", 7), ("a", "s", "1", 6)]
    known = numbered(boxes(rows))
    assert known.image.tolist() == [2, 1, 1, 0]
    assert known.annotated.tolist() == [False, True, False, False]
    assert known.logs.to_list() == ["a", "b"]
    assert len(set(known.of_source(np.arange(4)).tolist())) == 3


def test_nothing() -> None:
    known = numbered(boxes([]))
    assert len(known.image) == len(known.logs) == len(known.annotated) == 0


@given(small, small)
@settings(deadline=None)
def test_all_equals(left: list[int], right: list[int]) -> None:
    right = sorted(right)
    pairs = equal(np.array(left, dtype=np.int64), np.array(right, dtype=np.int64))
    expected = [(a, b) for a, x in enumerate(left) for b, y in enumerate(right) if x == y]
    assert list(zip(*(side.tolist() for side in pairs), strict=True)) == expected


@given(small, small)
@settings(deadline=None)
def test_all_in_range(starts: list[int], values: list[int]) -> None:
    values = sorted(values)
    least = np.array(starts, dtype=np.int64)
    pairs = between(least, least + 2, np.array(values, dtype=np.int64))
    expected = [
        (a, b) for a, x in enumerate(starts) for b, y in enumerate(values) if x <= y <= x + 2
    ]
    assert list(zip(*(side.tolist() for side in pairs), strict=True)) == expected
