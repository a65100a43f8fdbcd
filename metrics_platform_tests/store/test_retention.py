from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from metrics_platform.core.errors import NoResultsError, StoreError
from metrics_platform.store import Store, retention
from metrics_platform.store.locks import alone
from metrics_platform_tests.store.builders import brakes, computed, definition, fleet
from metrics_platform_tests.store.test_compaction import during_put, objects_in, whole_files
from metrics_platform_tests.store.test_interleaving import check_index, check_objects

NOW, HOUR = timedelta(0), timedelta(hours=1)


def versions_in(store: Store) -> list[str]:
    with store.postgres.engine.connect() as connection:
        query = sa.text("SELECT version FROM metrics_platform.versions ORDER BY version")
        return list(connection.scalars(query))


def test_nothing_is_deleted_unless_asked_for(store: Store) -> None:
    for version in ("1.0.0", "2.0.0"):
        for peak in (1.0, 2.0):
            store.write(computed({"a": [peak]}, of=definition(version=version)))

    done = store.retain()

    assert (done.superseded, done.of_versions, done.versions, done.commits) == (0, 0, [], 0)
    assert len(store.history("hard_brakes", "a")) == 4


def test_superseded_results_are_deleted_when_they_are_old(store: Store) -> None:
    for peak in (1.0, 2.0, 3.0):
        store.write(computed({"a": [peak], "b": [9.0]}))
    with store.postgres.engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE metrics_platform.results SET superseded_at = now() - interval '2 hours' "
                "WHERE superseded_at = (SELECT min(superseded_at) FROM metrics_platform.results)"
            )
        )

    told = store.retain(keep_superseded=HOUR, dry_run=True)
    assert len(store.history("hard_brakes", "a")) == 3

    assert store.retain(keep_superseded=HOUR) == told
    assert told.superseded == 1
    assert len(store.history("hard_brakes", "a")) == 2
    assert store.retain(keep_superseded=NOW).superseded == 1
    assert_frame_equal(
        store.scan("hard_brakes").collect().sort("log_id"), brakes({"a": [3.0], "b": [9.0]})
    )
    # The first file also holds the rows of b.
    assert store.gc(grace=NOW).files == 1
    check_objects(store)


def test_a_file_stays_whole_where_newer_results_have_the_same_rows(store: Store) -> None:
    store.write(computed({"a": [1.0]}, fingerprint="f1"))
    store.write(computed({"a": [1.0]}, fingerprint="f2"))

    assert store.retain(keep_superseded=NOW).superseded == 1

    assert whole_files(store) == [True]
    assert store.gc(grace=NOW).files == 0
    check_index(store)


def test_old_versions_go_and_the_newest_stay(any_store: Store) -> None:
    numbers = ("0.9.0", "0.10.0", "1.0.0")
    for version in numbers:
        any_store.write(computed({"a": [1.0], "b": []}, of=definition(version=version)))
    any_store.write(computed({"a": [1.0]}, of=definition("stops", "0.1.0")))

    told = any_store.retain(keep_versions=2, dry_run=True)
    assert any_store.versions("hard_brakes") == [*numbers]
    done = any_store.retain(keep_versions=2)

    assert done == told
    assert (done.versions, done.of_versions) == (["log/hard_brakes 0.9.0"], 2)
    assert any_store.versions("hard_brakes") == ["0.10.0", "1.0.0"]
    assert any_store.versions("stops") == ["0.1.0"]
    assert any_store.gc(grace=NOW).files == 1
    check_objects(any_store)
    # The record of what it cost keeps its number.
    assert versions_in(any_store) == ["0.1.0", "0.10.0", "0.9.0", "1.0.0"]
    assert any_store.retain(keep_versions=2, keep_commits=NOW).commits == 4
    assert versions_in(any_store) == ["0.1.0", "0.10.0", "1.0.0"]


def test_a_version_goes_at_once_or_not_at_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1.0.0", "2.0.0"):
        store.write(computed(fleet(4), of=definition(version=version)))
    delete_some = retention._delete_some
    deleted = []

    def interrupted(connection: sa.Connection, **arguments: object) -> int:
        deleted.append(delete_some(connection, **arguments))  # type: ignore[arg-type]
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(retention, "_AT_ONCE", 3)
        patch.setattr(retention, "_delete_some", interrupted)
        with pytest.raises(InterruptedError):
            store.retain(keep_versions=1)

    assert deleted == [4]
    rows = store.scan("hard_brakes", version="1.0.0").collect()
    assert_frame_equal(rows, brakes(fleet(4)))
    check_index(store)
    assert store.retain(keep_versions=1).of_versions == 4
    assert store.scan("hard_brakes", version="1.0.0").collect().is_empty()


def test_what_is_in_use_stays_however_old(store: Store) -> None:
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        store.write(computed({"a": [1.0]}, of=definition(version=version)))
    done = store.retain(keep_versions=1, in_use=[("hard_brakes", "1.0.0"), ("stops", "2.0.0")])
    assert done.versions == ["log/hard_brakes 2.0.0"]
    assert store.versions("hard_brakes") == ["1.0.0", "3.0.0"]


