"""Summary scalars as the index keeps them."""

from dataclasses import replace
from datetime import timedelta

import polars as pl

from metrics_platform.store import Store, as_stored
from metrics_platform_tests.store.builders import computed

BESIDE = ("status", "reason", "release", "vehicle", "place")


def test_scalars_have_the_form_in_which_they_are_read(store: Store) -> None:
    batch = computed({"a": [1.0], "b": [2.0]})
    summary = pl.DataFrame(
        {
            "log_id": ["a", "b"],
            "count": pl.Series([1, 2], dtype=pl.UInt8),
            "flag": [True, None],
            "huge": [1e300, 0.5],
            "infinite": [float("inf"), 1.5],
            "lasts": [timedelta(seconds=1), None],
            "nothing": pl.Series([None, None], dtype=pl.String),
            "text": ["x", "y"],
        }
    )
    store.write(replace(batch, summary=summary))

    read = store.summary("hard_brakes").drop(BESIDE)

    assert as_stored(summary).equals(read)
    assert as_stored(summary).schema == read.schema
    assert read["infinite"].to_list() == [None, 1.5]


def test_without_scalars_or_logs_there_is_nothing_to_keep() -> None:
    logs = pl.DataFrame({"log_id": ["a"]})

    assert as_stored(logs).equals(logs)
    assert as_stored(logs.with_columns(x=1).clear()).height == 0
