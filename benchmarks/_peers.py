"""Peers run in environments of their own, over the same input as ours.

`make bench-peers` installs them below build/peers; METRICS_PLATFORM_PEERS names another folder.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_SCRIPTS = Path(__file__).parent / "peers"
_HERE = Path(__file__).parents[1] / "build" / "peers"


def peer_home(name: str) -> Path:
    """Return the environment of a peer.

    Raises:
        SystemExit: It isn't installed.
    """
    home = Path(os.environ.get("METRICS_PLATFORM_PEERS") or _HERE) / name
    if not (home / "bin" / "python").is_file():
        sys.exit(f"no peer at {home}: install it with `make bench-peers PEERS={name}`")
    return home


def run_peer(name: str, *arguments: object) -> Any:
    """Return what benchmarks/peers/<name>.py prints last, JSON, in the environment of that name."""
    command = [
        str(peer_home(name) / "bin" / "python"),
        str(_SCRIPTS / f"{name}.py"),
        *map(str, arguments),
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])
