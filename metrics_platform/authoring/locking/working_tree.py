"""A project as it stands: its definitions, the corpus, and what a lock would say of them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version

from metrics_platform.authoring.corpora import Corpus, pinned_corpus, pinned_source
from metrics_platform.authoring.locking.lock import LOCK, Block, Lock, Result
from metrics_platform.authoring.project import Project
from metrics_platform.checks.contract_change import Contract
from metrics_platform.core.catalog import Catalog
from metrics_platform.core.compute import compute_chain
from metrics_platform.core.definitions import Definition
from metrics_platform.core.frames import contract, empty_frame
from metrics_platform.core.statuses import Computed, Outcome, Status

# What computes the numbers; their last bits, and now and then more, differ between versions.
_PACKAGES = ("numpy", "polars", "scipy")
_SHOWN = 3


@dataclass(frozen=True)
class WorkingTree:
    """What the code of a project says now.

    Attributes:
        project: Where it is.
        catalog: All definitions, also those of other projects.
        definitions: Those of the project.
        environment: Package to its version.
        source: What the corpus is made of; one with the same source isn't read to be compared.
        load: Reads the corpus that the lock holds results of; of its recorded signals those that
            are named, or all.
    """

    project: Project
    catalog: Catalog
    definitions: Mapping[str, Definition]
    environment: Mapping[str, str]
    source: str
    load: Callable[[Project, Collection[str] | None], Corpus] = pinned_corpus

    @classmethod
    def of(cls, project: Project, catalog: Catalog) -> "WorkingTree":
        """Look at a project.

        Raises:
            ConfigurationError: It defines nothing, or its corpus is none.
        """
        definitions = project.definitions(catalog)
        environment = {package: version(package) for package in _PACKAGES}
        return cls(project, catalog, definitions, environment, pinned_source(project))

    @cached_property
    def corpus(self) -> Corpus:
        """The logs that the lock holds results of."""
        return self.load(self.project, None)

    @cached_property
    def inputs(self) -> frozenset[str]:
        """The recorded signals that the project's definitions need, near and far."""
        needed = (d for name in self.definitions for d in self.catalog.upstream(name))
        return frozenset(d.name for d in needed if d.function is None)

    def hashes(self, lock: Lock) -> Mapping[str, Mapping[str, str]]:
        """Return log to each of `inputs` to a hash of its content: the lock's, if known to be.

        What comes from the same source, by the same packages, is the same: another machine's last
        bits make no other corpus of it.
        """
        same = lock.source == self.source and not self.environment_changes(lock)
        known = lock.corpus
        if not same:
            known = self.corpus.hashes
        elif any(self.inputs - hashes.keys() for hashes in lock.corpus.values()):
            known = {i: {**h, **lock.corpus.get(i, {})} for i, h in self.corpus.hashes.items()}
        absent = str(Status.ABSTAINED)
        return {
            log_id: {name: hashes.get(name, absent) for name in self.inputs}
            for log_id, hashes in known.items()
        }

    def compute(self, names: Sequence[str]) -> Mapping[str, Computed]:
        """Compute definitions on the corpus, by name; signals that no reader gives are absent."""
        if not names:
            return {}
        needed = {d.name for d in self.catalog.upstream(*names) if d.function is None}
        # To make all of it takes longer than most metrics.
        corpus = self.corpus if "corpus" in vars(self) else self.load(self.project, needed)
        log_ids = corpus.log_ids
        absent = Outcome(Status.ABSTAINED, "not recorded")
        given = dict(corpus.signals)
        for signal in self.catalog.recorded:
            if signal.name not in given:
                rows = empty_frame(signal.rows)
                outcomes = dict.fromkeys(log_ids, absent)
                given[signal.name] = Computed(signal, rows, outcomes, rows.select("log_id"), {})
        return compute_chain(self.catalog, names, given, log_ids)

    def block(self, name: str, results: Mapping[str, Result], file: str = "") -> Block:
        """Return what the lock is to say of a definition with these results in that file."""
        definition = self.definitions[name]
        return Block(
            version=definition.version,
            fingerprint=self.catalog.fingerprints[name],
            own_fingerprint=self.catalog.own_fingerprints[name],
            contract=contract_of(definition),
            upstream={
                needed: {
                    "version": self.catalog[needed].version,
                    "fingerprint": self.catalog.fingerprints[needed],
                }
                for needed in definition.dependencies
            },
            results=results,
            file=file,
        )

    def comparable(self, name: str, lock: Lock) -> Sequence[str]:
        """Return the logs of which the lock's result of a definition had the inputs of today."""
        recorded = [d.name for d in self.catalog.upstream(name) if d.function is None]
        return [
            log_id
            for log_id, hashes in self.hashes(lock).items()
            if log_id in lock.corpus
            # What the lock doesn't know of, its results didn't depend on.
            and all(hashes[s] == lock.corpus[log_id].get(s, hashes[s]) for s in recorded)
        ]

    def same_logs(self, name: str, lock: Lock) -> bool:
        """Say whether the lock's results of a definition are of the logs and inputs of today."""
        return len(self.comparable(name, lock)) == len(self.hashes(lock)) == len(lock.corpus)

    def environment_changes(self, lock: Lock) -> Sequence[str]:
        """Return the packages of other versions than the lock's: `polars 2.1.0 -> 2.2.0`."""
        return [
            f"{package} {before} -> {self.environment.get(package, 'none')}"
            for package, before in sorted(lock.environment.items())
            if before != self.environment.get(package)
        ]

    def corpus_changes(self, lock: Lock) -> Sequence[str]:
        """Return how the corpus differs from the lock's, in sentences."""
        if not lock.corpus:
            return []
        logs = self.hashes(lock)
        new, gone = logs.keys() - lock.corpus.keys(), lock.corpus.keys() - logs.keys()
        signals: dict[str, int] = {}
        for log_id in logs.keys() & lock.corpus.keys():
            was, now = lock.corpus[log_id], logs[log_id]
            for name in was.keys() & now.keys():
                signals[name] = signals.get(name, 0) + (was[name] != now[name])
        return [
            *([f"logs that are new: {_some(new)}"] if new else []),
            *([f"logs that are gone: {_some(gone)}"] if gone else []),
            *(f"logs in which {name} differs: {n}" for name, n in sorted(signals.items()) if n),
        ]

    def outdated(self, lock: Lock | None, names: Sequence[str] = ()) -> Sequence[str]:
        """Return why a lock doesn't say what the code is, in sentences; empty where it does.

        Args:
            lock: None where there is none.
            names: To look only at these; at all if empty.
        """
        if lock is None:
            return [f"there is no {LOCK}"]
        told = []
        for name in names or sorted(self.definitions.keys() | lock.blocks.keys()):
            was = lock.blocks.get(name)
            if was is None:
                told.append(f"{LOCK} doesn't have {name}")
            elif name not in self.definitions:
                told.append(f"{LOCK} has {name}, and the code doesn't")
            elif (now := self.block(name, was.results, was.file)) != was:
                before = was.version
                told.append(
                    f"{name} has changed since {LOCK} was written"
                    if before == now.version
                    else f"{name} is {before} in {LOCK}, and {now.version} in the code"
                )
            elif damage := lock.damage(name):
                told.append(damage)
        return [*told, *(f"{LOCK} has another corpus: {s}" for s in self.corpus_changes(lock))]


def contract_of(definition: Definition) -> Contract:
    """Return what a definition promises, summary scalars included."""
    if not definition.summary:
        return Contract(contract(definition.rows), {})
    scalars = empty_frame(definition.rows).lazy().select(**definition.summary).collect_schema()
    return Contract(
        contract(definition.rows), {name: str(dtype) for name, dtype in scalars.items()}
    )


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    rest = len(listed) - _SHOWN
    return ", ".join(listed[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
