from pathlib import Path

from metrics_platform.core.settings import Settings
from metrics_platform.store import Store
from metrics_platform_tests.store.faults.crew import SOAK, Crew
from metrics_platform_tests.store.faults.integrity import assert_whole

KILLS = 300 if SOAK else 25


def test_whoever_is_killed_nobody_reads_half_of_anything(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    with Crew(settings, tmp_path / "crew", ["compact", "collect", "read", "read"]) as crew:
        crew.wait(1.0)
        crew.kill(KILLS, longest_pause_s=2.0)
        done = crew.finish("reads", "merged", "files", "orphans", "superseded")
    print(f"\n{KILLS} killed: {dict(crew.deaths.most_common())}\n{dict(done)}")
    assert_whole(store, crew.journal)


def test_writers_lose_nothing_to_a_collection_that_has_no_patience(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    with Crew(settings, tmp_path / "crew", ["collect_at_once", "collect_at_once"]) as crew:
        crew.wait(1.0)
        crew.kill(KILLS // 5, longest_pause_s=1.0)
        crew.finish("files", "orphans", "superseded")
    assert_whole(store, crew.journal)
