"""Promotion: a pointer per signal or metric to the version that readers get who ask for none.

A promotion stands on the one that it took the place of, so that `demote` can go back; the first
remembers the version that readers had. Without any, readers get the highest version that has
results and is not just a shadow's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import polars as pl
import sqlalchemy as sa

from metrics_platform.core.errors import NoResultsError, StoreError
from metrics_platform.store import tables
from metrics_platform.store.current_versions import (
    check_moment,
    highest_version,
    promoted_version,
    version_for_readers,
    versions_beside,
)
from metrics_platform.store.index import promotions, versions
from metrics_platform.store.locks import wait_for_turn
from metrics_platform.store.lost_logs import check_lost
from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.parameters import given, storable
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.reads import Scope
from metrics_platform.store.tables import Types, table
from metrics_platform.store.versions import is_shadow

PROMOTIONS: Types = {
    "name": pl.String,
    "version": pl.String,
    "promoted_at": pl.Datetime("us", "UTC"),
    "demoted_at": pl.Datetime("us", "UTC"),
    "promoted_by": pl.String,
    "demoted_by": pl.String,
    "note": pl.String,
}


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion or demotion did.

    Attributes:
        before: Version that readers got until now; None if there was nothing for them.
        after: Version that they get from now on.
        is_promoted: A promotion says so; else it is the highest.
    """

    before: str | None
    after: str | None
    is_promoted: bool = True


