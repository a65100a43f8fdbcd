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
from hashlib import blake2b

from dagster import (
    AssetSelection,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from metrics_platform.core.catalog import Catalog
from metrics_platform.core.errors import InvalidLogIdError
from metrics_platform.core.log_ids import check_log_id
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.partitions import (
    LOG,
    contiguous,
    log_asset_key,
    log_partitions,
    logs_of_run,
    tags_of_range,
)
from metrics_platform.store import (
    INBOX,
    Arrival,
    Found,
    LogRegistry,
    ObjectRoot,
    State,
    Store,
    sweep,
)

_INTERVAL_S = 10
_RUN_KEY = "dagster/run_key"
_UNFINISHED = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)
_WILL_RETRY = "dagster/will_retry"
_RETRIED_AS = "dagster/auto_retry_run_id"
# Dagster retries a run by itself; a request is made again for runs that are beyond that, and split
# in halves each time: a log that kills its process takes ever fewer others with it.
_REQUESTS_PER_LOG = 6
# Dagster takes an empty cursor for none at all, and keeps the one before.
_FROM_START = f"{INBOX}/"


def new_logs_sensor(catalog: Catalog, settings: Settings) -> SensorDefinition:
    """Return the sensor that takes in what is in the inbox."""

    @sensor(
        name="new_logs",
        target=AssetSelection.assets(*(log_asset_key(definition.name) for definition in catalog)),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=_INTERVAL_S,
        description=(
            "Lists the inbox, registers logs whose upload is over, and asks for ranged runs over "
            "them. What cannot be a log is put aside with the reason: `metrics-platform logs`."
        ),
    )
    def new_logs(context: SensorEvaluationContext) -> SensorResult:
        with Store.open(settings) as store:
            cursor = _register(context, settings, store.objects, store.registry)
            requests = _requests(context, settings, store.registry)
            waiting = 0 if requests else len(store.registry.logs(State.REGISTERED))
        # A run can only be asked for partitions that are there.
        wanted = [log_id for request in requests for log_id in request.log_ids]
        return SensorResult(
            run_requests=[request.run for request in requests],
            dynamic_partitions_requests=[log_partitions.build_add_request(wanted)],
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


def _register(
    context: SensorEvaluationContext, settings: Settings, root: ObjectRoot, registry: LogRegistry
) -> str:
    """Walk the inbox for as long as a tick may take; return where the next one goes on."""
    deadline = time.monotonic() + settings.tick_s
    cursor = None if context.cursor in (None, _FROM_START) else context.cursor
    for found, following in sweep(root, quiet_s=settings.quiet_s, after=cursor):
        cursor = following
        good, bad = _named(found)
        registry.reject(bad)
        made = registry.register(good)
        for source, reason in bad.items():
            context.log.warning(f"{source} is put aside: {reason}")
        for source in made.conflicting:
            context.log.warning(f"{source} is put aside: another source has its log id")
        if made.new or made.changed:
            context.log.info(f"{len(made.new)} new logs, {len(made.changed)} with new content")
        if time.monotonic() > deadline:
            break
    return cursor or _FROM_START


def _named(found: Sequence[Arrival]) -> tuple[list[Found], dict[str, str]]:
    """Tell the arrivals that can be logs from those whose name cannot be a log id."""
    good, bad = [], {}
    for arrival in found:
        try:
            check_log_id(arrival.log_id)
        except InvalidLogIdError as error:
            bad[arrival.source] = str(error)
        else:
            good.append(
                Found(arrival.log_id, arrival.source, arrival.size_bytes, arrival.source_tag)
            )
    return good, bad


def _requests(
    context: SensorEvaluationContext, settings: Settings, registry: LogRegistry
) -> list[_Request]:
    """Return the runs to ask for: those that got lost first, then those for new logs."""
    instance = context.instance
    requested = registry.requests()
    runs = _runs_by_key(instance, list(requested))
    known = instance.get_dynamic_partitions(LOG)
    again = list(_lost(context, registry, _in_order(requested, known), runs, known))
    unfinished = sum(any(_goes_on(run) for run in of_key) for of_key in runs.values())
    room = settings.queued_runs - unfinished - len(again)
    if room <= 0:
        return again
    # A log that changes while a run reads it waits for that run, which would otherwise put the
    # older content in the place of the newer one.
    busy = _logs_in_runs(instance, known)
    waiting = [i for i in registry.logs(State.REGISTERED)["log_id"] if i not in busy]
    waiting = waiting[: room * settings.logs_per_run]
    made = list(again)
    for chunk in _chunks(known, waiting, settings.logs_per_run):
        if len(made) - len(again) == room:
            break
        key = f"{_digest([*chunk, str(time.time_ns())])}.1"
        registry.request(chunk, key)
        made.append(_request(key, chunk))
    return made


def _lost(
    context: SensorEvaluationContext,
    registry: LogRegistry,
    requested: Mapping[str, Sequence[str]],
    runs: Mapping[str, Sequence[DagsterRun]],
    known: Sequence[str],
) -> Iterator[_Request]:
    """Settle requests whose run succeeded; yield again those that have no run to wait for."""
    for key, log_ids in requested.items():
        of_key = runs.get(key, ())
        if any(run.is_success for run in of_key):
            registry.settle(key)
        elif not of_key:
            # The daemon died between our tick and the launch: same key, so never two runs.
            yield _request(key, log_ids)
        elif not any(_goes_on(run) for run in of_key):
            newest = of_key[0]
            attempt = int(key.rpartition(".")[2])
            if attempt >= _REQUESTS_PER_LOG:
                reason = f"its run failed {attempt} times, the last is {newest.run_id}"
                registry.give_up(key, reason)
                context.log.error(f"no more runs for {len(log_ids)} logs: {reason}")
                continue
            for following, part in _split(key, log_ids, known):
                registry.request_again(part, key, following)
                yield _request(following, part)


def _split(
    key: str, log_ids: Sequence[str], known: Sequence[str]
) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield a key and a stretch of partitions for each half of what is left of a request."""
    base, _, attempt = key.rpartition(".")
    parts = [
        part
        for stretch in contiguous(log_ids, known)
        for part in (stretch[: len(stretch) // 2], stretch[len(stretch) // 2 :])
        if part
    ]
    for number, part in enumerate(parts):
        yield f"{base}-{number}.{int(attempt) + 1}", part


def _logs_in_runs(instance: DagsterInstance, known: Sequence[str]) -> set[str]:
    runs = instance.get_runs(RunsFilter(statuses=list(_UNFINISHED)))
    return {log_id for run in runs for log_id in logs_of_run(run, instance, known) or ()}


def _in_order(
    requested: Mapping[str, Sequence[str]], known: Sequence[str]
) -> dict[str, Sequence[str]]:
    """Sort the logs of each request as their partitions lie; those that have none yet stay."""
    position = {log_id: at for at, log_id in enumerate(known)}
    return {
        key: sorted(log_ids, key=lambda log_id: position.get(log_id, len(position)))
        for key, log_ids in requested.items()
    }


def _chunks(known: Sequence[str], log_ids: Sequence[str], logs_per_run: int) -> Iterator[list[str]]:
    """Yield logs that one ranged run can take: new ones together, others as they happen to lie."""
    there = set(known)
    old = [log_id for log_id in log_ids if log_id in there]
    new = [log_id for log_id in log_ids if log_id not in there]
    for stretch in [*contiguous(old, known), new]:
        for start in range(0, len(stretch), logs_per_run):
            yield stretch[start : start + logs_per_run]


def _request(key: str, log_ids: Sequence[str]) -> _Request:
    """Ask for one run over `log_ids`, which are, or are about to be, one stretch of partitions."""
    return _Request(RunRequest(run_key=key, tags=tags_of_range(log_ids[0], log_ids[-1])), log_ids)


def _goes_on(run: DagsterRun) -> bool:
    """Say whether `run`, or the retry of it that the daemon is about to launch, is under way."""
    waits_for_retry = run.tags.get(_WILL_RETRY) == "true" and _RETRIED_AS not in run.tags
    return not run.is_finished or waits_for_retry


def _runs_by_key(instance: DagsterInstance, keys: Sequence[str]) -> dict[str, list[DagsterRun]]:
    found: dict[str, list[DagsterRun]] = {}
    if keys:
        # Newest first.
        for run in instance.get_runs(RunsFilter(tags={_RUN_KEY: list(keys)})):
            found.setdefault(run.tags[_RUN_KEY], []).append(run)
    return found


def _digest(words: Sequence[str]) -> str:
    return blake2b("\0".join(words).encode(), digest_size=8).hexdigest()
