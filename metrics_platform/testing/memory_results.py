"""Results in memory: every one that ever was current, as the store's index has them."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from metrics_platform.core.statuses import Computed
from metrics_platform.store import Commit, ReadLog, Selection
from metrics_platform.store.reads import Scope
from metrics_platform.store.results import Result, results_of
from metrics_platform.store.selection import nanoseconds
from metrics_platform.store.versions import Columns, check_same_columns, columns_of

_BEFORE_ALL, _NEVER = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))


@dataclass
class Kept:
    """A result that is current, or was.

    Attributes:
        result: What the index is to know of it.
        rows: Of its log.
        run_id: Of the run that computed it.
        committed_at: Since when it is current.
        superseded_at: Until when; None for now.
    """

    result: Result
    rows: pl.DataFrame
    run_id: str | None
    committed_at: datetime
    superseded_at: datetime | None = None

    def is_current(self, at: datetime | None) -> bool:
        """Say whether it was current at that moment; None for now."""
        if at is None:
            return self.superseded_at is None
        return self.committed_at <= at < (self.superseded_at or _NEVER)


@dataclass
class OfVersion:
    """All results of one version of a definition, in the order of their commits.

    Attributes:
        shadow_until: Until then only a shadow has written it; None where that never was so.
        columns: Of its rows; None as long as there are none.
        results: One after another.
    """

    shadow_until: datetime | None
    columns: Columns | None = None
    results: list[Kept] = field(default_factory=list)


_Version = tuple[str, str, str]


@dataclass
class MemoryResults:
    """Results by domain, name and version; all that is written, and when.

    Attributes:
        versions: In the order in which they came.
    """

    versions: dict[_Version, OfVersion] = field(default_factory=dict)
    _last: datetime = _BEFORE_ALL

    def now(self) -> datetime:
        """Return the time, later at each call, whatever the clock says."""
        self._last = max(datetime.now(UTC), self._last + timedelta(microseconds=1))
        return self._last

    def write(self, computed: Computed, *, run_id: str | None, domain: str) -> Commit:
        """Make `computed` current for its logs; see `Store.write`."""
        started = time.perf_counter()
        rows, new = results_of(computed)
        definition = computed.definition
        scope = Scope(domain, definition.name, definition.version)
        of_version = self._version(scope, shadow=definition.shadow)
        if len(rows):
            columns = columns_of(rows.schema)
            check_same_columns(scope, of_version.columns or columns, columns)
            of_version.columns = columns
        before = {kept.result.log_id: kept for kept in self.current(scope)}
        changed = [
            r for r in new.values() if r.log_id not in before or before[r.log_id].result != r
        ]
        at, row_count = self.now(), 0
        by_log = rows.partition_by("log_id", as_dict=True) if changed else {}
        for result in changed:
            last = before.get(result.log_id)
            if last is not None:
                last.superseded_at = at
            if last is None or last.result.content_hash != result.content_hash:
                row_count += result.row_count
            its_rows = by_log.get((result.log_id,), rows.clear())
            of_version.results.append(Kept(result, its_rows, run_id, at))
        written, seconds = len(changed), time.perf_counter() - started
        return Commit(None, written, len(new) - written, row_count, seconds)

    def current(self, scope: Scope, told: Iterable[ReadLog] = ()) -> Iterator[Kept]:
        """Return the results that `scope` means.

        Args:
            scope: Of some version, and maybe of some logs and some moment.
            told: What is known of logs.
        """
        of_version = self.versions.get((scope.domain, scope.name, scope.version))
        wanted = None if scope.logs is None else set(scope.logs)
        if scope.where is not None:
            meant = _meant(told, scope.where)
            wanted = meant if wanted is None else wanted & meant
        for kept in of_version.results if of_version else ():
            if kept.is_current(scope.as_of) and (wanted is None or kept.result.log_id in wanted):
                yield kept

    def known(self, domain: str, name: str, *, readable_at: datetime | None = None) -> list[str]:
        """Return the versions that have results, the lowest first.

        Args:
            domain: log or sim.
            name: Of a signal or metric.
            readable_at: Without those that only a shadow had written by then; None for all.
        """
        found = [
            version
            for (of_domain, of_name, version), of_version in self.versions.items()
            if (of_domain, of_name) == (domain, name)
            and of_version.results
            and (
                readable_at is None
                or of_version.shadow_until is None
                or of_version.shadow_until <= readable_at
            )
        ]
        return sorted(found, key=lambda version: [int(part) for part in version.split(".")])

    def _version(self, scope: Scope, *, shadow: bool) -> OfVersion:
        key = (scope.domain, scope.name, scope.version)
        found = self.versions.setdefault(key, OfVersion(_NEVER if shadow else None))
        if found.shadow_until == _NEVER and not shadow:
            # From now on it is no shadow's alone, and never will be again.
            found.shadow_until = self.now()
        return found


def _meant(told: Iterable[ReadLog], where: Selection) -> set[str]:
    """Return the logs that `Selection.log_ids` would find in the registry."""
    since, until = (
        None if moment is None else nanoseconds(name, moment)
        for name, moment in (("since", where.since), ("until", where.until))
    )

    def is_meant(log: ReadLog) -> bool:
        asked = (
            (where.releases, log.release),
            (where.vehicles, log.vehicle),
            (where.places, log.place),
            (where.missions, log.mission),
        )
        tags = () if isinstance(log.tags, Mapping) else log.tags
        start_ns = log.start_ns
        return (
            all(value in values for values, value in asked if values)
            and set(where.tags) <= set(tags)
            and (since is None or (start_ns is not None and start_ns >= since))
            and (until is None or (start_ns is not None and start_ns < until))
        )

    return {log.log_id for log in told if is_meant(log)}
