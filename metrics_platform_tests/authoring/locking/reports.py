"""Reports of `check` to render, with every kind of change."""

from collections.abc import Sequence

from metrics_platform.authoring.locking.changes import Bump, Change, Consumer, Kind, Report
from metrics_platform.checks.contract_change import ContractChange
from metrics_platform.checks.value_change import ColumnChange, LogChange, ValueChange

FILE = "robots/metrics/gaps.py"

VALUES = ValueChange(
    logs=40,
    changed_logs=12,
    columns=[
        ColumnChange("gap_m", 12, 134, 0.2104, 0.034),
        ColumnChange("side", 1, 2, None, None),
        ColumnChange("min_gap_m", 9, 9, 0.5, 0.25, summary=True),
    ],
    most_changed=[
        LogChange("cut-in", "computed -> failed: a|b <c>\n*d*", 10.0),
        LogChange("follow", "3 rows -> 4", 5.5),
        LogChange("stop|1", "min_gap_m 2 -> 1.5", 0.25),
    ],
    outcomes=1,
    rows_added=3,
    rows_removed=2,
)

UNCHANGED = Change(name="stops", kind=Kind.UNCHANGED, before="1.0.0", after="1.0.0", file=FILE)
OWING = Change(
    name="gaps",
    kind=Kind.VALUES,
    before="1.2.3",
    after="1.2.3",
    owed=Bump.MINOR,
    file=FILE,
    values=VALUES,
    affects=["near_gaps"],
)
BREAKING = Change(
    name="speeds",
    kind=Kind.CONTRACT,
    before="1.0.0",
    after="2.0.0",
    owed=Bump.MAJOR,
    file="robots/metrics/speeds.py",
    contract=[
        ContractChange("speed_kmh", "unit", False, "speed_mps became speed_kmh"),
        ContractChange("place", "added", True, "place was added (String)"),
    ],
    values=ValueChange(40, 0, [], [], 0),
    consumers=[Consumer("gaps", "<2,>=1", True), Consumer("stops", None, False)],
)
REFACTORED = Change(
    name="turns",
    kind=Kind.IMPLEMENTATION,
    before="1.0.0",
    after="1.0.1",
    owed=Bump.PATCH,
    file=FILE,
    values=ValueChange(40, 0, [], [], 0),
    because=["ego_states"],
)
AFFECTED = Change(
    name="near_gaps", kind=Kind.AFFECTED, before="1.0.0", after="1.0.0", because=["gaps"]
)
NEW = Change(name="brakes", kind=Kind.NEW, after="1.0.0", file=FILE)
LOWERED = Change(
    name="jerks", kind=Kind.UNCHANGED, before="1.1.0", after="1.0.0", file="robots/jerks.py"
)


def report(
    *changes: Change,
    environment: Sequence[str] = (),
    unmet: Sequence[str] = (),
    outdated: Sequence[str] = (),
) -> Report:
    return Report(
        project="robots",
        base="metrics.lock",
        changes=changes,
        logs=40,
        computed=["gaps", "speeds"],
        environment=environment,
        unmet=unmet,
        outdated=outdated,
        seconds=1.5,
    )


FAILING = report(
    UNCHANGED, OWING, BREAKING, REFACTORED, AFFECTED, NEW, LOWERED,
    environment=["polars 2.1.0 -> 2.2.0"],
    unmet=["gaps 1.2.3 requires speeds <2,>=1, and speeds is 2.0.0"],
    outdated=["speeds is 2.0.0 and 1.0.0 in metrics.lock"],
)  # fmt: skip
