"""What has become of each definition since the lock, and which version it owes for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from packaging.version import Version

from metrics_platform.checks.contract_change import ContractChange
from metrics_platform.checks.value_change import ValueChange


class Kind(StrEnum):
    """Every definition is one of these; of several the one that owes most, the last here."""

    UNCHANGED = "unchanged"
    NEW = "new"
    REMOVED = "removed"
    AFFECTED = "affected"
    """Its own code is the same, what it depends on has changed, and its values are equal."""
    IMPLEMENTATION = "implementation changed"
    """Other code, equal values."""
    VALUES = "values changed"
    CONTRACT = "contract changed"
    """Other columns, units or grain, whether its values are others too or not."""


class Bump(IntEnum):
    """A step from one version to another, by the part of it that rises."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


@dataclass(frozen=True)
class Consumer:
    """A definition that takes another as an input.

    Attributes:
        name: Of the consumer.
        requires: Versions of the input that it asks for, such as `<3,>=2`; None where it takes any.
        broken: The version in the code, or the one that is owed, is none of these.
    """

    name: str
    requires: str | None
    broken: bool


@dataclass(frozen=True, kw_only=True)
class Change:
    """One definition, in the lock and in the code.

    Attributes:
        name: Of the definition.
        kind: What has changed.
        before: Version in the lock; None where it is new.
        after: Version in the code; None where it was removed.
        owed: Least step from `before` that its change takes.
        file: Its source, relative to the project; None where it was removed.
        contract: What has changed of it, breaking or not.
        values: How its values differ; None where they weren't compared.
        because: The definitions upstream through which it is another, nearest first; empty where
            its own code is another.
        affects: The definitions downstream whose fingerprint is another through this one.
        consumers: Of a breaking change: who takes it as an input, and whether that breaks them.
        fails: On which logs it fails and didn't before, and why; None where there are none.
        waits_for: Definitions upstream that fail: what it owes shows once they don't.
        notes: Sentences on what the comparison rests on, such as that no log could be compared.
    """

    name: str
    kind: Kind
    before: str | None = None
    after: str | None = None
    owed: Bump = Bump.NONE
    file: str | None = None
    contract: Sequence[ContractChange] = ()
    values: ValueChange | None = None
    because: Sequence[str] = ()
    affects: Sequence[str] = ()
    consumers: Sequence[Consumer] = ()
    fails: str | None = None
    waits_for: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def breaking(self) -> bool:
        """Whether its contract changed in a way that breaks those who read it."""
        return any(not change.compatible for change in self.contract)

    @property
    def given(self) -> Bump:
        """The step that was made from the lock's version to the code's."""
        return step(self.before, self.after)

    @property
    def lowered(self) -> bool:
        """Whether the code's version is lower than the lock's."""
        if self.before is None or self.after is None:
            return False
        return Version(self.after) < Version(self.before)

    @property
    def due(self) -> str | None:
        """The version to write where the code's is too low; None where it will do.

        None also where it fails, or waits for one that does: that is no version of anything yet.
        """
        if self.before is None or self.after is None or self.fails or self.waits_for:
            return None
        if not self.lowered and self.given >= self.owed:
            return None
        return raised(self.before, self.owed)

    @property
    def problem(self) -> str | None:
        """Why `check` fails for it, and what to do, as a sentence; None where it doesn't."""
        if self.fails:
            return f"{self.name}: it {self.fails}: mend it in {self.file}"
        if self.waits_for:
            return f"{self.name}: what it owes shows once {', '.join(self.waits_for)} is mended"
        if self.lowered:
            return (
                f"{self.name}: its version went down from {self.before} to {self.after}: "
                f"set {self.due} in {self.file}"
            )
        if self.due is None:
            return None
        given = "it is still" if self.given is Bump.NONE else "it was only raised to"
        return (
            f"{self.name}: {self.kind}, so it owes a {self.owed.name.lower()} version and {given} "
            f"{self.after}: set {self.due} in {self.file}, or run `metrics-platform check --bump`"
        )


@dataclass(frozen=True, kw_only=True)
class Report:
    """All definitions of a project, compared with a lock.

    Attributes:
        project: Name of the project.
        base: What it was compared with: `metrics.lock`, or that of a git revision.
        changes: Every definition of the project, and those removed, by name.
        logs: Logs of the pinned corpus.
        computed: Names of the definitions that were computed to tell.
        environment: Packages of other versions than the lock's: `polars 2.1.0 -> 2.2.0`.
        corpus: How the pinned corpus differs from the lock's, in sentences.
        unmet: Requirements that the code's versions don't meet, in sentences.
        outdated: Why the project's own lock is not up to date, in sentences.
        seconds: Wall time that it took.
    """

    project: str
    base: str
    changes: Sequence[Change]
    logs: int = 0
    computed: Sequence[str] = ()
    environment: Sequence[str] = ()
    corpus: Sequence[str] = ()
    unmet: Sequence[str] = ()
    outdated: Sequence[str] = ()
    seconds: float = 0.0

    @property
    def problems(self) -> Sequence[str]:
        """Why `check` fails, and what to do, in sentences."""
        return [*(c.problem for c in self.changes if c.problem), *self.unmet]

    @property
    def passed(self) -> bool:
        """Whether no version is owed or lowered, and every requirement is met."""
        return not self.problems

    @property
    def locked(self) -> bool:
        """Whether the project's lock says what the code is."""
        return not self.outdated

    @property
    def changed(self) -> Sequence[Change]:
        """Definitions that are not unchanged, or have another version."""
        return [c for c in self.changes if c.kind is not Kind.UNCHANGED or c.before != c.after]


def step(before: str | None, after: str | None) -> Bump:
    """Return which part of the version is another; none where one of them is missing."""
    if before is None or after is None:
        return Bump.NONE
    for bump, old, new in zip(
        (Bump.MAJOR, Bump.MINOR, Bump.PATCH),
        Version(before).release,
        Version(after).release,
        strict=True,
    ):
        if old != new:
            return bump
    return Bump.NONE


def raised(version: str, bump: Bump) -> str:
    """Return the next version by `bump`: `1.2.3` becomes `1.3.0` by a minor one."""
    major, minor, patch = Version(version).release
    match bump:
        case Bump.MAJOR:
            return f"{major + 1}.0.0"
        case Bump.MINOR:
            return f"{major}.{minor + 1}.0"
        case Bump.PATCH:
            return f"{major}.{minor}.{patch + 1}"
    return version
