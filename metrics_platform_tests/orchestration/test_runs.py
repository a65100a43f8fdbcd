"""Real runs in which something goes wrong: it costs what it has to, is told, and nothing more."""

import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from dagster import ExecuteInProcessResult

from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.dev import dagster_environment
from metrics_platform.store import Store
from metrics_platform.store.embedded import embedded_url, stop_embedded
from metrics_platform_tests.conftest import administer
from metrics_platform_tests.orchestration.bad_recordings import BUILDERS, good
from metrics_platform_tests.orchestration.faulty import (
    FAULTY_LOG,
    catalog_with,
    counts_after,
    sample_counts,
    waiting,
)
from metrics_platform_tests.orchestration.platform import (
    Platform,
    instance_in,
    metadata_of,
    store_recorded,
)

# One run over recordings good and bad for all: it is made once.
pytestmark = pytest.mark.xdist_group("runs")


def told(result: ExecuteInProcessResult, platform: Platform) -> list[str]:
    """Return the error lines of a run, as the UI shows them."""
    entries = platform.instance.all_logs(result.run_id)
    return [entry.user_message for entry in entries if entry.level == 40]


def test_a_metric_that_raises_on_one_log_costs_that_log_only(platform: Platform) -> None:
    p = platform.having(catalog_with(sample_counts, counts_after))
    logs = store_recorded(p.store, 9)

    result = p.run(logs, "sample_counts", "counts_after")

    assert result.success
    assert p.statuses("sample_counts") == {
        log_id: "failed" if log_id == FAULTY_LOG else "computed" for log_id in logs
    }
    assert len(p.store.scan("sample_counts").collect()) == 8
    [line] = [line for line in told(result, p) if "sample_counts" in line]
    assert line.startswith(f"sample_counts failed for log {FAULTY_LOG}: ")
    assert f"no way to count {FAULTY_LOG}" in line
    found = metadata_of(result, "log__sample_counts")
    assert (found["coverage"], found["failed"]) == ("8 of 9 logs", 1)
    # What needs it abstains, and says whose fault it is.
    outcomes = dict(p.store.outcomes("counts_after").select("log_id", "reason").iter_rows())
    assert str(outcomes[FAULTY_LOG]).startswith("sample_counts failed: ")


def test_a_log_without_a_signal_abstains_with_the_reason(platform: Platform) -> None:
    p = platform.having(catalog_with(sample_counts, counts_after))
    logs = store_recorded(p.store, 9)
    recorded = p.store.outcomes("tracks").filter(pl.col("status") == "abstained")
    without = recorded["log_id"].to_list()
    assert without

    result = p.run(logs, "sample_counts", "counts_after")

    outcomes = p.store.outcomes("counts_after").filter(pl.col("log_id").is_in(without))
    assert set(outcomes["status"]) == {"abstained"}
    assert set(outcomes["reason"]) == {"no tracks: the recording has no tracks"}
    assert metadata_of(result, "log__counts_after")["abstained"] == len({*without, FAULTY_LOG})


def test_a_killed_worker_leaves_what_it_had_and_the_next_run_completes_it(
    platform: Platform,
) -> None:
    # The daemon's environment is that of its run workers.
    logs = store_recorded(platform.store, 6)
    platform.instance.add_dynamic_partitions("log", logs)
    environment = {**_environment(platform), "METRICS_PLATFORM_BATCH_BYTES": "1"}
    command = [sys.executable, "-m", "metrics_platform_tests.orchestration.worker", *logs]
    (platform.settings.home / "deadly").touch()

    killed = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr.decode()[-2_000:]
    left = platform.store.scan("deadly").collect()
    assert sorted(left["log_id"]) == logs[: logs.index(FAULTY_LOG)]

    again = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr.decode()[-2_000:]
    assert sorted(platform.store.scan("deadly").collect()["log_id"]) == logs
    assert platform.statuses("deadly") == dict.fromkeys(logs, "computed")
    for log_id in logs:
        assert len(platform.store.history("deadly", log_id)) == 1


def _environment(platform: Platform) -> dict[str, str]:
    return dict(dagster_environment(platform.settings))


def test_postgres_stops_and_starts_in_the_middle_of_a_run(
    own_server: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        instance_in(own_server, monkeypatch) as instance,
        Store.open(own_server) as store,
        ThreadPoolExecutor(1) as pool,
    ):
        p = Platform(own_server, instance, store, catalog_with(waiting))
        logs = store_recorded(store, 5)
        instance.add_dynamic_partitions("log", logs)
        running = pool.submit(p.run, logs, "waiting")
        _wait_for(own_server.home / "under-way")
        assert stop_embedded(own_server.home)
        (own_server.home / "go-on").touch()
        threading.Event().wait(1.0)
        assert not running.done()
        embedded_url(own_server.home)

        assert running.result(60).success
        assert p.statuses("waiting") == dict.fromkeys(logs, "computed")
        assert len(store.scan("waiting").collect()) == 5
        for log_id in logs:
            assert len(store.history("waiting", log_id)) == 1


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@dataclass(frozen=True)
class TakenIn:
    """The platform after one run over recordings good and bad."""

    platform: Platform
    result: ExecuteInProcessResult


