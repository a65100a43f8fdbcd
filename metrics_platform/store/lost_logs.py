"""What readers would lose by a promotion."""

from typing import Any

import sqlalchemy as sa

from metrics_platform.core.errors import StoreError
from metrics_platform.store.index import results
from metrics_platform.store.reads import Scope, version_number


def check_lost(connection: sa.Connection, before: Scope, after: Scope) -> None:
    """See that readers of `before` lose no log.

    A log is lost that was computed and is not any more, and one that fails and did not.

    Raises:
        StoreError: They would.
    """
    now, then = results.alias(), results.alias()
    is_same = sa.and_(
        then.c.version_id == version_number(after.domain, after.name, after.version),
        then.c.partition_key == now.c.partition_key,
        then.c.superseded_at.is_(None),
    )
    did_not_fail = sa.and_(now.c.status != "failed", now.c.superseded_at.is_(None))
    computed = now.c.status == "computed"

    def count(*lost: sa.ColumnElement[bool]) -> Any:
        return sa.func.count().filter(*lost)

    query = (
        sa.select(
            sa.func.count(),
            count(computed, then.c.id.is_(None)),
            count(computed, then.c.status == "abstained"),
            count(then.c.status == "failed"),
        )
        .select_from(now.outerjoin(then, is_same))
        .where(now.c.version_id == before.version_id, did_not_fail)
    )
    logs, missing, abstained, failed = connection.execute(query).one()
    refuse_lost(before, after, logs, missing=missing, abstained=abstained, failed=failed)


def refuse_lost(
    before: Scope, after: Scope, logs: int, *, missing: int, abstained: int, failed: int
) -> None:
    """Refuse a promotion by which readers would lose logs.

    Args:
        before: What they get now.
        after: What they would get.
        logs: How many they have now that didn't fail.
        missing: Of the computed ones, how many have no result then.
        abstained: Of the computed ones, how many are abstained from then.
        failed: Of all of them, how many fail then.

    Raises:
        StoreError: There are lost ones.
    """
    told = [f"{missing} have no result of it"] if missing else []
    told += [f"{abstained} were computed and abstain with it"] if abstained else []
    told += [f"{failed} failed with it"] if failed else []
    if told:
        raise StoreError(
            f"{after.name} {after.version} covers fewer logs than {before.version}, which readers "
            f"get now: of its {logs} logs {' and '.join(told)}; compute these first, or promote "
            "it anyway (--anyway)"
        )
