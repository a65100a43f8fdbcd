"""The ledger of staleness: for every definition and log, is its result what it would be today?

Each definition is a plain join of the registry with its results and those of what it needs, so
that Postgres can hash-join them: a subquery for every row would take minutes for a fleet.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl
import sqlalchemy as sa

from metrics_platform.core.statuses import Status
from metrics_platform.store.index import logs, results
from metrics_platform.store.parameters import among
from metrics_platform.store.reads import version_number
from metrics_platform.store.registration import State
from metrics_platform.store.tables import Types, table

_DOMAIN = "log"


class Standing(StrEnum):
    """How a definition stands in a log."""

    CURRENT = "current"
    """Computing it again would give the same: a result, an abstention or a failure."""
    MISSING = "missing"
    """The present version was never computed."""
    STALE_CODE = "stale_code"
    """It was computed by other code than there is now."""
    STALE_INPUTS = "stale_inputs"
    """What it was computed from is no longer what is there."""


DUE = (Standing.MISSING, Standing.STALE_CODE, Standing.STALE_INPUTS)

LEDGER: Types = {
    "name": pl.String,
    "version": pl.String,
    "logs": pl.Int64,
    "current": pl.Int64,
    "abstained": pl.Int64,
    "failed": pl.Int64,
    "missing": pl.Int64,
    "stale_code": pl.Int64,
    "stale_inputs": pl.Int64,
}
ENTRIES: Types = {
    "name": pl.String,
    "log_id": pl.String,
    "standing": pl.String,
    "status": pl.String,
    "reason": pl.String,
}


@dataclass(frozen=True, slots=True)
class Needed:
    """A dependency of a definition, in its present version."""

    name: str
    version: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """What today's code would store of one definition.

    Attributes:
        name: Of the definition.
        version: Of it.
        fingerprint: Of its results; of a recorded signal, by the format of the log.
        needs: What it is computed from; nothing if it is recorded.
        tells_unread: A log that cannot be read counts here, as failed, and nowhere else.
        label: How it is called here, if not by its name: a shadow has that of its metric.
    """

    name: str
    version: str
    fingerprint: str | Mapping[str, str]
    needs: Sequence[Needed] = ()
    tells_unread: bool = False
    label: str | None = None

    @property
    def told(self) -> str:
        """What its rows are called."""
        return self.label or self.name


def counts(
    connection: sa.Connection, expected: Sequence[Expected], log_ids: Sequence[str] | None
) -> pl.DataFrame:
    """One row per definition, in the order given; abstained and failed are among the current."""
    branches = [_counted(of, log_ids) for of in expected]
    if not branches:
        return pl.DataFrame(schema=LEDGER)
    found = table(connection, sa.union_all(*branches), LEDGER)
    order = pl.DataFrame({"name": [of.told for of in expected]}, schema={"name": pl.String})
    return order.join(found, on="name", maintain_order="left")


def entries(
    connection: sa.Connection,
    expected: Sequence[Expected],
    log_ids: Sequence[str] | None,
    *,
    also: Collection[Status],
    most: int | None,
) -> pl.DataFrame:
    """One row per definition and log that is due, or whose present status is one of `also`.

    In the order of `expected`, and of log_id within it; the first `most` of them.
    """
    branches = [_told(at, of, log_ids, also) for at, of in enumerate(expected)]
    if not branches:
        return pl.DataFrame(schema=ENTRIES)
    # Before the limit, so that the same ones are told each time.
    in_order = sa.union_all(*branches).order_by(sa.text("at, log_id")).limit(most)
    return table(connection, in_order, {"at": pl.Int64, **ENTRIES}).drop("at")


def _counted(expected: Expected, log_ids: Sequence[str] | None) -> sa.Select[*tuple[Any, ...]]:
    found = _standings(expected, log_ids).subquery()
    standing, status = found.c.standing, found.c.status
    is_current = standing == Standing.CURRENT.value
    return sa.select(
        sa.literal(expected.told, sa.Text),
        sa.literal(expected.version, sa.Text),
        sa.func.count(),
        sa.func.count().filter(is_current),
        *(
            sa.func.count().filter(is_current, status == of.value)
            for of in (Status.ABSTAINED, Status.FAILED)
        ),
        *(sa.func.count().filter(standing == of.value) for of in DUE),
    ).select_from(found)


def _told(
    at: int, expected: Expected, log_ids: Sequence[str] | None, also: Collection[Status]
) -> sa.Select[*tuple[Any, ...]]:
    found = _standings(expected, log_ids).subquery()
    c = found.c
    told = sa.or_(c.standing != Standing.CURRENT.value, c.status.in_([of.value for of in also]))
    # Sorted as Python sorts, whatever the collation of the database.
    return sa.select(
        sa.literal(at, sa.Integer).label("at"),
        sa.literal(expected.told, sa.Text),
        c.log_id.collate("C").label("log_id"),
        c.standing,
        c.status,
        c.reason,
    ).where(told)


def _standings(expected: Expected, log_ids: Sequence[str] | None) -> sa.Select[*tuple[Any, ...]]:
    """Return log_id, standing, status and reason of every log that should have a result."""
    stored = results.alias()
    needed = {of.name: results.alias() for of in expected.needs}
    joined: sa.FromClause = logs.outerjoin(stored, _is_of(stored, expected.name, expected.version))
    for of in expected.needs:
        joined = joined.outerjoin(needed[of.name], _is_of(needed[of.name], of.name, of.version))
    states = [State.READ.value, *([State.QUARANTINED.value] if expected.tells_unread else [])]
    unread = logs.c.state == State.QUARANTINED.value
    standing = sa.case(
        (unread, Standing.CURRENT.value),
        (stored.c.id.is_(None), Standing.MISSING.value),
        (_other_code(stored, expected), Standing.STALE_CODE.value),
        (_other_inputs(stored, expected, needed), Standing.STALE_INPUTS.value),
        else_=Standing.CURRENT.value,
    )
    query = (
        sa.select(
            logs.c.log_id,
            standing.label("standing"),
            sa.case((unread, Status.FAILED.value), else_=stored.c.status).label("status"),
            sa.case((unread, logs.c.reason), else_=stored.c.reason).label("reason"),
        )
        .select_from(joined)
        .where(logs.c.state.in_(states), logs.c.archived_at.is_(None))
    )
    return query if log_ids is None else query.where(among(logs.c.log_id, log_ids))


def _is_of(stored: sa.FromClause, name: str, version: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        stored.c.version_id == version_number(_DOMAIN, name, version),
        stored.c.partition_key == logs.c.log_id,
        stored.c.superseded_at.is_(None),
    )


def _other_code(stored: sa.FromClause, expected: Expected) -> sa.ColumnElement[bool]:
    if isinstance(expected.fingerprint, str):
        return stored.c.fingerprint != expected.fingerprint
    if not expected.fingerprint:
        return sa.false()
    # Null for a format that is no longer read: of its logs, nothing can be computed again.
    return stored.c.fingerprint != sa.case(dict(expected.fingerprint), value=logs.c.format)


def _other_inputs(
    stored: sa.FromClause, expected: Expected, needed: Mapping[str, sa.FromClause]
) -> sa.ColumnElement[bool]:
    if not expected.needs:
        # The hash of a recorded signal begins with that of the recording; null if that is unknown.
        return ~sa.func.starts_with(stored.c.input_hash, logs.c.content_hash)
    told: sa.ColumnElement[str] = sa.literal("", sa.Text)
    for of in sorted(expected.needs, key=lambda of: of.name):
        told = told + f"{of.name}=" + _content(needed[of.name], of) + ";"
    # As `core.compute` has it: bytes of UTF-8, whatever the encoding of the database.
    hashed = sa.func.md5(sa.func.convert_to(told, "UTF8"))
    return stored.c.input_hash != hashed


def _content(stored: sa.FromClause, needed: Needed) -> sa.ColumnElement[str]:
    c = stored.c
    if needed.optional:
        return sa.func.coalesce(c.content_hash, "")
    return sa.func.coalesce(c.content_hash, c.status + ": " + sa.func.coalesce(c.reason, ""), "")
