"""metrics.lock: written so that git sees only what changed, read so that damage is told."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metrics_platform.authoring.locking.acceptance import accept, in_folder
from metrics_platform.authoring.locking.comparison import compare
from metrics_platform.authoring.locking.lock import LOCK, ROWS, Lock, lock_text, read_lock
from metrics_platform.authoring.project import Project
from metrics_platform.core.errors import LockConflictError, LockError
from metrics_platform_tests.authoring.projects import FILES, changed, tree_of
from metrics_platform_tests.core.packages import Files


def accepted(root: Path, files: Files = FILES, *, everything: bool = False) -> bool:
    with tree_of(root, files) as tree:
        old = read_lock(in_folder(tree.project)) or Lock(LOCK)
        return accept(tree, old, compare(tree, old, everything=everything, results=True))


def contents(root: Path) -> dict[str, bytes]:
    """Return the lock and its rows by path."""
    paths = [root / LOCK, *(root / ROWS).iterdir()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    accepted(tmp_path)
    return tmp_path


def lock_in(root: Path) -> Lock:
    lock = read_lock(in_folder(Project(root, "robots")))
    assert lock is not None
    return lock


def test_what_was_written_is_read(root: Path) -> None:
    with tree_of(root) as tree:
        made = tree.compute(["ways", "far_ways"])
    lock = lock_in(root)

    assert set(contents(root)) == {LOCK, f"{ROWS}/ways.parquet", f"{ROWS}/far_ways.parquet"}
    assert lock_text(lock) == (root / LOCK).read_text()
    for name in ("ways", "far_ways"):
        values = lock.values(name)
        assert_frame_equal(values.rows, made[name].rows, check_exact=True)
        assert_frame_equal(values.summary, made[name].summary, check_exact=True)
        assert values.outcomes == made[name].outcomes


def test_accepting_again_changes_not_a_byte(root: Path) -> None:
    before = contents(root)

    assert not accepted(root)
    assert not accepted(root, everything=True)
    assert contents(root) == before


def test_only_what_changed_is_rewritten(root: Path) -> None:
    before = contents(root)

    # By the last bits: equal, as far as anybody is concerned.
    bits = changed(("x.max() - x.min()", "(x.max() * 3 - x.min() * 3) / 3"))
    assert accepted(root, bits)
    same_values = contents(root)
    assert [p for p in before if before[p] != same_values[p]] == [LOCK]

    far = changed(("FAR_M = 20.0", "FAR_M = 18.0"), ('"1.2.3"', '"1.3.0"'))
    assert accepted(root, far)
    after = contents(root)
    rewritten = [path for path in same_values if same_values[path] != after[path]]
    assert rewritten == [LOCK, f"{ROWS}/far_ways.parquet"]
    old, new = (files[LOCK].decode().splitlines() for files in (before, after))
    lines = [line for line, other in zip(old, new, strict=True) if line != other]
    told = [line.split(":")[0].strip(' "') for line in lines]
    # `ways` is as it was before its refactoring.
    assert told == ["file", "fingerprint", "own_fingerprint", "usual", "version"]


def test_rows_of_what_is_gone_are_removed(root: Path) -> None:
    without = changed()["robots/metrics.py"].partition('\n\n@metric(\n    version="1.2.3"')[0]

    assert accepted(root, {**FILES, "robots/metrics.py": without})
    assert set(contents(root)) == {LOCK, f"{ROWS}/ways.parquet"}


def _conflict(root: Path) -> None:
    text = (root / LOCK).read_text()
    marked = text.replace('"polars"', '<<<<<<< HEAD\n"polars"\n=======\n>>>>>>> other')
    (root / LOCK).write_text(marked)


def _newer(root: Path) -> None:
    plain = json.loads((root / LOCK).read_text())
    (root / LOCK).write_text(json.dumps({**plain, "format": 2}))


@pytest.mark.parametrize(
    ("damage", "error", "sentence"),
    [
        (_conflict, LockConflictError, "run `metrics-platform lock` again"),
        (_newer, LockError, "written by a newer metrics-platform, in format 2"),
        (lambda root: (root / LOCK).write_text("{"), LockError, "is damaged"),
        (lambda root: (root / LOCK).write_text("[]"), LockError, "is damaged"),
        (lambda root: (root / LOCK).write_text("{}"), LockError, "nothing is said of 'format'"),
        (lambda root: (root / LOCK).write_bytes(b"\xff"), LockError, "is damaged"),
    ],
    ids=["conflict", "newer", "cut off", "a list", "empty", "no text"],
)
def test_a_lock_that_cannot_be_read_says_what_to_do(
    root: Path, damage: Callable[[Path], object], error: type[LockError], sentence: str
) -> None:
    damage(root)

    with pytest.raises(error, match=LOCK) as raised:
        lock_in(root)
    assert sentence in str(raised.value)


def test_rows_that_are_not_those_of_the_lock_are_refused(root: Path) -> None:
    path, lock = root / ROWS / "ways.parquet", lock_in(root)
    rows = pl.read_parquet(path)

    rows.with_columns(way_m=pl.col("way_m") + (pl.col("log_id") == "slow")).write_parquet(path)
    with pytest.raises(LockError, match=r"ways.parquet is not the file that metrics.lock"):
        lock.values("ways")
    path.unlink()
    with pytest.raises(LockError, match=r"ways.parquet is missing; .*git checkout HEAD"):
        lock.values("ways")


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PAR1")])
def test_rows_that_are_missing_or_damaged_are_noticed_and_computed_anew(
    root: Path, damage: Callable[[Path], object]
) -> None:
    path, before = root / ROWS / "ways.parquet", contents(root)
    damage(path)

    with tree_of(root) as tree:
        [told] = tree.outdated(lock_in(root))
        everything = compare(tree, lock_in(root), everything=True).report
    assert "ways.parquet is " in told
    assert "`metrics-platform lock` computes it anew" in told
    assert everything.passed
    assert [c.notes for c in everything.changes if c.name == "ways"] == [[told]]
    with (
        tree_of(root, changed(("x.max() - x.min()", "x.max()"))) as tree,
        pytest.raises(LockError, match=r"go back to the code of metrics\.lock"),
    ):
        compare(tree, lock_in(root))

    assert accepted(root)
    assert contents(root) == before
    assert not accepted(root)


def test_without_a_lock_there_is_none(tmp_path: Path) -> None:
    assert read_lock(in_folder(Project(tmp_path, "robots"))) is None
