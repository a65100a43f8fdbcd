"""The results store: what was computed for which log, now and at any time before."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Self

import polars as pl
import sqlalchemy as sa

from metrics_platform.core.definitions import Definition
from metrics_platform.core.errors import NoResultsError
from metrics_platform.core.frames import MetricFrame, empty_frame
from metrics_platform.core.settings import Settings
from metrics_platform.core.statuses import Computed, Input, Outcome, Status
from metrics_platform.store import ledger, migrations, reads, tables
from metrics_platform.store.backfills import Backfills
from metrics_platform.store.commits import Commit, commit
from metrics_platform.store.current_versions import check_moment, version_for_readers
from metrics_platform.store.index import files
from metrics_platform.store.ledger import Expected
from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.promotions import Promotions
from metrics_platform.store.reads import Scope
from metrics_platform.store.registry import LogRegistry
from metrics_platform.store.selection import Selection
from metrics_platform.store.upkeep import Upkeep
from metrics_platform.store.versions import Versions, check_kept


@dataclass(frozen=True)
class Store(Upkeep, Promotions):
    """Results as Parquet below an object root, indexed in Postgres.

    Every method may raise `StoreUnavailableError`, after it has tried for a while.

    Attributes:
        objects: Where the rows are.
        postgres: Where the index is.
    """

    objects: ObjectRoot
    postgres: Postgres

    @classmethod
    def open(cls, settings: Settings, *, patience_s: float = 60.0) -> "Store":
        """Open the store that `settings` name, made or migrated if need be.

        Args:
            settings: Where it is.
            patience_s: How long a query is repeated while Postgres doesn't answer.
        """
        postgres = Postgres.connect(settings, patience_s)
        migrations.upgrade(postgres)
        return cls(ObjectRoot.open(settings.root), postgres)

    def close(self) -> None:
        """Close the connections to the index."""
        self.postgres.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @cached_property
    def _versions(self) -> Versions:
        return Versions(self.postgres, self.objects)

    @property
    def registry(self) -> LogRegistry:
        """The logs there are, in the same index."""
        return LogRegistry(self.postgres)

    @property
    def backfills(self) -> Backfills:
        """What people asked to be computed again, in the same index."""
        return Backfills(self.postgres)

    def write(
        self, computed: Computed, *, run_id: str | None = None, domain: str = "log"
    ) -> Commit:
        """Make `computed` the current results of its logs, all of them at once or none.

        Logs that have exactly this result already are left as they are.

        Raises:
            ContractError: The rows break the schema of the definition; nothing is written.
        """
        return commit(
            self.postgres, self.objects, self._versions, computed, run_id=run_id, domain=domain
        )

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
        """Return the current rows, sorted by log within each file that they come from.

        Args:
            name: Of a signal or metric.
            domain: log or sim.
            version: None for the promoted one; without a promotion the highest that has results,
                but for those of shadows.
            logs: Only these; None for all.
            where: Only logs of which this is known: release, place, tags, time, …; None for all.
            as_of: What was current then; with time zone.
            rows: Schema, if known: where there are no rows, an empty frame of it is returned.

        Raises:
            NoResultsError: Nothing was ever computed, and `rows` was not given.
            StoreError: `as_of` has no time zone, or is before what retention has left.
        """
        try:
            scope = self._scope(name, domain, version, logs, where, as_of)
        except NoResultsError:
            if rows is None:
                raise
            return empty_frame(rows).lazy()
        return self.postgres.query(lambda connection: self._rows(connection, scope, rows))

    def load(self, definition: Definition, log_ids: Sequence[str], *, domain: str = "log") -> Input:
        """Return what `core.compute` needs to know of one dependency, for a batch of logs."""
        scope = Scope(domain, definition.name, definition.version, log_ids)

        def work(connection: sa.Connection) -> tuple[pl.LazyFrame, pl.DataFrame]:
            outcomes = tables.outcomes(connection, scope)
            if not outcomes["row_count"].sum():
                return empty_frame(definition.rows).lazy(), outcomes
            return self._rows(connection, scope, definition.rows), outcomes

        # Outcomes and rows of one moment: else a log could be computed and its rows gone already.
        rows, found = self.postgres.transaction(work, snapshot=True)
        columns = found.select("log_id", "status", "reason", "content_hash").iter_rows()
        outcomes, hashes = {}, {}
        for log_id, status, reason, content_hash in columns:
            outcomes[log_id] = Outcome(Status(status), reason)
            if content_hash is not None:
                hashes[log_id] = content_hash
        return Input(rows, outcomes, hashes)

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
        """Return what became of each log; arguments as for `scan`.

        One row per log_id: status, reason, fingerprint, input_hash, content_hash, row_count,
        run_id, committed_at. Empty if nothing was ever computed.
        """
        try:
            scope = self._scope(name, domain, version, logs, where, as_of)
        except NoResultsError:
            return pl.DataFrame(schema=tables.OUTCOMES)
        return self.postgres.query(lambda connection: tables.outcomes(connection, scope))

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
        """Return the summary scalars of each log; arguments as for `scan`.

        One row per log_id: status, reason, and of the log registry release, vehicle and place,
        then one column per scalar by name. A scalar is null where the log was not computed.

        Raises:
            NoResultsError: Nothing was ever computed, or not of this version.
        """
        scope = self._scope(name, domain, version, logs, where, as_of)
        found = self.postgres.query(lambda connection: tables.summary(connection, scope))
        if found.is_empty() and scope.version not in (known := self.versions(name, domain=domain)):
            raise NoResultsError(
                f"nothing was computed of {domain} {name!r} {scope.version}; "
                f"there are: {', '.join(known) or 'no versions'}"
            )
        return found

    def row_counts(
        self, names: Sequence[str], log_ids: Sequence[str], *, domain: str = "log"
    ) -> pl.DataFrame:
        """Return how many rows each log has; one row per name, log_id that has a result."""
        return self.postgres.query(
            lambda connection: tables.row_counts(connection, domain, names, log_ids)
        )

    def versions(self, name: str, *, domain: str = "log", readable: bool = False) -> list[str]:
        """Return the versions that have results, the lowest first.

        Args:
            name: Of a signal or metric.
            domain: log or sim.
            readable: Without those that only a shadow has written so far.
        """
        at = sa.func.clock_timestamp() if readable else None
        return self.postgres.query(
            lambda connection: tables.versions(connection, domain, name, readable_at=at)
        )

    def files(self, name: str, *, domain: str = "log", version: str | None = None) -> pl.DataFrame:
        """Return the objects that hold current rows, for engines that read them without us.

        One row per path (relative to the object root): row_count and size_bytes of the whole
        object, and is_whole: all of its rows are current.

        Raises:
            NoResultsError: Nothing was ever computed, and `version` was not given.
        """
        scope = self._scope(name, domain, version, None, None, None)
        return self.postgres.query(lambda connection: tables.files_of(connection, scope))

    def catalog(self) -> pl.DataFrame:
        """Return what there is; one row per domain, name, version.

        Current logs by status (computed, abstained, failed), their rows, size_bytes of all its
        files, superseded rows included, and the time of the last commit.
        """
        return self.postgres.query(tables.catalog)

    def history(self, name: str, log_id: str, *, domain: str = "log") -> pl.DataFrame:
        """Return all results that a log ever had, of any version, oldest first."""
        return self.postgres.query(
            lambda connection: tables.history(connection, domain, name, log_id)
        )

    def ledger(
        self, expected: Sequence[Expected], *, logs: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Return how many logs are missing or stale, in one query however many there are.

        One row per name of `expected`, in its order: version, logs that should have a result,
        current, abstained and failed ones among these, missing, stale_code, stale_inputs. A log
        counts once it was read, unless it is archived.

        Args:
            expected: What today's code would store.
            logs: Only these; None for all.
        """
        return self.postgres.query(lambda connection: ledger.counts(connection, expected, logs))

    def ledger_logs(
        self,
        expected: Sequence[Expected],
        *,
        logs: Sequence[str] | None = None,
        also: Collection[Status] = (),
        most: int | None = None,
    ) -> pl.DataFrame:
        """Return the missing and stale logs that `ledger` counts, by definition and log.

        One row per name, log_id: standing (a `Standing`), status and reason of the present result.

        Args:
            expected: What today's code would store.
            logs: Only these; None for all.
            also: Also logs whose result has one of these.
            most: Rows; None for all.
        """
        return self.postgres.query(
            lambda connection: ledger.entries(connection, expected, logs, also=also, most=most)
        )

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
        scope = Scope(domain, name, version or "", logs, where, as_of)
        if version is None:
            found = self.postgres.query(lambda connection: version_for_readers(connection, scope))
            return replace(scope, version=found)
        if as_of is not None:
            self.postgres.query(lambda connection: check_kept(connection, scope))
        return scope

    def _rows(
        self, connection: sa.Connection, scope: Scope, rows: type[MetricFrame] | None
    ) -> pl.LazyFrame:
        frame = reads.frame(self.objects, reads.parts(connection, scope))
        if frame is not None:
            return frame
        if rows is not None:
            return empty_frame(rows).lazy()
        return self._no_rows(connection, scope)

    def _no_rows(self, connection: sa.Connection, scope: Scope) -> pl.LazyFrame:
        """Return an empty frame with the types of any file that there is."""
        f = files.c
        of_version = (f.version_id == scope.version_id, f.removed_at.is_(None))
        path = connection.scalar(sa.select(f.path).where(*of_version).limit(1))
        if path is None:
            raise NoResultsError(
                f"no rows were ever computed of {scope.domain} {scope.name!r} {scope.version}"
            )
        return reads.scan_files(self.objects, [path]).clear()
