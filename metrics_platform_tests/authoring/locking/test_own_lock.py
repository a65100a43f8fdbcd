"""The platform's own metrics.lock says what its code is."""

from pathlib import Path

from metrics_platform.authoring.locking.acceptance import in_folder
from metrics_platform.authoring.locking.lock import read_lock
from metrics_platform.authoring.locking.working_tree import WorkingTree
from metrics_platform.authoring.project import find_project
from metrics_platform.core.catalog import default_catalog


def test_it_is_up_to_date() -> None:
    project = find_project(Path(__file__).parent)

    outdated = WorkingTree.of(project, default_catalog()).outdated(read_lock(in_folder(project)))

    assert outdated == [], "run `metrics-platform check`, and then `metrics-platform lock`"
