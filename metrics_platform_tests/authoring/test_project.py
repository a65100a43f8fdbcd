"""Where an author works, and what is theirs."""

import importlib
import sys
from pathlib import Path

import pytest

from metrics_platform.authoring.project import Project, find_project
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.definitions import Definition
from metrics_platform.core.errors import ConfigurationError, UnknownNameError
from metrics_platform_tests.authoring.projects import FILES
from metrics_platform_tests.core.packages import imported

OTHERS = {
    "others/__init__.py": "",
    "others/metrics.py": FILES["robots/metrics.py"].replace("ways", "others"),
}
ROOT = Path(__file__).resolve().parents[2]


def test_the_platform_is_a_project_of_its_own() -> None:
    project = find_project(ROOT / "metrics_platform" / "metrics")

    assert project == Project(ROOT, "metrics-platform")
    catalog = default_catalog()
    ours = [d.name for d in catalog if (project.file(d) or "").startswith("metrics_platform/")]
    assert list(project.definitions(catalog)) == ours == [d.name for d in catalog]
    assert project.file(catalog["hard_brakes"]) == "metrics_platform/metrics/hard_brakes.py"
    assert project.file(catalog["ego_poses"]) == "metrics_platform/signals/ego_poses.py"


def test_an_authors_project_has_only_what_is_written_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is installed in an environment below the project is none of it.
    installed = "env/lib/python3/site-packages"
    monkeypatch.syspath_prepend(tmp_path / installed)
    others = {f"{installed}/{path}": text for path, text in OTHERS.items()}

    with imported(tmp_path, {**FILES, **others}, "robots.metrics") as ours:
        modules = [ours, importlib.import_module("others.metrics")]
        found = [v for m in modules for v in vars(m).values() if isinstance(v, Definition)]
        catalog = Catalog([*default_catalog().recorded, *found])
        project = find_project(tmp_path / "robots")

        assert project == Project(tmp_path, "robots")
        assert {"ways", "far_ways", "others", "far_others"} < {d.name for d in catalog}
        assert set(project.definitions(catalog)) == {"ways", "far_ways"}
        assert set(project.named(catalog, ["ways"])) == {"ways"}
        with pytest.raises(UnknownNameError, match="no metric or signal of robots named"):
            project.named(catalog, ["others"])
    monkeypatch.delitem(sys.modules, "others.metrics")
    monkeypatch.delitem(sys.modules, "others")


def test_without_a_project_it_says_where_to_go(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"go to the folder .*`metrics-platform new NAME"):
        find_project(tmp_path)


def test_a_project_that_defines_nothing_says_how_to_begin(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.other]\n")
    project = find_project(tmp_path)

    assert project.name == tmp_path.name
    with pytest.raises(ConfigurationError, match=r"metrics-platform new NAME.*entry-points"):
        project.definitions(default_catalog())


def test_a_pyproject_that_is_not_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project")
    with pytest.raises(ConfigurationError, match=r"pyproject.toml is not TOML"):
        find_project(tmp_path)
