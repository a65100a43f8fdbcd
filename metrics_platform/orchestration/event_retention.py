"""Retention of Dagster's own events: what the UI shows for good stays, the rest goes.

A run over 500 logs leaves tens of thousands of events, most of which nobody looks at again once
it has finished: what was planned, the steps' progress, materializations that newer ones replaced.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

# Deleted in one statement, which takes a fraction of a second.
_MOST_ROWS = 5_000
_FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_PARENT_TAGS = ("dagster/parent_run_id", "dagster/root_run_id")


@dataclass(frozen=True)
class Pruned:
    """How many rows went, or would go.

    Attributes:
        runs: Runs of which nothing is shown any more.
        events: Events, of these and of other runs.
        checks: Results of asset checks that newer ones have replaced.
    """

    runs: int = 0
    events: int = 0
    checks: int = 0

    def __add__(self, other: "Pruned") -> "Pruned":
        return Pruned(
            self.runs + other.runs, self.events + other.events, self.checks + other.checks
        )


def prune_events(instance: DagsterInstance, keep: timedelta, *, dry_run: bool = False) -> Pruned:
    """Delete what runs that finished longer than `keep` ago have logged, but for what is shown.

    It stays, however old:

    - the newest materialization and the newest observation of each (asset, partition), which say
      what is materialized, and their tags;
    - a planned materialization that none has followed: the partition failed;
    - of each asset check the newest result, and the newest of those that came to an end;
    - the runs that any of these belong to, since the UI links to them: when they ran, how they
      ended, and why they failed;
    - runs that were tried again, for as long as one of the later ones stays.

    Other runs go as a whole. It can be stopped at any moment and started again, and runs beside
    all else: what is newest stays newest until there is something newer.

    Args:
        instance: Its event log is in Postgres.
        keep: Runs that changed within it are left alone, and so are all that haven't finished.
        dry_run: Only count.
    """
    before = datetime.now(UTC) - keep
    pruned, gone = Pruned(), set[str]()
    # From the newest on: a run that was tried again is looked at after the one that did so.
    for run_id in instance.get_run_ids(RunsFilter(statuses=_FINISHED, updated_before=before)):
        whole = not _is_shown(instance, run_id) and not _later_tries(instance, run_id) - gone
        if whole:
            gone.add(run_id)
        pruned += (_count if dry_run else _delete)(instance, run_id, whole)
    return pruned


def _count(instance: DagsterInstance, run_id: str, whole: bool) -> Pruned:
    with _connection(instance) as connection:
        events, checks = connection.execute(_COUNT, {"run_id": run_id, "whole": whole}).one()
    return Pruned(int(whole), events, checks)


def _delete(instance: DagsterInstance, run_id: str, whole: bool) -> Pruned:
    events, deleted, last_id = 0, _MOST_ROWS, 0
    with _connection(instance) as connection:
        while deleted == _MOST_ROWS:
            given = {"run_id": run_id, "whole": whole, "last_id": last_id, "most": _MOST_ROWS}
            deleted, last_id = connection.execute(_DELETE_EVENTS, given).one()
            events += deleted
        # Later than the events that belong to them.
        checks = connection.execute(_DELETE_CHECKS, {"run_id": run_id}).rowcount
    if whole:
        instance.delete_run(run_id)
    return Pruned(int(whole), events, checks)


def _is_shown(instance: DagsterInstance, run_id: str) -> bool:
    with _connection(instance) as connection:
        return bool(connection.execute(_IS_SHOWN, {"run_id": run_id}).scalar_one())


def _later_tries(instance: DagsterInstance, run_id: str) -> set[str]:
    return {
        later
        for tag in _PARENT_TAGS
        for later in instance.get_run_ids(RunsFilter(tags={tag: run_id}))
    }


def _connection(instance: DagsterInstance) -> AbstractContextManager[sa.Connection]:
    """Return a connection of the event log, on which each statement is a transaction."""
    storage: Any = instance.event_log_storage
    connection: AbstractContextManager[sa.Connection] = storage.index_connection()
    return connection


# Whether a later event takes the place of e. Equality of partitions, and not IS NOT DISTINCT FROM,
# is what there is an index for.
_LATER = """
  EXISTS (SELECT FROM event_logs later
    WHERE later.asset_key = e.asset_key AND later.dagster_event_type IN ({types})
      AND later.partition = e.partition AND later.id > e.id)
  OR e.partition IS NULL AND EXISTS (SELECT FROM event_logs later
    WHERE later.asset_key = e.asset_key AND later.dagster_event_type IN ({types})
      AND later.partition IS NULL AND later.id > e.id)
