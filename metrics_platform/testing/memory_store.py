"""A store in memory, for tests of what reads results: no server, no files.

    store = MemoryStore(logs=[ReadLog("a", release="2026.11.0")])
    store.write(compute_on(frames, "hard_brakes"))
    newer = store.scan("hard_brakes", where=Selection(releases=["2026.11.0"])).collect()

It writes, reads, refuses and promotes as `metrics_platform.store.Store` does; the same tests hold
for both. What has to do with files, the ledger and upkeep is left out. It is for one thread.
"""

from collections.abc import Iterable, Sequence
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime
from types import TracebackType
from typing import Self

import polars as pl

from metrics_platform.core.definitions import Definition
from metrics_platform.core.errors import NoResultsError
from metrics_platform.core.frames import MetricFrame, empty_frame
from metrics_platform.core.statuses import Computed, Input, Outcome, Status
from metrics_platform.store import Commit, ReadLog, Selection, tables
from metrics_platform.store.current_versions import check_moment
from metrics_platform.store.parameters import refuse_text
from metrics_platform.store.reads import Scope
from metrics_platform.testing.memory_promotions import MemoryPromotions
from metrics_platform.testing.memory_results import Kept


@dataclass
class MemoryStore(MemoryPromotions):
    """Results in memory, with what `Store` has to write, read and promote them.

    Attributes:
        logs: What is known of logs, for `where` and for the columns of summaries.
    """

    logs: InitVar[Iterable[ReadLog]] = ()
    _told: dict[str, ReadLog] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self, logs: Iterable[ReadLog]) -> None:
        self.tell(*logs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def tell(self, *logs: ReadLog) -> None:
        """Tell what is known of logs from now on, as the registry would know it."""
        self._told |= {log.log_id: log for log in logs}

    def write(
        self, computed: Computed, *, run_id: str | None = None, domain: str = "log"
    ) -> Commit:
        """Make `computed` the current results of its logs; see `Store.write`.

        The commit names no object, since there is none.

        Raises:
            ContractError: The rows break the schema of the definition; nothing is written.
            StoreError: The version has other columns.
        """
        return self._results.write(computed, run_id=run_id, domain=domain)

    def scan(
        self,
        name: str,
        *,
        domain: str = "log",
        version: str | None = None,
        logs: Sequence[str] | None = None,
        where: Selection | None = None,
        as_of: datetime | None = None,
        rows: type[MetricFrame] | None = None,
    ) -> pl.LazyFrame:
        """Return the current rows; see `Store.scan`.

        Raises:
            NoResultsError: Nothing was ever computed, and `rows` was not given.
            StoreError: `as_of` has no time zone.
        """
        try:
            scope = self._scope(name, domain, version, logs, where, as_of)
        except NoResultsError:
            if rows is None:
                raise
            return empty_frame(rows).lazy()
        return self._rows(scope, rows).lazy()

    def load(self, definition: Definition, log_ids: Sequence[str], *, domain: str = "log") -> Input:
        """Return what `core.compute` needs to know of one dependency, for a batch of logs."""
        scope = self._scope(definition.name, domain, definition.version, log_ids, None, None)
        found = [kept.result for kept in self._current(scope)]
        return Input(
            self._rows(scope, definition.rows).lazy(),
            {result.log_id: Outcome(Status(result.status), result.reason) for result in found},
            {r.log_id: r.content_hash for r in found if r.content_hash is not None},
        )

    def outcomes(
        self,
        name: str,
        *,
        domain: str = "log",
        version: str | None = None,
        logs: Sequence[str] | None = None,
        where: Selection | None = None,
        as_of: datetime | None = None,
    ) -> pl.DataFrame:
        """Return what became of each log; see `Store.outcomes`."""
        try:
            scope = self._scope(name, domain, version, logs, where, as_of)
        except NoResultsError:
            return pl.DataFrame(schema=tables.OUTCOMES)
        return _table(self._current(scope), tables.OUTCOMES).sort("log_id")

    def summary(
        self,
        name: str,
        *,
        domain: str = "log",
        version: str | None = None,
        logs: Sequence[str] | None = None,
        where: Selection | None = None,
        as_of: datetime | None = None,
    ) -> pl.DataFrame:
        """Return the summary scalars of each log; see `Store.summary`.

        Raises:
            NoResultsError: Nothing was ever computed, or not of this version.
        """
        scope = self._scope(name, domain, version, logs, where, as_of)
        known = self.versions(name, domain=domain)
        if scope.version not in known:
            raise NoResultsError(
                f"nothing was computed of {domain} {name!r} {scope.version}; "
                f"there are: {', '.join(known) or 'no versions'}"
            )
        return tables.summaries(
            [
                (r.log_id, r.status, r.reason, about.release, about.vehicle, about.place, r.summary)
                for r in sorted((k.result for k in self._current(scope)), key=lambda r: r.log_id)
                for about in [self._told.get(r.log_id, ReadLog(r.log_id))]
            ]
        )

    def row_counts(
        self, names: Sequence[str], log_ids: Sequence[str], *, domain: str = "log"
    ) -> pl.DataFrame:
        """Return how many rows each log has; one row per name, log_id that has a result."""
        refuse_text(names)
        refuse_text(log_ids)
        found = [
            (name, kept.result.log_id, kept.result.row_count, kept.committed_at)
            for name in sorted(set(names))
            for version in self.versions(name, domain=domain)
            for kept in self._current(Scope(domain, name, version, log_ids))
        ]
        newest = {(name, log_id): count for name, log_id, count, _ in sorted(found, key=_commit)}
        rows = [(*key, count) for key, count in sorted(newest.items())]
        return pl.DataFrame(rows, schema=tables.ROW_COUNTS, orient="row")

    def versions(self, name: str, *, domain: str = "log") -> list[str]:
        """Return the versions that have results, the lowest first; those of shadows too."""
        return self._results.known(domain, name)

    def history(self, name: str, log_id: str, *, domain: str = "log") -> pl.DataFrame:
        """Return all results that a log ever had, of any version, oldest first."""
        found = [
            _table([kept], tables.HISTORY, version=version)
            for version in self.versions(name, domain=domain)
            for kept in self._results.versions[domain, name, version].results
            if kept.result.log_id == log_id
        ]
        return pl.concat([pl.DataFrame(schema=tables.HISTORY), *found]).sort("committed_at")

    def _scope(
        self,
        name: str,
        domain: str,
        version: str | None,
        logs: Sequence[str] | None,
        where: Selection | None,
        as_of: datetime | None,
    ) -> Scope:
        check_moment(as_of)
        refuse_text(logs or ())
        scope = Scope(domain, name, version or "", logs, where, as_of)
        if version is None:
            version = self.current_version(name, domain=domain, as_of=as_of)
        return replace(scope, version=version)

    def _current(self, scope: Scope) -> list[Kept]:
        return list(self._results.current(scope, self._told.values()))

    def _rows(self, scope: Scope, rows: type[MetricFrame] | None) -> pl.DataFrame:
        found = [kept.rows for kept in self._current(scope) if len(kept.rows)]
        if found:
            return pl.concat(found).sort("log_id", maintain_order=True)
        if rows is not None:
            return empty_frame(rows)
        of_version = self._results.versions.get((scope.domain, scope.name, scope.version))
        for kept in of_version.results if of_version else ():
            if len(kept.rows):
                return kept.rows.clear()
        raise NoResultsError(
            f"no rows were ever computed of {scope.domain} {scope.name!r} {scope.version}"
        )


def _commit(found: tuple[str, str, int, datetime]) -> datetime:
    return found[-1]


def _table(found: Iterable[Kept], schema: tables.Types, **also: object) -> pl.DataFrame:
    """Return one row per result: what is known of it by the names of columns."""
    known = ({**also, **vars(kept), **_fields(kept)} for kept in found)
    return pl.DataFrame(
        [tuple(values[name] for name in schema) for values in known], schema=schema, orient="row"
    )


def _fields(kept: Kept) -> dict[str, object]:
    return {name: getattr(kept.result, name) for name in kept.result.__dataclass_fields__}
