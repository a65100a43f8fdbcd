"""What authors do, all of it in one process that is run by `test_without_dagster`.

Whatever would import Dagster, reach a server or start one is refused from the first line on.
"""

import sys

PROGRAMS = ("git",)
refused: list[str] = []


def refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse what is a fault here, and note it: somebody may catch the error."""
    is_dagster = event == "import" and str(arguments[0]).startswith("dagster")
    is_started = event == "subprocess.Popen" and not str(arguments[0]).endswith(PROGRAMS)
    if is_dagster or is_started or event in ("socket.connect", "socket.bind", "socket.getaddrinfo"):
        refused.append(f"{event} {arguments[0]}")
        raise ImportError(f"refused: {refused[-1]}")


sys.addaudithook(refuse)

import json  # noqa: E402
import os  # noqa: E402
import socket  # noqa: E402
import subprocess  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

from hypothesis import find  # noqa: E402

from metrics_platform.cli import main  # noqa: E402
from metrics_platform.core.catalog import default_catalog  # noqa: E402
from metrics_platform.testing import (  # noqa: E402
    MemoryStore,
    assert_conforms,
    assert_golden,
    compute_on,
    recordings_of,
    scenario,
)


def command(*arguments: str) -> int:
    """Run a command of an author and return its status."""
    sys.argv = ["metrics-platform", *arguments]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def library() -> float:
    """Do with the library what an author's tests do, and return what was read at the end."""
    made = compute_on(scenario("cruise", seconds=3, speed_mps=10.0), "ways")
    assert_conforms(default_catalog()["ways"])
    os.environ["METRICS_PLATFORM_ACCEPT_GOLDEN"] = "1"
    assert_golden(made, Path("golden/ways.json"))
    del os.environ["METRICS_PLATFORM_ACCEPT_GOLDEN"]
    assert_golden(made, Path("golden/ways.json"))
    least = find(recordings_of(["ways"]), lambda frames: len(frames["ego_poses"]) > 1)
    assert len(least["ego_poses"]) == 2
    with MemoryStore() as store:
        store.write(made)
        return float(store.summary("ways")["way_m"].item())


def is_refused(work: Callable[[], object]) -> bool:
    """Say whether what must not be is noticed here."""
    try:
        work()
    except ImportError:
        return True
    return False


if __name__ == "__main__":
    found: dict[str, object] = {
        "new": command("new", "--help"),
        "run": command("run", "ways", "--synthetic", "cruise:seconds=3", "--output", "rows.json"),
        "lock": command("lock"),
        "check": command("check", "--locked"),
        "read": library(),
        "refused": list(refused),
    }
    found["noticed"] = [
        is_refused(lambda: __import__("dagster")),
        is_refused(lambda: socket.create_connection(("127.0.0.1", 9))),
        is_refused(lambda: subprocess.run(["postgres", "--version"], check=True)),
    ]
    Path("found.json").write_text(json.dumps(found), encoding="utf-8")
