"""Each class of change, made to a metric of the library, is found and told as what it is.

All of them are made to one copy at once, each to another metric, and one `check` tells them apart.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from metrics_platform_tests.authoring.locking.library import Edit, checked, copied, git, run

# One copy with one lock for all: it is made once.
pytestmark = pytest.mark.xdist_group("library_changes")

# Made before the first lock, so that taking them back is a change.
NARROW = Edit(
    "metrics/interventions_per_delivery.py",
    [
        ("remote_assistance_count: int", "remote_assistance_count: pl.Int32"),
        (
            '(pl.col("kind") == "remote_assistance").sum().cast(pl.Int64)',
            '(pl.col("kind") == "remote_assistance").sum().cast(pl.Int32)',
        ),
    ],
)
NULLABLE = Edit(
    "metrics/drac.py", [("gap_m: float = Field(gt=0,", "gap_m: float = Field(gt=0, nullable=True,")]
)
PINNED = Edit(
    "metrics/prediction_calibration.py",
    [("    rows=", '    requires={"mode_errors": "<2"},\n    rows=')],
)

# Refactorings: the same code by another look.
LOCAL_RENAMED = Edit(
    "metrics/hard_turns.py",
    [
        ("lateral, yaw_rate =", "sideways, turning ="),
        ("(lateral.abs()", "(sideways.abs()"),
        ("(yaw_rate.abs()", "(turning.abs()"),
        ("_farthest(lateral)", "_farthest(sideways)"),
        ("_farthest(yaw_rate)", "_farthest(turning)"),
    ],
)
FORMATTED = Edit(
    "metrics/lane_changes.py",
    [
        (
            'moved = pl.col("lanes_moved_count")',
            "moved = (\n        pl.col('lanes_moved_count')\n    )",
        )
    ],
)
DOCUMENTED = Edit(
    "metrics/time_headway.py",
    [
        ("Find the least time headway", "Look for the least time headway"),
        ("    # Cheap to tell", "    # Easy to tell"),
        ("Bumper to bumper at that moment.", "From bumper to bumper."),
    ],
)

EDITS = [
    LOCAL_RENAMED,
    FORMATTED,
    DOCUMENTED,
    Edit(
        "metrics/lane_departures.py",
        [
            (
                'pl.col("whole") & (pl.col("lanes_moved_count") == 0)',
                '(pl.col("lanes_moved_count") == 0) & pl.col("whole")',
            )
        ],
    ),
    Edit(
        "metrics/mean_speed.py",
        [("mean_speed_mps=speed.mean()", "mean_speed_mps=speed.mean() * 1.01")],
    ),
    Edit(
        "metrics/phase_times.py",
        [
            (
                "    longest_s: float = Field(",
                '    mean_s: float = Field(ge=0, description="Of a visit.")\n'
                "    longest_s: float = Field(",
            ),
            (
                '            longest_s=pl.col("duration_s").max(),',
                '            mean_s=pl.col("duration_s").mean(),\n'
                '            longest_s=pl.col("duration_s").max(),',
            ),
        ],
    ),
    NARROW.undone(),
    Edit(
        "metrics/identity_switches.py",
        [('    category: str = Field(description="Of the object, as annotated.")\n', "")],
    ),
    Edit("metrics/hard_brakes.py", [("start_speed_mps", "initial_speed_mps")]),
    Edit(
        "metrics/exposure.py",
        [
            ("stretches_count: int", "stretches_count: float"),
            ("pl.lit(1, pl.Int64)", "pl.lit(1.0)"),
        ],
    ),
    Edit(
        "metrics/expert_error.py",
        [
            ("    duration_s: float", "    duration_ns: float"),
            (
                "duration_s=(time.max() - time.min()) * 1e-9",
                "duration_ns=(time.max() - time.min()) * 1.0",
            ),
        ],
    ),
    NULLABLE.undone(),
    # path_crossings -> crossing_areas -> crossings -> driven_ways
    Edit("kernels/driven_ways.py", [("_FASTEST_MPS = 100.0", "_FASTEST_MPS = 101.0")]),
    Edit(
        "signals/traces.py",
        [('pl.coalesce(there_s, "duration_s")', 'pl.coalesce(there_s, "duration_s") * 1.5')],
    ),
    Edit(
        "metrics/closest_encounter.py",
        [("- time.min()) * 1e-9", "- time.min()) * 2e-9"), ('version="1.0.0"', 'version="1.1.0"')],
    ),
    Edit(
        "metrics/delta_v.py",
        [
            ("other_mass_ratio: float = 0.5", "other_mass_ratio: float = 0.6"),
            ('version="1.0.0"', 'version="1.0.1"'),
        ],
    ),
    Edit("metrics/rss_violations.py", [('version="1.0.0"', 'version="0.9.0"')]),
    Edit(
        "signals/mode_errors.py",
        [("steps_count: int = Field(ge=1,", "steps_count: int = Field(ge=1, le=1_000,")],
    ),
]


def _reordered(root: Path) -> None:
    """Move the helper of `stops` from the end to the beginning."""
    file = root / "metrics_platform/metrics/stops.py"
    head, helper = file.read_text(encoding="utf-8").split("\n\ndef _differs")
    at = head.index("class Stops")
    text = f"{head[:at]}def _differs{helper}\n\n{head[at:]}\n"
    file.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the library with a lock in git, and all edits made since."""
    root = copied(tmp_path_factory.mktemp("library"))
    for edit in (NARROW, NULLABLE, PINNED):
        edit.apply(root)
    locked = run(root, "lock")
    assert locked.returncode == 0, locked.stderr
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "before")
    for edit in EDITS:
        edit.apply(root)
    _reordered(root)
    metrics = root / "metrics_platform" / "metrics"
    shutil.copy(metrics / "mean_speed.py", metrics / "usual_speed.py")
    Edit("metrics/usual_speed.py", [("def mean_speed(", "def usual_speed(")]).apply(root)
    (metrics / "road_user_jerk.py").unlink()
    return root


