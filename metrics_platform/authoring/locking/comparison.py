"""Comparing a project with a lock: what each definition has become, computing only what changed."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import shorten

import polars as pl

from metrics_platform.authoring.locking.changes import Bump, Change, Consumer, Kind, Report
from metrics_platform.authoring.locking.lock import Lock
from metrics_platform.authoring.locking.working_tree import WorkingTree, contract_of
from metrics_platform.checks.contract_change import ContractChange, contract_changes
from metrics_platform.checks.value_change import ValueChange, Values, value_change
from metrics_platform.core.catalog import Catalog
from metrics_platform.core.definitions import Definition
from metrics_platform.core.frames import grain
from metrics_platform.core.statuses import Computed, Outcome, Status

_REASON_LENGTH = 200


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Attributes:
        report: Of all that was asked for.
        computed: By name, what had to be computed for it.
    """

    report: Report
    computed: Mapping[str, Computed]


def compare(
    tree: WorkingTree,
    base: Lock,
    *,
    names: Sequence[str] = (),
    everything: bool = False,
    results: bool = False,
) -> Comparison:
    """Say of every definition what it has become since `base`.

    Computed is what has another fingerprint, and all it needs; everything, where the versions of
    the packages that compute are others than the lock's.

    Args:
        tree: The project.
        base: What to compare with.
        names: Only these definitions; all if empty.
        everything: Also compute what has the same fingerprint.
        results: Also compute what the lock has no results of for today's corpus, or no sound rows.

    Raises:
        UnknownNameError: One of `names` isn't of this project.
        LockError: Rows of the lock are missing or damaged, of what has another fingerprint now.
    """
    started = time.perf_counter()
    chosen = tree.project.named(tree.catalog, list(names))
    environment = tree.environment_changes(base)
    everything = everything or bool(environment)

    def is_wanted(name: str) -> bool:
        if name not in base.blocks:
            return results
        other = base.blocks[name].fingerprint != tree.catalog.fingerprints[name]
        if other or everything:
            return True
        return results and (not tree.same_logs(name, base) or base.damage(name) is not None)

    wanted = [name for name, d in chosen.items() if d.function is not None and is_wanted(name)]
    made = tree.compute(wanted)
    computed = {name: made[name] for name in wanted}
    failing = {name for name in made if name in tree.definitions and _fails(base, made[name])}
    changes = [_change(tree, base, name, computed.get(name), failing) for name in chosen]
    if not names:
        changes += [
            Change(name=name, kind=Kind.REMOVED, before=block.version)
            for name, block in base.blocks.items()
            if name not in tree.definitions
        ]
    report = Report(
        project=tree.project.name,
        base=base.told,
        changes=sorted(changes, key=lambda change: change.name),
        logs=len(tree.hashes(base)),
        computed=wanted,
        environment=environment,
        corpus=tree.corpus_changes(base),
        unmet=_unmet(tree, tree.catalog),
        seconds=time.perf_counter() - started,
    )
    return Comparison(report, computed)


def with_versions(tree: WorkingTree, report: Report, written: Mapping[str, str]) -> Report:
    """Return `report` as it is once the versions in `written` stand in the sources, by name."""
    catalog = Catalog(
        replace(d, version=written.get(d.name, d.version)) if not d.shadow else d
        for d in [*tree.catalog, *tree.catalog.shadows.values()]
    )
    changes = [replace(c, after=written.get(c.name, c.after)) for c in report.changes]
    return replace(report, changes=changes, unmet=_unmet(tree, catalog))


def _unmet(tree: WorkingTree, catalog: Catalog) -> Sequence[str]:
    return [
        f"{told}: change {consumer} to work with {needed} {catalog[needed].version}, then its "
        "`requires`"
        for (consumer, needed), told in catalog.unmet().items()
        if consumer in tree.definitions or needed in tree.definitions
    ]


def _change(
    tree: WorkingTree, base: Lock, name: str, computed: Computed | None, failing: Collection[str]
) -> Change:
    definition, block = tree.definitions[name], base.blocks.get(name)
    file = tree.project.file(definition)
    if block is None:
        kind = Kind.NEW
        fails = _failures({}, computed) if computed else None
        return Change(name=name, kind=kind, after=definition.version, file=file, fails=fails)
    near = [d.name for d in tree.catalog.upstream(name) if d.name != name]
    same = tree.catalog.fingerprints[name] == block.fingerprint
    own = tree.catalog.own_fingerprints[name] == block.own_fingerprint
    logs, before, after = tree.comparable(name, base), None, None
    damage = base.damage(name) if computed is not None and same else None
    if computed is not None and logs and damage is None:
        before, after = _of_logs(base.values(name), logs), _of_logs(_values(computed), logs)
    same_values = _same(before, after) if before and after else None
    contract = contract_changes(block.contract, contract_of(definition), same_values)
    values = _value_change(before, after, grain(definition.rows)) if before and after else None
    apart = before is not None and after is not None and _apart(before, after, definition)
    if values is not None:
        # The contract tells of what can't be compared; equal is nothing where that is all there is.
        values = None if apart and not values.changed_logs else replace(values, not_compared=())
    kind, owed = _judged(contract, values, same=same, own=own)
    change = Change(
        name=name,
        kind=kind,
        before=block.version,
        after=definition.version,
        owed=owed,
        file=file,
        contract=contract,
        values=values,
        because=_because(tree, base, name) if own and not same else (),
        affects=() if own else [d.name for d in tree.catalog.downstream(name)],
        fails=_failures(before.outcomes, computed) if before and computed else None,
        waits_for=[upstream for upstream in near if upstream in failing],
        notes=[
            *([damage] if damage else _notes(tree, base, computed, logs, values, same=same)),
            *(["no column is in both: its values could not be compared"] if apart else []),
        ],
    )
    return replace(change, consumers=_consumers(tree, change) if change.breaking else ())


