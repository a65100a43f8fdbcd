"""Which version readers get who ask for none: the promoted one, or else the highest."""

from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
import sqlalchemy as sa

from metrics_platform.core.errors import NoResultsError, StoreError
from metrics_platform.store import reads, tables
from metrics_platform.store.index import promotions, results, versions
from metrics_platform.store.parameters import among
from metrics_platform.store.reads import Scope
from metrics_platform.store.tables import Types, table
from metrics_platform.store.versions import check_kept, is_shadow

BESIDE: Types = {
    "version": pl.String,
    "is_shadow": pl.Boolean,
    "logs": pl.Int64,
    "others": pl.Int64,
}


def check_moment(as_of: datetime | None) -> None:
    """See that a moment has a time zone.

    Raises:
        StoreError: It has none.
    """
    if as_of is not None and as_of.tzinfo is None:
        # Postgres would take it for UTC, and a person mostly means local time.
        raise StoreError(
            f"as_of must have a time zone, as datetime.now(UTC) has, got {as_of.isoformat()}"
        )


def version_for_readers(connection: sa.Connection, scope: Scope) -> str:
    """Return the version for whoever asks for none, at the moment of `scope`; of whatever logs.

    Raises:
        NoResultsError: There is nothing.
        StoreError: Of what was promoted then, some results are no longer kept.
    """
    of_all = replace(scope, logs=None, where=None)
    if promoted := promoted_version(connection, scope.domain, scope.name, scope.as_of):
        of_all = replace(of_all, version=promoted)
        if scope.as_of is not None:
            check_kept(connection, of_all)
            if not reads.any_results(connection, of_all):
                raise StoreError(
                    f"{promoted} of {scope.domain} {scope.name!r} was promoted at "
                    f"{scope.as_of.isoformat()}, and its results are no longer kept"
                )
        return promoted
    highest = highest_version(connection, of_all)
    if highest is None:
        told = f"nothing was computed of {scope.domain} {scope.name!r}"
        if scope.as_of is not None:
            told += f" until {scope.as_of.isoformat()}"
        elif in_shadow := tables.versions(connection, scope.domain, scope.name):
            told += f" but in shadow: {', '.join(in_shadow)}; `promote` gives it to readers"
        raise NoResultsError(told)
    return highest


def promoted_version(
    connection: sa.Connection, domain: str, name: str, as_of: datetime | None
) -> str | None:
    """Return the version that a promotion points to at that moment; None for now."""
    p = promotions.c
    points: list[sa.ColumnElement[bool]] = [p.demoted_at.is_(None)]
    if as_of is not None:
        points = [p.promoted_at <= as_of, sa.or_(p.demoted_at.is_(None), p.demoted_at > as_of)]
    query = sa.select(p.version).where(p.domain == domain, p.name == name, *points)
    found: str | None = connection.scalar(query)
    return found


def highest_version(connection: sa.Connection, scope: Scope) -> str | None:
    """Return the highest version that has results at the moment of `scope`, without shadows."""
    readable = tables.versions(
        connection, scope.domain, scope.name, readable_at=scope.as_of or sa.func.clock_timestamp()
    )
    for found in reversed(readable):
        if scope.as_of is None:
            return found
        of_version = replace(scope, version=found)
        check_kept(connection, of_version)
        if reads.any_results(connection, of_version):
            return found
    return None


def is_or_was_promoted(kept: timedelta | None) -> sa.ColumnElement[bool]:
    """Say that a row of `versions` is promoted, or was within the time that history is kept.

    Args:
        kept: How long; None for ever.
    """
    p, v = promotions.c, versions.c
    same = [p.domain == v.domain, p.name == v.name, p.version == v.version]
    since: list[sa.ColumnElement[bool]] = []
    if kept is not None:
        since = [sa.or_(p.demoted_at.is_(None), p.demoted_at >= sa.func.now() - sa.literal(kept))]
    return sa.exists().where(*same, *since)


def versions_beside(connection: sa.Connection, scope: Scope) -> pl.DataFrame:
    """One row per version other than that of `scope`, in no order; see `Store.versions_beside`."""
    v, other, shown = versions.c, results.alias(), results.alias()
    is_same = sa.and_(
        shown.c.version_id == scope.version_id,
        shown.c.partition_key == other.c.partition_key,
        shown.c.superseded_at.is_(None),
    )
    of_name = [v.domain == scope.domain, v.name == scope.name, v.version != scope.version]
    if scope.logs is not None:
        of_name.append(among(other.c.partition_key, scope.logs))
    joined = sa.join(versions, other, other.c.version_id == v.version_id).outerjoin(shown, is_same)
    query = (
        sa.select(
            v.version,
            is_shadow(),
            sa.func.count(),
            sa.func.count().filter(shown.c.id.is_(None)),
        )
        .select_from(joined)
        .where(*of_name, other.c.superseded_at.is_(None))
        .group_by(v.version_id)
    )
    return table(connection, query, BESIDE)