@pytest.fixture(scope="module")
def report(root: Path) -> dict[str, Any]:
    status, report = checked(root)
    assert status == 1
    return report


@pytest.fixture(scope="module")
def changes(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {change["name"]: change for change in report["changes"]}


Changes = dict[str, dict[str, Any]]


@pytest.mark.parametrize(
    "name",
    ["hard_turns", "stops", "lane_changes", "time_headway"],
    ids=["local renamed", "functions reordered", "formatted", "docstring and comment"],
)
def test_a_refactoring_is_no_change(report: dict[str, Any], changes: Changes, name: str) -> None:
    assert changes[name]["kind"] == "unchanged"
    assert changes[name]["owed"] == "none"
    assert name not in report["computed"]


def test_other_code_with_equal_values_owes_a_patch(changes: Changes) -> None:
    change = changes["lane_departures"]

    assert change["kind"] == "implementation changed"
    assert change["values"]["logs"] > 30
    assert change["values"]["changed_logs"] == 0
    assert (change["owed"], change["due"]) == ("patch", "1.0.1")


def test_other_values_are_told_by_column_size_and_log(changes: Changes) -> None:
    change = changes["mean_speed"]

    assert change["kind"] == "values changed"
    assert (change["owed"], change["due"]) == ("minor", "1.1.0")
    values = change["values"]
    rows, scalar = values["columns"]
    assert (rows["column"], rows["summary"]) == ("mean_speed_mps", False)
    assert (scalar["column"], scalar["summary"]) == ("mean_speed_mps", True)
    # A hundredth more, seen from the greater one; the fastest of all logs drives at 15 to 25 m/s.
    assert rows["largest_relative"] == pytest.approx(0.01 / 1.01)
    assert 0.15 < rows["largest_absolute"] < 0.25
    # All but where there is no ego, or it stands.
    assert 20 < values["changed_logs"] < values["logs"]
    assert rows["logs"] == rows["rows"] == values["changed_logs"]
    assert len(values["most_changed"]) == 3
    for log in values["most_changed"]:
        assert re.fullmatch(r"mean_speed_mps [\d.]+ -> [\d.]+", log["told"])


@pytest.mark.parametrize(
    ("name", "column", "kind", "owed"),
    [
        ("phase_times", "mean_s", "added", "minor"),
        ("interventions_per_delivery", "remote_assistance_count", "widened", "minor"),
        ("identity_switches", "category", "removed", "major"),
        ("hard_brakes", "initial_speed_mps", "renamed", "major"),
        ("exposure", "stretches_count", "retyped", "major"),
        ("expert_error", "duration_ns", "unit", "major"),
        ("drac", "gap_m", "nullability", "major"),
        ("mode_errors", "steps_count", "bounds", "major"),
    ],
)
def test_another_contract_is_told_by_column_and_whom_it_breaks(
    changes: Changes, name: str, column: str, kind: str, owed: str
) -> None:
    change = changes[name]

    assert change["kind"] == "contract changed"
    assert [(found["column"], found["kind"]) for found in change["contract"]] == [(column, kind)]
    assert change["breaking"] == (owed == "major")
    assert change["owed"] == owed
    # All the other columns are as they were.
    assert change["values"]["logs"] > 30
    assert change["values"]["changed_logs"] == 0


def test_a_constant_two_modules_away_is_found_and_all_downstream_is_told(changes: Changes) -> None:
    change = changes["path_crossings"]

    assert change["kind"] == "implementation changed"
    downstream = ["encroachment_time", "post_encroachment_time", "near_misses"]
    assert sorted(change["affects"]) == sorted(downstream)
    for name in downstream:
        assert changes[name]["kind"] == "affected"
        assert (changes[name]["owed"], changes[name]["because"]) == ("none", ["path_crossings"])


def test_downstream_owes_a_version_where_its_own_values_changed(changes: Changes) -> None:
    assert changes["traces"]["kind"] == "values changed"
    assert set(changes["traces"]["affects"]) == {"dropped_frames", "stage_latency"}
    latency = changes["stage_latency"]
    assert (latency["kind"], latency["owed"]) == ("values changed", "minor")
    assert latency["because"] == ["traces"]
    # It asks of a trace only how far it came.
    assert (changes["dropped_frames"]["kind"], changes["dropped_frames"]["owed"]) == (
        "affected",
        "none",
    )


@pytest.mark.parametrize(
    ("name", "kind", "due"),
    [
        ("closest_encounter", "values changed", None),
        ("delta_v", "values changed", "1.1.0"),
        ("rss_violations", "unchanged", "1.0.0"),
    ],
    ids=["bump given", "bump too small", "lowered"],
)
def test_the_version_is_held_against_what_is_owed(
    report: dict[str, Any], changes: Changes, name: str, kind: str, due: str | None
) -> None:
    assert changes[name]["kind"] == kind
    assert changes[name]["due"] == due
    told = [problem for problem in report["problems"] if problem.startswith(f"{name}: ")]
    assert len(told) == (due is not None)


def test_a_breaking_change_names_who_reads_it(changes: Changes) -> None:
    change = changes["mode_errors"]

    assert (change["owed"], change["due"]) == ("major", "2.0.0")
    assert {c["name"]: (c["requires"], c["broken"]) for c in change["consumers"]} == {
        "prediction_calibration": ("<2", True),
        "prediction_errors": (None, False),
    }


def test_new_and_removed_definitions_owe_nothing(changes: Changes) -> None:
    assert (changes["usual_speed"]["kind"], changes["usual_speed"]["due"]) == ("new", None)
    assert (changes["road_user_jerk"]["kind"], changes["road_user_jerk"]["due"]) == (
        "removed",
        None,
    )


def test_nothing_else_has_changed_or_was_computed(report: dict[str, Any], changes: Changes) -> None:
    own = {Path(edit.path).stem for edit in EDITS} | {"path_crossings", "usual_speed"}
    downstream = {name for change in changes.values() for name in change["affects"]}
    other = {n for n, c in changes.items() if c["kind"] != "unchanged"} - own - downstream

    assert other == {"road_user_jerk"}
    assert set(report["computed"]) <= own | downstream


def test_from_a_change_to_the_lock(root: Path, changes: Changes) -> None:
    """One story: write versions, mend what they break, accept, and look at it from git."""
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "changed, not locked")
    status, bumped = checked(root, "--bump")
    due = {name: change["due"] for name, change in changes.items() if change["due"]}
    written = re.findall(r'^\+    version="(.*)",$', git(root, "diff", "-U0"), re.MULTILINE)
    written += re.findall(r'^\+@signal\(version="([\d.]*)"', git(root, "diff", "-U0"), re.MULTILINE)
    assert sorted(written) == sorted(due.values())
    assert git(root, "diff", "--numstat").count("1\t1\t") == len(due)
    # The consumer's requirement is the author's to change.
    assert status == 1
    [unmet] = bumped["problems"]
    assert "requires mode_errors <2, and mode_errors is 2.0.0" in unmet

    Edit("metrics/prediction_calibration.py", [('"<2"', '"<3"')]).apply(root)
    accepted = run(root, "lock")
    assert accepted.returncode == 0, accepted.stderr

    status, against = checked(root, "--locked", "--base", "HEAD~1")
    assert (status, against["outdated"]) == (0, [])
    assert against["base"] == "metrics.lock of HEAD~1"
    now = {change["name"]: change for change in against["changes"]}
    assert {n: c["kind"] for n, c in now.items()} == {n: c["kind"] for n, c in changes.items()}
    assert {name: now[name]["after"] for name in due} == due
    # What is equal stays in the lock as it was, to the byte.
    rewritten = git(root, "status", "--porcelain", "metrics.lock.rows")
    assert "mean_speed.parquet" in rewritten
    for name in ("hard_turns", "lane_departures", "near_misses", "stops"):
        assert f"{name}.parquet" not in rewritten
