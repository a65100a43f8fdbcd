"""`metrics-platform new`, as a person and a script use it."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from metrics_platform.core.catalog import default_catalog
from metrics_platform_tests.test_cli import run

FLAGS = ("--signals", "ego_states,tracks", "--grain", "event", "--owner", "controls")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in."""
    folder = tmp_path / "fleet_metrics"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_it_tells_what_it_wrote_and_what_to_do_next(folder: Path) -> None:
    done = run({}, "new", "late_brakes", *FLAGS, "--package", "fleet")

    assert done.status == 0, done.err
    wrote = re.findall(r"^wrote (.+)$", done.out, re.MULTILINE)
    assert wrote[:2] == ["fleet/late_brakes.py", "tests/test_late_brakes.py"]
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(wrote) == written
    text = (folder / "fleet" / "late_brakes.py").read_text()
    assert 'owner="controls"' in text
    assert "tracks: pl.LazyFrame" in text
    assert "Formula: " in text
    # What stands there is no version to be held against yet.
    assert "metrics-platform lock" not in done.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["late_brakes"], "nobody is there to be asked: say --signals, --grain, --owner (such as"),
        (["late_brakes", *FLAGS[:2]], "say --grain, --owner (such as"),
        (["late_brakes", "--signals", "ego_stats", *FLAGS[2:]], "did you mean 'ego_states'?"),
        (["LateBrakes", *FLAGS], "what about 'late_brakes'?"),
        (["hard_brakes", *FLAGS], "there is a metric 'hard_brakes' already"),
    ],
    ids=["nothing_said", "half_said", "misspelled", "no_snake", "taken"],
)
def test_an_error_is_one_sentence_and_nothing_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    with open(os.devnull) as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        done = run({}, "new", *arguments)

    assert done.status == 1
    assert sentence in " ".join(done.err.split())
    assert not any(folder.iterdir())


def test_an_unknown_grain_names_those_there_are(folder: Path) -> None:
    done = run({}, "new", "late_brakes", *FLAGS[:2], "--grain", "drive", "--owner", "a")
    assert done.status == 2
    assert re.search(r"log.*event.*moment.*track", " ".join(done.err.split()))


def test_in_a_terminal_it_asks_until_it_knows(folder: Path) -> None:
    ours, its = pty.openpty()
    # A misspelled signal and the right one, the same for the grain, and the owner that is offered.
    os.write(ours, b"ego_stats\nego_states\nmomnt\nmoment\n\n")
    command = [sys.executable, "-c", "from metrics_platform.cli import main; main()"]
    with subprocess.Popen(
        [*command, "new", "late_brakes"], stdin=its, stdout=its, stderr=its,
        env={**os.environ, "TERM": "dumb"},
    ) as process:  # fmt: skip
        os.close(its)
        told = b""
        try:
            while part := os.read(ours, 65_536):
                told += part
        except OSError:
            pass  # The terminal is gone with the last of its processes.
        assert process.wait() == 0, told
    os.close(ours)

    assert b"did you mean 'ego_states'?" in told
    assert b"did you mean 'moment'?" in told
    text = (folder / "fleet_metrics" / "late_brakes.py").read_text()
    assert "def late_brakes(ego_states: pl.LazyFrame)" in text
    assert 'unique = ["log_id", "timestamp_ns"]' in text
    assert 'owner="planning"' in text
    assert "late_brakes" not in {definition.name for definition in default_catalog()}
