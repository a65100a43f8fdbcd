"""Frames read from the index: what became of logs, summaries, what there is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from metrics_platform.store.index import files, logs, results
from metrics_platform.store.index import versions as versions_table
from metrics_platform.store.parameters import among
from metrics_platform.store.reads import Scope
from metrics_platform.store.summaries import scalar_columns

Types = dict[str, pl.DataType | type[pl.DataType]]

_TIME = pl.Datetime("us", "UTC")

OUTCOMES: Types = {
    "log_id": pl.String,
    "status": pl.String,
    "reason": pl.String,
    "fingerprint": pl.String,
    "input_hash": pl.String,
    "content_hash": pl.String,
    "row_count": pl.Int64,
    "run_id": pl.String,
    "committed_at": _TIME,
}
ROW_COUNTS: Types = {"name": pl.String, "log_id": pl.String, "row_count": pl.Int64}
CATALOG: Types = {
    "domain": pl.String,
    "name": pl.String,
    "version": pl.String,
    "computed": pl.Int64,
    "abstained": pl.Int64,
    "failed": pl.Int64,
    "rows": pl.Int64,
    "size_bytes": pl.Int64,
    "committed_at": _TIME,
}
FILES: Types = {
    "path": pl.String,
    "row_count": pl.Int64,
    "size_bytes": pl.Int64,
    "is_whole": pl.Boolean,
}
HISTORY: Types = {
    "version": pl.String,
    "status": pl.String,
    "reason": pl.String,
    "fingerprint": pl.String,
    "content_hash": pl.String,
    "row_count": pl.Int64,
    "run_id": pl.String,
    "committed_at": _TIME,
    "superseded_at": _TIME,
}


def table(connection: sa.Connection, query: sa.Executable, schema: Types) -> pl.DataFrame:
    """Return the rows of `query`, typed."""
    rows = [tuple(row) for row in connection.execute(query)]
    return pl.DataFrame(rows, schema=schema, orient="row")


def outcomes(connection: sa.Connection, scope: Scope) -> pl.DataFrame:
    """One row per log_id."""
    r = results.c
    query = sa.select(
        r.partition_key, r.status, r.reason, r.fingerprint, r.input_hash, r.content_hash,
        r.row_count, r.run_id, r.committed_at,
    ).where(*scope.conditions())  # fmt: skip
    return table(connection, query, OUTCOMES).sort("log_id")


def row_counts(
    connection: sa.Connection, domain: str, names: Sequence[str], log_ids: Sequence[str]
) -> pl.DataFrame:
    """One row per name, log_id; of the version committed last."""
    r, v = results.c, versions_table.c
    of_names = sa.select(v.version_id).where(v.domain == domain, among(v.name, names))
    query = (
        sa.select(v.name, r.partition_key, r.row_count)
        .join(versions_table, v.version_id == r.version_id)
        # As an array rather than by the join, so that both columns of the index are conditions.
        .where(r.version_id == sa.any_(sa.func.array(of_names.scalar_subquery())))
        .where(among(r.partition_key, log_ids), r.superseded_at.is_(None))
        .order_by(v.name, r.partition_key, r.committed_at, r.id)
    )
    found = table(connection, query, ROW_COUNTS)
    return found.unique(["name", "log_id"], keep="last", maintain_order=True)


def summary(connection: sa.Connection, scope: Scope) -> pl.DataFrame:
    """One row per log_id: status, reason, release, vehicle, place, then the summary scalars."""
    r = results.c
    query = (
        sa.select(
            r.partition_key, r.status, r.reason, logs.c.release, logs.c.vehicle, logs.c.place,
            r.summary,
        )
        .join_from(results, logs, logs.c.log_id == r.partition_key, isouter=True)
        .where(*scope.conditions())
        .order_by(r.partition_key)
    )  # fmt: skip
    return summaries([tuple(row) for row in connection.execute(query)])


def summaries(rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Return rows of log_id, status, reason, release, vehicle, place, scalars; these by name."""
    known = ("log_id", "status", "reason", "release", "vehicle", "place")
    head = pl.DataFrame(
        [row[:-1] for row in rows], schema=dict.fromkeys(known, pl.String), orient="row"
    )
    return head.hstack(scalar_columns([row[-1] or {} for row in rows]))


