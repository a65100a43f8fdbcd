"""What a small project has become since its lock: the cases that are about more than one metric."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from metrics_platform.authoring.locking.acceptance import accept, in_folder
from metrics_platform.authoring.locking.bumps import write_versions
from metrics_platform.authoring.locking.changes import Bump, Change, Kind, Report
from metrics_platform.authoring.locking.comparison import compare, with_versions
from metrics_platform.authoring.locking.lock import LOCK, Lock, read_lock
from metrics_platform.authoring.locking.pull_request import as_markdown
from metrics_platform.authoring.locking.report import as_json, as_text
from metrics_platform.core.errors import DefinitionError, UnknownNameError
from metrics_platform_tests.authoring.projects import changed, logs, tree_of
from metrics_platform_tests.core.packages import Files

LONGER = ("x.max() - x.min()", "2 * (x.max() - x.min())")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a lock."""
    with tree_of(tmp_path) as tree:
        assert accept(tree, Lock(LOCK), compare(tree, Lock(LOCK), results=True))
    return tmp_path


def lock_of(root: Path) -> Lock:
    with tree_of(root) as tree:
        lock = read_lock(in_folder(tree.project))
    assert lock is not None
    return lock


def report_of(root: Path, files: Files) -> Report:
    lock = lock_of(root)
    with tree_of(root, files) as tree:
        return compare(tree, lock).report


def printed(report: Report) -> str:
    console = Console(file=StringIO(), width=100, markup=False)
    console.print(as_text(report))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def change(report: Report, name: str) -> Change:
    [found] = [change for change in report.changes if change.name == name]
    return found


def test_nothing_changed(root: Path) -> None:
    lock = lock_of(root)
    with tree_of(root) as tree:
        report = compare(tree, lock).report

        assert tree.outdated(lock) == []
    assert {c.kind for c in report.changes} == {Kind.UNCHANGED}
    assert (report.passed, list(report.computed), report.logs) == (True, [], 3)


def test_a_metric_that_begins_to_fail_does_not_pass_by_any_version(root: Path) -> None:
    renamed = changed(
        ('version="1.0.0"', 'version="2.0.0"'),
        ('requires={"ways": "<2"}', "requires={}"),
        ('way_m: float = Field(description="Along x.")', "length_m: float"),
        ("agg(way_m=", "agg(length_m="),
        ('pl.col("way_m").first()', 'pl.col("length_m").first()'),
    )
    report = report_of(root, renamed)

    assert [found.kind for found in change(report, "ways").contract] == ["renamed"]
    far = change(report, "far_ways")
    assert (far.kind, far.because, far.due) == (Kind.VALUES, ["ways"], None)
    assert "way_m" in str(far.fails)
    assert far.problem is not None
    assert far.problem.startswith("far_ways: it fails on 3 of 3 logs, on fast with `")
    assert far.problem in report.problems
    assert '"fails": "fails on 3 of 3 logs' in as_json(report)
    for told in (as_markdown(report), " ".join(printed(report).split())):
        assert told.count("it fails on 3 of 3 logs") == told.count("fails on") == 1
        assert "most in" not in told.lower()
        assert "has what it takes" not in told


def test_versions_of_what_fails_and_of_what_takes_it_are_not_written(root: Path) -> None:
    lock = lock_of(root)
    broken = changed(('    x = pl.col("x_m")', '    raise ValueError("word " * 60)'))

    with tree_of(root, broken) as tree:
        report = compare(tree, lock).report
        only = compare(tree, lock, names=["far_ways"]).report
        written = write_versions(tree, report)

    assert written == {}
    assert str(change(report, "ways").fails).endswith(" word word …`")
    for found in (report, only):
        far = change(found, "far_ways")
        assert (far.fails, far.due, far.waits_for) == (None, None, ["ways"])
        assert "far_ways: what it owes shows once ways is mended" in found.problems


