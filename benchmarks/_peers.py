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


def run_peer(name: str, *arguments: object) -> Any:
    """Return what benchmarks/peers/<name>.py prints last, JSON, in the environment of that name."""
    python = Path(os.environ.get("METRICS_PLATFORM_PEERS") or _HERE) / name / "bin" / "python"
    if not python.is_file():
        sys.exit(f"no peer at {python}: install it with `make bench-peers PEERS={name}`")
    command = [str(python), str(_SCRIPTS / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])