@dataclass(frozen=True)
class Promotions:
    """The part of the store that says which version readers get.

    Attributes:
        objects: Where the rows are.
        postgres: Where the index is.
    """

    objects: ObjectRoot
    postgres: Postgres

    def promote(
        self,
        name: str,
        version: str,
        *,
        domain: str = "log",
        by: str | None = None,
        note: str | None = None,
        anyway: bool = False,
    ) -> Promotion:
        """Give `version` to all readers who ask for none.

        Where it is promoted already, only a note takes the place of the one that it has.

        Args:
            name: Of a signal or metric.
            version: Of it; a shadow's, too.
            domain: log or sim.
            by: Who wants it.
            note: Why.
            anyway: Also where logs are computed now and would not be, or fail only with it.

        Raises:
            NoResultsError: The version has no results.
            StoreError: Readers would lose logs, and not `anyway`.
        """
        scope = Scope(domain, name, version)
        told = {"promoted_by": storable(by), "note": storable(note)}
        return self.postgres.transaction(
            lambda connection: _promote(connection, scope, told, anyway)
        )

    def demote(self, name: str, *, domain: str = "log", by: str | None = None) -> Promotion:
        """Go back to the version that readers had before, or to the highest.

        They may have had it by a promotion, or for being the highest then. A version whose results
        are no longer kept is passed over.

        Args:
            name: Of a signal or metric.
            domain: log or sim.
            by: Who wants it.

        Raises:
            StoreError: No version is promoted, or another one was meanwhile.
        """
        found = self.postgres.query(lambda connection: _open(connection, domain, name))
        if found is None:
            raise StoreError(
                f"no version of {domain} {name!r} is promoted: readers get the highest already"
            )
        # Told which one: repeated, it must not take away the next one as well.
        work = partial(_demote, scope=Scope(domain, name, found.version), found=found, by=by)
        return self.postgres.transaction(work)

    def promoted(
        self, name: str, *, domain: str = "log", as_of: datetime | None = None
    ) -> str | None:
        """Return the version that a promotion points to, now or then; None where there is none.

        Raises:
            StoreError: `as_of` has no time zone.
        """
        check_moment(as_of)
        return self.postgres.query(
            lambda connection: promoted_version(connection, domain, name, as_of)
        )

    def current_version(
        self, name: str, *, domain: str = "log", as_of: datetime | None = None
    ) -> str:
        """Return the version that readers get who ask for none: the promoted one, or the highest.

        Raises:
            NoResultsError: There is nothing for them: no results, or only those of a shadow.
            StoreError: `as_of` has no time zone, or is before what retention has left.
        """
        check_moment(as_of)
        scope = Scope(domain, name, "", as_of=as_of)
        return self.postgres.query(lambda connection: version_for_readers(connection, scope))

    def promotions(self, name: str | None = None, *, domain: str = "log") -> pl.DataFrame:
        """Return what was ever promoted, of each name the newest first; None for all names.

        One row per promotion: name, version, promoted_at, demoted_at (null: it points there now),
        promoted_by, demoted_by, note.
        """
        p = promotions.c
        columns = [p[column] for column in PROMOTIONS]
        query = sa.select(*columns).where(p.domain == domain)
        if name is not None:
            query = query.where(p.name == name)
        in_order = query.order_by(p.name, p.promoted_at.desc())
        return self.postgres.query(lambda connection: table(connection, in_order, PROMOTIONS))

    def take_out_of_shadow(self, of: Iterable[tuple[str, str]], *, domain: str = "log") -> None:
        """Let readers get versions for being the highest, though only shadows have written them.

        That is so as soon as their metric writes them; it has nothing to write where the shadow
        has computed everything.

        Args:
            of: Name and version of what is no shadow now; others among them are left as they are.
            domain: log or sim.
        """
        v = versions.c
        texts = given([{"name": n, "version": i} for n, i in of], name=sa.Text(), version=sa.Text())
        same = (v.domain == domain, v.name == texts.c.name, v.version == texts.c.version)
        statement = sa.update(versions).where(*same, is_shadow())
        now = sa.func.clock_timestamp()
        self.postgres.query(
            lambda connection: connection.execute(statement.values(shadow_until=now))
        )

    def versions_beside(
        self, name: str, version: str, *, domain: str = "log", logs: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Return the other versions that have results, the lowest first.

        One row per version: is_shadow (only a shadow has written it so far), logs that have a
        result of it, and `others`: those of them that have none of `version`.

        Args:
            name: Of a signal or metric.
            version: Which one the others stand beside.
            domain: log or sim.
            logs: Only these; None for all.
        """
        scope = Scope(domain, name, version, logs)
        found = self.postgres.query(lambda connection: versions_beside(connection, scope))
        order = pl.col("version").str.split(".").list.eval(pl.element().cast(pl.Int64))
        return found.sort(order)


def _promote(
    connection: sa.Connection, scope: Scope, told: dict[str, str | None], anyway: bool
) -> Promotion:
    wait_for_turn(connection, scope.domain, scope.name)
    _hold(connection, scope)
    known = tables.versions(connection, scope.domain, scope.name)
    if scope.version not in known:
        raise NoResultsError(
            f"nothing was computed of {scope.domain} {scope.name!r} {scope.version}, so it cannot "
            f"be promoted; there are: {', '.join(known) or 'no versions'}"
        )
    found = _open(connection, scope.domain, scope.name)
    if found is not None and found.version == scope.version:
        if told["note"] is not None:
            of_it = sa.update(promotions).where(promotions.c.promotion_id == found.promotion_id)
            connection.execute(of_it.values(note=told["note"]))
        return Promotion(found.version, found.version)
    before = found.version if found else highest_version(connection, scope)
    if before is not None and not anyway:
        check_lost(connection, replace(scope, version=before), scope)
    at = _moment(connection, scope)
    if found is not None:
        _close(connection, found, at, told["promoted_by"])
        _point(connection, scope, at, follows=found.promotion_id, **told)
    else:
        # Who takes back that it is promoted doesn't want it for having been the highest.
        had = before if before != scope.version else None
        _point(connection, scope, at, had_before=had, **told)
    return Promotion(before, scope.version)


def _demote(connection: sa.Connection, scope: Scope, found: Any, by: str | None) -> Promotion:
    wait_for_turn(connection, scope.domain, scope.name)
    at = _moment(connection, scope)
    if _close(connection, found, at, storable(by)):
        _go_back(connection, scope, found, at, storable(by))
    else:
        # Somebody else has, or this very transaction before the answer to it got lost.
        _check_not_followed(connection, found)
    now = _open(connection, scope.domain, scope.name)
    after = now.version if now else highest_version(connection, scope)
    return Promotion(found.version, after, is_promoted=now is not None)


def _go_back(
    connection: sa.Connection, scope: Scope, found: Any, at: datetime, by: str | None
) -> None:
    """Point to what stands below `found`, and is still kept; to nothing where it is the highest."""
    p = promotions.c
    while found.follows is not None:
        below = sa.select(promotions).where(p.promotion_id == found.follows)
        found = connection.execute(below).one()
        scope = replace(scope, version=found.version)
        if _is_kept(connection, scope):
            under = {"follows": found.follows, "had_before": found.had_before}
            _point(connection, scope, at, promoted_by=by, note=found.note, **under)
            return
    scope = replace(scope, version=found.had_before or "")
    is_highest = scope.version in ("", highest_version(connection, scope))
    if not is_highest and _is_kept(connection, scope):
        _point(connection, scope, at, promoted_by=by)


def _check_not_followed(connection: sa.Connection, found: Any) -> None:
    """See that nothing was promoted in the place of `found`.

    Raises:
        StoreError: Something was.
    """
    p = promotions.c
    on_it = sa.select(p.version).where(p.follows == found.promotion_id).order_by(p.promotion_id)
    if taken := connection.scalar(on_it.limit(1)):
        raise StoreError(
            f"{taken} was promoted meanwhile: readers of {found.name} no longer get "
            f"{found.version}; see what is promoted now, and demote that if it is still wanted"
        )


def _is_kept(connection: sa.Connection, scope: Scope) -> bool:
    _hold(connection, scope)
    return scope.version in tables.versions(connection, scope.domain, scope.name)


def _hold(connection: sa.Connection, scope: Scope) -> None:
    """Have retention wait with this version until the end of the transaction; writers go on."""
    row = sa.select(versions.c.version_id).where(versions.c.version_id == scope.version_id)
    connection.execute(row.with_for_update(key_share=True))


def _open(connection: sa.Connection, domain: str, name: str) -> Any:
    p = promotions.c
    of_name = (p.domain == domain, p.name == name, p.demoted_at.is_(None))
    return connection.execute(sa.select(promotions).where(*of_name)).first()


def _close(connection: sa.Connection, found: Any, at: datetime, by: str | None) -> bool:
    p = promotions.c
    is_open = (p.promotion_id == found.promotion_id, p.demoted_at.is_(None))
    closed = sa.update(promotions).where(*is_open).values(demoted_at=at, demoted_by=by)
    return connection.execute(closed).rowcount == 1


def _point(connection: sa.Connection, scope: Scope, at: datetime, **values: Any) -> None:
    names = {"domain": scope.domain, "name": scope.name, "version": scope.version}
    connection.execute(sa.insert(promotions).values(**names, promoted_at=at, **values))


def _moment(connection: sa.Connection, scope: Scope) -> datetime:
    """Return now, or at least just after all that was before, whatever the clock says."""
    p = promotions.c
    last = sa.func.max(sa.func.greatest(p.promoted_at, p.demoted_at))
    just_after = last + sa.literal(timedelta(microseconds=1))
    query = sa.select(sa.func.greatest(sa.func.clock_timestamp(), just_after))
    moment: datetime = connection.execute(
        query.where(p.domain == scope.domain, p.name == scope.name)
    ).scalar_one()
    return moment
