from collections.abc import Callable
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing.parametric import column, dataframes

from metrics_platform.core.content_hash import content_hashes
from metrics_platform.core.errors import StoreError

_TYPES: list[pl.DataType | type[pl.DataType]] = [
    pl.Int64,
    pl.UInt8,
    pl.Float64,
    pl.Float32,
    pl.Boolean,
    pl.String,
    pl.Binary,
    pl.Datetime("ns"),
    pl.Duration("us"),
    pl.Date,
    pl.List(pl.Int64),
    pl.List(pl.String),
    pl.Array(pl.Float64, 2),
    pl.Struct({"x_m": pl.Float64, "name": pl.String}),
]


def hash_of(rows: pl.DataFrame) -> str:
    [found] = content_hashes(rows, [0, len(rows)])
    return found


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_logs_hash_depends_on_its_rows_alone(data: st.DataObject) -> None:
    types = data.draw(st.lists(st.sampled_from(_TYPES), min_size=1, max_size=4))
    columns = [column(f"c{i}", dtype=dtype, allow_null=True) for i, dtype in enumerate(types)]
    rows = data.draw(dataframes(columns, max_size=12))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    bounds = [0, *cuts, len(rows)]

    together = content_hashes(rows, bounds)

    alone = [hash_of(rows[start:end].rechunk()) for start, end in pairwise(bounds)]
    chunked = pl.concat([rows[: len(rows) // 2], rows[len(rows) // 2 :]], rechunk=False)
    assert together == alone
    assert content_hashes(chunked, bounds) == together


BASE = pl.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", ""]})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda f: f.with_columns(a=pl.Series([1, 3])), id="an integer"),
        pytest.param(lambda f: f.with_columns(b=pl.Series([0.5, 0.0])), id="null to zero"),
        pytest.param(lambda f: f.with_columns(c=pl.Series(["", "x"])), id="text moves a row"),
        pytest.param(lambda f: f.with_columns(c=pl.Series(["x", None])), id="empty text to null"),
        pytest.param(lambda f: f.rename({"a": "d"}), id="a name"),
        pytest.param(lambda f: f.with_columns(pl.col("a").cast(pl.Int32)), id="a type"),
        pytest.param(lambda f: f.reverse(), id="the order"),
        pytest.param(lambda f: f.head(1), id="a row less"),
        pytest.param(lambda f: f.select("b", "a", "c"), id="the order of columns"),
    ],
)
def test_any_change_of_content_changes_it(change: Callable[[Any], pl.DataFrame]) -> None:
    assert hash_of(change(BASE)) != hash_of(BASE)


def test_the_sign_of_zero_and_the_log_do_not_count() -> None:
    plus = pl.DataFrame({"log_id": ["a"], "x_m": [0.0]})
    minus = pl.DataFrame({"log_id": ["b"], "x_m": [-0.0]})

    assert hash_of(plus) == hash_of(minus)


def test_it_is_pinned() -> None:
    """Another value here would make every stored result look changed."""
    assert hash_of(BASE) == "e8e35b49ed68f63436acac0e7973a530"


def test_a_type_without_canonical_bytes_is_refused() -> None:
    with pytest.raises(StoreError, match="column 'x': values of type Object"):
        hash_of(pl.DataFrame({"x": pl.Series([object()], dtype=pl.Object)}))
