"""What people asked to be computed again where it is missing or stale."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from metrics_platform.store.index import backfills
from metrics_platform.store.parameters import among, given
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.tables import Types, table

_DOMAIN = "log"
BACKFILLS: Types = {"name": pl.String, "requested_at": pl.Datetime("us", "UTC")}


@dataclass(frozen=True)
class Backfills:
    """Definitions that are to be brought up to date; the sensor `backfills` sees to it.

    Attributes:
        postgres: Where the index is.
    """

    postgres: Postgres

    def request(self, names: Iterable[str]) -> None:
        """Ask for all of `names` at once; who asks again begins anew."""
        rows = [{"name": name} for name in sorted(set(names))]
        values = given(rows, name=sa.Text())
        now = sa.func.now()
        added = insert(backfills).from_select(
            ["domain", "name", "requested_at"],
            sa.select(sa.literal(_DOMAIN), values.c.name, now),
        )
        statement = added.on_conflict_do_update(
            index_elements=[backfills.c.domain, backfills.c.name], set_={"requested_at": now}
        )
        if rows:
            self.postgres.transaction(lambda connection: connection.execute(statement))

    def requested(self) -> pl.DataFrame:
        """Return what was asked for and isn't done: name, requested_at; the oldest first."""
        b = backfills.c
        query = sa.select(b.name, b.requested_at).where(b.domain == _DOMAIN)
        return self.postgres.query(
            lambda connection: table(connection, query.order_by(b.requested_at, b.name), BACKFILLS)
        )

    def forget(self, names: Iterable[str], requested_at: datetime) -> None:
        """Strike off what is done, or given up; what was asked for again since then stays."""
        b = backfills.c
        statement = sa.delete(backfills).where(
            b.domain == _DOMAIN, among(b.name, names), b.requested_at == requested_at
        )
        self.postgres.query(lambda connection: connection.execute(statement))
