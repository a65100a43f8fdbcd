"""What to say where a definition breaks the batch contract: what differs, why, where to look."""

import inspect

import polars as pl
from polars.testing import assert_series_equal

from metrics_platform.core import Definition

WITHIN_A_LOG = (
    "It mixes logs: a value of one depends on rows of another. Whatever looks at more than one row "
    'has to stay within a log: .group_by("log_id", …) in place of an aggregate over all rows, '
    '.over("log_id") after .shift(), .diff(), .rank(), .cum_sum() and their like, "log_id" among '
    "the keys of a join; and a loop over rows must start anew with each log."
)
ANY_ORDER = (
    'It relies on the order in which rows come: .sort("log_id", …) by all columns that tell rows '
    "apart before .first(), .last(), .shift(), .diff() and .cum_sum()."
)
REPEATABLE = (
    "It gives other results from the same rows: sets, random numbers and the time of day have no "
    "place in it; .group_by(…) and .unique(…) give rows in any order, so sort before taking some."
)
NOTHING_OF_NOTHING = (
    'An aggregate over all rows gives a row even of none: .group_by("log_id").agg(…) gives one for '
    "each log."
)
TYPES_OF_NOTHING = (
    "An empty list of rows has no types: pl.DataFrame(rows, schema=…) has them, and expressions do."
)


def place(definition: Definition) -> str:
    """Return the file and line of the function of a definition."""
    assert definition.function is not None
    code = inspect.unwrap(definition.function).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def first_difference(
    expected: pl.DataFrame, got: pl.DataFrame, how: str, *, tolerance: float
) -> str | None:
    """Return where two frames of one schema, both sorted, first differ; None if nowhere.

    Args:
        expected: Computed for all logs together.
        got: Computed in another way.
        how: In what way, for the sentence.
        tolerance: Absolute and relative; 0 for none at all.
    """
    if all(_same(expected[name], got[name], tolerance) for name in expected.columns):
        return None
    for log_id in pl.concat([expected["log_id"], got["log_id"]]).unique().sort():
        before, after = (frame.filter(log_id=log_id) for frame in (expected, got))
        if len(before) != len(after):
            return f"log {log_id!r} has {len(before)} rows, and {len(after)} when {how}"
        for name in before.columns:
            one, other = before[name], after[name]
            if not _same(one, other, tolerance):
                at = next(
                    at
                    for at in range(len(one))
                    if not _same(one.slice(at, 1), other.slice(at, 1), tolerance)
                )
                return f"{name} of log {log_id!r} is {one[at]}, and {other[at]} when {how}"
    return "the order of rows or the types are others when " + how


def _same(one: pl.Series, other: pl.Series, tolerance: float) -> bool:
    try:
        assert_series_equal(
            one, other, check_exact=tolerance == 0, rel_tol=tolerance, abs_tol=tolerance
        )
    except AssertionError:
        return False
    return True
