from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal
from pyarrow import parquet

from metrics_platform.core import Computed, Outcome, Status
from metrics_platform.core.errors import (
    ContractError,
    NoResultsError,
    StoreError,
    StoreUnavailableError,
)
from metrics_platform.store import ObjectRoot, Store, tables
from metrics_platform.store.reads import Scope
from metrics_platform_tests.store.builders import (
    HARD_BRAKES,
    HardBrakes,
    brakes,
    computed,
    definition,
    fleet,
)

ABSTAINED = Outcome(Status.ABSTAINED, "no tracks: never recorded")
FAILED = Outcome(Status.FAILED, "ValueError: \0 broken")


def objects_in(store: Store) -> list[str]:
    return [info.path for page in store.objects.pages("log") for info in page]


def rows_of(store: Store, **scope: object) -> pl.DataFrame:
    return store.scan("hard_brakes", **scope).collect().sort("log_id", "start_ns")  # type: ignore[arg-type]


def test_what_was_written_is_read_back(store: Store) -> None:
    batch = computed(
        {"a": [3.0, None], "b|c=d": [], "e f": [4.5]}, others={"x": ABSTAINED, "y": FAILED}
    )

    commit = store.write(batch, run_id="run-1")

    assert (commit.written, commit.unchanged, commit.rows) == (5, 0, 3)
    assert objects_in(store) == [commit.path]
    assert_frame_equal(rows_of(store), batch.rows)
    outcomes = store.outcomes("hard_brakes")
    assert outcomes.select("log_id", "status", "reason", "row_count", "run_id").rows() == [
        ("a", "computed", None, 2, "run-1"),
        ("b|c=d", "computed", None, 0, "run-1"),
        ("e f", "computed", None, 1, "run-1"),
        ("x", "abstained", "no tracks: never recorded", 0, "run-1"),
        ("y", "failed", "ValueError: \ufffd broken", 0, "run-1"),
    ]


def test_summary_has_a_count_of_zero_but_null_where_nothing_was_computed(store: Store) -> None:
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


def test_the_same_again_writes_nothing(store: Store) -> None:
    batch = computed(fleet(20), others={"x": ABSTAINED, "y": FAILED})
    store.write(batch)
    before = objects_in(store)

    again = store.write(batch, run_id="another")

    assert (again.path, again.written, again.unchanged, again.rows) == (None, 0, 22, 0)
    assert objects_in(store) == before
    assert store.history("hard_brakes", "log-00003").height == 1


def test_who_is_overtaken_by_the_same_has_written_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = ObjectRoot.put

    def overtaken(root: ObjectRoot, path: str, content: bytes) -> None:
        monkeypatch.setattr(ObjectRoot, "put", put)
        put(root, path, content)
        store.write(computed({"a": [1.0]}))

    monkeypatch.setattr(ObjectRoot, "put", overtaken)
    commit = store.write(computed({"a": [1.0]}))

    assert (commit.path, commit.written, commit.unchanged, commit.rows) == (None, 0, 1, 0)


def test_only_changed_logs_are_written(store: Store) -> None:
    store.write(computed({"a": [1.0], "b": [2.0], "c": [3.0]}))

    commit = store.write(computed({"a": [1.0], "b": [9.0, 8.0], "c": [3.0]}))

    assert (commit.written, commit.unchanged, commit.rows) == (1, 2, 2)
    assert_frame_equal(rows_of(store), brakes({"a": [1.0], "b": [9.0, 8.0], "c": [3.0]}))


def test_other_code_with_the_same_rows_moves_the_pointer_alone(store: Store) -> None:
    store.write(computed({"a": [1.0], "b": [2.0]}, fingerprint="f1"))

    commit = store.write(computed({"a": [1.0], "b": [2.0]}, fingerprint="f2"))

    assert (commit.path, commit.written, commit.rows) == (None, 2, 0)
    assert store.outcomes("hard_brakes")["fingerprint"].to_list() == ["f2", "f2"]
    assert_frame_equal(rows_of(store), brakes({"a": [1.0], "b": [2.0]}))
    assert store.history("hard_brakes", "a")["fingerprint"].to_list() == ["f1", "f2"]


def test_a_result_can_become_a_failure_and_come_back(store: Store) -> None:
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


def test_as_of_reads_what_was_current_then(store: Store) -> None:
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


