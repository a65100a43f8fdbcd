import os
from pathlib import Path

from metrics_platform.core.settings import Settings
from metrics_platform.store import Store
from metrics_platform_tests.store.faults.crew import Crew
from metrics_platform_tests.store.faults.integrity import (
    assert_complete,
    assert_sound,
)

SOAK = "METRICS_PLATFORM_TEST_SOAK" in os.environ
KILLS = 300 if SOAK else 25


def test_whoever_is_killed_nobody_reads_half_of_anything(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    with Crew(settings, tmp_path / "crew") as crew:
        crew.wait(1.0)
        crew.kill(KILLS, longest_pause_s=3.0)
        done = crew.finish()
    print(f"\n{KILLS} killed: {dict(crew.deaths.most_common())}\n{dict(done)}")
    assert done["reads"] > 0
    assert_complete(store, crew.journal)
    assert_sound(store)
