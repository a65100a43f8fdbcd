import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from polars.testing import assert_frame_equal

from metrics_platform.core.errors import StoreUnavailableError
from metrics_platform.core.settings import Settings
from metrics_platform.store import Store, index_url
from metrics_platform.store.embedded import embedded_url
from metrics_platform_tests.store.builders import brakes, computed
from metrics_platform_tests.store.faults.crew import SOAK, Crew
from metrics_platform_tests.store.faults.integrity import assert_whole

ROUNDS = 15 if SOAK else 1
# To the server itself: killed; stopped without an orderly end; stopped. Else to one of those
# that serve a client, after which the server throws out all clients and recovers.
WAYS = (signal.SIGKILL, signal.SIGQUIT, signal.SIGINT, None)


def test_while_postgres_is_away_all_wait_and_then_go_on(
    own_server: Settings, tmp_path: Path
) -> None:
    rng = random.Random(0)
    with Store.open(own_server) as store:
        with Crew(own_server, tmp_path / "crew", ["compact", "collect", "read", "read"]) as crew:
            for way in [*WAYS] * ROUNDS:
                crew.wait(1.0 + rng.random())
                if way is None:
                    os.kill(a_client(store), signal.SIGKILL)
                else:
                    server = postmaster(own_server.home)
                    os.kill(server, way)
                    time.sleep(rng.random())
                    start(own_server.home, server)
            crew.wait(1.0)
            crew.finish("reads", "merged")
        assert_whole(store, crew.journal)


def test_a_server_that_is_still_stopping_is_waited_for(own_server: Settings) -> None:
    engine = sa.create_engine(index_url(own_server))
    # In no URL: it is ours to start again.
    with Store.open(replace(own_server, postgres=None)) as store, ThreadPoolExecutor(1) as pool:
        store.write(computed({"a": [1.0]}))
        store.close()
        with engine.connect() as client:
            client.execute(sa.text("SELECT 1"))
            # It lets nobody in any more, and waits until those who are there have left.
            os.kill(postmaster(own_server.home), signal.SIGTERM)
            writing = pool.submit(store.write, computed({"a": [2.0]}))
            time.sleep(1.0)
            assert not writing.done()
        engine.dispose()

        assert writing.result(60).written == 1
        assert_frame_equal(store.scan("hard_brakes").collect(), brakes({"a": [2.0]}))


def a_client(store: Store) -> int:
    """Return the process in which Postgres serves one of the others."""
    query = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active'"
    others = sa.text(f"{query} AND backend_type = 'client backend' LIMIT 1")
    while (pid := store.postgres.transaction(lambda c: c.scalar(others))) is None:
        time.sleep(0.001)
    return int(pid)


def postmaster(home: Path) -> int:
    return int((home / "postgres/postmaster.pid").read_text().split()[0])


def start(home: Path, before: int) -> None:
    """Start the server, once nothing is left of the one `before`."""
    for _ in range(300):
        with suppress(StoreUnavailableError, FileNotFoundError):
            embedded_url(home)
            if postmaster(home) != before:
                return
        time.sleep(0.1)
    raise TimeoutError("Postgres does not start again")
