from dataclasses import replace

import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal
from pyarrow import parquet

from metrics_platform.core import Computed, Outcome, Status
from metrics_platform.core.errors import (
    ContractError,
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
