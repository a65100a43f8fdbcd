"""The check `regression`: today's code on logs that another version was computed for.

Both are compared on the same logs, pinned and sampled ones. The newer version is computed in memory
from the recorded signals that are stored, all that it needs on the way included: nothing of it has
to be stored yet, and nothing of it will be.
"""

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import astuple, dataclass, replace
from hashlib import blake2b
from itertools import islice

import polars as pl

from metrics_platform.checks.distributions import shifts
from metrics_platform.checks.finding import Finding
from metrics_platform.checks.regression import regression
from metrics_platform.checks.sampling import PINNED, pinned, sample
from metrics_platform.checks.value_change import ValueChange, Values, merged, value_change
from metrics_platform.core import Computed, Definition, Input, Outcome, Status
from metrics_platform.core.catalog import Catalog
from metrics_platform.core.compute import compute, compute_chain
from metrics_platform.core.frames import grain
from metrics_platform.core.settings import Settings
from metrics_platform.delivery.comparison_picture import comparison_picture
from metrics_platform.orchestration.assets import input_bytes
from metrics_platform.orchestration.batches import batches
from metrics_platform.orchestration.io_manager import StoredInput
from metrics_platform.store import State, Store, as_stored

# Another one is another sample: it changes when somebody wants one, and never by itself.
SEED = 0
# Of the pinned logs, and of the sampled ones.
MOST_LOGS = 100
# Bounds what the check takes where logs are large; the sampled logs chosen last are left out.
MOST_BATCHES = 8


def baseline(definition: Definition, store: Store) -> str | None:
    """Return the version that readers have in the place of this one; None where it is this one.

    That is the promoted one, or without a promotion the highest other that not only a shadow wrote.
    """
    promoted = store.promoted(definition.name)
    if promoted is not None:
        return None if promoted == definition.version else promoted
    readable = store.versions(definition.name, readable=True)
    others = [version for version in readable if version != definition.version]
    return others[-1] if others else None


def conditions(than: str, definition: Definition, store: Store) -> str:
    """Return a digest of what the finding depends on besides code: tolerances and pinned logs.

    The other logs are but a sample: a fleet that grows makes it another one all the time.
    """
    tagged = pinned(store.registry.logs(State.READ, tag=PINNED))
    known = store.outcomes(definition.name, version=than, logs=tagged)["log_id"]
    tolerances = {name: astuple(given) for name, given in definition.tolerances.items()}
    text = json.dumps([tolerances, tagged, sorted(known)], sort_keys=True)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def regression_against(
    than: str, definition: Definition, catalog: Catalog, settings: Settings, store: Store
) -> Finding:
    """Compare what today's code gives with what the version `than` gave."""
    older = replace(definition, version=than)
    known = store.outcomes(definition.name, version=than)
    read = store.registry.logs(State.READ)
    logs = read.join(known, on="log_id", how="semi")
    chosen = sample(logs, seed=SEED, most=MOST_LOGS)
    batch, lacking = _with_recorded(definition, catalog, store, chosen["log_id"].to_list())
    left_out = _pinned_told(than, set(pinned(read)), set(known["log_id"]), set(chosen["log_id"]))
    notes = [*left_out, *_lacking_told(lacking)]
    if not batch:
        told = f"no log can be computed to compare {definition.version} with {than}"
        return Finding(not chosen.height, ". ".join([told, *notes]), severity="warning")
    upstream = [d.name for d in catalog.upstream(definition.label) if d is not definition]
    sizes = input_bytes(catalog, store.row_counts(upstream, batch))
    found = _Found([], [], [])
    for few in islice(batches(batch, sizes, settings.batch_bytes), MOST_BATCHES):
        found.add(
            definition, _stored(older, store, few), _computed(definition, catalog, store, few)
        )
    before, after = (_joined(values) for values in (found.before, found.after))
    if left := len(batch) - len(after.outcomes):
        pins = chosen.filter(pl.col("pinned") & ~pl.col("log_id").is_in(list(after.outcomes)))
        also = len(pins.filter(pl.col("log_id").is_in(batch)))
        of_these = f" ({also} of them pinned)" if also else ""
        notes.append(
            f"{left} of the sampled logs{of_these} were left out, as all would take too long"
        )
    picture = None
    # What is told must not be lost for want of a picture of it.
    try:
        picture = _picture(definition, before, after)
    except Exception as error:
        notes.append(f"the picture could not be drawn: {type(error).__name__}: {error}")
    return regression(
        definition,
        than,
        merged(found.changes, most=len(batch)),
        before,
        after,
        chosen.filter(pl.col("log_id").is_in(list(after.outcomes))),
        notes,
        picture,
    )


