"""Faults in the library are found; the benchmark `authors` has the long list of them."""

from pathlib import Path

import pytest

from benchmarks._mutants import Mutant, all_mutants, copied_library, tried, written_lock

# One copy with one lock for all: it is made once.
pytestmark = pytest.mark.xdist_group("mutants")

NAMES = ("dropped_frames", "hard_brakes", "mean_speed")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied_library(tmp_path_factory.mktemp("mutants"))
    written_lock(folder, NAMES)
    return folder


def _listed(file: str, fault: str) -> Mutant:
    [mutant] = [m for m in all_mutants() if (m.file, m.fault) == (f"metrics/{file}.py", fault)]
    return mutant


@pytest.mark.parametrize(
    ("mutant", "changed", "breaks"),  # what `check` and what the conformance checks find
    [
        pytest.param(_listed("hard_brakes", "sign"), ["hard_brakes"], "", id="sign"),
        pytest.param(_listed("dropped_frames", "dropped sort"), [], "contract", id="sort"),
    ],
)
def test_a_fault_is_found(copy: Path, mutant: Mutant, changed: list[str], breaks: str) -> None:
    found = tried(copy, mutant, NAMES)
    assert found.caught
    assert found.changed == changed
    assert breaks in (found.breaks or "")


def test_other_code_for_the_same_values_is_not_found(copy: Path) -> None:
    same = Mutant("metrics/mean_speed.py", "none", "speed.max()", "speed.sort().last()")
    assert not tried(copy, same, NAMES).caught


def test_every_listed_fault_fits_the_library_as_it_is() -> None:
    root = Path(__file__).parents[3] / "metrics_platform"
    mutants = all_mutants()
    assert [m.told for m in mutants if (root / m.file).read_text().count(m.old) != 1] == []
    assert len({(m.file, m.old, m.new) for m in mutants}) == len(mutants) >= 100
    assert len({m.fault for m in mutants}) >= 30
