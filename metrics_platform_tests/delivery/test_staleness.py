"""The ledger of staleness as a person reads it."""

import polars as pl

from metrics_platform.core import Status
from metrics_platform.core.catalog import default_catalog
from metrics_platform.delivery.staleness import (
    late_names,
    stale_definitions,
    stale_logs,
    staleness_line,
    told_logs,
)
from metrics_platform.store.ledger import ENTRIES, LEDGER

COUNTS = pl.DataFrame(
    [
        ("fine", "1.0.0", 2_000, 2_000, 500, 0, 0, 0, 0),
        ("broken", "1.0.0", 2_000, 2_000, 0, 7, 0, 0, 0),
        ("late", "2.0.0", 2_000, 400, 20, 0, 1_000, 500, 100),
    ],
    schema=LEDGER,
    orient="row",
)


def test_only_definitions_with_something_to_say_are_shown_unasked() -> None:
    assert stale_definitions(COUNTS, quiet=True)["name"].to_list() == ["broken", "late"]
    assert stale_definitions(COUNTS, quiet=False)["name"].to_list() == ["fine", "broken", "late"]


def test_the_line_adds_up() -> None:
    assert staleness_line(COUNTS) == (
        "4,400 of 6,000 results of 3 definitions are up to date, 1,000 missing, "
        "500 stale by code, 100 stale by inputs; 7 failed"
    )
    assert staleness_line(COUNTS[:1]) == "2,000 of 2,000 results of 1 definition are up to date"


def test_how_many_logs_there_are_to_tell_of_is_known_without_them() -> None:
    assert told_logs(COUNTS, [Status.FAILED]) == 1_607
    assert told_logs(COUNTS, [Status.FAILED, Status.ABSTAINED]) == 2_127


def test_late_is_also_what_needs_something_late() -> None:
    catalog = default_catalog()
    recorded, other, *_ = [of.name for of in catalog.recorded]
    downstream = next(
        of.name
        for of in catalog.derived
        if recorded in {one.name for one in catalog.upstream(of.name)}
    )
    counts = COUNTS[2:].with_columns(name=pl.lit(recorded))

    assert late_names(counts, catalog, [recorded, other, downstream]) == [recorded, downstream]


def test_of_each_log_it_is_told_why() -> None:
    entries = pl.DataFrame(
        [
            ("m", "a", "missing", None, None),
            ("m", "b", "stale_code", "failed", "it broke"),
            ("m", "c", "stale_inputs", "computed", None),
            ("m", "d", "current", "failed", "it broke"),
            ("m", "e", "current", "abstained", "no tracks"),
        ],
        schema=ENTRIES,
        orient="row",
    )

    assert stale_logs(entries).rows() == [
        ("m", "a", "missing"),
        ("m", "b", "stale: its code has changed"),
        ("m", "c", "stale: what it needs has changed"),
        ("m", "d", "failed: it broke"),
        ("m", "e", "abstained: no tracks"),
    ]
    assert stale_logs(entries.clear()).columns == ["name", "log_id", "why"]
