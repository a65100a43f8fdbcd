"""docs/write-a-metric.md is true: followed word for word, it leads to a shipped metric."""

import re
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from dagster_shared.yaml_utils import load_yaml_from_path

from metrics_platform.authoring.scaffolding.scaffold import new_metric
from metrics_platform.authoring.scaffolding.skeleton import Grain
from metrics_platform.core.catalog import default_catalog
from metrics_platform_tests.authoring.scaffolding.newcomer import ROOT, Done, Newcomer

# One environment for all: it is made once.
pytestmark = pytest.mark.xdist_group("newcomer")

DOCUMENT = (ROOT / "docs" / "write-a-metric.md").read_text(encoding="utf-8")
METRIC, PACKAGE = "braking_share", "fleet_metrics"
FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for found, text in FENCED if found == language]


def lines(block: str) -> list[str]:
    return [line.partition(" #")[0].rstrip() for line in block.splitlines()]


BEGIN, SHIP, IN_THE_PLATFORM = map(lines, blocks("bash"))
SOURCES: Mapping[str, str] = dict(
    zip(re.findall(r"goes\s+into\s+`([\w/]+\.py)`", DOCUMENT), blocks("python"), strict=True)
)
LATER = "\n".join(blocks(""))
OTHERS = [
    ("fast_moments", ["ego_states", "tracks"], Grain.MOMENT),
    ("fast_events", ["ego_states"], Grain.EVENT),
    ("long_users", ["tracks", "lanes"], Grain.TRACK),
]
WORKFLOW = ROOT / "metrics_platform/authoring/scaffolding/templates/metrics.yml.txt"


def all_good(done: list[Done], commands: list[str]) -> Mapping[str, str]:
    assert [each.status for each in done] == [0] * len(commands), done[-1]
    return {each.command: each.told for each in done}


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    return Newcomer.arrives(tmp_path_factory.mktemp("newcomer"))


@pytest.fixture(scope="module")
def followed(
    newcomer: Newcomer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Mapping[str, str]]:
    """The folder in which the document was followed, and what each command told."""
    folder = tmp_path_factory.mktemp("empty") / PACKAGE
    folder.mkdir()
    begun = all_good(newcomer.runs(BEGIN, folder), BEGIN)
    for path, text in SOURCES.items():
        assert (folder / path).is_file()
        (folder / path).write_text(text, encoding="utf-8")
    # The shell of before is still open.
    again = [". .venv/bin/activate", *SHIP]
    return folder, {**begun, **all_good(newcomer.runs(again, folder), again)}


def test_it_takes_less_than_ten_commands() -> None:
    commands = [part for line in [*BEGIN, *SHIP] for part in re.split(r"&&|;|\|", line)]
    assert len(commands) < 10


def test_from_an_empty_folder_to_a_shipped_metric(
    newcomer: Newcomer, followed: tuple[Path, Mapping[str, str]]
) -> None:
    folder, told = followed
    assert "3 passed" in told["python -m pytest"]
    shown = next(text for command, text in told.items() if " run " in command)
    assert re.search(r"0\.(19|2)\d*", shown), shown
    assert (folder / "metrics.lock").is_file()
    assert (folder / "metrics.lock.rows" / f"{METRIC}.parquet").is_file()
    [wheel] = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        assert f"{PACKAGE}/{METRIC}.py" in opened.namelist()
        entry_points = next(n for n in opened.namelist() if n.endswith("entry_points.txt"))
        assert f"{PACKAGE} = {PACKAGE}" in opened.read(entry_points).decode()


def test_the_shipped_metric_is_an_asset(
    newcomer: Newcomer, followed: tuple[Path, Mapping[str, str]]
) -> None:
    """The wheel, where there is no source of it: as in production."""
    folder, _ = followed
    script = (
        "from metrics_platform.definitions import defs\n"
        "from dagster import AssetKey\n"
        f"key = AssetKey(['log', '{METRIC}'])\n"
        "print(key in {k for a in defs.assets for k in getattr(a, 'keys', ())})\n"
        f"import {PACKAGE}; print({PACKAGE}.__file__)\n"
    )
    (folder.parent / "production").mkdir()
    commands = [
        f". {folder}/.venv/bin/activate",
        f"pip install --quiet --force-reinstall --no-deps {folder}/dist/*.whl",
        "metrics-platform metrics",
        f"cat > told.py <<'END'\n{script}END\npython told.py",
    ]
    (folder.parent / "production" / ".venv").symlink_to(folder / ".venv")
    told = all_good(newcomer.runs(commands, folder.parent / "production"), commands)
    assert re.search(rf"^{METRIC} .*1\.0\.0", told["metrics-platform metrics"], re.MULTILINE)
    assert told[commands[-1]].startswith("True\n")
    assert "site-packages" in told[commands[-1]]


