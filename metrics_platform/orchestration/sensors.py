"""The sensor `new_logs`: what lands in the inbox is registered and asked to be computed.

Every step is repeatable, so that it can die anywhere. The registry, and not the cursor, knows
which logs are there and which run was asked for them; a request that never became a run, or whose
run failed, is found by its run key at a later tick and made again.

`from __future__ import annotations` must stay out of this module: Dagster reads the annotations
of `context` at run time.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dagster import (
    AssetSelection,
    DagsterInstance,
    DagsterRun,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from metrics_platform.core.catalog import Catalog
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.intake import register_arrivals
from metrics_platform.orchestration.partitions import (
    LOG,
    PRIORITY,
    RUN_KEY,
    Partitions,
    digest,
    goes_on,
    log_asset_key,
    logs_in_runs,
    tags_of_range,
)
from metrics_platform.orchestration.run_sizes import NEW_LOGS, measured_cost, sized, tags_of_size
from metrics_platform.store import LogRegistry, State, Store

_INTERVAL_S = 10
# Before runs that people start, and those before backfills: what is new is waited for.
_PRIORITY = "10"
# Dagster retries a run by itself; a request is made again for runs that are beyond that, and split
# in halves each time: a log that kills its process takes ever fewer others with it. Twelve get from
# two thousand logs to each by itself.
_REQUESTS_PER_LOG = 12
# Partitions in one statement.
_ADDED_AT_ONCE = 10_000


def new_logs_sensor(catalog: Catalog, settings: Settings) -> SensorDefinition:
    """Return the sensor that takes in what is in the inbox."""

    @sensor(
        name="new_logs",
        target=AssetSelection.assets(*(log_asset_key(of.label) for of in catalog.with_shadows)),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=_INTERVAL_S,
        description=(
            "Lists the inbox, registers logs whose upload is over, and asks for ranged runs over "
            "them. What cannot be a log is put aside with the reason: `metrics-platform logs`."
        ),
    )
    def new_logs(context: SensorEvaluationContext) -> SensorResult:
        with Store.open(settings) as store:
            store.take_out_of_shadow([(of.name, of.version) for of in catalog])
            cursor = register_arrivals(context, settings, store)
            requests = _requests(context, settings, store)
            waiting = 0 if requests else store.registry.count(State.REGISTERED)
        # A run can only be asked for partitions that are there. They are added here, since the
        # daemon would ask for each of those in a result by itself whether it is there already.
        wanted = [log_id for request in requests for log_id in request.log_ids]
        for start in range(0, len(wanted), _ADDED_AT_ONCE):
            block = wanted[start : start + _ADDED_AT_ONCE]
            context.instance.add_dynamic_partitions(LOG, block)
        return SensorResult(
            run_requests=[request.run for request in requests],
            skip_reason=None if requests else _told(waiting),
            cursor=cursor,
        )

    return new_logs


def _told(waiting: int) -> str:
    return f"{waiting} logs wait for runs that are queued" if waiting else "no new logs"


@dataclass(frozen=True)
class _Request:
    """A run to be asked for, and the logs it is about, in the order of their partitions."""

    run: RunRequest
    log_ids: Sequence[str]


def _requests(context: SensorEvaluationContext, settings: Settings, store: Store) -> list[_Request]:
    """Return the runs to ask for: those that got lost first, then those for new logs."""
    instance, registry = context.instance, store.registry
    partitions = Partitions(instance)
    requested = registry.requests()
    runs = _runs_by_key(instance, list(requested))
    again = list(_lost(context, registry, requested, runs, partitions))
    unfinished = sum(any(goes_on(run) for run in of_key) for of_key in runs.values())
    room = settings.queued_runs - unfinished - len(again)
    if room <= 0:
        return again
    waiting = registry.waiting()
    if not waiting:
        return again
    # A log that changes while a run reads it waits for that run, which would otherwise put the
    # older content in the place of the newer one.
    busy = logs_in_runs(instance, partitions)
    free = {log_id: size for log_id, size in waiting.items() if log_id not in busy}
    cost = measured_cost(instance, store)
    made = list(again)
    for stretch in _stretches(partitions, list(free)[: room * settings.logs_per_run]):
        for chunk in sized(stretch, free, cost, settings):
            if len(made) - len(again) == room:
                return made
            key = f"{digest([*chunk, str(time.time_ns())])}.1"
            registry.request(chunk, key)
            made.append(_request(key, chunk, free))
    return made


def _lost(
    context: SensorEvaluationContext,
    registry: LogRegistry,
    requested: Mapping[str, Sequence[str]],
    runs: Mapping[str, Sequence[DagsterRun]],
    partitions: Partitions,
) -> Iterator[_Request]:
    """Settle requests whose run succeeded; yield again those that have no run to wait for."""
    for key, of_request in requested.items():
        of_key = runs.get(key, ())
        if any(run.is_success for run in of_key):
            registry.settle(key)
        elif not of_key:
            # The daemon died between our tick and the launch: same key, so never two runs.
            log_ids = partitions.in_order(of_request)
            yield _request(key, log_ids, registry.sizes(log_ids))
        elif not any(goes_on(run) for run in of_key):
            newest = of_key[0]
            attempt = int(key.rpartition(".")[2])
            if attempt >= _REQUESTS_PER_LOG:
                reason = f"its run failed {attempt} times, the last is {newest.run_id}"
                registry.give_up(key, reason)
                context.log.error(f"no more runs for {len(of_request)} logs: {reason}")
                continue
            sizes = registry.sizes(of_request)
            for following, part in _split(key, of_request, partitions):
                registry.request_again(part, key, following)
                yield _request(following, part, sizes)


def _split(
    key: str, log_ids: Sequence[str], partitions: Partitions
) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield a key and a stretch of partitions for each half of what is left of a request."""
    base, _, attempt = key.rpartition(".")
    parts = [
        part
        for stretch in _stretches(partitions, log_ids)
        for part in (stretch[: len(stretch) // 2], stretch[len(stretch) // 2 :])
        if part
    ]
    for number, part in enumerate(parts):
        yield f"{base}-{number}.{int(attempt) + 1}", part


def _stretches(partitions: Partitions, log_ids: Sequence[str]) -> list[list[str]]:
    """Group logs by what a ranged run can take: old ones as they happen to lie, then new ones."""
    old = [log_id for log_id in log_ids if log_id in partitions]
    # About to be added one after another.
    new = [log_id for log_id in log_ids if log_id not in partitions]
    return [*partitions.stretches(old), *([new] if new else [])]


def _request(key: str, log_ids: Sequence[str], size_bytes: Mapping[str, int]) -> _Request:
    """Ask for one run over `log_ids`, which are, or are about to be, one stretch of partitions."""
    tags = {
        **tags_of_range(log_ids[0], log_ids[-1]),
        **tags_of_size(NEW_LOGS, log_ids, size_bytes),
        PRIORITY: _PRIORITY,
    }
    return _Request(RunRequest(run_key=key, tags=tags), log_ids)


def _runs_by_key(instance: DagsterInstance, keys: Sequence[str]) -> dict[str, list[DagsterRun]]:
    found: dict[str, list[DagsterRun]] = {}
    if keys:
        # Newest first.
        for run in instance.get_runs(RunsFilter(tags={RUN_KEY: list(keys)})):
            found.setdefault(run.tags[RUN_KEY], []).append(run)
    return found