def _judged(
    contract: Sequence[ContractChange], values: ValueChange | None, *, same: bool, own: bool
) -> tuple[Kind, Bump]:
    if contract:
        breaking = any(not change.compatible for change in contract)
        return Kind.CONTRACT, Bump.MAJOR if breaking else Bump.MINOR
    if values is not None and not values.equal:
        return Kind.VALUES, Bump.MINOR
    if same:
        return Kind.UNCHANGED, Bump.NONE
    return (Kind.AFFECTED, Bump.NONE) if own else (Kind.IMPLEMENTATION, Bump.PATCH)


def _value_change(before: Values, after: Values, grain: Sequence[str]) -> ValueChange:
    key = [name for name in grain if name in before.rows.columns and name in after.rows.columns]
    # What a regression may be is the author's to say; a version says whether values are others.
    return value_change(before, after, key=key, tolerances={})


def _apart(before: Values, after: Values, definition: Definition) -> bool:
    """Say whether there were columns besides the key, and none of them is there any more."""
    key = grain(definition.rows)
    was, now = ({*v.rows.columns, *v.summary.columns} - {"log_id", *key} for v in (before, after))
    return bool(was) and not was & now


def _same(before: Values, after: Values) -> Callable[[str, str], bool]:
    """Return what says whether an older column and a newer one hold the same values."""

    def column(values: Values, name: str) -> Values:
        rows = values.rows.select("log_id", value=name)
        return Values(rows, values.outcomes, values.summary.select("log_id"))

    def same_values(was: str, now: str) -> bool:
        # Nothing but nulls says nothing.
        return (
            before.rows[was].count() > 0
            and _value_change(column(before, was), column(after, now), ["log_id"]).equal
        )

    return same_values


def _values(computed: Computed) -> Values:
    return Values(computed.rows, computed.outcomes, computed.summary)


def _of_logs(values: Values, logs: Sequence[str]) -> Values:
    if set(values.outcomes) <= set(logs):
        return values
    wanted = pl.col("log_id").is_in(list(logs))
    return Values(
        values.rows.filter(wanted),
        {log_id: values.outcomes[log_id] for log_id in logs if log_id in values.outcomes},
        values.summary.filter(wanted),
    )


def _fails(base: Lock, computed: Computed) -> bool:
    block = base.blocks.get(computed.definition.name)
    before = {log_id: result.outcome for log_id, result in block.results.items()} if block else {}
    return _failures(before, computed) is not None


def _failures(before: Mapping[str, Outcome], computed: Computed) -> str | None:
    """Tell on which logs it fails now and didn't, and why."""
    failed_before = {i for i, outcome in before.items() if outcome.status is Status.FAILED}
    failed = [i for i in computed.logs_with(Status.FAILED) if i not in failed_before]
    if not failed:
        return None
    reason = shorten(computed.outcomes[failed[0]].reason or "", _REASON_LENGTH, placeholder=" …")
    of = f"{len(failed)} of {len(computed.outcomes)} logs"
    return f"fails on {of}, on {failed[0]} with `{reason}`"


def _because(tree: WorkingTree, base: Lock, name: str) -> Sequence[str]:
    """Return what upstream has changed by itself; or what is given from elsewhere and changed."""
    near = [d.name for d in reversed(tree.catalog.upstream(name)) if d.name != name]
    own = tree.catalog.own_fingerprints
    changed = [n for n in near if n in base.blocks and base.blocks[n].own_fingerprint != own[n]]
    if changed:
        return changed
    told, now = base.blocks[name].upstream, tree.catalog.fingerprints
    return [
        n for n in tree.catalog[name].dependencies if told.get(n, {}).get("fingerprint") != now[n]
    ]


def _consumers(tree: WorkingTree, change: Change) -> Sequence[Consumer]:
    version = change.due or change.after
    found = []
    for consumer in [*tree.catalog, *tree.catalog.shadows.values()]:
        if change.name in consumer.dependencies:
            wanted = consumer.requires.get(change.name)
            broken = wanted is not None and version not in wanted
            found.append(Consumer(consumer.name, str(wanted) if wanted else None, broken))
    return found


def _notes(
    tree: WorkingTree,
    base: Lock,
    computed: Computed | None,
    logs: Sequence[str],
    values: ValueChange | None,
    *,
    same: bool,
) -> Sequence[str]:
    if computed is None:
        return []
    if same and values and not values.equal and not tree.environment_changes(base):
        return [
            "its fingerprint is the same: it, or what it takes, reads something that no "
            "fingerprint sees (a file, a module named at run time)"
        ]
    every = len(tree.hashes(base))
    if not logs:
        return ["its values could not be compared: in no log are its inputs those of the lock"]
    if len(logs) < every:
        return [f"compared on {len(logs)} of {every} logs: the others have other inputs now"]
    statuses = {computed.outcomes[log_id].status for log_id in logs}
    if not same and not statuses & {Status.COMPUTED, Status.FAILED}:
        return ["no log of the corpus has what it takes: equal values say nothing here"]
    return []
