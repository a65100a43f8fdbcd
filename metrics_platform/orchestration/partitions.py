"""Logs as Dagster partitions, and which of them a run is about."""

from collections.abc import Sequence

from dagster import AssetKey, DagsterInstance, DagsterRun, DynamicPartitionsDefinition

LOG = "log"
log_partitions = DynamicPartitionsDefinition(name=LOG)

# Public tags of Dagster's runs.
_PARTITION = "dagster/partition"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


def log_asset_key(name: str) -> AssetKey:
    """Return the asset of the signal or metric `name` over logs."""
    return AssetKey([LOG, name])


def tags_of_range(first: str, last: str) -> dict[str, str]:
    """Return the tags of one run over all logs from `first` to `last`, in order of registration."""
    return {_PARTITION: first} if first == last else {_RANGE_START: first, _RANGE_END: last}


def logs_of_run(
    run: DagsterRun, instance: DagsterInstance, known: Sequence[str] | None = None
) -> Sequence[str] | None:
    """Return the logs that `run` is about; None where it is about none in particular.

    Args:
        run: With the tags of a partition, of a range of them, or neither.
        instance: Has the partitions.
        known: All of them in their order, where they have been read already: at fleet size that
            takes a quarter of a second.
    """
    if _PARTITION in run.tags:
        return [run.tags[_PARTITION]]
    if _RANGE_START not in run.tags:
        return None
    known = instance.get_dynamic_partitions(LOG) if known is None else known
    first, last = run.tags[_RANGE_START], run.tags[_RANGE_END]
    return known[known.index(first) : known.index(last) + 1]


def contiguous(log_ids: Sequence[str], registered: Sequence[str]) -> list[list[str]]:
    """Group `log_ids` into stretches without a gap in the order of `registered`.

    A ranged run takes every partition between its ends, so only such a stretch can be one run.
    """
    position = {log_id: at for at, log_id in enumerate(registered)}
    stretches: list[list[str]] = []
    for log_id in sorted(log_ids, key=position.__getitem__):
        if stretches and position[stretches[-1][-1]] + 1 == position[log_id]:
            stretches[-1].append(log_id)
        else:
            stretches.append([log_id])
    return stretches
