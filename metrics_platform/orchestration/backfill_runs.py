"""Which runs bring logs up to date: what is computed together, and over which partitions."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from metrics_platform.core.catalog import Catalog
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.batches import batches
from metrics_platform.orchestration.partitions import Partitions
from metrics_platform.orchestration.run_sizes import Cost, sized

# Logs that a run may compute for nothing so that it goes on behind them: a run of its own takes
# seconds before it computes anything, and equal results are not written again.
_WORTH_A_RUN = 20


@dataclass(frozen=True)
class Task:
    """Logs of which the same is to be computed.

    Attributes:
        names: Definitions that are missing or stale in all of the logs.
        tries: Runs over them that have ended already.
        log_ids: The logs.
    """

    names: frozenset[str]
    tries: int
    log_ids: Sequence[str]


def tasks(
    due: Iterable[tuple[str, str]], tried: Mapping[str, Sequence[Collection[str]]]
) -> list[Task]:
    """Group logs by what is due in them, and how often that was tried.

    Args:
        due: Name of a definition and log.
        tried: By log, what each run over it was to compute.
    """
    names: dict[str, set[str]] = {}
    for name, log_id in due:
        names.setdefault(log_id, set()).add(name)
    found: dict[tuple[frozenset[str], int], list[str]] = {}
    for log_id, of_log in names.items():
        tries = sum(of_log.issubset(of_run) for of_run in tried.get(log_id, ()))
        found.setdefault((frozenset(of_log), tries), []).append(log_id)
    return [Task(of_log, tries, log_ids) for (of_log, tries), log_ids in found.items()]


def with_downstream(catalog: Catalog, names: Collection[str]) -> list[str]:
    """Return `names` and all that is computed from them, in the order of `catalog`.

    What stands on a stale result becomes stale itself as soon as that is made anew.
    """
    found = set(names)
    for definition in catalog.with_shadows:
        if not found.isdisjoint(definition.dependencies):
            found.add(definition.label)
    return [of.label for of in catalog.with_shadows if of.label in found]


def stretches(
    partitions: Partitions,
    task: Task,
    free: Mapping[str, int],
    cost: Cost | None,
    settings: Settings,
) -> Iterator[Sequence[str]]:
    """Yield the logs of one run each, without a gap, beginning and ending with one of the task.

    After a run that has ended and left its logs as they were, runs are half as large: a log that
    kills its process takes ever fewer others with it.

    Args:
        partitions: All there are.
        task: Its logs are partitions.
        free: Size in bytes of the logs that a run may take, those of the task among them. Not so
            logs of another run: of two that compute the same, the one with the older inputs could
            be the last.
        cost: Of a log, None if it isn't known.
        settings: How large a run may be.
    """
    wanted = set(task.log_ids)
    for stretch in _joined(partitions, task.log_ids, free):
        for part in sized(stretch, free, cost, settings):
            for run in batches(part, {}, 1, most=max(1, len(part) >> task.tries)):
                inside = [at for at, log_id in enumerate(run) if log_id in wanted]
                if inside:
                    yield run[inside[0] : inside[-1] + 1]


def _joined(
    partitions: Partitions, log_ids: Sequence[str], free: Mapping[str, int]
) -> Iterator[list[str]]:
    """Yield stretches of partitions, over small gaps if need be."""
    joined: list[str] = []
    for stretch in partitions.stretches(log_ids):
        if joined:
            gap = partitions.between(joined[-1], stretch[0])[1:-1]
            if len(gap) > _WORTH_A_RUN or not all(log_id in free for log_id in gap):
                yield joined
                joined = []
            else:
                joined.extend(gap)
        joined.extend(stretch)
    if joined:
        yield joined
