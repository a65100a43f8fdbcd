"""Files of a project as a git revision has them."""

import subprocess
from collections.abc import Callable

from metrics_platform.authoring.project import Project
from metrics_platform.core.errors import ConfigurationError


def at_revision(project: Project, revision: str) -> Callable[[str], bytes | None]:
    """Return what reads the project's files at `revision`: bytes by path, None if there are none.

    Args:
        project: In a git repository, at its root or anywhere below.
        revision: A branch, tag or commit.

    Raises:
        ConfigurationError: There is no git, no repository, or no such revision.
    """
    found = _git(project, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    if found.returncode:
        outside = _git(project, "rev-parse", "--git-dir")
        if outside.returncode:
            told = outside.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
            raise ConfigurationError(f"git cannot read {project.root}: {told}")
        raise ConfigurationError(
            f"git finds no revision {revision!r} in {project.root}: if it is on a server, fetch it "
            "first"
        )
    commit = found.stdout.decode().strip().splitlines()[-1]

    def read(path: str) -> bytes | None:
        shown = _git(project, "show", f"{commit}:./{path}")
        return None if shown.returncode else shown.stdout

    return read


def _git(project: Project, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", *arguments], cwd=project.root, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise ConfigurationError("git isn't installed, and --base needs it") from error