def test_as_of_wants_a_time_zone(store: Store) -> None:
    store.write(computed({"a": [1.0]}))
    with pytest.raises(StoreError, match=r"as_of must have a time zone, .* got 2026-11-20T12:00"):
        store.scan("hard_brakes", as_of=datetime(2026, 11, 20, 12))


def test_the_version_that_is_read_depends_on_no_log(store: Store) -> None:
    store.write(computed({"a": [1.0]}))
    store.write(computed({"b": [1.0]}, of=definition(version="2.0.0")))

    assert store.outcomes("hard_brakes", logs=["a"]).is_empty()
    assert store.outcomes("hard_brakes", logs=["a"], as_of=datetime.now(UTC)).is_empty()


@pytest.mark.parametrize("value", [1e16, 1e23, -1e300])
def test_a_large_scalar_is_a_number_all_the_same(store: Store, value: float) -> None:
    made = computed({"a": [1.0]})
    store.write(replace(made, summary=made.summary.with_columns(peak_deceleration_mps2=value)))
    assert store.summary("hard_brakes")["peak_deceleration_mps2"].to_list() == [value]


def test_results_follow_one_another_without_gap_or_overlap(store: Store) -> None:
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
    store: Store, shifts: dict[str, int], wanted: list[str] | None
) -> None:
    truth = {"a": [1.0, 2.0], "b": [3.0], "c": [4.0], "d": [5.0]}
    store.write(computed(truth))
    for log_id, shift in shifts.items():
        # Logs written together with it, so that its file is only partly wanted too.
        truth |= {log_id: [truth[log_id][0] + shift], f"beside-{log_id}": [0.5]}
        store.write(computed({log_id: truth[log_id], f"beside-{log_id}": [0.5]}))

    kept = truth if wanted is None else {k: v for k, v in truth.items() if k in wanted}
    assert_frame_equal(rows_of(store, logs=wanted), brakes(kept))


@pytest.mark.parametrize("again", [[], ["log-0-1", "log-3-0"]], ids=["apart", "overlapping"])
def test_many_partly_wanted_files_are_read_as_one(store: Store, again: list[str]) -> None:
    truth: dict[str, list[float | None]] = {}
    for number in range(8):
        batch: dict[str, list[float | None]] = {
            f"log-{number}-{at}": [float(number), float(at)] for at in range(3)
        }
        store.write(computed(batch))
        truth |= batch
    # Their old rows stay in files of which other logs are wanted.
    renewed: dict[str, list[float | None]] = {
        log_id: [float(90 + at)] for at, log_id in enumerate(again)
    }
    store.write(computed({**renewed, "beside": [1.0]}))
    truth |= renewed
    wanted = [log_id for log_id in truth if not log_id.endswith("-2")]

    found = rows_of(store, logs=wanted)

    assert_frame_equal(found, brakes({log_id: truth[log_id] for log_id in wanted}))


def test_the_highest_version_is_read_and_the_others_stay(store: Store) -> None:
    for version, peak in (("1.9.0", 1.0), ("1.10.0", 2.0), ("0.1.0", 3.0)):
        store.write(computed({"a": [peak]}, of=definition(version=version)))

    assert store.versions("hard_brakes") == ["0.1.0", "1.9.0", "1.10.0"]
    assert_frame_equal(rows_of(store), brakes({"a": [2.0]}))
    assert_frame_equal(rows_of(store, version="1.9.0"), brakes({"a": [1.0]}))


def test_domains_are_apart(store: Store) -> None:
    store.write(computed({"a": [1.0]}))
    store.write(computed({"a": [2.0]}), domain="sim")

    assert_frame_equal(rows_of(store, domain="sim"), brakes({"a": [2.0]}))
    assert_frame_equal(rows_of(store), brakes({"a": [1.0]}))


def test_nothing_computed_is_an_error_unless_the_schema_is_known(store: Store) -> None:
    with pytest.raises(NoResultsError, match="nothing was computed of log 'hard_brakes'"):
        store.scan("hard_brakes")
    with pytest.raises(NoResultsError):
        store.summary("hard_brakes")
    assert store.outcomes("hard_brakes").is_empty()
    assert_frame_equal(store.scan("hard_brakes", rows=HardBrakes).collect(), brakes({}))


def test_no_events_at_all_is_an_empty_frame_once_any_row_was_written(store: Store) -> None:
    store.write(computed({"a": []}))
    with pytest.raises(NoResultsError, match="no rows were ever computed"):
        store.scan("hard_brakes")
    assert_frame_equal(store.scan("hard_brakes", rows=HardBrakes).collect(), brakes({}))

    store.write(computed({"b": [1.0]}))

    assert_frame_equal(rows_of(store, logs=["a"]), brakes({}))


