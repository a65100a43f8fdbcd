import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from metrics_platform.core.errors import StoreError, StoreUnavailableError
from metrics_platform.store import ObjectRoot, Store, compaction, merge_policy
from metrics_platform.store.compaction import Compaction
from metrics_platform.store.locks import alone
from metrics_platform_tests.store.builders import brakes, computed, definition, fleet
from metrics_platform_tests.store.test_interleaving import check_index, check_objects

NOW = timedelta(0)

Peaks = dict[str, list[float | None]]


def write_apart(store: Store, count: int, *, shift: float = 0.0) -> Peaks:
    """Write some logs into files of their own each; return all their rows."""
    peaks = fleet(3 * count, shift=shift)
    for number in range(count):
        # Each file spans the whole fleet, so that merging has to sort.
        store.write(computed({log: peaks[log] for log in sorted(peaks)[number::count]}))
    return peaks


def objects_in(store: Store) -> list[str]:
    return [info.path for page in store.objects.pages("log") for info in page]


def whole_files(store: Store) -> list[bool]:
    """Whether the index says of each file that all of its rows count."""
    with store.postgres.engine.connect() as connection:
        query = sa.text("SELECT NOT dirty FROM metrics_platform.files ORDER BY committed_at")
        return list(connection.scalars(query))


def test_small_files_become_one_that_is_sorted(any_store: Store) -> None:
    peaks = write_apart(any_store, 10)
    moment = datetime.now(UTC)

    [done] = any_store.compact()

    assert (done.files_before, done.files_after, done.rows) == (10, 1, 150)
    assert_frame_equal(any_store.scan("hard_brakes").collect(), brakes(peaks))
    assert_frame_equal(any_store.scan("hard_brakes", as_of=moment).collect(), brakes(peaks))
    some = ["log-00003", "log-00011"]
    one_by_one = any_store.scan("hard_brakes", logs=some).collect()
    assert_frame_equal(one_by_one, brakes({log: peaks[log] for log in some}))
    # The old files stay for those who read them at this moment.
    assert len(objects_in(any_store)) == 11
    assert any_store.compact(which="all") == []


def test_only_what_is_asked_for_is_compacted(store: Store) -> None:
    for name, version in (("hard_brakes", "1.0.0"), ("hard_brakes", "2.0.0"), ("stops", "1.0.0")):
        for number in range(2):
            store.write(computed({f"{number}": [1.0]}, of=definition(name, version)))
            store.write(computed({f"{number}": [1.0]}, of=definition(name, version)), domain="sim")

    assert store.compact() == []
    assert store.compact("nothing", which="all") == []
    [one] = store.compact("hard_brakes", version="2.0.0", domain="sim", which="all")
    assert (one.domain, one.name, one.version) == ("sim", "hard_brakes", "2.0.0")
    assert len(store.compact("hard_brakes", which="all")) == 3
    assert len(store.compact(which="all")) == 2


def test_of_a_file_with_old_rows_the_others_are_kept(store: Store) -> None:
    store.write(computed({"a": [1.0, 2.0], "b": [3.0], "c": [4.0]}))
    moment = datetime.now(UTC)
    store.write(computed({"b": [5.0]}))
    assert whole_files(store) == [False, True]

    [done] = store.compact(which="dirty")

    assert (done.files_before, done.files_after, done.rows) == (2, 2, 3)
    assert whole_files(store) == [False, True, True]
    rows = store.scan("hard_brakes").collect().sort("log_id", "start_ns")
    assert_frame_equal(rows, brakes({"a": [1.0, 2.0], "b": [5.0], "c": [4.0]}))
    before = store.scan("hard_brakes", as_of=moment).collect().sort("log_id", "start_ns")
    assert_frame_equal(before, brakes({"a": [1.0, 2.0], "b": [3.0], "c": [4.0]}))


