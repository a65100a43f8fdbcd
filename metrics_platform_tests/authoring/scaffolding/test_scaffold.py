"""`new` writes files that are good as they stand, in the right place, and never over others."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from metrics_platform.authoring.scaffolding.place import find_place
from metrics_platform.authoring.scaffolding.scaffold import Written, check_name, new_metric
from metrics_platform.authoring.scaffolding.skeleton import Grain
from metrics_platform.core.catalog import ENTRY_POINT_GROUP, default_catalog
from metrics_platform.core.errors import ConfigurationError, DefinitionError, UnknownNameError

ROOT = Path(__file__).resolve().parents[3]
CATALOG = default_catalog()
# Long names and short ones, with one signal and with several: lines break otherwise.
CHOICES = {
    "fast": ("ego_states", Grain.LOG),
    "fast_moments": ("ego_states,tracks", Grain.MOMENT),
    "fast_events": ("ego_states,nuscenes_box_matches,drive_modes", Grain.EVENT),
    "crowd": ("tracks", Grain.EVENT),
    "long_users": ("tracks,lanes", Grain.TRACK),
    "comfort": ("ego_comfort", Grain.LOG),
    "modes": ("drive_modes", Grain.EVENT),
    "interventions_per_distance_of_operator": (
        "interventions_per_distance,predicted_trajectories",
        Grain.TRACK,
    ),
    "worst_of_time_to_collision_at_moments": (
        "worst_time_to_collision,kitti_confidence_counts",
        Grain.MOMENT,
    ),
    "least_ttc": ("time_to_collision", Grain.EVENT),
}


def write(
    folder: Path,
    name: str = "late_brakes",
    signals: str = "ego_states",
    grain: Grain = Grain.LOG,
    *,
    owner: str = "planning",
    package: str | None = None,
) -> Written:
    return new_metric(
        name,
        signals=signals.split(","),
        grain=grain,
        owner=owner,
        catalog=CATALOG,
        folder=folder,
        package=package,
    )


def of_author(root: Path, package: str = "ours", below: str = "") -> Path:
    """Make a project of an author by hand, with a package in it."""
    root.mkdir()
    (root / "pyproject.toml").write_text(
        f'[project]\nname = "ours"\n[project.entry-points."{ENTRY_POINT_GROUP}"]\n'
        f'first = "{package}"\nsecond = "other"\n'
    )
    for name in (package.replace(".", "/"), "other"):
        (root / below / name).mkdir(parents=True)
    return root


def platform(root: Path) -> Path:
    """Make a platform without a metric: what is ours is told by where it lies."""
    for name in ("metrics_platform", "metrics_platform_tests"):
        (root / name / "metrics").mkdir(parents=True)
        for path in (ROOT / name).iterdir():
            if path.name != "metrics":
                (root / name / path.name).symlink_to(path)
    (root / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return root


def good(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_new_project_is_good_as_it_stands(tmp_path: Path) -> None:
    folder = tmp_path / "Fleet-metrics"
    folder.mkdir()
    for name, (signals, grain) in CHOICES.items():
        written = write(folder, name, signals, grain)
        assert all((folder / path).is_file() for path in written.files)

    assert {path.name for path in folder.iterdir()} == {
        "fleet_metrics", "tests", "pyproject.toml", ".gitignore", ".github",
    }  # fmt: skip
    assert {path.stem for path in (folder / "fleet_metrics").glob("*.py")} == {
        "__init__", *CHOICES,
    }  # fmt: skip
    good(folder, "ruff", "check", "--no-cache", ".")
    good(folder, "ruff", "format", "--no-cache", "--check", ".")


def test_a_new_project_names_its_package(tmp_path: Path) -> None:
    written = write(tmp_path, package="fleet")
    told = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    assert told["project"]["entry-points"][ENTRY_POINT_GROUP] == {"fleet": "fleet"}
    assert told["project"]["name"] == "fleet"
    assert written.files[:2] == [Path("fleet/late_brakes.py"), Path("tests/test_late_brakes.py")]
    assert "python -m pip install --editable '.[dev]'" in written.commands


def test_what_stands_in_any_folder_is_no_content(tmp_path: Path) -> None:
    for folder in (".git", ".venv", "env"):
        (tmp_path / folder).mkdir()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "README.md").touch()
    assert not write(tmp_path, package="fleet").place.begun


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "drive.mcap").touch()
    with pytest.raises(ConfigurationError, match=r"isn't empty \(there is drive.mcap\)"):
        write(tmp_path, package="fleet")
    assert [path.name for path in tmp_path.iterdir()] == ["drive.mcap"]


@pytest.mark.parametrize("name", ["tests", "json", "metrics_platform", "class", "1st", "Ours"])
def test_a_package_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="with --package"):
        write(tmp_path, package=name)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("below", ["", "src"])
def test_in_an_authors_project_it_goes_into_their_package(tmp_path: Path, below: str) -> None:
    root = of_author(tmp_path / "project", "ours.metrics", below)
    deep = root / "docs" / "deep"
    deep.mkdir(parents=True)
    written = write(deep)
    assert written.files == [
        Path(below, "ours/metrics/late_brakes.py"), Path("tests/test_late_brakes.py"),
    ]  # fmt: skip
    test = (root / "tests" / "test_late_brakes.py").read_text()
    assert "from ours.metrics.late_brakes import late_brakes" in test
    assert "assert_conforms(late_brakes)" in test
    assert write(root, "more", package="other").files[0] == Path(below, "other/more.py")


def test_a_package_that_the_project_has_not_is_told(tmp_path: Path) -> None:
    root = of_author(tmp_path / "project")
    with pytest.raises(UnknownNameError, match="did you mean 'other'"):
        write(root, package="othr")


def test_tests_go_where_the_project_has_them(tmp_path: Path) -> None:
    root = of_author(tmp_path / "project")
    with (root / "pyproject.toml").open("a") as file:
        file.write('[tool.pytest.ini_options]\ntestpaths = ["checks"]\n')
    (root / "checks").mkdir()
    assert write(root).files[1] == Path("checks/test_late_brakes.py")


def test_a_project_without_metrics_learns_how_to_have_some(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "theirs"\n')
    with pytest.raises(ConfigurationError) as told:
        write(tmp_path)
    assert f'[project.entry-points."{ENTRY_POINT_GROUP}"]' in str(told.value)


def test_a_package_that_is_not_there_is_told(tmp_path: Path) -> None:
    root = of_author(tmp_path / "project", "ours")
    (root / "ours").rmdir()
    with pytest.raises(ConfigurationError, match="no folder ours or src/ours"):
        write(root)


def test_in_the_platform_it_goes_beside_the_others(tmp_path: Path) -> None:
    root = platform(tmp_path)
    for name, (signals, grain) in CHOICES.items():
        written = write(root, name, signals, grain)
        assert written.files == [
            Path(f"metrics_platform/metrics/{name}.py"),
            Path(f"metrics_platform_tests/metrics/test_{name}.py"),
        ]
        assert "make docs" in written.commands
    folders = ["metrics_platform/metrics", "metrics_platform_tests/metrics"]
    good(root, "ruff", "check", "--no-cache", *folders)
    good(root, "ruff", "format", "--no-cache", "--check", *folders)


def test_this_repository_is_the_platform() -> None:
    place = find_place(ROOT / "docs")
    assert place.first_party
    assert (place.metrics / "hard_brakes.py").is_file()
    assert (place.tests / "test_hard_brakes.py").is_file()


@pytest.mark.parametrize("taken", ["fleet/late_brakes.py", "tests/test_late_brakes.py"])
def test_no_file_is_written_over(tmp_path: Path, taken: str) -> None:
    write(tmp_path, "first", package="fleet")
    (tmp_path / taken).write_text("mine\n")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigurationError, match=r"there is a file .*late_brakes.py already"):
        write(tmp_path)
    assert (tmp_path / taken).read_text() == "mine\n"
    assert sorted(tmp_path.rglob("*")) == before


def test_not_even_an_ignore_file(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    with pytest.raises(ConfigurationError, match=r"there is a file .*gitignore already"):
        write(tmp_path, package="fleet")
    assert [path.name for path in tmp_path.iterdir()] == [".gitignore"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("LateBrakes", "what about 'late_brakes'"),
        ("late-brakes", "what about 'late_brakes'"),
        ("2nd", "is snake_case, got '2nd'$"),
        ("lambda", "means something else"),
        ("metric", "means something else"),
        ("hard_brakes", r"a metric 'hard_brakes' already, in .*metrics/hard_brakes.py"),
        ("tracks", r"a signal 'tracks' already, in .*signals/tracks.py"),
    ],
)
def test_a_name_that_cannot_be_is_told(name: str, told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        check_name(name, CATALOG)


@pytest.mark.parametrize("owner", ["", " ", 'the "best"', "a\nb", "back\\slash"])
def test_an_owner_that_cannot_be_written_is_refused(tmp_path: Path, owner: str) -> None:
    with pytest.raises(ConfigurationError, match="an owner is a name"):
        write(tmp_path, owner=owner, package="fleet")
