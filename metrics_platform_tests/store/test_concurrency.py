import subprocess
import sys
import time
from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from metrics_platform.core.settings import Settings
from metrics_platform.store import Store
from metrics_platform_tests.store.builders import brakes, computed, fleet

PROCESSES, WRITERS, ROUNDS = 4, 4, 5


def worker(settings: Settings, *arguments: object) -> Sequence[str]:
    task, *numbers = map(str, arguments)
    return [
        *(sys.executable, "-m", "metrics_platform_tests.store.workers", task),
        *(str(settings.home), settings.root, settings.postgres or "", *numbers),
    ]


def test_sixteen_writers_lose_nothing_and_double_nothing(store: Store, settings: Settings) -> None:
    running = [
        subprocess.Popen(
            worker(settings, "write_many", number, WRITERS, ROUNDS), stdout=subprocess.DEVNULL
        )
        for number in range(PROCESSES)
    ]
    assert [process.wait(120) for process in running] == [0] * PROCESSES

    # Every one of the writers wrote the same five logs, in every round with other rows.
    history = store.history("hard_brakes", "shared-00000")
    assert len(history) == PROCESSES * WRITERS * ROUNDS
    assert history["superseded_at"].to_list() == [*history["committed_at"][1:], None]
    rows = store.scan("hard_brakes").collect()
    assert len(rows) == 5 * 5 * (PROCESSES * WRITERS + 1)
    # All logs of one write are of the same write, whoever came last.
    shared = rows.filter(pl.col("log_id").str.starts_with("shared")).sort("log_id", "start_ns")
    shift = shared["peak_deceleration_mps2"][0]
    assert_frame_equal(shared, brakes(fleet(5, prefix="shared", shift=shift)))
    for number in range(PROCESSES):
        for writer in range(WRITERS):
            last = 1_000.0 * (number * WRITERS + writer) + 100 * (ROUNDS - 1)
            own = fleet(5, prefix=f"own-{number}-{writer}", shift=last)
            found = store.scan("hard_brakes", logs=sorted(own)).collect()
            assert_frame_equal(found.sort("log_id", "start_ns"), brakes(own))


def test_a_writer_killed_before_its_commit_harms_nobody(store: Store, settings: Settings) -> None:
    store.write(computed({"a": [1.0], "b": [1.0]}))
    with store.postgres.engine.connect() as connection, connection.begin():
        # It can read the index and put its object, and then waits to move the pointers.
        connection.execute(sa.text("LOCK TABLE metrics_platform.results IN EXCLUSIVE MODE"))
        with subprocess.Popen(worker(settings, "write_once"), stdout=subprocess.DEVNULL) as writer:
            for _ in range(300):
                if len(objects_in(store)) == 2 and _waiting(connection):
                    break
                time.sleep(0.05)
            else:
                raise TimeoutError("the writer has not come to its commit")
            writer.kill()

    assert_frame_equal(store.scan("hard_brakes").collect(), brakes({"a": [1.0], "b": [1.0]}))

    again = store.write(computed({"a": [2.0], "b": [2.0]}))

    assert again.written == 2
    assert_frame_equal(store.scan("hard_brakes").collect(), brakes({"a": [2.0], "b": [2.0]}))
    assert len(store.history("hard_brakes", "a")) == 2
    assert len(objects_in(store)) == 3  # one of them an orphan that nothing points to


def objects_in(store: Store) -> list[str]:
    return [info.path for page in store.objects.pages("log") for info in page]


def _waiting(connection: sa.Connection) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return bool(connection.scalar(sa.text(query)))
