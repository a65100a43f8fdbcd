"""Steps in whose surroundings something fails for a while, and steps that are wrong for good."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from dagster import DagsterEventType, DagsterInstance, ExecuteInProcessResult, RetryRequested
from sqlalchemy.exc import OperationalError

from metrics_platform.core.errors import StoreUnavailableError
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration import retries
from metrics_platform.store import Store
from metrics_platform.store.embedded import embedded_url, stop_embedded
from metrics_platform_tests.orchestration.bad_recordings import good
from metrics_platform_tests.orchestration.faulty import catalog_with, sample_counts, waiting
from metrics_platform_tests.orchestration.platform import Platform, store_recorded


def tried_again(instance: DagsterInstance) -> int:
    """Return how many steps of all runs were, or are about to be, tried again."""
    return sum(
        len(instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_UP_FOR_RETRY))
        for run in instance.get_runs()
    )


@contextmanager
def once_tried_again(instance: DagsterInstance, repair: Callable[[], object]) -> Iterator[None]:
    """Call `repair` as soon as a step waits to be tried again."""
    ended = threading.Event()

    def watch() -> bool:
        while not ended.wait(0.02):
            if tried_again(instance):
                repair()
                return True
        return False

    with ThreadPoolExecutor(1) as pool:
        repaired = pool.submit(watch)
        try:
            yield
        finally:
            ended.set()
        assert repaired.result(), "no step was tried again"


def test_an_object_root_that_cannot_be_written_for_a_while(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spools = tmp_path / "spools"
    spools.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spools))
    p = platform.having(catalog_with(sample_counts), quiet_s=0.0)
    good(p.inbox / "a.mcap")
    [request] = p.tick().run_requests or ()
    in_the_way = Path(p.settings.root) / "log"
    in_the_way.write_text("")

    with once_tried_again(p.instance, in_the_way.unlink):
        assert p.launch(request).success

    assert p.states() == {"a": "read"}
    assert p.statuses("sample_counts") == {"a": "computed"}
    assert len(p.store.history("ego_poses", "a")) == 1
    # Each try gives its disk back: the next one needs it.
    assert list(spools.iterdir()) == []


def test_rows_that_cannot_be_read_for_a_while(platform: Platform) -> None:
    p = platform.having(catalog_with(sample_counts))
    logs = store_recorded(p.store, 3)
    stored = Path(p.settings.root) / "log" / "ego_poses"
    away = stored.with_name("away")
    stored.rename(away)

    with once_tried_again(p.instance, lambda: away.rename(stored)):
        assert p.run(logs, "sample_counts").success

    assert p.statuses("sample_counts") == dict.fromkeys(logs, "computed")


def test_postgres_stays_away_for_longer_than_the_store_has_patience(
    platform: Platform, own_server: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster has a Postgres of its own here, and goes on."""
    monkeypatch.setattr(Store, "open", partial(Store.open, patience_s=0.3))
    flags = platform.settings.home
    with Store.open(own_server) as store, ThreadPoolExecutor(1) as pool:
        p = Platform(own_server, platform.instance, store, catalog_with(waiting))
        logs = store_recorded(store, 3)
        running = pool.submit(p.run, logs, "waiting")
        _wait_for(flags / "under-way")
        assert stop_embedded(own_server.home)
        with once_tried_again(p.instance, partial(embedded_url, own_server.home)):
            (flags / "go-on").touch()
            assert running.result(60).success

        assert p.statuses("waiting") == dict.fromkeys(logs, "computed")
        for log_id in logs:
            assert len(store.history("waiting", log_id)) == 1


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_stays_broken_is_given_up_after_a_few_tries(platform: Platform) -> None:
    p = platform.having(catalog_with(sample_counts), quiet_s=0.0)
    good(p.inbox / "a.mcap")
    [request] = p.tick().run_requests or ()
    (Path(p.settings.root) / "log").write_text("")

    assert not p.launch(request).success

    assert tried_again(p.instance) == retries.TRANSIENT.max_retries
    assert p.states() == {"a": "requested"}


def test_a_fault_of_our_own_is_not_tried_again(platform: Platform) -> None:
    p = platform.having(catalog_with(sample_counts), quiet_s=0.0, readers=Path("nowhere.toml"))
    good(p.inbox / "a.mcap")
    [request] = p.tick().run_requests or ()

    result = p.launch(request)

    assert not result.success
    assert "nowhere.toml" in _failure(result)
    assert tried_again(p.instance) == 0


def _failure(result: ExecuteInProcessResult) -> str:
    [event] = [event for event in result.all_events if event.is_step_failure]
    return str(event.step_failure_data.error)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (StoreUnavailableError("away"), True),
        (OSError(28, "No space left on device"), True),
        (OperationalError("SELECT 1", {}, Exception("the server closed the connection")), True),
        (FileNotFoundError("readers.toml"), False),
        (PermissionError("readers.toml"), False),
        (ValueError("wrong"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_passes_by_itself_is_tried_again(error: Exception, again: bool) -> None:
    with (
        pytest.raises(RetryRequested if again else type(error)),
        retries.transient_faults_retried(0),
    ):
        raise error


def test_each_try_waits_longer_than_the_one_before() -> None:
    delays = [retries.TRANSIENT.calculate_delay(attempt) for attempt in (1, 2, 3)]
    assert delays == sorted(delays)
