import uuid
from datetime import timedelta

import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from metrics_platform.core.errors import StoreError, StoreUnavailableError
from metrics_platform.store import ObjectRoot, Store, collection
from metrics_platform_tests.store.builders import brakes, computed, fleet
from metrics_platform_tests.store.test_compaction import during_put, objects_in
from metrics_platform_tests.store.test_interleaving import check_objects

NOW, HOUR = timedelta(0), timedelta(hours=1)


def orphan(store: Store, folder: str = "log/hard_brakes/v1.0.0/2026-11-20") -> str:
    """Put an object as a writer does that dies before its commit."""
    path = f"{folder}/{uuid.uuid4()}.parquet"
    store.objects.put(path, b"rows")
    return path


def compacted(store: Store) -> None:
    """Leave eight files that nothing points to."""
    for log, peaks in fleet(8).items():
        store.write(computed({log: peaks}))
    store.compact()


def age(store: Store, hours: float) -> None:
    """Let files have been noted so long ago."""
    with store.postgres.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE metrics_platform.files SET unreferenced_at = now() - :ago"),
            {"ago": timedelta(hours=hours)},
        )


def test_files_and_orphans_are_taken_after_their_grace(any_store: Store) -> None:
    compacted(any_store)
    orphan(any_store)
    orphan(any_store, "sim/hard_brakes/v1.0.0/2026-11-20")

    early = any_store.gc(grace=HOUR)
    assert (early.files, early.orphans, early.waiting, early.size_bytes) == (0, 0, 8, 0)
    assert len(objects_in(any_store)) == 10
    told = any_store.gc(grace=NOW, dry_run=True)
    assert (told.files, told.orphans, told.waiting) == (8, 2, 0)
    assert len(objects_in(any_store)) == 10

    assert any_store.gc(grace=NOW) == told
    assert_frame_equal(any_store.scan("hard_brakes").collect(), brakes(fleet(8)))
    check_objects(any_store)
    again = any_store.gc(grace=NOW)
    assert (again.files, again.orphans, again.size_bytes) == (0, 0, 0)


def test_the_grace_begins_when_nothing_points_to_a_file(store: Store) -> None:
    compacted(store)
    assert store.gc(grace=HOUR).waiting == 8
    age(store, hours=0.9)
    assert store.gc(grace=HOUR).waiting == 8
    age(store, hours=1.1)
    assert store.gc(grace=HOUR, dry_run=True).files == 8
    assert store.gc(grace=HOUR).files == 8


@pytest.mark.parametrize("hours", [0.5, 100])
def test_a_file_that_is_pointed_to_stays_whatever_was_noted(store: Store, hours: float) -> None:
    store.write(computed({"a": [1.0]}))
    age(store, hours)

    assert store.gc(grace=HOUR).files == 0

    with store.postgres.engine.connect() as connection:
        noted = sa.text("SELECT unreferenced_at FROM metrics_platform.files")
        assert connection.scalar(noted) is None
    assert_frame_equal(store.scan("hard_brakes").collect(), brakes({"a": [1.0]}))


def test_what_as_of_reads_is_no_garbage(store: Store) -> None:
    store.write(computed({"a": [1.0]}))
    store.write(computed({"a": [2.0]}))
    assert store.gc(grace=NOW).files == 0
    assert len(objects_in(store)) == 2


@pytest.mark.parametrize("before", [{}, {"a": [1.0], "b": [1.0]}], ids=["new logs", "known logs"])
def test_a_writer_whose_object_is_taken_puts_it_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch, before: dict[str, list[float | None]]
) -> None:
    store.write(computed(before))
    taken = []
    during_put(store, monkeypatch, lambda: taken.append(store.gc(grace=NOW, force=True).orphans))

    commit = store.write(computed({"a": [2.0], "b": [3.0]}))

    assert taken == [1]
    assert (commit.written, commit.rows) == (2, 2)
    assert_frame_equal(store.scan("hard_brakes").collect(), brakes({"a": [2.0], "b": [3.0]}))
    check_objects(store)


