"""Somebody new, with Python, pip and an empty folder: what a document tells them to do is done.

`pip install metrics-platform` installs the wheel of this repository. Nothing comes from a network:
what the platform depends on is there already, by links to what these tests run with.
"""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_SETTINGS = ("METRICS_PLATFORM_", "DAGSTER_", "PIP_", "PYTHON", "VIRTUAL_ENV", "GIT_", "COLUMNS")
# The platform itself, what belongs to an environment of its own, and what is put in its way.
_NOT_LINKED = ("metrics_platform", "_editable", "pip", "__pycache__", "distutils-precedence")
_MARK = "@@ ended"


@dataclass(frozen=True)
class Done:
    """One command that was run."""

    command: str
    status: int
    told: str


@dataclass(frozen=True)
class Newcomer:
    """An environment in which commands are run as they stand in a document.

    Attributes:
        packages: Folder with what the platform depends on.
        wheels: Folder with the platform's wheel.
    """

    packages: Path
    wheels: Path

    @classmethod
    def arrives(cls, folder: Path) -> "Newcomer":
        """Build the wheel below `folder`, and link to what there is."""
        packages, wheels = folder / "packages", folder / "wheels"
        packages.mkdir(parents=True)
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            if not path.name.startswith(_NOT_LINKED) and path.suffix != ".pth":
                (packages / path.name).symlink_to(path)
        # Tools that are programs are looked for here.
        (packages / "bin").symlink_to(sysconfig.get_path("scripts"))
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)],
            cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip
        return cls(packages, wheels)

    def runs(
        self, commands: Sequence[str], folder: Path, also: Mapping[str, str] | None = None
    ) -> list[Done]:
        """Run commands in one shell, one after the other, until one fails.

        Args:
            commands: As they stand.
            folder: To be in.
            also: More variables.
        """
        python = f"python{sys.version_info.major}.{sys.version_info.minor}"
        links = f'echo "{self.packages}" > .venv/lib/{python}/site-packages/links.pth'
        script = []
        for command in commands:
            made = f" && {links}" if command.endswith("-m venv .venv") else ""
            script.append(f"{command}{made}\nstatus=$?; echo; echo '{_MARK}' $status")
            script.append("[ $status = 0 ] || exit 0")
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=folder, env=self._environment(also or {}), check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        *parts, _ = done.stdout.split(f"{_MARK} ")
        told = [parts[0], *(part.partition("\n")[2] for part in parts[1:])]
        statuses = [int(part.split(maxsplit=1)[0]) for part in done.stdout.split(f"{_MARK} ")[1:]]
        return [Done(*each) for each in zip(commands, statuses, told, strict=False)]

    def _environment(self, also: Mapping[str, str]) -> Mapping[str, str]:
        outside = {k: v for k, v in os.environ.items() if not k.startswith(_SETTINGS)}
        person = {
            f"GIT_{role}_{what}": f"newcomer{'@example.com' * (what == 'EMAIL')}"
            for role in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        return {
            **outside,
            **person,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{outside['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_INDEX": "1",
            # pip takes the variable for the switch without its "no": 0 is no isolation.
            "PIP_NO_BUILD_ISOLATION": "0",
            **also,
        }