def versions(
    connection: sa.Connection,
    domain: str,
    name: str,
    *,
    readable_at: datetime | sa.ColumnElement[datetime] | None = None,
) -> list[str]:
    """Return the versions that have results, lowest first.

    Args:
        connection: To the index.
        domain: log or sim.
        name: Of a signal or metric.
        readable_at: Without those that only a shadow had written by then; None for all.
    """
    v, r = versions_table.c, results.c
    # The first by key, and not any, or Postgres would read through all results to find one.
    of_version = sa.select(r.id).where(r.version_id == v.version_id, r.superseded_at.is_(None))
    first = of_version.order_by(r.partition_key).limit(1).scalar_subquery()
    query = sa.select(v.version).where(v.domain == domain, v.name == name, first.is_not(None))
    if readable_at is not None:
        query = query.where(sa.func.coalesce(v.shadow_until <= readable_at, sa.true()))
    found = connection.scalars(query)
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def files_of(connection: sa.Connection, scope: Scope) -> pl.DataFrame:
    """One row per file with current rows, in the order of their commits.

    Rows are counted result by result: what `files` says of itself is not believed.
    """
    r, f = results.c, files.c
    counted = (
        sa.select(r.file_id, sa.func.sum(r.row_count).label("row_count"))
        .where(*scope.conditions(), r.row_count > 0)
        .group_by(r.file_id)
        .subquery()
    )
    query = (
        sa.select(f.path, f.row_count, f.size_bytes, counted.c.row_count == f.row_count)
        .join(counted, counted.c.file_id == f.file_id)
        .order_by(f.committed_at, f.file_id)
    )
    return table(connection, query, FILES)


def catalog(connection: sa.Connection) -> pl.DataFrame:
    """One row per domain, name, version: current logs by status, their rows, and all its bytes."""
    r, f, v = results.c, files.c, versions_table.c
    sizes = (
        sa.select(f.version_id, sa.func.sum(f.size_bytes).label("size_bytes"))
        .group_by(f.version_id)
        .subquery()
    )
    counted = (
        sa.select(
            r.version_id,
            *(
                sa.func.count().filter(r.status == status).label(status)
                for status in ("computed", "abstained", "failed")
            ),
            sa.func.sum(r.row_count).label("rows"),
            sa.func.max(r.committed_at).label("committed_at"),
        )
        .where(r.superseded_at.is_(None))
        .group_by(r.version_id)
        .subquery()
    )
    c = counted.c
    query = (
        sa.select(
            v.domain, v.name, v.version, c.computed, c.abstained, c.failed,
            sa.cast(c.rows, sa.BigInteger),
            sa.cast(sa.func.coalesce(sizes.c.size_bytes, 0), sa.BigInteger),
            c.committed_at,
        )
        .join_from(counted, versions_table, v.version_id == c.version_id)
        .join(sizes, sizes.c.version_id == c.version_id, isouter=True)
        .order_by(v.domain, v.name, sa.cast(sa.func.string_to_array(v.version, "."), _INTEGERS))
    )  # fmt: skip
    return table(connection, query, CATALOG)


_INTEGERS: ARRAY[int] = ARRAY(sa.Integer)


def history(connection: sa.Connection, domain: str, name: str, log_id: str) -> pl.DataFrame:
    """One row per result that the log ever had, oldest first."""
    r, v = results.c, versions_table.c
    # Current and superseded results have an index each.
    of_log = sa.or_(
        sa.and_(r.partition_key == log_id, r.superseded_at.is_(None)),
        sa.and_(r.partition_key == log_id, r.superseded_at.is_not(None)),
    )
    query = (
        sa.select(
            v.version, r.status, r.reason, r.fingerprint, r.content_hash, r.row_count, r.run_id,
            r.committed_at, r.superseded_at,
        )
        .join(versions_table, v.version_id == r.version_id)
        .where(v.domain == domain, v.name == name, of_log)
        .order_by(r.committed_at, r.id)
    )  # fmt: skip
    return table(connection, query, HISTORY)