def test_an_object_that_is_committed_meanwhile_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = collection._take_orphans

    def overtaken(*arguments: object) -> None:
        store.postgres.transaction(lambda connection: connection.execute(commit))
        take(*arguments)  # type: ignore[arg-type]

    path = orphan(store)
    commit = sa.text(
        "INSERT INTO metrics_platform.files (file_id, path, row_count, size_bytes, committed_at) "
        f"VALUES ('{path[-44:-8]}', '{path}', 1, 1, now())"
    )
    monkeypatch.setattr(collection, "_take_orphans", overtaken)

    assert store.gc(grace=NOW, force=True).orphans == 0
    assert objects_in(store) == [path]


def test_what_a_crash_leaves_is_taken_by_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    compacted(store)
    orphan(store)
    with monkeypatch.context() as patch:
        patch.setattr(ObjectRoot, "delete", _gone)
        # First with the files gone from the index, then with the orphan's name taken.
        for _ in range(2):
            with pytest.raises(StoreUnavailableError):
                store.gc(grace=NOW)
    assert len(objects_in(store)) == 10

    taken = store.gc(grace=NOW)

    assert (taken.files, taken.orphans) == (0, 9)
    check_objects(store)


def _gone(*_: object) -> None:
    raise StoreUnavailableError("gone")


def test_objects_of_others_are_told_and_left(any_store: Store) -> None:
    any_store.write(computed({"a": [1.0]}))
    [own] = objects_in(any_store)
    copy = own.replace("v1.0.0", "v1.0.0-copy")
    theirs = [
        "log/README.md",
        "log/hard_brakes/v1.0.0/2026-11-20/part-0.parquet",
        f"log/hard_brakes/v1.0.0/2026-11-20/{uuid.uuid4()}.parquet.bak",
        f"log/hard_brakes/{uuid.uuid4()}.parquet",
        copy,
        f"inbox/hard_brakes/v1.0.0/2026-11-20/{uuid.uuid4()}.parquet",
        f"lakes/hard_brakes/v1.0.0/2026-11-20/{uuid.uuid4()}.parquet",
    ]
    for path in theirs:
        any_store.objects.put(path, b"theirs")

    taken = any_store.gc(grace=NOW)

    assert (taken.orphans, taken.strangers, sorted(taken.examples)) == (0, 5, sorted(theirs[:5]))
    for path in theirs:
        assert any_store.objects.get(path) == b"theirs"


@pytest.mark.parametrize(("own", "foreign"), [(0, 1), (1, 11), (12, 13)])
def test_the_files_of_another_index_are_not_taken(store: Store, own: int, foreign: int) -> None:
    for number in range(own):
        store.write(computed({f"{number}": [1.0]}))
    for _ in range(foreign):
        orphan(store)

    told = f"{foreign} objects that this index does not know, and {own} that it does: no object was"
    for dry_run in (True, False):
        with pytest.raises(StoreError, match=told):
            store.gc(grace=NOW, dry_run=dry_run)
    assert len(objects_in(store)) == own + foreign

    assert store.gc(grace=NOW, force=True).orphans == foreign
    check_objects(store)


@pytest.mark.parametrize(("own", "left"), [(1, 10), (12, 12)])
def test_what_crashes_leave_is_taken_without_force(store: Store, own: int, left: int) -> None:
    for number in range(own):
        store.write(computed({f"{number}": [1.0]}))
    for _ in range(left):
        orphan(store)
    assert store.gc(grace=NOW).orphans == left


def test_a_root_full_of_known_files_is_not_that_of_an_index_that_lost_its_own(
    store: Store,
) -> None:
    """What counts is what the listing has, not what the index says there is somewhere."""
    for number in range(3):
        store.write(computed({f"{number}": [1.0]}))
    store.objects.delete(objects_in(store))
    orphan(store)
    with pytest.raises(StoreError, match="does not know, and 0 that it does"):
        store.gc(grace=NOW)


def test_many_are_taken_some_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "_AT_ONCE", 3)
    compacted(store)
    for _ in range(7):
        orphan(store)

    taken = store.gc(grace=NOW)

    assert (taken.files, taken.orphans) == (8, 7)
    check_objects(store)


def test_a_negative_grace_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="grace must not be negative, got -1 day"):
        store.gc(grace=timedelta(days=-1))