def test_in_the_platforms_repository(newcomer: Newcomer, tmp_path: Path) -> None:
    # All that is written to is a copy.
    for path in [*ROOT.glob("metrics*"), ROOT / "docs", ROOT / "pyproject.toml"]:
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, tmp_path / path.name, ignore=ignored)
        else:
            shutil.copy(path, tmp_path)
    also = {"PYTHONPATH": str(tmp_path)}
    told = all_good(newcomer.runs(IN_THE_PLATFORM, tmp_path, also), IN_THE_PLATFORM)

    assert "1 passed" in told[IN_THE_PLATFORM[1]]
    assert f"`{METRIC}`" in (tmp_path / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert METRIC in (tmp_path / "metrics.lock").read_text(encoding="utf-8")


def workflow() -> Any:
    return load_yaml_from_path(str(WORKFLOW))


def steps(job: str) -> Mapping[str, str]:
    """Return the commands of a job of the workflow, by the names of its steps."""
    return {step["name"]: step["run"] for step in workflow()["jobs"][job]["steps"] if "run" in step}


def test_the_workflow_may_write_nothing_but_its_comment() -> None:
    told = workflow()
    assert told["permissions"] == {"contents": "read"}
    assert "permissions" not in told["jobs"]["test"]
    assert told["jobs"]["comment"]["permissions"] == {"pull-requests": "write"}
    # Nothing of the pull request is run where it may.
    assert not any("checkout" in step.get("uses", "") for step in told["jobs"]["comment"]["steps"])
    [post] = steps("comment").values()
    assert "head.repo.full_name == github.repository" in told["jobs"]["comment"]["if"]
    assert {"PATCH", "POST"} == set(re.findall(r"--method (\w+)", post))
    assert post.count("--field body=@comment.md") == 2
    # What somebody else chose is never put into a command.
    for job in ("test", "comment"):
        assert not any("${{" in command for command in steps(job).values())


def test_the_workflow_runs_in_a_repository_with_a_change(
    newcomer: Newcomer, followed: tuple[Path, Mapping[str, str]], tmp_path: Path
) -> None:
    folder, _ = followed
    repository = tmp_path / PACKAGE
    shutil.copytree(folder, repository, ignore=shutil.ignore_patterns(".venv", "dist", ".*_cache"))
    (repository / ".venv").symlink_to(folder / ".venv")
    source = repository / PACKAGE / f"{METRIC}.py"
    # Style and types are those of whatever `new` writes.
    for name, signals, grain in OTHERS:
        new_metric(
            name, signals=signals, grain=grain, owner="planning",
            catalog=default_catalog(), folder=repository,
        )  # fmt: skip
    of_base = [
        ". .venv/bin/activate",
        "pip install --quiet --editable .",
        "metrics-platform lock",
        "git init --quiet --initial-branch main",
        "echo .venv >> .git/info/exclude",
        "git add . && git commit --quiet --message base",
        f"git init --quiet --bare {tmp_path}/origin.git",
        f"git remote add origin {tmp_path}/origin.git",
        "git push --quiet origin main && git switch --quiet --create change",
    ]
    all_good(newcomer.runs(of_base, repository), of_base)
    assert "metrics.lock" in git(repository, "ls-files")
    summary = tmp_path / "summary.md"
    job = steps("test")
    also = {"BASE": "main", "GITHUB_STEP_SUMMARY": str(summary)}

    def runs(*names: str) -> list[Done]:
        files = []
        for name in names:
            files.append(tmp_path / f"step{len(list(tmp_path.glob('step*')))}.sh")
            files[-1].write_text(job[name], encoding="utf-8")
        # As GitHub runs a step.
        commands = [". .venv/bin/activate", *(f"bash -e {file}" for file in files)]
        return newcomer.runs(commands, repository, also)[1:]

    *_, locked, base = job
    assert [each.status for each in runs(*job)] == [0] * len(job)
    assert METRIC not in summary.read_text()

    # A constant changes, and with it what comes out.
    source.write_text(source.read_text().replace("mps2: float = 3.0", "mps2: float = 2.0"))
    summary.unlink()
    assert [each.status for each in runs(locked)] == [1]
    [failed] = runs(base)
    assert failed.status == 1
    assert METRIC in summary.read_text()
    assert "minor" in summary.read_text()

    accepted = [
        ". .venv/bin/activate",
        *(line for line in lines(LATER) if re.match(r"metrics-platform (check --bump|lock)", line)),
    ]
    assert len(accepted) == 3
    all_good(newcomer.runs(accepted, repository), accepted)
    assert 'version="1.1.0"' in source.read_text()
    summary.unlink()
    assert [each.status for each in runs(base)] == [0]
    report = summary.read_text()
    assert METRIC in report
    assert "1.0.0" in report
    assert "1.1.0" in report


def git(repository: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=repository, check=True, capture_output=True, text=True
    ).stdout
