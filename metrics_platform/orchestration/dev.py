"""Dagster on a laptop: the web UI and the daemon on the embedded Postgres, started and stopped.

Dagster runs in processes of its own, so that starting them is quick and stopping them is sure.
"""

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from dagster import DagsterInstance

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.core.settings import Settings
from metrics_platform.store.postgres import dagster_url

_DAGSTER_POSTGRES = "METRICS_PLATFORM_DAGSTER_POSTGRES"
_MODULE = ("-m", "metrics_platform.definitions")
# Runs that are under way get this long to write what they have; then everything is killed.
_STOP_S = 20.0
# Where nobody reaps orphans, as in some containers, the dead stay in the group for good.
_GONE_S = 3.0
_POLL_S = 0.05


def dagster_environment(settings: Settings) -> Mapping[str, str]:
    """Prepare the instance below the data directory, and return the environment it runs in."""
    home = settings.home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    with as_file(files(__package__) / "dagster.yaml") as configuration:
        shutil.copyfile(configuration, home / "dagster.yaml")
    return {
        **os.environ,
        **settings.environment(),
        "DAGSTER_HOME": str(home),
        _DAGSTER_POSTGRES: dagster_url(settings),
        # `dg dev` wants a project of its own kind; nobody at this terminal has anything to do.
        "PYTHONWARNINGS": "ignore:Function `dev_command` is superseded",
        # As in the image: Polars gives memory back after 10 s instead of at once.
        "_RJEM_MALLOC_CONF": "dirty_decay_ms:10000,muzzy_decay_ms:10000",
    }


@contextmanager
def instance_of(settings: Settings) -> Iterator[DagsterInstance]:
    """Open the Dagster instance of the platform: the one that this process is configured for.

    Where the environment names no database of Dagster's, as in production, that is the one below
    the data directory.
    """
    before = dict(os.environ)
    if _DAGSTER_POSTGRES not in before or "DAGSTER_HOME" not in before:
        os.environ.update(dagster_environment(settings))
    try:
        with DagsterInstance.get() as instance:
            yield instance
    finally:
        os.environ.clear()
        os.environ.update(before)


def ui_and_daemon(port: int) -> Sequence[str]:
    """Return the command that serves the web UI on `port` and runs the daemon.

    Raises:
        ConfigurationError: Something else listens on `port`.
    """
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ConfigurationError(f"port {port} is taken: choose another with --port")
    return [_script("dagster"), "dev", *_MODULE, "--host", "127.0.0.1", "--port", str(port)]


def daemon() -> Sequence[str]:
    """Return the command that runs the daemon: sensors, queue, retries; no UI."""
    return [_script("dagster-daemon"), "run", *_MODULE]


@contextmanager
def running(
    command: Sequence[str], settings: Settings, log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends, then stop it and all that it started.

    Args:
        command: Of `ui_and_daemon` or `daemon`.
        settings: Where the data directory is.
        log: File to append its output to; None for the terminal.
    """
    environment = dagster_environment(settings)
    output = log.open("ab") if log else None
    # A session of its own: Ctrl-C reaches us alone, and we stop them in order. Beside its
    # configuration, since Dagster warns of a dagster.yaml that lies elsewhere where it is started.
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=environment["DAGSTER_HOME"],
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _stop(process)
        if output:
            output.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end as a terminal would, and see that none of its children stays."""
    group = process.pid
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    # The embedded Postgres is stopped by whoever leaves last: that has to be us.
    deadline = time.monotonic() + _GONE_S
    while time.monotonic() < deadline:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            return
        time.sleep(_POLL_S)


def _script(name: str) -> str:
    return str(Path(sysconfig.get_path("scripts")) / name)
