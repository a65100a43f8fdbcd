"""The ledger of staleness, against results that were really computed and stored."""

from collections.abc import Mapping, Sequence

import polars as pl
import pytest

from metrics_platform.core import Computed, Input, MetricFrame, Outcome, Signal, Status
from metrics_platform.core.compute import compute
from metrics_platform.store import DUE, Expected, Found, Needed, ReadLog, Standing, Store
from metrics_platform_tests.store.builders import computed, definition

RECORDING = "0" * 32
POSES, TRACKS = definition("poses"), definition("tracks")


class Counts(MetricFrame):
    """One row per log_id."""

    count: int


def _count(poses: pl.LazyFrame, tracks: pl.LazyFrame) -> pl.LazyFrame:
    """Count poses."""
    return poses.group_by("log_id").agg(count=pl.len().cast(pl.Int64))


def counts(*, optional: bool = False, version: str = "1.0.0") -> Signal:
    return Signal(
        name="counts",
        version=version,
        rows=Counts,
        owner="testing",
        function=_count,
        optional=frozenset({"tracks"} if optional else ()),
    )


def expected(
    of: Signal, fingerprint: str = "f1", *, versions: Mapping[str, str] | None = None
) -> Expected:
    needs = [
        Needed(name, (versions or {}).get(name, "1.0.0"), name in of.optional)
        for name in of.dependencies
    ]
    return Expected(of.name, of.version, fingerprint, needs)


def recorded(name: str, *, tells_unread: bool = False) -> Expected:
    return Expected(name, "1.0.0", {"mcap": "f1", "mot": "f2"}, tells_unread=tells_unread)


def read(store: Store, *log_ids: str, format_name: str = "mcap", content: str = RECORDING) -> None:
    """Have logs in the registry as ones that were read."""
    store.registry.register([Found(log_id, f"{log_id}.mcap", 10, "t1") for log_id in log_ids])
    store.registry.mark_read(
        [ReadLog(log_id, format=format_name, content_hash=content) for log_id in log_ids]
    )


def taken(name: str, peaks: Mapping[str, Sequence[float]], **others: Outcome) -> Computed:
    """Return a recorded signal as a reader gives it, of logs in `peaks` and `others`."""
    return computed(
        peaks, others=others, of=definition(name), fingerprint="f1", input_hash=RECORDING
    )


def write_counts(
    store: Store, log_ids: Sequence[str], *, of: Signal | None = None, fingerprint: str = "f1"
) -> None:
    """Compute and write `counts` as a run does: from what is stored."""
    of = of or counts()
    inputs: dict[str, Input] = {one.name: store.load(one, log_ids) for one in (POSES, TRACKS)}
    inputs = {
        name: Input(loaded.rows.collect().lazy(), loaded.outcomes, loaded.content_hashes)
        for name, loaded in inputs.items()
    }
    store.write(compute(of, inputs, log_ids, fingerprint=fingerprint))


def standings(store: Store, *of: Expected, logs: Sequence[str] | None = None) -> dict[str, str]:
    """Return how each log stands, of those that the ledger tells of."""
    entries = store.ledger_logs(of, logs=logs, also=tuple(Status))
    return dict(entries.select("log_id", "standing").iter_rows())


@pytest.fixture
def filled(store: Store) -> Store:
    """Three logs, of which everything is as it should be."""
    read(store, "a", "b", "c")
    for name in ("poses", "tracks"):
        store.write(taken(name, {"a": [1.0], "b": [2.0, 3.0], "c": []}))
    write_counts(store, ["a", "b", "c"])
    return store


ALL_CURRENT = {"a": "current", "b": "current", "c": "current"}


def test_what_was_just_computed_is_current(filled: Store) -> None:
    found = filled.ledger([recorded("poses"), expected(counts())])

    assert found.rows(named=True) == [
        {
            "name": name, "version": "1.0.0", "logs": 3, "current": 3, "abstained": 0,
            "failed": 0, "missing": 0, "stale_code": 0, "stale_inputs": 0,
        }
        for name in ("poses", "counts")
    ]  # fmt: skip
    assert filled.ledger_logs([recorded("poses"), expected(counts())]).is_empty()


def test_a_log_without_a_result_is_missing(filled: Store) -> None:
    read(filled, "d")

    assert standings(filled, expected(counts())) == {**ALL_CURRENT, "d": "missing"}


def test_another_version_is_missing_until_it_is_computed(filled: Store) -> None:
    later = counts(version="1.1.0")
    assert filled.ledger([expected(later)])["missing"].to_list() == [3]

    write_counts(filled, ["a"], of=later)

    assert standings(filled, expected(later)) == {"a": "current", "b": "missing", "c": "missing"}


def test_another_fingerprint_is_stale_by_code(filled: Store) -> None:
    write_counts(filled, ["a"], fingerprint="f2")

    assert standings(filled, expected(counts(), "f2")) == {
        "a": "current",
        "b": "stale_code",
        "c": "stale_code",
    }


def test_a_recorded_signal_is_judged_by_the_reader_of_its_format(filled: Store) -> None:
    read(filled, "b", format_name="mot")
    read(filled, "c", format_name="no longer read")

    assert standings(filled, recorded("poses")) == {**ALL_CURRENT, "b": "stale_code"}


def test_a_recorded_signal_of_another_recording_is_stale(filled: Store) -> None:
    read(filled, "b", content="1" * 32)
    # A log whose upload is gone, after it had been announced to have other content.
    filled.registry.register([Found("c", "c.mcap", 10, "t2")])
    filled.registry.keep_as_read(["c"], "its upload is gone")

    assert standings(filled, recorded("poses")) == {**ALL_CURRENT, "b": "stale_inputs"}