def test_load_gives_what_compute_needs(store: Store) -> None:
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


def test_what_is_loaded_is_of_one_moment(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(computed({"a": [1.0]}))
    outcomes = tables.outcomes

    def overtaken(connection: sa.Connection, scope: Scope) -> pl.DataFrame:
        found = outcomes(connection, scope)
        store.write(computed({}, others={"a": Outcome(Status.ABSTAINED, "no tracks")}))
        return found

    monkeypatch.setattr(tables, "outcomes", overtaken)
    loaded = store.load(HARD_BRAKES, ["a"])

    assert loaded.outcomes["a"].status is Status.COMPUTED
    assert_frame_equal(loaded.rows.collect(), brakes({"a": [1.0]}))


def test_row_counts_and_catalog(store: Store) -> None:
    store.write(computed({"a": [1.0, 2.0], "b": []}, others={"x": ABSTAINED}))
    store.write(computed({"a": [1.0]}, of=definition("soft_brakes")))

    counts = store.row_counts(["hard_brakes", "soft_brakes", "none"], ["a", "b"])

    assert counts.rows() == [
        ("hard_brakes", "a", 2),
        ("hard_brakes", "b", 0),
        ("soft_brakes", "a", 1),
    ]
    catalog = store.catalog()
    assert catalog.drop("size_bytes", "committed_at").rows() == [
        ("log", "hard_brakes", "1.0.0", 2, 1, 0, 2),
        ("log", "soft_brakes", "1.0.0", 1, 0, 0, 1),
    ]
    assert (catalog["size_bytes"] > 0).all()


def test_a_broken_contract_writes_nothing(store: Store) -> None:
    store.write(computed({"a": [1.0]}))
    before = objects_in(store), store.outcomes("hard_brakes")

    with pytest.raises(ContractError, match="peak_deceleration_mps2"):
        store.write(computed({"a": [2.0], "b": [-1.0]}))
    with pytest.raises(ContractError, match="not computed: b"):
        store.write(_with_rows_of("b"))

    assert objects_in(store) == before[0]
    assert_frame_equal(store.outcomes("hard_brakes"), before[1])


def _with_rows_of(stranger: str) -> Computed:
    batch = computed({"a": [2.0]})
    return Computed(
        definition=batch.definition,
        rows=pl.concat([batch.rows, brakes({stranger: [1.0]})]),
        outcomes=batch.outcomes,
        summary=batch.summary,
        fingerprints=batch.fingerprints,
    )


def test_a_file_of_many_logs_has_few_row_groups(store: Store) -> None:
    commit = store.write(computed(fleet(1_000, rows=50)))

    assert commit.path is not None
    file = f"{store.objects.root}/{commit.path}"
    assert pl.read_parquet(file)["log_id"].is_sorted()
    assert parquet.read_metadata(file).num_row_groups == 2


def test_other_columns_under_the_same_version_are_refused(store: Store) -> None:
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


def test_columns_in_another_order_are_refused(store: Store) -> None:
    """Files whose columns are in different orders cannot be read together."""
    store.write(computed({"a": [4.0]}))
    made = computed({"b": [5.0]})
    first, second, *others = made.rows.columns
    swapped = made.rows.select(first, *others, second)
    with pytest.raises(StoreError, match=r"columns in another order \(stored .*, now "):
        store._versions.check_columns(Scope("log", "hard_brakes", "1.0.0"), swapped.schema)


def test_a_schema_that_was_never_stored_can_be_corrected(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(HardBrakes):
        """One row per log_id, start_ns."""

        end_speed_mps: float

    wrong = replace(HARD_BRAKES, rows=Wrong)
    rows = brakes({"a": [5.0]}).with_columns(end_speed_mps=pl.lit(1.0))
    made = replace(computed({"a": [5.0]}), definition=wrong, rows=rows)
    with monkeypatch.context() as patch:
        patch.setattr(ObjectRoot, "put", _full)
        with pytest.raises(StoreUnavailableError):
            store.write(made)

    assert store.write(computed({"a": [5.0]})).written == 1

    with pytest.raises(StoreError, match="stored with other columns"):
        store.write(made)


def _full(*_: object) -> None:
    raise StoreUnavailableError("no space left")
