"""What a store does, whether it is in Postgres or in memory: the same tests for both."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metrics_platform.core import Computed, Outcome, Signal, Status
from metrics_platform.core.errors import ContractError, NoResultsError, StoreError
from metrics_platform.core.settings import Settings
from metrics_platform.store import Found, Promotion, ReadLog, Selection, Store
from metrics_platform.testing.memory_store import MemoryStore
from metrics_platform_tests.store.builders import (
    HARD_BRAKES,
    HardBrakes,
    brakes,
    computed,
    definition,
)

ABSTAINED = Outcome(Status.ABSTAINED, "no tracks: never recorded")
FAILED = Outcome(Status.FAILED, "ValueError: \0 broken")

AnyStore = Store | MemoryStore


@pytest.fixture(params=["postgres", "memory"])
def store(request: pytest.FixtureRequest) -> Iterator[AnyStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    settings: Settings = request.getfixturevalue("settings")
    with Store.open(settings) as opened:
        yield opened


def tell(store: AnyStore, *logs: ReadLog) -> None:
    """Have the store know of logs what reading them brought to light."""
    if isinstance(store, MemoryStore):
        store.tell(*logs)
        return
    store.registry.register([Found(log.log_id, f"{log.log_id}.mcap", 10, "t1") for log in logs])
    assert store.registry.mark_read(logs) == sorted(log.log_id for log in logs)


def rows_of(store: AnyStore, **scope: object) -> pl.DataFrame:
    return store.scan("hard_brakes", **scope).collect().sort("log_id", "start_ns")  # type: ignore[arg-type]


def test_what_was_written_is_read_back(store: AnyStore) -> None:
    batch = computed({"a": [3.0, None], "b|c=d": []}, others={"x": ABSTAINED, "y": FAILED})

    commit = store.write(batch, run_id="run-1")

    assert (commit.written, commit.unchanged, commit.rows) == (4, 0, 2)
    assert_frame_equal(rows_of(store), batch.rows)
    outcomes = store.outcomes("hard_brakes")
    assert outcomes.select("log_id", "status", "reason", "row_count", "run_id").rows() == [
        ("a", "computed", None, 2, "run-1"),
        ("b|c=d", "computed", None, 0, "run-1"),
        ("x", "abstained", "no tracks: never recorded", 0, "run-1"),
        ("y", "failed", "ValueError: \ufffd broken", 0, "run-1"),
    ]
    assert outcomes["fingerprint"].to_list() == ["f1"] * 4
    assert outcomes["input_hash"].to_list() == ["i1"] * 4
    assert outcomes["content_hash"].is_null().to_list() == [False, False, True, True]
    assert outcomes["content_hash"].drop_nulls().n_unique() == 2


def test_the_same_again_changes_nothing(store: AnyStore) -> None:
    batch = computed({"a": [1.0], "b": []}, others={"x": ABSTAINED, "y": FAILED})
    store.write(batch)
    before = store.outcomes("hard_brakes")

    again = store.write(batch, run_id="another")

    assert (again.path, again.written, again.unchanged, again.rows) == (None, 0, 4, 0)
    assert_frame_equal(store.outcomes("hard_brakes"), before)
    assert store.history("hard_brakes", "a").height == 1


def test_summary_has_a_count_of_zero_but_null_where_nothing_was_computed(store: AnyStore) -> None:
    store.write(computed({"a": [3.0, 5.5], "b": []}, others={"x": ABSTAINED}))

    summary = store.summary("hard_brakes")

    assert summary.rows(named=True) == [
        _summary("a", "computed", None, 2, 5.5),
        _summary("b", "computed", None, 0, None),
        _summary("x", "abstained", ABSTAINED.reason, None, None),
    ]
    assert summary.schema["events"] == pl.Int64
    assert summary.schema["peak_deceleration_mps2"] == pl.Float64


def _summary(
    log_id: str, status: str, reason: str | None, events: int | None, peak: float | None
) -> dict[str, object]:
    return {
        "log_id": log_id,
        "status": status,
        "reason": reason,
        "release": None,
        "vehicle": None,
        "place": None,
        "events": events,
        "peak_deceleration_mps2": peak,
    }


def test_only_changed_logs_are_written(store: AnyStore) -> None:
    store.write(computed({"a": [1.0], "b": [2.0], "c": [3.0]}))

    commit = store.write(computed({"a": [1.0], "b": [9.0, 8.0], "c": [3.0]}))

    assert (commit.written, commit.unchanged, commit.rows) == (1, 2, 2)
    assert_frame_equal(rows_of(store), brakes({"a": [1.0], "b": [9.0, 8.0], "c": [3.0]}))


def test_other_code_with_the_same_rows_moves_the_pointer_alone(store: AnyStore) -> None:
    store.write(computed({"a": [1.0], "b": [2.0]}, fingerprint="f1"))

    commit = store.write(computed({"a": [1.0], "b": [2.0]}, fingerprint="f2"))

    assert (commit.path, commit.written, commit.rows) == (None, 2, 0)
    assert store.outcomes("hard_brakes")["fingerprint"].to_list() == ["f2", "f2"]
    assert_frame_equal(rows_of(store), brakes({"a": [1.0], "b": [2.0]}))
    assert store.history("hard_brakes", "a")["fingerprint"].to_list() == ["f1", "f2"]


def test_a_result_can_become_a_failure_and_come_back(store: AnyStore) -> None:
    store.write(computed({"a": [1.0], "b": [2.0]}))
    store.write(computed({}, others={"a": FAILED}))
    assert rows_of(store)["log_id"].to_list() == ["b"]

    store.write(computed({"a": [1.0]}))

    assert_frame_equal(rows_of(store), brakes({"a": [1.0], "b": [2.0]}))
    assert store.history("hard_brakes", "a")["status"].to_list() == [
        "computed",
        "failed",
        "computed",
    ]


def test_as_of_reads_what_was_current_then(store: AnyStore) -> None:
    moments = [datetime.now(UTC)]
    for peak in (1.0, 2.0, 3.0):
        store.write(computed({"a": [peak], "b": [7.0]}))
        moments.append(datetime.now(UTC))

    for moment, peak in zip(moments[1:], (1.0, 2.0, 3.0), strict=True):
        assert_frame_equal(rows_of(store, as_of=moment), brakes({"a": [peak], "b": [7.0]}))
        summary = store.summary("hard_brakes", as_of=moment, logs=["a"])
        assert summary["peak_deceleration_mps2"].to_list() == [peak]
    with pytest.raises(NoResultsError, match=r"log 'hard_brakes' until 20"):
        store.scan("hard_brakes", as_of=moments[0])


def test_as_of_wants_a_time_zone(store: AnyStore) -> None:
    store.write(computed({"a": [1.0]}))
    with pytest.raises(StoreError, match=r"as_of must have a time zone, .* got 2026-11-20T12:00"):
        store.scan("hard_brakes", as_of=datetime(2026, 11, 20, 12))


def test_the_version_that_is_read_depends_on_no_log(store: AnyStore) -> None:
    store.write(computed({"a": [1.0]}))
    store.write(computed({"b": [1.0]}, of=definition(version="2.0.0")))

    assert store.outcomes("hard_brakes", logs=["a"]).is_empty()
    assert store.outcomes("hard_brakes", logs=["a"], as_of=datetime.now(UTC)).is_empty()


@pytest.mark.parametrize("value", [1e16, 1e23, -1e300])
def test_a_large_scalar_is_a_number_all_the_same(store: AnyStore, value: float) -> None:
    made = computed({"a": [1.0]})
    store.write(replace(made, summary=made.summary.with_columns(peak_deceleration_mps2=value)))
    assert store.summary("hard_brakes")["peak_deceleration_mps2"].to_list() == [value]


def test_results_follow_one_another_without_gap_or_overlap(store: AnyStore) -> None:
    for peak in range(5):
        store.write(computed({"a": [float(peak)]}))

    history = store.history("hard_brakes", "a")

    assert history["superseded_at"].to_list() == [*history["committed_at"][1:], None]
    assert history["committed_at"].is_sorted()
    assert history["committed_at"].n_unique() == 5


@pytest.mark.parametrize(
    ("shifts", "wanted"),
    [
        pytest.param({}, None, id="one whole file"),
        pytest.param({"b": 1}, None, id="two files, one of them partly superseded"),
        pytest.param({"b": 1, "c": 2}, None, id="three files"),
        pytest.param({"b": 1}, ["a", "b"], id="both files partly, old rows of b in the first"),
        pytest.param({"b": 1, "c": 2}, ["a", "c"], id="some logs"),
        pytest.param({}, ["b"], id="one log"),
        pytest.param({}, [], id="no log"),
        pytest.param({}, ["nobody"], id="an unknown log"),
    ],
)
def test_superseded_rows_never_appear(
    store: AnyStore, shifts: dict[str, int], wanted: list[str] | None
) -> None:
    truth = {"a": [1.0, 2.0], "b": [3.0], "c": [4.0], "d": [5.0]}
    store.write(computed(truth))
    for log_id, shift in shifts.items():
        # Logs written together with it, so that its file is only partly wanted too.
        truth |= {log_id: [truth[log_id][0] + shift], f"beside-{log_id}": [0.5]}
        store.write(computed({log_id: truth[log_id], f"beside-{log_id}": [0.5]}))

    kept = truth if wanted is None else {k: v for k, v in truth.items() if k in wanted}
    assert_frame_equal(rows_of(store, logs=wanted), brakes(kept))


def test_the_highest_version_is_read_and_the_others_stay(store: AnyStore) -> None:
    for version, peak in (("1.9.0", 1.0), ("1.10.0", 2.0), ("0.1.0", 3.0)):
        store.write(computed({"a": [peak]}, of=definition(version=version)))

    assert store.versions("hard_brakes") == ["0.1.0", "1.9.0", "1.10.0"]
    assert_frame_equal(rows_of(store), brakes({"a": [2.0]}))
    assert_frame_equal(rows_of(store, version="1.9.0"), brakes({"a": [1.0]}))


def test_domains_are_apart(store: AnyStore) -> None:
    store.write(computed({"a": [1.0]}))
    store.write(computed({"a": [2.0]}), domain="sim")

    assert_frame_equal(rows_of(store, domain="sim"), brakes({"a": [2.0]}))
    assert_frame_equal(rows_of(store), brakes({"a": [1.0]}))


def test_nothing_computed_is_an_error_unless_the_schema_is_known(store: AnyStore) -> None:
    with pytest.raises(NoResultsError, match="nothing was computed of log 'hard_brakes'"):
        store.scan("hard_brakes")
    with pytest.raises(NoResultsError):
        store.summary("hard_brakes")
    assert store.outcomes("hard_brakes").is_empty()
    assert_frame_equal(store.scan("hard_brakes", rows=HardBrakes).collect(), brakes({}))


def test_no_events_at_all_is_an_empty_frame_once_any_row_was_written(store: AnyStore) -> None:
    store.write(computed({"a": []}))
    with pytest.raises(NoResultsError, match="no rows were ever computed"):
        store.scan("hard_brakes")
    assert_frame_equal(store.scan("hard_brakes", rows=HardBrakes).collect(), brakes({}))

    store.write(computed({"b": [1.0]}))

    assert_frame_equal(rows_of(store, logs=["a"]), brakes({}))


def test_load_gives_what_compute_needs(store: AnyStore) -> None:
    store.write(computed({"a": [1.0], "b": [], "c": [3.0]}, others={"x": ABSTAINED}))

    found = store.load(HARD_BRAKES, ["a", "b", "x", "never"])

    assert_frame_equal(found.rows.collect(), brakes({"a": [1.0]}))
    assert found.outcomes == {
        "a": Outcome(Status.COMPUTED),
        "b": Outcome(Status.COMPUTED),
        "x": ABSTAINED,
    }
    assert set(found.content_hashes) == {"a", "b"}
    assert_frame_equal(store.load(HARD_BRAKES, ["b"]).rows.collect(), brakes({}))


def test_other_columns_under_the_same_version_are_refused(store: AnyStore) -> None:
    store.write(computed({"a": [4.0]}))

    class Wider(HardBrakes):
        """One row per log_id, start_ns."""

        end_speed_mps: float

    wider = replace(HARD_BRAKES, rows=Wider)
    made = replace(
        computed({"b": [5.0]}),
        definition=wider,
        rows=brakes({"b": [5.0]}).with_columns(end_speed_mps=pl.lit(1.0)),
    )

    with pytest.raises(StoreError, match=r"stored with other columns .*end_speed_mps.*version"):
        store.write(made)
    assert store.scan("hard_brakes").collect()["log_id"].to_list() == ["a"]
    store.write(replace(made, definition=replace(wider, version="2.0.0")))
    assert store.scan("hard_brakes").collect()["log_id"].to_list() == ["b"]


def test_a_broken_contract_writes_nothing(store: AnyStore) -> None:
    store.write(computed({"a": [1.0]}))
    before = store.outcomes("hard_brakes")
    batch = computed({"a": [2.0]})

    with pytest.raises(ContractError, match="peak_deceleration_mps2"):
        store.write(computed({"a": [2.0], "b": [-1.0]}))
    with pytest.raises(ContractError, match="not computed: b"):
        store.write(replace(batch, rows=pl.concat([batch.rows, brakes({"b": [1.0]})])))
    with pytest.raises(StoreError, match=r"no fingerprint for \['a'\]"):
        store.write(replace(batch, fingerprints={}))

    assert_frame_equal(store.outcomes("hard_brakes"), before)


def test_a_schema_of_which_no_row_was_stored_can_be_corrected(store: AnyStore) -> None:
    store.write(_wider({"a": []}))
    assert store.write(computed({"b": [5.0]})).written == 1
    assert_frame_equal(store.scan("hard_brakes", logs=["a"]).collect(), brakes({}))
    with pytest.raises(StoreError, match="stored with other columns"):
        store.write(_wider({"a": [5.0]}))


def _wider(peaks: dict[str, list[float | None]]) -> Computed:
    class Wider(HardBrakes):
        """One row per log_id, start_ns."""

        end_speed_mps: float

    rows = brakes(peaks).with_columns(end_speed_mps=pl.lit(1.0))
    return replace(computed(peaks), definition=replace(HARD_BRAKES, rows=Wider), rows=rows)


def test_rows_are_counted_in_the_version_that_was_written_last(store: AnyStore) -> None:
    store.write(computed({"a": [1.0, 2.0], "b": []}, others={"x": ABSTAINED}))
    store.write(computed({"a": [1.0]}, of=definition(version="0.9.0")))
    store.write(computed({"a": [1.0]}, of=definition("soft_brakes")))

    counts = store.row_counts(["hard_brakes", "soft_brakes", "none"], ["a", "b"])

    assert counts.rows() == [
        ("hard_brakes", "a", 1),
        ("hard_brakes", "b", 0),
        ("soft_brakes", "a", 1),
    ]


def test_history_has_all_versions_oldest_first(store: AnyStore) -> None:
    store.write(computed({"a": [2.0]}, of=definition(version="2.0.0")), run_id="r1")
    store.write(computed({"a": [1.0], "b": [1.0]}))
    store.write(computed({}, others={"a": FAILED}))

    history = store.history("hard_brakes", "a")

    assert history.select("version", "status", "row_count", "run_id").rows() == [
        ("2.0.0", "computed", 1, "r1"),
        ("1.0.0", "computed", 1, None),
        ("1.0.0", "failed", 0, None),
    ]
    assert history["superseded_at"].to_list() == [None, history["committed_at"][2], None]
    assert store.history("hard_brakes", "never").is_empty()


S = 1_000_000_000
NIGHT = ReadLog(
    "night", release="2.0", vehicle="car-1", place="harbour", mission="drive", start_ns=10 * S,
    tags=["rain", "night"],
)  # fmt: skip
DAY = ReadLog("day", release="1.0", vehicle="car-2", place="harbour", start_ns=20 * S, tags={})


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Selection(), ["day", "night"]),
        (Selection(releases=["2.0", "3.0"]), ["night"]),
        (Selection(vehicles=["car-2"]), ["day"]),
        (Selection(places=["harbour"]), ["day", "night"]),
        (Selection(places=["harbour"], missions=["drive"]), ["night"]),
        (Selection(tags=["night", "rain"]), ["night"]),
        (Selection(tags=["rain", "snow"]), []),
        (Selection(since=datetime.fromtimestamp(20, UTC)), ["day"]),
        (Selection(until=datetime.fromtimestamp(20, UTC)), ["night"]),
        (Selection(since=datetime.fromtimestamp(30, UTC)), []),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, Selection) else "",
)
def test_logs_are_chosen_by_what_is_known_of_them(
    store: AnyStore, where: Selection, expected: list[str]
) -> None:
    tell(store, NIGHT, DAY, ReadLog("unwritten"))
    store.write(computed({"night": [1.0], "day": [2.0], "unknown": [3.0]}))

    assert rows_of(store, where=where)["log_id"].to_list() == expected
    assert store.outcomes("hard_brakes", where=where)["log_id"].to_list() == expected
    summary = store.summary("hard_brakes", where=where, logs=["night", "unknown"])
    assert summary["log_id"].to_list() == [name for name in expected if name == "night"]


def test_a_summary_says_of_each_log_what_is_known_of_it(store: AnyStore) -> None:
    tell(store, NIGHT)
    store.write(computed({"night": [1.0], "unknown": [3.0]}))

    found = store.summary("hard_brakes").select("log_id", "release", "vehicle", "place").rows()

    assert found == [("night", "2.0", "car-1", "harbour"), ("unknown", None, None, None)]


def test_a_summary_of_no_such_version_names_those_there_are(store: AnyStore) -> None:
    with pytest.raises(NoResultsError, match=r"'hard_brakes' 1\.0\.0; there are: no versions"):
        store.summary("hard_brakes", version="1.0.0")
    store.write(computed({"a": [1.0]}))

    with pytest.raises(NoResultsError, match=r"'hard_brakes' 9\.9\.9; there are: 1\.0\.0$"):
        store.summary("hard_brakes", version="9.9.9")
    assert store.summary("hard_brakes", version="1.0.0", logs=["never"]).is_empty()


def test_what_would_look_like_no_results_is_refused(store: AnyStore) -> None:
    store.write(computed({"a": [1.0]}))
    for read in (store.scan, store.outcomes, store.summary):
        with pytest.raises(StoreError, match=r"got the text 'a': use \['a'\]"):
            read("hard_brakes", logs="a")
        with pytest.raises(StoreError, match="since must have a time zone"):
            read("hard_brakes", where=Selection(since=datetime(2026, 1, 1)))
    with pytest.raises(StoreError, match="as_of must have a time zone"):
        store.promoted("hard_brakes", as_of=datetime(2026, 1, 1))


def write(store: AnyStore, version: str, logs: str = "ab", *, shadow: bool = False) -> None:
    of = replace(definition(version=version), shadow=shadow)
    assert isinstance(of, Signal)
    store.write(computed({log: [float(version[0])] for log in logs}, of=of))


def peaks(store: AnyStore, as_of: datetime | None = None) -> list[float]:
    """Return what readers get who ask for no version."""
    found = rows_of(store, as_of=as_of)["peak_deceleration_mps2"].to_list()
    assert store.summary("hard_brakes", as_of=as_of)["peak_deceleration_mps2"].to_list() == found
    return found


def test_readers_get_what_is_promoted(store: AnyStore) -> None:
    write(store, "1.0.0")
    write(store, "2.0.0")
    assert store.promoted("hard_brakes") is None
    assert store.promotions().is_empty()
    before = datetime.now(UTC)

    assert store.promote("hard_brakes", "1.0.0", by="ann") == Promotion("2.0.0", "1.0.0")
    write(store, "3.0.0")
    assert (store.current_version("hard_brakes"), peaks(store)) == ("1.0.0", [1.0, 1.0])
    assert store.promote("hard_brakes", "1.0.0") == Promotion("1.0.0", "1.0.0")
    assert store.promote("hard_brakes", "2.0.0", note="why") == Promotion("1.0.0", "2.0.0")
    with_second = datetime.now(UTC)
    assert store.demote("hard_brakes", by="bob") == Promotion("2.0.0", "1.0.0")
    # What readers had before anything was promoted, and then the highest.
    assert store.demote("hard_brakes") == Promotion("1.0.0", "2.0.0")
    assert store.promote("hard_brakes", "2.0.0", note="back") == Promotion("2.0.0", "2.0.0")
    last = store.demote("hard_brakes")
    assert last == Promotion("2.0.0", "3.0.0", is_promoted=False)
    with pytest.raises(StoreError, match="no version of log 'hard_brakes' is promoted"):
        store.demote("hard_brakes")

    assert [peaks(store, moment) for moment in (before, with_second, None)] == [
        [2.0, 2.0],
        [2.0, 2.0],
        [3.0, 3.0],
    ]
    told = store.promotions("hard_brakes")
    names = ("name", "version", "promoted_by", "demoted_by", "note")
    assert told.select(names).rows() == [
        ("hard_brakes", "2.0.0", None, None, "back"),
        ("hard_brakes", "1.0.0", "bob", None, None),
        ("hard_brakes", "2.0.0", None, "bob", "why"),
        ("hard_brakes", "1.0.0", "ann", None, None),
    ]
    assert told["demoted_at"].to_list()[1:] == told["promoted_at"].to_list()[:-1]
    for version, since, until in told.select("version", "promoted_at", "demoted_at").rows():
        assert store.promoted("hard_brakes", as_of=since) == version
        assert store.promoted("hard_brakes", as_of=until) != version
        assert store.current_version("hard_brakes", as_of=until - timedelta(microseconds=1))
    assert store.promotions("hard_brakes", domain="sim").is_empty()


def test_what_has_no_results_or_fewer_is_not_promoted(store: AnyStore) -> None:
    write(store, "1.0.0", "abc")
    write(store, "2.0.0", "a")
    store.write(computed({}, others={"b": FAILED}, of=definition(version="2.0.0")))

    with pytest.raises(NoResultsError, match=r"9\.0\.0, so it cannot be promoted; there are: 1"):
        store.promote("hard_brakes", "9.0.0")
    store.promote("hard_brakes", "1.0.0")
    fewer = r"of its 3 logs 1 have no result of it and 1 failed with it; .* promote it anyway"
    with pytest.raises(StoreError, match=fewer):
        store.promote("hard_brakes", "2.0.0")
    assert peaks(store) == [1.0, 1.0, 1.0]
    assert store.promote("hard_brakes", "2.0.0", anyway=True).after == "2.0.0"
    store.write(computed({}, others={"a": ABSTAINED, "b": ABSTAINED}, of=definition("stops")))
    store.write(computed({"a": [1.0]}, of=definition("stops", version="2.0.0")))
    store.promote("stops", "2.0.0")
    with pytest.raises(StoreError, match="of its 1 logs 1 were computed and abstain with it; "):
        store.promote("stops", "1.0.0")
    store.promote("stops", "1.0.0", anyway=True)
    for outcome in (FAILED, ABSTAINED):
        store.write(computed({}, others={"a": outcome}, of=definition("stops", version="3.0.0")))
        if outcome is FAILED:
            with pytest.raises(StoreError, match="of its 2 logs 1 failed with it; "):
                store.promote("stops", "3.0.0")
    assert store.promote("stops", "3.0.0").after == "3.0.0"


def test_a_shadow_is_for_those_who_ask_for_it(store: AnyStore) -> None:
    write(store, "2.0.0", shadow=True)
    with pytest.raises(NoResultsError, match=r"but in shadow: 2\.0\.0; `promote` gives it"):
        store.scan("hard_brakes")
    write(store, "1.0.0")
    assert peaks(store) == [1.0, 1.0]
    assert store.versions("hard_brakes") == ["1.0.0", "2.0.0"]
    assert len(rows_of(store, version="2.0.0")) == 2
    before = datetime.now(UTC)

    write(store, "2.0.0")

    assert (peaks(store), peaks(store, before)) == ([2.0, 2.0], [1.0, 1.0])