def test_versions_are_written_all_or_none(root: Path) -> None:
    lock = lock_of(root)
    files = changed(LONGER, ('    version="1.0.0"', '    version=str("1.0.0")'))

    with tree_of(root, files) as tree:
        report = compare(tree, lock).report
        # It comes first, and is written out.
        assert change(report, "far_ways").due
        with pytest.raises(DefinitionError, match=r"the version of ways .* set 1.1.0 by hand"):
            write_versions(tree, report)

    assert (root / "robots/metrics.py").read_text() == files["robots/metrics.py"]


def test_values_are_not_equal_where_every_column_is_another(root: Path) -> None:
    replaced = changed(
        ('    way_m: float = Field(description="Along x.")', "    length_m: float"),
        ("agg(way_m=x.max() - x.min())", "agg(length_m=x.max())"),
        ('"way_m": pl.col("way_m").first()', '"length_m": pl.col("length_m").first()'),
        ("return ways.filter", 'return ways.rename({"length_m": "way_m"}).filter'),
    )

    ways = change(report_of(root, replaced), "ways")

    assert ways.values is None
    assert ways.notes == ["no column is in both: its values could not be compared"]


def test_a_new_metric_that_fails_is_not_accepted(root: Path) -> None:
    lock = lock_of(root)
    text = changed()["robots/metrics.py"]
    new = (
        text[text.index("@metric") :]
        .replace("def ways", "def widths")
        .partition('\n\n@metric(\n    version="1.2.3"')[0]
        .replace("x.max() - x.min()", "x.no_such_thing()")
    )
    files = {**changed(), "robots/metrics.py": f"{text}\n\n{new}"}

    with tree_of(root, files) as tree:
        seen = compare(tree, lock).report
        accepting = compare(tree, lock, results=True).report

    assert change(seen, "widths").kind is Kind.NEW
    assert seen.passed
    assert not accepting.passed
    assert "widths: it fails on 3 of 3 logs, on fast with `AttributeError" in accepting.problems[0]


def test_other_packages_make_everything_be_computed_and_owe_nothing(root: Path) -> None:
    lock = lock_of(root)
    with tree_of(root, environment={"polars": "3"}) as tree:
        comparison = compare(tree, lock, results=True)

        assert accept(tree, lock, comparison)
    report = comparison.report
    assert report.environment == ["polars 2 -> 3"]
    assert set(report.computed) == {"ways", "far_ways"}
    assert {c.kind for c in report.changes} == {Kind.UNCHANGED}
    assert change(report, "ways").values is not None
    written = lock_of(root)
    assert written.environment == {"polars": "3"}
    assert written.blocks == lock.blocks


def test_values_that_change_without_any_code_are_found_when_everything_is_computed(
    root: Path,
) -> None:
    """A file that the code reads, say, or a package of which the lock knows nothing."""
    data = root / "factor.txt"
    read = f'pl.lit(float(Path("{data}").read_text())) * (x.max() - x.min())'
    files = changed(
        ("x.max() - x.min()", read), ("import polars", "from pathlib import Path\n\nimport polars")
    )
    data.write_text("1")
    with tree_of(root, files) as tree:
        accept(tree, Lock(LOCK), compare(tree, Lock(LOCK), results=True))
    lock = lock_of(root)
    data.write_text("1.5")

    with tree_of(root, files) as tree:
        unseen = compare(tree, lock).report
        seen = compare(tree, lock, everything=True).report

    assert unseen.passed
    assert change(seen, "ways").kind is Kind.VALUES
    assert change(seen, "ways").owed is Bump.MINOR
    assert "reads something that no fingerprint sees" in change(seen, "ways").notes[0]


def test_another_corpus_is_told_and_owes_nothing(root: Path) -> None:
    lock = lock_of(root)
    other = logs(slow=8.0, usual=11.0, new=30.0)

    with tree_of(root, corpus=other) as tree:
        report = compare(tree, lock).report
        told = tree.outdated(lock)
        accepted = accept(tree, lock, compare(tree, lock, results=True))

    assert list(report.corpus) == [
        "logs that are new: new",
        "logs that are gone: fast",
        "logs in which ego_poses differs: 1",
    ]
    assert {c.kind for c in report.changes} == {Kind.UNCHANGED}
    assert report.passed
    assert len(told) == 3
    assert accepted
    assert set(lock_of(root).blocks["ways"].results) == {"slow", "usual", "new"}