def test_a_writer_of_a_version_that_was_deleted_makes_it_anew(store: Store) -> None:
    old = definition(version="1.0.0")
    store.write(computed({"a": [1.0]}, of=old))
    store.write(computed({"a": [1.0]}, of=definition(version="2.0.0")))
    store.retain(keep_versions=1, keep_commits=NOW)
    store.gc(grace=NOW)
    store.retain(keep_versions=1, keep_commits=NOW)
    assert versions_in(store) == ["2.0.0"]

    # This store remembers its number.
    assert store.write(computed({"a": [3.0]}, of=old)).written == 1
    store.write(computed({"b": []}, of=old))

    rows = store.scan("hard_brakes", version="1.0.0").collect()
    assert_frame_equal(rows, brakes({"a": [3.0]}))


def test_a_version_deleted_under_a_writer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    old = definition(version="1.0.0")
    store.write(computed({"a": [1.0], "b": [1.0]}, of=old))
    store.write(computed({"a": [1.0]}, of=definition(version="2.0.0")))

    def delete() -> None:
        store.retain(keep_versions=1, keep_commits=NOW)
        store.gc(grace=HOUR)

    during_put(store, monkeypatch, delete)
    # Of b the rows are known, and a pointer to them would do, had they not just been deleted.
    store.write(computed({"a": [5.0], "b": [1.0]}, of=old, fingerprint="f2"))

    rows = store.scan("hard_brakes", version="1.0.0").collect()
    assert_frame_equal(rows, brakes({"a": [5.0], "b": [1.0]}))
    check_index(store)


def test_old_rows_of_deleted_results_never_appear(store: Store) -> None:
    """Their logs are elsewhere now, and more files are partly wanted than are scanned one by one.

    What tells the rows apart is the pair of file and log.
    """
    truth: dict[str, list[float | None]] = {}
    for number in range(20):
        batch: dict[str, list[float | None]] = {
            f"{number}-{at}": [float(number), float(at)] for at in range(3)
        }
        store.write(computed(batch))
        truth |= batch
    again: dict[str, list[float | None]] = {f"{number}-0": [500.0 + number] for number in range(20)}
    store.write(computed(again))
    truth |= again
    store.retain(keep_superseded=NOW)

    rows = store.scan("hard_brakes").collect().sort("log_id", "start_ns")
    assert_frame_equal(rows, brakes(truth))
    wanted = [log for log in truth if not log.endswith("-2")]
    rows = store.scan("hard_brakes", logs=wanted).collect().sort("log_id", "start_ns")
    assert_frame_equal(rows, brakes({log: truth[log] for log in wanted}))
    store.compact()
    assert store.gc(grace=NOW).files == 21
    rows = store.scan("hard_brakes").collect().sort("log_id", "start_ns")
    assert_frame_equal(rows, brakes(truth))
    assert len(objects_in(store)) == 1


def test_a_version_that_is_being_compacted_is_left(store: Store) -> None:
    store.write(computed({"a": [1.0]}))
    store.write(computed({"a": [2.0]}))
    store.write(computed({"a": [2.0]}, of=definition(version="2.0.0")))
    with alone(store.postgres, 1):
        assert store.retain(keep_superseded=NOW).superseded == 0
        left = store.retain(keep_versions=1)
        assert (left.versions, left.of_versions) == ([], 0)
    assert store.retain(keep_superseded=NOW).superseded == 1
    assert store.retain(keep_versions=1).versions == ["log/hard_brakes 1.0.0"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"keep_versions": 0}, "at least one version must be kept, got 0"),
        ({"keep_superseded": timedelta(days=-1)}, "must not be negative, got -1 day"),
        ({"keep_commits": timedelta(days=-1)}, "must not be negative, got -1 day"),
    ],
    ids=["no version", "superseded", "commits"],
)
def test_what_makes_no_sense_is_refused(
    store: Store, asked: dict[str, object], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        store.retain(**asked)  # type: ignore[arg-type]


def test_as_of_reaches_back_as_far_as_results_are_kept(store: Store) -> None:
    store.write(computed({"a": [1.0], "b": [1.0]}))
    first = datetime.now(UTC)
    store.write(computed({"a": [2.0]}))
    second = datetime.now(UTC)
    assert store.scan("hard_brakes", as_of=first).collect().height == 2

    store.retain(keep_superseded=HOUR)
    assert store.scan("hard_brakes", as_of=first).collect().height == 2
    store.retain(keep_superseded=NOW)
    # Of b everything is still there, and half of the fleet would be no answer.
    for read in (store.scan, store.outcomes, store.summary):
        for version in (None, "1.0.0"):
            with pytest.raises(StoreError, match=r"1\.0\.0 before .* are no longer kept"):
                read("hard_brakes", version=version, as_of=first)
    with pytest.raises(StoreError, match="are no longer kept"):
        store.scan("hard_brakes", as_of=first, rows=definition().rows)
    assert_frame_equal(
        store.scan("hard_brakes", as_of=second).collect().sort("log_id"),
        brakes({"a": [2.0], "b": [1.0]}),
    )

    store.write(computed({"a": [3.0]}))
    store.retain(keep_superseded=NOW)
    with pytest.raises(StoreError, match="are no longer kept"):
        store.scan("hard_brakes", as_of=second)


def test_as_of_before_a_version_was_deleted(store: Store) -> None:
    store.write(computed({"a": [1.0]}))
    moment = datetime.now(UTC)
    store.write(computed({"a": [1.0]}, of=definition(version="2.0.0")))
    store.retain(keep_versions=1)
    with pytest.raises(StoreError, match="are no longer kept"):
        store.scan("hard_brakes", version="1.0.0", as_of=moment)
    with pytest.raises(NoResultsError):
        store.scan("hard_brakes", as_of=moment)