def test_results_of_older_code_with_the_same_rows_move_along(store: Store) -> None:
    for fingerprint in ("f1", "f2"):
        for log in "abcdefgh":
            store.write(computed({log: [1.0]}, fingerprint=fingerprint))

    store.compact()
    collected = store.gc(grace=NOW)

    assert collected.files == 8
    assert whole_files(store) == [True]
    assert store.history("hard_brakes", "a")["fingerprint"].to_list() == ["f1", "f2"]


def test_a_large_file_is_taken_apart(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "ROW_GROUP", 20)
    monkeypatch.setattr(merge_policy, "MOST_ROWS", 30)
    peaks = fleet(20)
    store.write(computed(peaks))
    peaks["log-00007"] = [7.0]
    store.write(computed({"log-00007": [7.0]}))

    [done] = store.compact(which="dirty")

    assert (done.files_after, done.rows) == (4, 95)
    assert_frame_equal(
        store.scan("hard_brakes").collect().sort("log_id", "start_ns"), brakes(peaks)
    )
    check_index(store)


def during_put(store: Store, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have `act` happen once, between the next put and the transaction that follows it."""
    put = ObjectRoot.put

    def slow(root: ObjectRoot, path: str, content: bytes) -> None:
        monkeypatch.setattr(ObjectRoot, "put", put)
        put(root, path, content)
        act()

    monkeypatch.setattr(ObjectRoot, "put", slow)


def test_what_is_superseded_meanwhile_moves_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks = write_apart(store, 8)
    moment = datetime.now(UTC)
    before = dict(peaks)
    peaks["log-00001"] = [77.0]
    during_put(store, monkeypatch, lambda: store.write(computed({"log-00001": [77.0]})))

    [done] = store.compact()

    assert done.files_after == 2
    assert whole_files(store) == [False] * 8 + [True, False]
    rows = store.scan("hard_brakes").collect().sort("log_id", "start_ns")
    assert_frame_equal(rows, brakes(peaks))
    assert_frame_equal(store.scan("hard_brakes", as_of=moment).collect(), brakes(before))
    store.gc(grace=NOW)
    check_objects(store)


def test_what_is_pointed_to_anew_meanwhile_is_found(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks = write_apart(store, 8)
    again = {"log-00001": peaks["log-00001"]}
    during_put(store, monkeypatch, lambda: store.write(computed(again, fingerprint="f2")))

    store.compact()

    assert_frame_equal(store.scan("hard_brakes").collect(), brakes(peaks))
    check_index(store)
    store.compact(which="dirty")
    store.gc(grace=NOW)
    assert_frame_equal(store.scan("hard_brakes").collect(), brakes(peaks))
    check_index(store)


def test_whoever_comes_second_leaves_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = write_apart(store, 8)
    others: list[Compaction] = []

    def compact_as_well() -> None:
        others.extend(store.compact())

    during_put(store, monkeypatch, compact_as_well)
    assert len(store.compact()) == 1
    assert others == []
    # Where the lock was lost with its connection, it is noticed.
    write_apart(store, 8, shift=1_000.0)
    peaks = write_apart(store, 8, shift=2_000.0)
    during_put(store, monkeypatch, compact_as_well)
    monkeypatch.setattr(compaction, "alone", _unguarded)
    assert store.compact() == []
    assert len(others) == 1
    assert_frame_equal(store.scan("hard_brakes").collect(), brakes(peaks))
    # Its own object was of no use.
    assert store.gc(grace=NOW).orphans == 1
    check_objects(store)


class _unguarded:
    """In place of the lock."""

    def __init__(self, *arguments: object) -> None:
        pass

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *arguments: object) -> None:
        pass


def test_the_lock_is_held_until_the_end(store: Store) -> None:
    with alone(store.postgres, 1) as first:
        with alone(store.postgres, 1) as second, alone(store.postgres, 2) as other:
            assert (first, second, other) == (True, False, True)
        # Its connection breaks: that is no error of what was done meanwhile.
        with store.postgres.engine.connect() as connection:
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
            )
    with alone(store.postgres, 1) as again:
        assert again


def test_an_object_that_gc_took_meanwhile_is_given_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks = write_apart(store, 8)
    during_put(store, monkeypatch, lambda: store.gc(grace=NOW))

    assert store.compact() == []

    assert_frame_equal(
        store.scan("hard_brakes").collect().sort("log_id", "start_ns"), brakes(peaks)
    )
    assert len(store.compact()) == 1
    assert_frame_equal(store.scan("hard_brakes").collect(), brakes(peaks))


def test_an_answer_that_gets_lost_does_no_harm(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks = write_apart(store, 8)
    move = compaction._move
    calls = []

    def lost(connection: sa.Connection, *arguments: object) -> None:
        move(connection, *arguments)  # type: ignore[arg-type]
        calls.append(arguments)
        if len(calls) == 1:
            connection.commit()
            raise psycopg.OperationalError("server closed the connection")

    monkeypatch.setattr(compaction, "_move", lost)
    [done] = store.compact()

    assert len(calls) == 2
    assert done.files_after == 1
    assert_frame_equal(store.scan("hard_brakes").collect(), brakes(peaks))
    assert store.gc(grace=NOW).orphans == 0


def test_an_attempt_whose_answer_is_lost_is_committed_under_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one waits for the locks of the first, and finds all where it wants it."""
    peaks = write_apart(store, 8)
    move = compaction._move
    calls = []
    lost = store.postgres.engine.connect()

    def committed_late() -> None:
        with store.postgres.engine.connect() as watching:
            waits = sa.text(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            while not watching.execute(waits).scalar_one():
                watching.rollback()
        lost.commit()

    late = threading.Thread(target=committed_late)

    def of_two(connection: sa.Connection, *arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 1:
            move(lost, *arguments)  # type: ignore[arg-type]
            raise psycopg.OperationalError("server closed the connection")
        late.start()
        move(connection, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(compaction, "_move", of_two)
    with lost:
        [done] = store.compact()
        late.join()

    assert (len(calls), done.files_after) == (2, 1)
    assert_frame_equal(store.scan("hard_brakes").collect(), brakes(peaks))
    assert store.gc(grace=NOW).orphans == 0
    check_objects(store)


def _garbled(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _without_first_row(path: Path) -> None:
    pl.read_parquet(path).slice(1).write_parquet(path)


def _with_other_logs(path: Path) -> None:
    shifted = pl.col("log_id").shift(1).fill_null("log-00000")
    pl.read_parquet(path).with_columns(shifted).write_parquet(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_garbled, r"log 'hard_brakes' 1\.0\.0 cannot be compacted: .*specification"),
        (_without_first_row, "another number of rows .*, in one of log/hard_brakes/v1"),
        (_with_other_logs, "rows are not where the index says, in one of log/hard_brakes/v1"),
        (Path.unlink, r"log 'hard_brakes' 1\.0\.0 cannot be compacted: .*parquet"),
    ],
    ids=["no Parquet", "a row is missing", "rows of other logs", "no object"],
)
def test_a_damaged_file_is_told_and_nothing_moves(
    store: Store, damage: Callable[[Path], None], message: str
) -> None:
    write_apart(store, 8)
    before = store.outcomes("hard_brakes"), whole_files(store)
    damage(Path(store.objects.root, objects_in(store)[3]))

    with pytest.raises(StoreError, match=message):
        store.compact()

    assert_frame_equal(store.outcomes("hard_brakes"), before[0])
    assert whole_files(store) == before[1]
    assert len(objects_in(store)) in (7, 8)


def test_what_is_damaged_does_not_keep_the_rest_from_it(store: Store) -> None:
    versions = [definition("a"), definition("b"), definition("c")]
    for number in range(8):
        for of in versions:
            store.write(computed({f"log-{number}": [1.0]}, of=of))
    for name in "ab":
        damaged = next(path for path in objects_in(store) if path.startswith(f"log/{name}/"))
        _garbled(Path(store.objects.root, damaged))

    told = "log 'a' 1.0.0 cannot .*; log 'b' 1.0.0 cannot .*; compacted: log 'c' 1.0.0"
    with pytest.raises(StoreError, match=told) as raised:
        store.compact()

    assert not isinstance(raised.value, StoreUnavailableError)
    assert store.files("c").height == 1
    assert store.files("a").height == store.files("b").height == 8


def test_what_is_damaged_does_not_keep_other_groups_from_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_policy, "MOST_ROWS", 4)
    for number in range(8):
        store.write(computed({f"log-{number}": [1.0]}))
    with store.postgres.engine.connect() as connection:
        oldest = sa.text("SELECT path FROM metrics_platform.files ORDER BY committed_at LIMIT 1")
        path = connection.execute(oldest).scalar_one()
    _garbled(Path(store.objects.root, path))

    with pytest.raises(StoreError, match=r"compacted: log 'hard_brakes' 1\.0\.0"):
        store.compact()

    assert store.files("hard_brakes").height == 5


def test_an_object_root_that_does_not_answer_is_not_damaged(store: Store) -> None:
    write_apart(store, 8)
    path = Path(store.objects.root, objects_in(store)[3])
    path.rename(path.with_suffix(".away"))
    # Of what the machine tells, one that may pass: here too many links on the way.
    path.symlink_to(path)
    with pytest.raises(StoreUnavailableError, match="cannot be compacted"):
        store.compact()
    path.unlink()
    path.with_suffix(".away").rename(path)
    assert len(store.compact()) == 1


def test_readers_and_writers_go_on_meanwhile(store: Store) -> None:
    """Every reader sees each log once and whole; every writer's last word stands."""
    logs, writers, rounds = 24, 3, 25
    for part in range(writers):
        store.write(computed(fleet(logs, prefix=f"w{part}")))
    stop, errors = threading.Event(), list[BaseException]()

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                errors.append(error)
                raise

        return run

    def write(part: int) -> None:
        all_logs = fleet(logs, prefix=f"w{part}")
        for number in range(rounds):
            shifted = fleet(logs, prefix=f"w{part}", shift=1_000.0 * number)
            some = sorted(all_logs)[number % 3 :: 1 + number % 4]
            # Some of its own, and one that all writers write.
            store.write(computed({log: shifted[log] for log in some}))
            store.write(computed({"w-shared": [float(number)] * 5}))
        store.write(computed(fleet(logs, prefix=f"w{part}", shift=9e5)))

    def maintain() -> None:
        while not stop.is_set():
            store.compact(which="all")
            store.gc(grace=timedelta(hours=1))

    def read() -> None:
        while not stop.is_set():
            rows = store.scan("hard_brakes").collect()
            counts = rows.group_by("log_id").agg(
                pl.len(), first=pl.col("start_ns").min(), last=pl.col("start_ns").max()
            )
            assert counts.filter(pl.col("log_id") != "w-shared").height == writers * logs
            assert counts.select("len", "first", "last").unique().rows() == [(5, 0, 4_000)]

    others = [threading.Thread(target=guarded(work)) for work in (maintain, maintain, read)]
    own = [threading.Thread(target=guarded(partial(write, part))) for part in range(writers)]
    for thread in [*own, *others]:
        thread.start()
    for thread in own:
        thread.join()
    stop.set()
    for thread in others:
        thread.join()

    assert errors == []
    last = {k: v for p in range(writers) for k, v in fleet(logs, prefix=f"w{p}", shift=9e5).items()}
    rows = store.scan("hard_brakes", logs=sorted(last)).collect().sort("log_id", "start_ns")
    assert_frame_equal(rows, brakes(last))
    check_index(store)
    store.compact(which="all")
    store.gc(grace=NOW)
    check_objects(store)
