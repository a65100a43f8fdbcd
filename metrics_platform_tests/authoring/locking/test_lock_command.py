"""`check` and `lock`, as the author of an installed package and a pull request use them."""

import json
import re
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from metrics_platform_tests.authoring.locking.library import git
from metrics_platform_tests.authoring.projects import FILES, changed, installed, written
from metrics_platform_tests.core.packages import Files
from metrics_platform_tests.test_cli import Done, run

LONGER = ("x.max() - x.min()", "2 * (x.max() - x.min())")


def command(root: Path, files: Files, *arguments: str) -> Done:
    """Run a command in the project with these files."""
    with installed(root, files):
        return run({"METRICS_PLATFORM_HOME": str(root / "home")}, *arguments)


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project in git with a lock."""
    done = command(tmp_path, FILES, "lock")
    assert done.status == 0, done.err
    assert re.search(r"metrics.lock written: 2 definitions on \d+ logs, 2 computed", done.out)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "before")
    return tmp_path


def test_without_a_lock_check_says_how_to_write_it(tmp_path: Path) -> None:
    done = command(tmp_path, FILES, "check")

    assert (done.status, done.out) == (1, "")
    assert "write the first one with `metrics-platform lock`" in flat(done.err)


def test_outside_of_a_project_check_says_where_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    for name in ("check", "lock"):
        done = run({}, name)
        assert done.status == 1
        assert "go to the folder of your project" in flat(done.err)


def test_what_did_not_change_passes_and_is_written_no_more(root: Path) -> None:
    checked, locked = command(root, FILES, "check", "--locked"), command(root, FILES, "lock")

    assert checked.status == 0
    assert "robots against metrics.lock" in flat(checked.out)
    assert "2 unchanged, 0 changed No version is owed." in flat(checked.out)
    assert "metrics.lock is up to date: 2 definitions" in locked.out
    assert git(root, "status", "--porcelain") == ""


def test_from_a_change_to_its_version_to_the_lock(root: Path) -> None:
    files = changed(LONGER)
    owing, refused = command(root, files, "check"), command(root, files, "lock")
    bumped = command(root, files, "check", "--bump")
    files = written(root)
    unlocked = command(root, files, "check", "--locked")
    accepted, good = command(root, files, "lock"), command(root, files, "check", "--locked")

    assert owing.status == 1
    assert "ways 1.0.0, owes 1.1.0 values changed" in flat(owing.out)
    assert "far_ways 1.2.3, owes 1.3.0 values changed" in flat(owing.out)
    assert refused.status == 1
    assert "metrics.lock is not written: far_ways: values changed" in flat(refused.err)
    assert "or run `metrics-platform check --bump`" in flat(refused.err)
    assert bumped.status == 0
    assert "ways: wrote 1.1.0 into robots/metrics.py" in bumped.err
    assert 'version="1.1.0"' in files["robots/metrics.py"]
    assert 'version="1.3.0"' in files["robots/metrics.py"]
    assert unlocked.status == 1
    assert "`metrics-platform lock` accepts what changed." in flat(unlocked.out)
    assert (accepted.status, good.status) == (0, 0)


def test_a_pull_request_is_held_against_its_base(root: Path) -> None:
    """Whoever locks twice on a branch owes one version for all of it, not one each time."""
    once = changed(LONGER, ('"1.0.0"', '"1.1.0"'), ('"1.2.3"', '"1.3.0"'))
    assert command(root, once, "lock").status == 0
    text = once["robots/metrics.py"].replace("2 * (", "3 * (")
    twice = {**FILES, "robots/metrics.py": text}

    assert command(root, twice, "lock").status == 1
    assert command(root, twice, "lock", "--base", "HEAD").status == 0
    told = command(root, twice, "check", "--locked", "--base", "HEAD", "--json")
    markdown = command(root, twice, "check", "--base", "HEAD", "--markdown", "ways")

    assert told.status == 0
    report = json.loads(told.out)
    assert report["base"] == "metrics.lock of HEAD"
    assert {c["name"]: (c["kind"], c["before"], c["after"]) for c in report["changes"]} == {
        "ways": ("values changed", "1.0.0", "1.1.0"),
        "far_ways": ("values changed", "1.2.3", "1.3.0"),
    }
    assert markdown.status == 0
    assert markdown.out.startswith("## ✅ Metrics")
    assert "| `ways` | Values changed |" in markdown.out
    assert "`far_ways` | Values changed" not in markdown.out


def test_a_base_without_a_lock_has_nothing_and_one_that_is_not_there_is_an_error(
    root: Path,
) -> None:
    git(root, "rm", "--quiet", "--cached", "-r", "metrics.lock", "metrics.lock.rows")
    git(root, "commit", "--quiet", "-m", "no lock")

    empty = command(root, FILES, "check", "--base", "HEAD", "--json")
    nowhere = command(root, FILES, "check", "--base", "origin/main")
    (root / ".git").rename(root / "elsewhere")
    no_repository = command(root, FILES, "check", "--base", "HEAD")

    assert empty.status == 0
    report = json.loads(empty.out)
    assert report["base"] == "HEAD, which has no metrics.lock"
    assert {change["kind"] for change in report["changes"]} == {"new"}
    assert nowhere.status == no_repository.status == 1
    assert "git finds no revision 'origin/main'" in flat(nowhere.err)
    assert "fatal" not in nowhere.err + no_repository.err
    assert "not a git repository" in flat(no_repository.err)


def test_after_a_merge_with_conflicts_in_the_lock_versions_are_written_and_accepted(
    root: Path,
) -> None:
    """Two branches raise one version for two reasons: the code merges, and their locks don't."""
    other = changed(("FAR_M = 20.0", "FAR_M = 15.0"), ('"1.2.3"', '"1.3.0"'))
    ours = changed(LONGER, ('"1.0.0"', '"1.1.0"'), ('"1.2.3"', '"1.3.0"'))
    git(root, "checkout", "--quiet", "-b", "other")
    for branch, files in (("other", other), ("ours", ours)):
        assert command(root, files, "lock").status == 0
        git(root, "commit", "--quiet", "-a", "-m", branch)
        git(root, "checkout", "--quiet", "-B", "ours", "other~1" if branch == "other" else "ours")
    with pytest.raises(CalledProcessError):
        git(root, "merge", "other")
    assert "<<<<<<<" in (root / "metrics.lock").read_text()
    merged = written(root)
    text = merged["robots/metrics.py"]
    assert all(piece in text for piece in ("FAR_M = 15.0", LONGER[1], '"1.3.0"'))

    checked, refused = command(root, merged, "check"), command(root, merged, "lock")
    bumped = command(root, merged, "check", "--bump")
    raised = written(root)
    unlocked = command(root, raised, "check", "--locked")
    accepted = command(root, raised, "lock")

    # The values of both together are others than those of either.
    assert checked.status == refused.status == 1
    assert "far_ways 1.3.0, owes 1.4.0" in flat(checked.out)
    assert "metrics.lock has conflicts of a merge in it" in flat(checked.out)
    assert "far_ways: values changed" in flat(refused.err)
    assert bumped.status == 0
    assert raised["robots/metrics.py"] == text.replace('"1.3.0"', '"1.4.0"')
    assert unlocked.status == 1
    assert "metrics.lock has conflicts" in flat(unlocked.out)
    assert accepted.status == 0
    assert command(root, raised, "check", "--locked", "--all").status == 0


def test_a_name_that_is_not_of_the_project_is_refused(root: Path) -> None:
    done = command(root, FILES, "check", "way")

    assert done.status == 1
    assert "no metric or signal of robots named 'way'; did you mean 'ways'?" in flat(done.err)
