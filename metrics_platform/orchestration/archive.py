"""Taking old logs out of Dagster's partitions: their results stay, and stay readable.

Dagster's pages and range runs get slower with every partition, results don't with every log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dagster import DagsterInstance

from metrics_platform.orchestration.partitions import LOG, Partitions, logs_in_runs
from metrics_platform.store import Store


@dataclass(frozen=True)
class Archived:
    """What `archive` did, or would do.

    Attributes:
        log_ids: No longer partitions, in the order of their registration.
        in_runs: Logs that were left, since a run is about them.
    """

    log_ids: Sequence[str]
    in_runs: Sequence[str]


def archive(
    store: Store,
    instance: DagsterInstance,
    *,
    before: datetime | None = None,
    log_ids: Sequence[str] | None = None,
    dry_run: bool = False,
) -> Archived:
    """Take logs that were read, and that no run is about, out of Dagster's partitions.

    They are marked first, then their partitions are deleted: whatever stops in between, the next
    call completes it. Other content under the same id brings a log back.

    Args:
        store: Has the log registry.
        instance: Has the partitions.
        before: Only logs of which nothing new was learnt since then; with time zone.
        log_ids: Only these.
        dry_run: Change nothing.
    """
    partitions = Partitions(instance)
    candidates = store.registry.archivable(before=before, log_ids=log_ids)
    busy = logs_in_runs(instance, partitions)
    free = [log_id for log_id in candidates if log_id not in busy]
    in_runs = [log_id for log_id in candidates if log_id in busy]
    if dry_run:
        return Archived(free, in_runs)
    marked = set(store.registry.archive(free))
    for log_id in store.registry.archived():
        # Other content may have brought it back a moment ago.
        if log_id in partitions and store.registry.archived([log_id]):
            instance.delete_dynamic_partition(LOG, log_id)
    return Archived([log_id for log_id in free if log_id in marked], in_runs)