def test_the_lock_knows_of_the_inputs_that_are_needed(root: Path) -> None:
    lock = lock_of(root)
    more = changed(("def ways(ego_poses: pl.LazyFrame)", "def ways(ego_poses, vehicle_speeds)"))

    with tree_of(root, more) as tree:
        comparison = compare(tree, lock, results=True)
        ways = change(comparison.report, "ways")
        accept(tree, lock, comparison)
    with tree_of(root, corpus=logs(slow=8.0, usual=11.0, fast=20.0)) as tree:
        fewer = tree.hashes(lock_of(root))

    assert {frozenset(hashes) for hashes in lock.corpus.values()} == {frozenset({"ego_poses"})}
    assert ways.values is not None
    assert (ways.values.logs, ways.values.equal) == (3, True)
    for log_id, hashes in lock_of(root).corpus.items():
        assert set(hashes) == {"ego_poses", "vehicle_speeds"}
        assert hashes["ego_poses"] == lock.corpus[log_id]["ego_poses"]
    assert {frozenset(hashes) for hashes in fewer.values()} == {frozenset({"ego_poses"})}


def test_values_are_compared_where_the_inputs_are_those_of_the_lock(root: Path) -> None:
    lock = lock_of(root)

    with tree_of(root, changed(LONGER), corpus=logs(slow=8.0, usual=11.0, new=30.0)) as tree:
        ways = change(compare(tree, lock).report, "ways")
    with tree_of(root, changed(LONGER), corpus=logs(new=30.0)) as tree:
        nowhere = change(compare(tree, lock).report, "ways")

    assert ways.values is not None
    assert (ways.values.logs, ways.values.changed_logs) == (1, 1)
    assert ways.notes == ["compared on 1 of 3 logs: the others have other inputs now"]
    # Other code owes something in any case.
    assert (nowhere.values, nowhere.owed) == (None, Bump.PATCH)
    assert "could not be compared" in nowhere.notes[0]


def test_a_corpus_of_the_same_source_is_not_read(root: Path) -> None:
    lock = lock_of(root)
    with tree_of(root) as tree:
        compare(tree, lock)

        assert "corpus" not in vars(tree)
    with tree_of(root) as tree:
        compare(tree, replace(lock, source="another"))
        assert "corpus" in vars(tree)


def test_writing_a_version_that_breaks_a_pin_names_the_consumer(root: Path) -> None:
    lock = lock_of(root)
    wider = changed(
        ('"Along x.")', '"Along x.")\n    x_m: float'),
        ("x.max() - x.min())", "x.max() - x.min(), x_m=x.max())"),
        ("return ways.filter(", 'return ways.select("log_id", "way_m").filter('),
    )
    narrower = changed(('Field(description="Along', 'Field(ge=0, description="Along'))

    assert change(report_of(root, wider), "ways").owed is Bump.MINOR
    with tree_of(root, narrower) as tree:
        report = compare(tree, lock).report
        [consumer] = change(report, "ways").consumers
        written = write_versions(tree, report)
        after = with_versions(tree, report, written)

    assert (consumer.name, consumer.requires, consumer.broken) == ("far_ways", "<2", True)
    assert report.unmet == []
    assert written == {"ways": "2.0.0"}
    [told] = after.unmet
    assert told == (
        "far_ways 1.2.3 requires ways <2, and ways is 2.0.0: change far_ways to work with ways "
        "2.0.0, then its `requires`"
    )
    assert not after.passed
    assert change(after, "ways").problem is None


def test_only_what_is_named_is_looked_at(root: Path) -> None:
    lock = lock_of(root)
    with tree_of(root, changed(LONGER)) as tree:
        report = compare(tree, lock, names=["far_ways"]).report

        assert [c.name for c in report.changes] == ["far_ways"]
        assert list(report.computed) == ["far_ways"]
        assert tree.outdated(lock, ["far_ways"]) == [
            "far_ways has changed since metrics.lock was written"
        ]
        with pytest.raises(UnknownNameError, match="did you mean 'far_ways'"):
            compare(tree, lock, names=["far_way"])
