"""What is needed is declared, and the wheel holds what the platform reads at run time."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OWN = frozenset({"metrics_platform", "metrics_platform_tests", "benchmarks"})

# Needed without being imported, and why.
STARTED_OR_LOADED = {
    "dagster-webserver": "`dagster dev` starts it",
    "duckdb-extension-ducklake": "loaded into DuckDB",
    "duckdb-extension-httpfs": "loaded into DuckDB",
    "duckdb-extension-postgres-scanner": "loaded into DuckDB",
    "fsspec": "obstore.fsspec imports it",
    "psycopg": "SQLAlchemy loads it for postgresql+psycopg://",
    "psycopg2-binary": "SQLAlchemy loads it for postgresql+psycopg2://",
}
TOOLS_OF_TESTS = {
    "gcp-storage-emulator": "a server in a process of its own",
    "hatchling": "builds the wheel below",
    "import-linter": "make lint",
    "moto": "a server in a process of its own",
    "mypy": "make lint",
    "pytest-xdist": "pytest -n 2",
    "ruff": "make lint",
    "types-protobuf": "mypy reads it",
}
# Files are read by people on other machines, who have registries of their own.
MACHINE_PATHS = re.compile(
    r"/(?:work|home|Users)/[a-z]|/root/|file:///[a-z]+/|pypi\.org|pythonhosted|/simple/"
)
ALLOWED_PATHS = {"deploy/Dockerfile": "/home/metrics", "deploy/values.yaml": "/home/metrics"}


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements}


DEPENDENCIES = names(PROJECT["project"]["dependencies"])
EXTRAS = {
    extra: names(lines) - {"metrics-platform"}
    for extra, lines in PROJECT["project"]["optional-dependencies"].items()
}

# Authors run their tests with pytest; the package itself doesn't import it.
OPTIONAL = EXTRAS["demo"] | EXTRAS["export"] | (EXTRAS["testing"] - {"pytest"})


@cache
def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def imported(package: str) -> Mapping[str, set[str]]:
    """Return the distributions that the modules below `package` import, each with where."""
    by_module = packages_distributions()
    found: dict[str, set[str]] = {}
    # Peers have environments of their own, and beside them stands what these need.
    for path in set((ROOT / package).rglob("*.py")) - set((ROOT / "benchmarks/peers").iterdir()):
        for module in imports_of(ast.parse(path.read_text(encoding="utf-8"))):
            top = module.partition(".")[0]
            if top in sys.stdlib_module_names or top in OWN:
                continue
            # `google` is shared by many distributions; of those we import protobuf.
            owners = ["protobuf"] if top == "google" else by_module.get(top, [top])
            for owner in owners:
                found.setdefault(canonicalize_name(owner), set()).add(str(path.relative_to(ROOT)))
    return found


def imports_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_what_the_package_imports_is_declared() -> None:
    undeclared = {
        name: sorted(where)
        for name, where in imported("metrics_platform").items()
        if name not in DEPENDENCIES | OPTIONAL
    }
    assert not undeclared


def test_what_only_the_demo_needs_is_imported_where_authors_ask_for_it() -> None:
    where = {
        path
        for name, paths in imported("metrics_platform").items()
        if name in EXTRAS["demo"] - DEPENDENCIES
        for path in paths
    }
    assert where == {"metrics_platform/testing/mcap_writer.py"}


def test_what_only_export_needs_is_imported_where_its_lack_is_told() -> None:
    where = {
        path
        for name, paths in imported("metrics_platform").items()
        if name in EXTRAS["export"] - DEPENDENCIES
        for path in paths
    }
    folder = "metrics_platform/delivery/export"
    assert where == {f"{folder}/ducklake.py", f"{folder}/iceberg.py"}


def test_what_only_authors_tests_need_is_imported_where_they_ask_for_it() -> None:
    folder = "metrics_platform/testing"
    where = imported("metrics_platform")
    modules = ("column_strategies", "frame_plans", "strategies")
    assert where["hypothesis"] == {f"{folder}/{module}.py" for module in modules}
    assert "pytest" not in where


def test_no_dependency_is_unused() -> None:
    used = set(imported("metrics_platform"))
    assert used | set(STARTED_OR_LOADED) == DEPENDENCIES | OPTIONAL


def test_what_the_tests_import_is_declared_and_used() -> None:
    used = set(imported("metrics_platform_tests")) | set(imported("benchmarks"))
    everything = DEPENDENCIES.union(*EXTRAS.values())
    # Parts of Dagster and of chdb, which pin them to their own versions.
    assert used - everything <= {"dagster-shared", "chdb-core"}
    assert EXTRAS["dev"] - used == set(TOOLS_OF_TESTS)


def test_every_dependency_has_a_floor_and_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for line in PROJECT["project"]["dependencies"]:
        assert any(part.operator == ">=" for part in Requirement(line).specifier), line
        assert re.search(rf'"{re.escape(line)}",\s+# \w', text), f"{line} has no reason beside it"


LOCKED = {
    canonicalize_name(name): Version(version)
    for name, _, version in (
        line.partition("==")
        for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    )
}


@pytest.mark.parametrize(
    "line",
    [
        *PROJECT["project"]["dependencies"],
        *(
            line
            for lines in PROJECT["project"]["optional-dependencies"].values()
            for line in lines
            if not line.startswith("metrics-platform")
        ),
    ],
)
def test_the_lock_satisfies(line: str) -> None:
    requirement = Requirement(line)
    version = LOCKED[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version), f"the lock has {version}"


def test_the_lock_holds_versions_and_nothing_else() -> None:
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.+!]*", line), line
    assert not {"pip", "setuptools", "wheel", "metrics-platform"} & set(LOCKED)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    [file] = folder.glob("*.whl")
    with zipfile.ZipFile(file) as opened:
        yield opened


def test_the_wheel_holds_all_of_the_package(wheel: zipfile.ZipFile) -> None:
    expected = {name for name in tracked() if name.startswith("metrics_platform/")}
    assert {
        "metrics_platform/py.typed",
        "metrics_platform/orchestration/dagster.yaml",
        "metrics_platform/store/migrations/env.py",
        "metrics_platform/store/migrations/script.py.mako",
        "metrics_platform/store/migrations/versions/revision_0001.py",
    } <= expected
    assert expected <= set(wheel.namelist())


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    folders = {name.partition("/")[0] for name in wheel.namelist()}
    version = PROJECT["project"]["version"]
    assert folders == {"metrics_platform", f"metrics_platform-{version}.dist-info"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel.namelist())
    scripts = wheel.read(f"metrics_platform-{version}.dist-info/entry_points.txt").decode()
    assert "metrics-platform = metrics_platform.cli:main" in scripts


def test_the_dagster_yaml_of_the_checkout_is_that_of_the_package() -> None:
    link = ROOT / "dagster.yaml"
    assert link.is_symlink()
    assert link.resolve() == ROOT / "metrics_platform" / "orchestration" / "dagster.yaml"


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    found = {}
    for name in tracked():
        if name == Path(__file__).relative_to(ROOT).as_posix():
            continue
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        text = text.replace(ALLOWED_PATHS.get(name, "\0"), "")
        if named := MACHINE_PATHS.findall(text):
            found[name] = named
    assert not found
