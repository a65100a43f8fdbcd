"""Versions are written where they stand, and the rest of the file stays to the byte."""

from pathlib import Path

import pytest

from metrics_platform.authoring.locking.bumps import write_version
from metrics_platform.core.definitions import Definition
from metrics_platform.core.errors import DefinitionError
from metrics_platform_tests.core.packages import imported

HEAD = '''"""Ümläute before it."""

import polars as pl
from metrics_platform.core import MetricFrame, Signal, metric, signal

THE = "1.0.0"


class Numbers(MetricFrame):
    """One row per log_id."""

'''
SIGNAL = 'recorded = Signal(name="recorded", version="1.0.0", rows=Numbers, owner="x")\n'
METRICS = '''
@metric(owner="ü", version='1.0.0', rows=Numbers, summary={"n": pl.len()})
def first(recorded):
    """It has the version "1.0.0"."""
    return recorded


@signal(
    version="1.0.0",  # version="1.0.0"
    rows=Numbers, owner="x")
def second(recorded):
    """Another of 1.0.0."""
    return recorded


@metric(version="1.1.0", rows=Numbers, owner="x", summary={"n": pl.len()}, shadow_of="first")
def first_next(recorded):
    """The next."""
    return recorded
'''


def written(folder: Path, text: str, name: str, version: str) -> str:
    """Write a version into a module of that text; return what it is then."""
    with imported(folder, {"numbers_of.py": text}, "numbers_of") as module:
        found = [v for v in vars(module).values() if isinstance(v, Definition)]
        [definition] = [d for d in found if d.name == name and not d.shadow]
        write_version(definition, version)
    return (folder / "numbers_of.py").read_bytes().decode()


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("first", "version='1.0.0', rows", "version='1.1.0', rows"),
        ("second", '    version="1.0.0",  #', '    version="1.1.0",  #'),
        ("recorded", '="recorded", version="1.0.0"', '="recorded", version="1.1.0"'),
    ],
    ids=["single quotes", "a line of its own", "recorded"],
)
def test_only_the_version_changes(
    tmp_path: Path, name: str, before: str, after: str, end: str
) -> None:
    text = HEAD + SIGNAL + METRICS
    assert text.count(before) == 1

    found = written(tmp_path, text.replace("\n", end), name, "1.1.0")

    assert found == text.replace(before, after).replace("\n", end)


def test_a_version_that_the_module_names_is_written_there(tmp_path: Path) -> None:
    text = HEAD + METRICS.replace("version='1.0.0'", "version=THE")

    found = written(tmp_path, text, "first", "2.0.0")

    assert found == text.replace('THE = "1.0.0"', 'THE = "2.0.0"')


def test_a_version_that_is_not_written_out_is_left_to_the_author(tmp_path: Path) -> None:
    text = HEAD + METRICS.replace("version='1.0.0'", "version=str(THE)")

    with pytest.raises(DefinitionError, match=r"first isn't written out .* set 2.0.0 by"):
        written(tmp_path, text, "first", "2.0.0")
    assert (tmp_path / "numbers_of.py").read_text() == text
