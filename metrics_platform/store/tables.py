"""Frames read from the index: what became of logs, summaries, what there is."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from metrics_platform.store.index import files, logs, results
from metrics_platform.store.parameters import among
from metrics_platform.store.reads import Scope

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
    r = results.c
    query = (
        sa.select(r.name, r.partition_key, r.row_count)
        .where(r.domain == domain, among(r.name, names), among(r.partition_key, log_ids))
        .where(r.superseded_at.is_(None))
        .order_by(r.name, r.partition_key, r.committed_at, r.id)
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
    found = [tuple(row) for row in connection.execute(query)]
    known = ("log_id", "status", "reason", "release", "vehicle", "place")
    head = pl.DataFrame(
        [row[:-1] for row in found], schema=dict.fromkeys(known, pl.String), orient="row"
    )
    return head.hstack(_scalars([row[-1] or {} for row in found]))


def versions(connection: sa.Connection, domain: str, name: str) -> list[str]:
    """Return the versions that have results, lowest first, in time that grows with their number."""
    of_name = sa.text(
        """
        WITH RECURSIVE known AS (
            SELECT min(version) AS version FROM metrics_platform.results
            WHERE domain = :domain AND name = :name
          UNION ALL
            SELECT (SELECT min(version) FROM metrics_platform.results
                    WHERE domain = :domain AND name = :name AND version > known.version)
            FROM known WHERE known.version IS NOT NULL
        )
        SELECT version FROM known WHERE version IS NOT NULL
        """
    )
    found = connection.scalars(of_name, {"domain": domain, "name": name})
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def catalog(connection: sa.Connection) -> pl.DataFrame:
    """One row per domain, name, version: current logs by status, their rows, and all its bytes."""
    r, f = results.c, files.c
    sizes = (
        sa.select(f.domain, f.name, f.version, sa.func.sum(f.size_bytes).label("size_bytes"))
        .group_by(f.domain, f.name, f.version)
        .subquery()
    )
    counted = (
        sa.select(
            r.domain, r.name, r.version,
            *(
                sa.func.count().filter(r.status == status).label(status)
                for status in ("computed", "abstained", "failed")
            ),
            sa.func.sum(r.row_count).label("rows"),
            sa.func.max(r.committed_at).label("committed_at"),
        )
        .where(r.superseded_at.is_(None))
        .group_by(r.domain, r.name, r.version)
        .subquery()
    )  # fmt: skip
    c = counted.c
    same = sa.and_(sizes.c.domain == c.domain, sizes.c.name == c.name, sizes.c.version == c.version)
    query = (
        sa.select(
            c.domain, c.name, c.version, c.computed, c.abstained, c.failed,
            sa.cast(c.rows, sa.BigInteger),
            sa.cast(sa.func.coalesce(sizes.c.size_bytes, 0), sa.BigInteger),
            c.committed_at,
        )
        .join_from(counted, sizes, same, isouter=True)
        .order_by(c.domain, c.name, sa.cast(sa.func.string_to_array(c.version, "."), _INTEGERS))
    )  # fmt: skip
    return table(connection, query, CATALOG)


_INTEGERS: ARRAY[int] = ARRAY(sa.Integer)


def history(connection: sa.Connection, domain: str, name: str, log_id: str) -> pl.DataFrame:
    """One row per result that the log ever had, oldest first."""
    r = results.c
    query = (
        sa.select(
            r.version, r.status, r.reason, r.fingerprint, r.content_hash, r.row_count, r.run_id,
            r.committed_at, r.superseded_at,
        )
        .where(r.domain == domain, r.name == name, r.partition_key == log_id)
        .order_by(r.committed_at, r.id)
    )  # fmt: skip
    return table(connection, query, HISTORY)


def _scalars(summaries: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return one column per name: integers, numbers, flags or text, null where there is none."""
    names = sorted({name for found in summaries for name in found})
    return pl.DataFrame([_typed(name, [found.get(name) for found in summaries]) for name in names])


def _typed(name: str, values: Sequence[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    # JSON writes a large float as an integer, maybe of more than 64 bits.
    if kinds == {int} and all(v is None or -(2**63) <= v < 2**63 for v in values):
        return pl.Series(name, values, dtype=pl.Int64)
    if kinds <= {int, float}:
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    return pl.Series(
        name, [None if value is None else str(value) for value in values], dtype=pl.String
    )