def test_other_rows_upstream_make_it_stale_and_the_same_do_not(filled: Store) -> None:
    filled.write(taken("poses", {"a": [1.0], "b": [2.0]}))

    assert standings(filled, expected(counts())) == {**ALL_CURRENT, "b": "stale_inputs"}


def test_another_version_upstream_is_another_input(filled: Store) -> None:
    filled.write(
        computed({"a": [1.0], "b": [9.0]}, of=definition("poses", "1.1.0"), input_hash=RECORDING)
    )

    # Of the present version, the same rows, others, and none.
    assert standings(filled, expected(counts(), versions={"poses": "1.1.0"})) == {
        "a": "current",
        "b": "stale_inputs",
        "c": "stale_inputs",
    }


ABSENT = Outcome(Status.ABSTAINED, "the recording has no tracks: größer; a=b;")
BROKEN = Outcome(Status.FAILED, "the recording has no tracks: größer; a=b;")


@pytest.mark.parametrize("before", [None, ABSENT, BROKEN], ids=["never", "abstained", "failed"])
@pytest.mark.parametrize("after", [ABSENT, BROKEN, Outcome(Status.ABSTAINED, "other")])
def test_another_reason_upstream_is_another_input(
    store: Store, before: Outcome | None, after: Outcome
) -> None:
    read(store, "a")
    store.write(taken("poses", {"a": [1.0]}))
    if before:
        store.write(taken("tracks", {}, a=before))
    write_counts(store, ["a"])
    assert standings(store, expected(counts())) == {"a": "current"}

    store.write(taken("tracks", {}, a=after))

    same = before == after
    assert standings(store, expected(counts())) == {"a": "current" if same else "stale_inputs"}


def test_it_is_no_longer_current_once_what_it_lacked_is_there(store: Store) -> None:
    read(store, "a")
    store.write(taken("poses", {"a": [1.0]}))
    write_counts(store, ["a"])
    assert store.ledger([expected(counts())])["abstained"].to_list() == [1]

    store.write(taken("tracks", {"a": []}))

    assert standings(store, expected(counts())) == {"a": "stale_inputs"}
    write_counts(store, ["a"])
    assert store.ledger_logs([expected(counts())]).is_empty()


def test_of_an_optional_input_only_rows_count(store: Store) -> None:
    of = counts(optional=True)
    read(store, "a")
    store.write(taken("poses", {"a": [1.0]}))
    write_counts(store, ["a"], of=of)

    store.write(taken("tracks", {}, a=ABSENT))
    assert standings(store, expected(of)) == {"a": "current"}

    store.write(taken("tracks", {"a": [4.0]}))
    assert standings(store, expected(of)) == {"a": "stale_inputs"}
    write_counts(store, ["a"], of=of)
    assert standings(store, expected(of)) == {"a": "current"}


def test_only_logs_that_were_read_and_are_not_archived_count(filled: Store) -> None:
    filled.registry.register([Found("new", "new.mcap", 10, "t1")])
    filled.registry.quarantine({"b": "it is damaged"})
    filled.registry.archive(["c"])

    assert standings(filled, expected(counts())) == {"a": "current"}


def test_a_log_that_cannot_be_read_is_told_once_as_failed(filled: Store) -> None:
    read(filled, "given up")
    filled.registry.quarantine({"b": "it is damaged", "given up": "its run failed"})
    of = [recorded("poses", tells_unread=True), recorded("tracks")]

    entries = filled.ledger_logs(of, also=[Status.FAILED])

    assert entries.rows() == [
        ("poses", "b", "current", "failed", "it is damaged"),
        ("poses", "given up", "current", "failed", "its run failed"),
    ]
    assert filled.ledger(of).select("logs", "current", "failed").rows() == [(4, 4, 2), (2, 2, 0)]


def test_failed_and_abstained_ones_are_current_until_something_changes(store: Store) -> None:
    read(store, "a", "b", "c")
    store.write(taken("poses", {"a": [1.0]}, b=BROKEN, c=ABSENT))

    [row] = store.ledger([recorded("poses")]).rows(named=True)

    assert (row["current"], row["failed"], row["abstained"]) == (3, 1, 1)
    entries = store.ledger_logs([recorded("poses")], also=[Status.FAILED])
    assert entries["log_id"].to_list() == ["b"]


def test_logs_can_be_chosen(filled: Store) -> None:
    of = [expected(counts(), "f2"), recorded("poses")]

    assert filled.ledger(of, logs=["a", "c"])["logs"].to_list() == [2, 2]
    assert list(standings(filled, of[0], logs=["c", "never"])) == ["c"]


def test_the_same_ones_are_told_however_few(filled: Store) -> None:
    # In one pass of the table the new ones come last; "B" before "a", as Python sorts.
    read(filled, "d", "B", "_")
    of = [recorded("poses"), expected(counts(), "f2")]
    everything = filled.ledger_logs(of)

    names = everything.select("name", "log_id").rows()
    logs = ["B", "_", "a", "b", "c", "d"]
    assert names == [("poses", i) for i in ("B", "_", "d")] + [("counts", i) for i in logs]
    for most in range(1, len(names) + 1):
        assert filled.ledger_logs(of, most=most).equals(everything[:most])


def test_without_definitions_there_is_nothing_to_tell(filled: Store) -> None:
    assert filled.ledger([]).is_empty()
    assert filled.ledger_logs([]).is_empty()


def test_every_standing_that_is_not_current_is_due() -> None:
    assert {*DUE, Standing.CURRENT} == set(Standing)
