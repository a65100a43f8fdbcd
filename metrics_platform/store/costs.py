"""What results cost to compute, from the log of commits."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from metrics_platform.store.index import commits, versions
from metrics_platform.store.parameters import among
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.tables import Types, table

COSTS: Types = {
    "run_id": pl.String,
    "name": pl.String,
    "logs": pl.Int64,
    "seconds": pl.Float64,
}


def costs_of_runs(
    postgres: Postgres, run_ids: Sequence[str], *, since: datetime, domain: str = "log"
) -> pl.DataFrame:
    """Return what each definition cost in each of some runs.

    One row per run_id, name: logs that were computed, and the seconds that it took.

    Args:
        postgres: Where the index is.
        run_ids: Of Dagster.
        since: Before the first of their commits; with time zone.
        domain: log or sim.
    """
    c, v = commits.c, versions.c
    query = (
        sa.select(
            c.run_id,
            v.name,
            sa.cast(sa.func.sum(c.written + c.unchanged), sa.BigInteger),
            sa.func.sum(c.seconds),
        )
        .join(versions, v.version_id == c.version_id)
        .where(c.committed_at >= since, among(c.run_id, run_ids), v.domain == domain)
        .group_by(c.run_id, v.name)
        .order_by(c.run_id, v.name)
    )
    return postgres.query(lambda connection: table(connection, query, COSTS))
