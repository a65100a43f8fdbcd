"""A copy of the platform on disk, whose metrics can be changed and checked as an author would."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
_COMMAND = "from metrics_platform.cli import main; main()"


@dataclass(frozen=True)
class Edit:
    """Pieces of text in one file to take the place of others."""

    path: str
    texts: Sequence[tuple[str, str]]

    def apply(self, root: Path) -> None:
        file = root / "metrics_platform" / self.path
        text = file.read_text(encoding="utf-8")
        for old, new in self.texts:
            assert old in text, f"{self.path} has no {old!r}"
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")

    def undone(self) -> "Edit":
        """Return the edit that takes this one back."""
        return Edit(self.path, [(new, old) for old, new in self.texts])


def copied(root: Path) -> Path:
    """Copy the platform's package into `root`, compiled as it is."""
    shutil.copytree(ROOT / "metrics_platform", root / "metrics_platform")
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `metrics-platform` of the copy in its folder."""
    return subprocess.run(
        [sys.executable, "-c", _COMMAND, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


def checked(root: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run `check --json`; return the exit status, and the report."""
    done = run(root, "check", "--json", *arguments)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def git(root: Path, *arguments: str) -> str:
    """Run git in `root`, with nobody's configuration."""
    author = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *author, *arguments],
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
