"""Logs as Dagster partitions, and which of them a run is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DynamicPartitionsDefinition,
    RunsFilter,
)

LOG = "log"
log_partitions = DynamicPartitionsDefinition(name=LOG)

UNFINISHED = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)

# Public tags of Dagster's runs.
PRIORITY = "dagster/priority"
RUN_KEY = "dagster/run_key"
_PARTITION = "dagster/partition"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"
_WILL_RETRY = "dagster/will_retry"
_RETRIED_AS = "dagster/auto_retry_run_id"


def log_asset_key(label: str) -> AssetKey:
    """Return the asset of a signal or metric over logs: `log/<name>`, of a shadow `shadow/<name>`.

    Args:
        label: Of the definition: its name, or the label of a shadow.
    """
    return AssetKey(label.split("/") if "/" in label else [LOG, label])


def label_of(key: AssetKey) -> str:
    """Return the label of the definition whose asset `key` is."""
    return "/".join(key.path).removeprefix(f"{LOG}/")


def pool_of(label: str) -> str:
    """Return the pool of an asset: a limit on it holds for all runs that compute it."""
    return "/".join(log_asset_key(label).path)


def tags_of_range(first: str, last: str) -> dict[str, str]:
    """Return the tags of one run over all logs from `first` to `last`, in order of registration."""
    return {_PARTITION: first} if first == last else {_RANGE_START: first, _RANGE_END: last}


def digest(words: Sequence[str]) -> str:
    """Return a short text for a run key, another one for other words."""
    return blake2b("\0".join(words).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Partitions:
    """The partitions of an instance in their order, read when they are first asked for.

    At the size of a fleet that takes a quarter of a second: a tick without news does without.
    """

    instance: DagsterInstance

    def __contains__(self, log_id: object) -> bool:
        return log_id in self._position

    @cached_property
    def keys(self) -> Sequence[str]:
        """All of them."""
        return self.instance.get_dynamic_partitions(LOG)

    @cached_property
    def _position(self) -> Mapping[str, int]:
        return {log_id: at for at, log_id in enumerate(self.keys)}

    def between(self, first: str, last: str) -> Sequence[str]:
        """Return all from `first` to `last`.

        Where one of them has been deleted, nobody knows any more what lay between them: the other
        one is returned, if there is one.
        """
        ends = [end for end in (first, last) if end in self]
        if len(ends) < 2:
            return ends
        return self.keys[self._position[first] : self._position[last] + 1]

    def in_order(self, log_ids: Sequence[str]) -> list[str]:
        """Sort logs as their partitions lie; those that have none yet come last, as they are."""
        end = len(self.keys)
        return sorted(log_ids, key=lambda log_id: self._position.get(log_id, end))

    def stretches(self, log_ids: Sequence[str]) -> list[list[str]]:
        """Group logs that are partitions into stretches without a gap.

        A ranged run takes every partition between its ends, so only such a stretch can be one run.
        """
        found: list[list[str]] = []
        for log_id in self.in_order(log_ids):
            if found and self._position[found[-1][-1]] + 1 == self._position[log_id]:
                found[-1].append(log_id)
            else:
                found.append([log_id])
        return found


def logs_of_run(
    run: DagsterRun, instance: DagsterInstance, partitions: Partitions | None = None
) -> Sequence[str] | None:
    """Return the logs that `run` is about; None where it is about none in particular.

    Args:
        run: With the tags of a partition, of a range of them, or neither.
        instance: Has the partitions.
        partitions: The same, where they may have been read already.
    """
    if _PARTITION in run.tags:
        return [run.tags[_PARTITION]]
    if _RANGE_START not in run.tags:
        return None
    partitions = partitions or Partitions(instance)
    return partitions.between(run.tags[_RANGE_START], run.tags[_RANGE_END])


def logs_in_runs(instance: DagsterInstance, partitions: Partitions) -> set[str]:
    """Return the logs of all runs that haven't ended."""
    runs = instance.get_runs(RunsFilter(statuses=list(UNFINISHED)))
    return {log_id for run in runs for log_id in logs_of_run(run, instance, partitions) or ()}


def goes_on(run: DagsterRun) -> bool:
    """Say whether `run`, or the retry of it that the daemon is about to launch, is under way."""
    waits_for_retry = run.tags.get(_WILL_RETRY) == "true" and _RETRIED_AS not in run.tags
    return not run.is_finished or waits_for_retry
