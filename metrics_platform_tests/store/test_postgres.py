import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from metrics_platform.core.errors import ConfigurationError, StoreUnavailableError
from metrics_platform.core.settings import Settings
from metrics_platform.store import Store, dagster_url, index_url
from metrics_platform.store.embedded import embedded_url, stop_embedded
from metrics_platform_tests.store.builders import brakes, computed
from metrics_platform_tests.store.test_concurrency import worker


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_any_form_of_url_is_taken(scheme: str, tmp_path: Path) -> None:
    given = f"{scheme}://me:p%40ss@db.example:6432/metrics?sslmode=require"
    settings = Settings(home=tmp_path, root=str(tmp_path), postgres=given)

    assert index_url(settings).render_as_string(hide_password=False) == (
        "postgresql+psycopg://me:p%40ss@db.example:6432/metrics?sslmode=require"
    )
    assert dagster_url(settings) == (
        "postgresql+psycopg2://me:p%40ss@db.example:6432/metrics?sslmode=require"
    )


@pytest.mark.parametrize("url", ["db.example", "mysql://db/metrics"])
def test_what_is_no_postgres_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="METRICS_PLATFORM_POSTGRES must be postgresql://"):
        index_url(Settings(home=tmp_path, root=str(tmp_path), postgres=url))


def test_a_postgres_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://me:secret@127.0.0.1:1/metrics"
    settings = Settings(home=tmp_path, root=str(tmp_path), postgres=url)

    with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:1/metrics") as raised:
        Store.open(settings, patience_s=0.2)

    assert "secret" not in str(raised.value)


def test_both_drivers_reach_the_same_database(settings: Settings) -> None:
    engine = sa.create_engine(dagster_url(settings))
    with engine.connect() as connection:
        assert (
            connection.scalar(sa.text("SELECT current_database()")) == index_url(settings).database
        )
    engine.dispose()


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with an embedded Postgres of its own."""
    folder = Path(tempfile.mkdtemp(prefix="mp-"))
    yield folder
    stop_embedded(folder)
    shutil.rmtree(folder)


def embedded(home: Path) -> Settings:
    return Settings(home=home, root=str(home / "objects"))


def postmaster(home: Path) -> int | None:
    file = home / "postgres/postmaster.pid"
    return int(file.read_text().split()[0]) if file.exists() else None


def test_a_write_outlives_a_restart_of_postgres(home: Path) -> None:
    url = embedded_url(home).render_as_string(hide_password=False)
    # Told as a URL, it is not ours to start: the store has to wait for it.
    settings = Settings(home=home, root=str(home / "objects"), postgres=url)
    with Store.open(settings, patience_s=30) as store, ThreadPoolExecutor(1) as pool:
        store.write(computed({"a": [1.0], "b": [1.0]}))
        with store.postgres.engine.connect() as blocker:
            blocker.execute(sa.text("LOCK TABLE metrics_platform.results IN EXCLUSIVE MODE"))
            writing = pool.submit(store.write, computed({"a": [2.0], "b": [2.0]}))
            time.sleep(0.5)
            assert not writing.done()
            assert stop_embedded(home)
            blocker.invalidate()
        time.sleep(0.5)
        assert not writing.done()
        embedded_url(home)

        assert writing.result(30).written == 2
        rows = store.scan("hard_brakes").collect()
        assert_frame_equal(rows, brakes({"a": [2.0], "b": [2.0]}))
        assert len(store.history("hard_brakes", "a")) == 2


def test_an_embedded_server_that_was_killed_is_started_again(home: Path) -> None:
    with Store.open(embedded(home), patience_s=30) as store:
        store.write(computed({"a": [1.0]}))
        before = postmaster(home)
        assert before is not None
        os.kill(before, signal.SIGKILL)

        store.write(computed({"a": [2.0]}))

        assert postmaster(home) != before
        assert_frame_equal(store.scan("hard_brakes").collect(), brakes({"a": [2.0]}))


def test_a_pid_that_is_another_program_by_now_keeps_nobody_out(home: Path) -> None:
    embedded_url(home)
    assert stop_embedded(home)
    (home / "postgres/postmaster.pid").write_text(
        f"{os.getpid()}\n{home}/postgres\n1\n5432\n{home}/postgres\n\n  1 1\nready\n"
    )

    with Store.open(embedded(home)) as store:
        assert store.versions("hard_brakes") == []


def test_processes_share_a_server_until_the_last_one_leaves(home: Path) -> None:
    settings = embedded(home)
    waiting = [_start(worker(settings, "wait")) for _ in range(3)]
    for process in waiting:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
    server = postmaster(home)
    first, second, last = waiting
    # However one leaves, the others go on.
    first.kill()
    first.communicate()
    second.communicate("\n")
    assert subprocess.run(worker(settings, "write_once"), capture_output=True).returncode == 0
    assert postmaster(home) == server

    last.communicate("\n")

    assert last.returncode == 0
    assert postmaster(home) is None


def _start(command: Sequence[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def test_a_home_whose_path_a_server_cannot_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the path holds"):
        index_url(embedded(tmp_path / "with space"))


def test_a_home_that_cannot_be_made_is_named() -> None:
    with pytest.raises(StoreUnavailableError, match="/proc/nowhere"):
        index_url(embedded(Path("/proc/nowhere")))


def test_a_forked_child_leaves_its_parents_connections_alone(store: Store) -> None:
    store.write(computed({"a": [1.0]}))
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from metrics_platform.core.settings import Settings\n"
        "from metrics_platform.store import Store\n"
        "store = Store.open(Settings(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))\n"
        "child = os.fork()\n"
        "assert len(store.history('hard_brakes', 'a')) == 1\n"
        "if child: assert os.waitpid(child, 0)[1] == 0\n"
        "assert len(store.history('hard_brakes', 'a')) == 1\n"
    )
    settings = store.postgres.settings
    arguments = [str(settings.home), settings.root, settings.postgres or ""]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