"""
# The newest one of each asset, too: it tells whether the asset is under way.
_LATER_PLANNED = """
  EXISTS (SELECT FROM event_logs later
    WHERE later.asset_key = e.asset_key
      AND later.dagster_event_type = 'ASSET_MATERIALIZATION_PLANNED' AND later.id > e.id)
"""
_LATER_CHECK = """
  EXISTS (SELECT FROM asset_check_executions later
    WHERE later.asset_key = c.asset_key AND later.check_name = c.check_name
      AND later.partition IS NOT DISTINCT FROM c.partition AND later.id > c.id {ended})
"""
_CHECK_STAYS = f"""
  (NOT {_LATER_CHECK.format(ended="")}
   OR c.execution_status <> 'PLANNED'
     AND NOT {_LATER_CHECK.format(ended="AND later.execution_status <> 'PLANNED'")})
"""
_CHECKS_THAT_STAY = f"""
  SELECT c.evaluation_event_storage_id FROM asset_check_executions c
  WHERE c.run_id = :run_id AND {_CHECK_STAYS}
"""
_SHOWN = f"""
  CASE e.dagster_event_type
    WHEN 'ASSET_MATERIALIZATION' THEN NOT ({_LATER.format(types="'ASSET_MATERIALIZATION'")})
    WHEN 'ASSET_OBSERVATION' THEN NOT ({_LATER.format(types="'ASSET_OBSERVATION'")})
    WHEN 'ASSET_MATERIALIZATION_PLANNED' THEN NOT {_LATER_PLANNED}
      OR NOT ({_LATER.format(types="'ASSET_MATERIALIZATION_PLANNED', 'ASSET_MATERIALIZATION'")})
    ELSE e.id = ANY (ARRAY({_CHECKS_THAT_STAY})) IS TRUE
  END
"""
_OF_RUNS = """
  (e.dagster_event_type LIKE 'PIPELINE_%' OR e.dagster_event_type = 'STEP_FAILURE') IS TRUE
"""
_GOES = f"e.run_id = :run_id AND (:whole OR NOT ({_SHOWN}) AND NOT {_OF_RUNS})"
_CHECK_GOES = f"c.run_id = :run_id AND NOT {_CHECK_STAYS}"

_IS_SHOWN = sa.text(f"""
  SELECT EXISTS (SELECT FROM event_logs e WHERE e.run_id = :run_id AND {_SHOWN})
    OR EXISTS ({_CHECKS_THAT_STAY})
""")
_COUNT = sa.text(f"""
  SELECT (SELECT count(*) FROM event_logs e WHERE {_GOES}),
    (SELECT count(*) FROM asset_check_executions c WHERE {_CHECK_GOES})
""")
_DELETE_EVENTS = sa.text(f"""
  WITH going AS (
    SELECT e.id FROM event_logs e WHERE {_GOES} AND e.id > :last_id ORDER BY e.id LIMIT :most
  ), tags AS (
    DELETE FROM asset_event_tags t USING going WHERE t.event_id = going.id
  ), gone AS (
    DELETE FROM event_logs e USING going WHERE e.id = going.id RETURNING e.id
  )
  SELECT count(*), coalesce(max(id), 0) FROM gone
""")
_DELETE_CHECKS = sa.text(f"DELETE FROM asset_check_executions c WHERE {_CHECK_GOES}")