@pytest.fixture(scope="module")
def taken_in(
    postgres_server: sa.URL, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TakenIn]:
    """One inbox with all of `BUILDERS`, the same twice and one id for two; one ranged run."""
    home = tmp_path_factory.mktemp("bad")
    name = f"test_{uuid.uuid4().hex}"
    administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE {template_database}")
    url = postgres_server.set(database=name).render_as_string(hide_password=False)
    settings = Settings(home=home, root=str(home / "objects"), postgres=url, quiet_s=0.0)
    with (
        pytest.MonkeyPatch.context() as patch,
        instance_in(settings, patch) as instance,
        Store.open(settings) as store,
    ):
        platform = Platform(settings, instance, store, default_catalog())
        for builder_name, build in BUILDERS.items():
            build(platform.inbox / f"{builder_name}.mcap")
        shutil.copyfile(platform.inbox / "good.mcap", platform.inbox / "the_same_again.mcap")
        shutil.copyfile(platform.inbox / "garbage.mcap", platform.inbox / "good.zip")
        [request] = platform.tick().run_requests or ()
        yield TakenIn(platform, platform.launch(request))
    administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


def test_the_run_over_all_of_them_succeeds(taken_in: TakenIn) -> None:
    assert taken_in.result.success
    logs = {*BUILDERS, "the_same_again"}
    assert taken_in.platform.states().keys() == logs
    for definition in default_catalog():
        assert taken_in.platform.statuses(definition.name).keys() == logs


@pytest.mark.parametrize(
    ("log_id", "reason"),
    [
        ("empty_file", "empty_file.mcap is not a recording in a known format: it is an empty file"),
        ("empty_folder", "a folder with readme.txt"),
        ("garbage", "a file of 10000 bytes that begins with b'disk full"),
        ("unknown_schema", "no topic is a pose, a vehicle speed"),
        ("nothing_but_nan", "not one usable row, 41 of 41 rows with absent, NaN or infinite x_m"),
        ("clock_set_back", "ego_poses: the recording's clock jumps back by 1.900 s"),
        ("the_same_again", "same recording as log good"),
    ],
)
def test_a_recording_beyond_use_is_put_aside_and_told_of(
    taken_in: TakenIn, log_id: str, reason: str
) -> None:
    platform = taken_in.platform
    assert platform.states()[log_id] == "quarantined"
    assert reason in str(platform.reasons()[log_id])
    assert any(
        line.startswith(f"log {log_id} is put aside: ") and reason in line
        for line in told(taken_in.result, platform)
    )
    assert platform.statuses("recordings")[log_id] == "failed"
    assert platform.statuses("hard_brakes")[log_id] == "abstained"


@pytest.mark.parametrize(
    ("log_id", "samples", "note"),
    [
        ("good", 41, ""),
        ("truncated", None, "truncated.mcap is cut off before its end"),
        ("duplicate_times", 41, "ego_poses: dropped 41 of 82 rows that repeat a timestamp_ns"),
        ("unsorted_times", 41, "ego_poses: sorted, 1 of 41 rows came late"),
        ("nan_positions", 32, "dropped 9 of 41 rows with absent, NaN or infinite x_m"),
        ("infinite_positions", 40, "dropped 1 of 41 rows with absent, NaN or infinite x_m"),
        ("single_pose", 1, ""),
    ],
)
def test_what_is_usable_of_a_recording_is_used_and_repairs_are_noted(
    taken_in: TakenIn, log_id: str, samples: int | None, note: str
) -> None:
    platform = taken_in.platform
    assert platform.states()[log_id] == "read"
    poses = platform.store.scan("ego_poses", logs=[log_id]).collect()
    assert samples is None or len(poses) == samples
    assert poses.select(pl.col(pl.Float64).is_finite().fill_null(value=True).all()).row(0) == (
        (True,) * 7
    )
    notes = platform.store.scan("recordings", logs=[log_id]).collect()["notes"].item()
    assert note in notes
    assert bool(notes) is bool(note)


def test_a_log_of_no_length_abstains_from_what_needs_a_motion(taken_in: TakenIn) -> None:
    outcomes = taken_in.platform.store.outcomes("ego_states", logs=["single_pose"])

    [row] = outcomes.iter_rows(named=True)
    assert row["status"] == "abstained"
    assert row["reason"].startswith("0.0 s long: ")


def test_the_second_source_of_an_id_is_rejected(taken_in: TakenIn) -> None:
    rejected = taken_in.platform.store.registry.rejected().select("source", "reason").rows()

    assert rejected == [("good.zip", "log id 'good' is taken by good.mcap")]


# Tests may run as root, whom a missing write permission does not keep out: a file in the way of a
# folder does, and what cannot be written is told in the same way.
def test_a_root_that_cannot_be_written_fails_the_run_and_loses_nothing(platform: Platform) -> None:
    p = platform.having(catalog_with(sample_counts), quiet_s=0.0)
    good(p.inbox / "a.mcap")
    [request] = p.tick().run_requests or ()
    in_the_way = Path(p.settings.root) / "log"
    in_the_way.write_text("")

    failed = p.launch(request)
    assert not failed.success
    assert any(f"object root {p.settings.root} cannot be used" in str(e) for e in _errors(failed))
    assert p.states() == {"a": "requested"}
    # Dagster retries by itself first; here its retries are used up.
    assert p.tick().run_requests == []
    p.instance.add_run_tags(failed.run_id, {"dagster/will_retry": "false"})
    [again] = p.tick().run_requests or ()
    assert str(again.run_key).endswith(".2")

    in_the_way.unlink()
    assert p.launch(again).success
    p.tick()
    assert p.states() == {"a": "read"}
    assert p.store.registry.requests() == {}
    assert p.statuses("sample_counts") == {"a": "computed"}


def _errors(result: ExecuteInProcessResult) -> list[str]:
    found = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None:
                found.append(error.message)
                error = error.cause
    return found