def _picture(definition: Definition, before: Values, after: Values) -> str | None:
    found = shifts(before.summary, after.summary, definition.tolerances)
    changed = [shift.scalar for shift in found if shift.changed]
    return comparison_picture(before.summary, after.summary, changed)


@dataclass(frozen=True)
class _Found:
    """What is kept of batches: of rows only how they differ."""

    before: list[Values]
    after: list[Values]
    changes: list[ValueChange]

    def add(self, definition: Definition, before: Values, after: Values) -> None:
        self.changes.append(
            value_change(
                before,
                after,
                key=grain(definition.rows),
                tolerances=definition.tolerances,
                most=len(after.outcomes),
            )
        )
        self.before.append(replace(before, rows=before.rows.clear()))
        self.after.append(replace(after, rows=after.rows.clear()))


def _joined(values: Sequence[Values]) -> Values:
    return Values(
        values[0].rows,
        {log_id: outcome for one in values for log_id, outcome in one.outcomes.items()},
        pl.concat([one.summary for one in values], how="diagonal_relaxed"),
    )


def _with_recorded(
    definition: Definition, catalog: Catalog, store: Store, log_ids: Sequence[str]
) -> tuple[list[str], Mapping[str, int]]:
    """Return the logs of which all recorded signals were read, and how many lack each one."""
    there = set(log_ids)
    lacking = {}
    for needed in _recorded(definition, catalog):
        read = set(store.outcomes(needed.name, version=needed.version, logs=log_ids)["log_id"])
        if count := len(set(log_ids) - read):
            lacking[f"{needed.name} {needed.version}"] = count
        there &= read
    return [log_id for log_id in log_ids if log_id in there], lacking


def _pinned_told(than: str, tagged: Set[str], known: Set[str], chosen: Set[str]) -> Iterator[str]:
    if without := len(tagged - known):
        yield f"pinned logs without a result of {than} were left out: {without}"
    if beyond := len((tagged & known) - chosen):
        yield f"pinned logs beyond the first {MOST_LOGS} were left out: {beyond}"


def _lacking_told(lacking: Mapping[str, int]) -> Iterator[str]:
    if lacking:
        each = ", ".join(f"{name} in {count}" for name, count in lacking.items())
        yield f"logs that were read before there was a recorded signal were left out: {each}"


def _recorded(definition: Definition, catalog: Catalog) -> list[Definition]:
    return [d for d in catalog.upstream(definition.label) if d.function is None]


def _stored(older: Definition, store: Store, log_ids: Sequence[str]) -> Values:
    loaded = StoredInput(store, older).load(log_ids)
    summary = store.summary(older.name, version=older.version, logs=log_ids)
    beside = ("status", "reason", "release", "vehicle", "place")
    scalars = summary.filter(pl.col("status") == Status.COMPUTED).drop(beside)
    return Values(loaded.rows.collect(), loaded.outcomes, scalars)


def _computed(
    definition: Definition, catalog: Catalog, store: Store, log_ids: Sequence[str]
) -> Values:
    given = {
        recorded.name: _as_read(recorded, StoredInput(store, recorded).load(log_ids))
        for recorded in _recorded(definition, catalog)
    }
    made = compute_chain(catalog, definition.dependencies, given, log_ids)
    inputs = {
        name: Input(made[name].rows.lazy(), made[name].outcomes) for name in definition.dependencies
    }
    fingerprint = catalog.fingerprint_of(definition)
    computed = compute(definition, inputs, log_ids, fingerprint=fingerprint)
    return Values(computed.rows, computed.outcomes, as_stored(computed.summary))


def _as_read(recorded: Definition, loaded: Input) -> Computed:
    outcomes: Mapping[str, Outcome] = loaded.outcomes
    logs = pl.DataFrame({"log_id": list(outcomes)}, schema={"log_id": pl.String})
    return Computed(recorded, loaded.rows.collect(), outcomes, logs, {})
