"""One running platform, started and fed as a user would."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from metrics_platform.testing.demo_fleet import DemoFleet, write_demo_fleet
from metrics_platform_tests.data import data_path

_COMMAND = Path(sysconfig.get_path("scripts")) / "metrics-platform"
_TAKEN_IN_S = 300.0
REAL_LOGS = {
    "3b3570b4-7b0b-3268-a571-b0889dbf40b6": "argoverse2/sensor",
    "7fab2350-7eaf-3b7e-a39d-6937a4c1bede": "argoverse2/sensor",
    "adcf7d18-0510-35b0-a2fa-b4cea13a6d76": "argoverse2/sensor",
    "b0c9d2329ad1606b|2018-08-02--08-34-47": "comma2k19/Example_1",
    "nav2_turtlebot": "robot",
}
_CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_SLOW_MS = 60_000


@dataclass(frozen=True)
class RunningPlatform:
    """What a user has: a command, an inbox and a web page."""

    home: Path
    url: str
    fleet: DemoFleet

    @property
    def inbox(self) -> Path:
        return self.home / "objects" / "inbox"

    def command(self, *arguments: str) -> str:
        """Run `metrics-platform` and return what it prints."""
        done = subprocess.run(
            [_COMMAND, *arguments],
            env=environment(self.home),
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def table(self, *arguments: str) -> list[dict[str, Any]]:
        """Run `metrics-platform` with --output, and return the rows that it wrote."""
        output = self.home / "output.json"
        self.command(*arguments, "--output", str(output))
        rows: list[dict[str, Any]] = json.loads(output.read_text())
        return rows

    def wait_until_taken_in(
        self, log_ids: set[str], revisions: Mapping[str, int] | None = None
    ) -> dict[str, dict[str, Any]]:
        """Wait until the logs are read or put aside and their runs are over; return all logs.

        Args:
            log_ids: That have to be there.
            revisions: Log to the content of it that has to be there.
        """
        least = {**dict.fromkeys(log_ids, 1), **(revisions or {})}
        deadline = time.monotonic() + _TAKEN_IN_S
        while time.monotonic() < deadline:
            logs = {row["log_id"]: row for row in self.table("logs")}
            done = {i for i, row in logs.items() if row["state"] in ("read", "quarantined")}
            waiting = {i for i in least if i not in done or logs[i]["revision"] < least[i]}
            if not waiting and not any(row["in_run"] for row in logs.values()):
                return logs
            # Each look is a process of its own, which takes time from the runs.
            time.sleep(3.0)
        raise AssertionError(f"not taken in within {_TAKEN_IN_S:g} s: {waiting}")


def environment(home: Path) -> dict[str, str]:
    """The environment of a user who has configured nothing but where the data goes."""
    ours = ("METRICS_PLATFORM_", "DAGSTER_", "AWS_", "GOOGLE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "METRICS_PLATFORM_HOME": str(home), "COLUMNS": "200"}


@pytest.fixture(scope="session")
def platform() -> Iterator[RunningPlatform]:
    """`metrics-platform dev` on an empty data directory, with a demo fleet in its inbox."""
    # Not below tmp_path: the embedded Postgres needs a short path that its own user can reach.
    home = Path(tempfile.mkdtemp(prefix="mp-e2e-"))
    fleet = write_demo_fleet(home / "objects" / "inbox", logs=8)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (home / "dev.log").open("wb") as log:
        process = subprocess.Popen(
            [_COMMAND, "dev", "--port", str(port)],
            env=environment(home),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield RunningPlatform(home, f"http://127.0.0.1:{port}", fleet)
        assert process.poll() is None, (home / "dev.log").read_text()[-4000:]
    finally:
        # As Ctrl-C in a terminal: to the whole group.
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    assert _postgres_is_down(home)
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def real_logs(platform: RunningPlatform) -> dict[str, dict[str, Any]]:
    """The real recordings, copied into the inbox and taken in; rows of `metrics-platform logs`."""
    for log_id, folder in REAL_LOGS.items():
        source = data_path(folder)
        if (source / log_id).is_dir():
            shutil.copytree(source / log_id, platform.inbox / log_id)
        else:
            shutil.copyfile(source / f"{log_id}.mcap", platform.inbox / f"{log_id}.mcap")
    return platform.wait_until_taken_in(set(REAL_LOGS))


@pytest.fixture(scope="session")
def demo_logs(platform: RunningPlatform) -> dict[str, dict[str, Any]]:
    """The demo fleet, taken in; rows of `metrics-platform logs`."""
    return platform.wait_until_taken_in({*platform.fleet.logs, platform.fleet.unreadable})


@pytest.fixture(scope="module")
def page(platform: RunningPlatform, demo_logs: dict[str, dict[str, Any]]) -> Iterator[Page]:
    """A new browser, for which the instance is a fresh one."""
    with opened_browser() as opened:
        yield opened


@contextmanager
def opened_browser() -> Iterator[Page]:
    """A new browser with an empty page."""
    if not _CHROMIUM.exists():
        pytest.fail("no Chromium: install it with `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        opened = browser.new_page(viewport={"width": 1600, "height": 1000})
        opened.set_default_timeout(_SLOW_MS)
        expect.set_options(timeout=_SLOW_MS)
        yield opened
        browser.close()


def _postgres_is_down(home: Path) -> bool:
    return not (home / "postgres" / "postmaster.pid").exists()
