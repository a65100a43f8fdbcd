"""The job `request_backfill` and the sensor `backfills`: what is missing or stale is made anew.

The ledger of staleness says what there is to do, the index what people asked for, and Dagster's
runs what was tried. The cursor only says where a tick goes on, and can be lost. A tick can die
after each step: what a run is about decides its key, so none is asked for twice.

`from __future__ import annotations` must stay out of this module: Dagster reads the annotations
of `context` at run time.
"""

from collections.abc import Collection
from datetime import datetime

import polars as pl
from dagster import (
    AssetSelection,
    Config,
    DefaultSensorStatus,
    JobDefinition,
    OpExecutionContext,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    in_process_executor,
    job,
    op,
    sensor,
)

from metrics_platform.checks.expected import expected_results
from metrics_platform.core.catalog import Catalog
from metrics_platform.core.settings import Settings
from metrics_platform.delivery.staleness import ask_for_backfill
from metrics_platform.orchestration.backfill_sweep import TRIES, Sweep, Wish, look_through
from metrics_platform.orchestration.partitions import UNFINISHED, log_asset_key
from metrics_platform.orchestration.retries import transient_faults_retried
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.store import DUE, Expected, Store

_INTERVAL_S = 30


class BackfillRequest(Config):
    """What to bring up to date: names, or labels of shadows; none for all that need it."""

    names: list[str] = []


def request_backfill_job(catalog: Catalog, settings: Settings) -> JobDefinition:
    """Return the job that asks for a backfill, as `metrics-platform stale --request` does."""

    @op(name="ask_for_backfill")
    def ask(context: OpExecutionContext, config: BackfillRequest) -> None:
        names = [catalog.labelled(name).label for name in config.names] or None
        with transient_faults_retried(context.retry_number), Store.open(settings) as store:
            asked = ask_for_backfill(store, store.ledger(_expected(catalog, settings)), names)
        context.log.info(f"asked for: {', '.join(asked) or 'nothing, all is up to date'}")

    @job(
        name="request_backfill",
        executor_def=in_process_executor,
        description=(
            "Asks for what is missing or stale to be computed again: of the definitions in "
            "`names`, or of all. The sensor `backfills` requests the runs."
        ),
    )
    def request_backfill() -> None:
        ask()

    return request_backfill


def backfills_sensor(catalog: Catalog, settings: Settings) -> SensorDefinition:
    """Return the sensor that brings up to date what people asked for."""

    @sensor(
        name="backfills",
        target=AssetSelection.assets(*(log_asset_key(of.label) for of in catalog.with_shadows)),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=_INTERVAL_S,
        description=(
            "Asks for ranged runs over what is missing or stale, where somebody wants it to be "
            "computed: `metrics-platform stale --request`, or the job `request_backfill`."
        ),
    )
    def backfills(context: SensorEvaluationContext) -> SensorResult:
        with Store.open(settings) as store:
            return _tick(context, store, catalog, settings)

    return backfills


def _tick(
    context: SensorEvaluationContext, store: Store, catalog: Catalog, settings: Settings
) -> SensorResult:
    wish = _oldest(context, catalog, store)
    if wish is None:
        return SensorResult(skip_reason="nobody has asked for a backfill")
    sweep = Sweep.going_on(wish, context.cursor)
    unfinished = context.instance.get_runs_count(RunsFilter(statuses=list(UNFINISHED)))
    room = settings.queued_runs - unfinished
    if room <= 0:
        return SensorResult(skip_reason=f"waits for {unfinished} runs", cursor=sweep.cursor)
    upstream = [definition.label for definition in catalog.upstream(*wish.names)]
    expected = _expected(catalog, settings, upstream)
    found = look_through(
        context.instance,
        store,
        catalog,
        settings,
        wish=wish,
        expected=expected,
        sweep=sweep,
        room=room,
    )
    if not found.is_over:
        return SensorResult(
            run_requests=list(found.requests),
            skip_reason=None if found.requests else "waits for the runs it asked for",
            cursor=found.sweep.cursor,
        )
    told = _settle(context, store, catalog, wish, expected, found.sweep)
    # What is left is looked for again from the start.
    return SensorResult(skip_reason=told, cursor=Sweep(wish.key).cursor)


def _expected(
    catalog: Catalog, settings: Settings, names: Collection[str] | None = None
) -> list[Expected]:
    return expected_results(catalog, ReaderConfig.load(settings.readers), names)


def _oldest(context: SensorEvaluationContext, catalog: Catalog, store: Store) -> Wish | None:
    """Return what to see to, and strike off what is no longer defined."""
    known = {definition.label for definition in catalog.with_shadows}
    by_time: dict[datetime, list[str]] = {}
    for name, requested_at in store.backfills.requested().iter_rows():
        if name in known:
            by_time.setdefault(requested_at, []).append(name)
        else:
            context.log.warning(f"no backfill of {name}: it is no longer defined")
            store.backfills.forget([name], requested_at)
    return Wish(*next(iter(by_time.items()))) if by_time else None


def _settle(
    context: SensorEvaluationContext,
    store: Store,
    catalog: Catalog,
    wish: Wish,
    expected: list[Expected],
    sweep: Sweep,
) -> str:
    """Strike off what is up to date now, and what cannot be brought there; tell about it."""
    counts = store.ledger(expected)
    late = set(counts.filter(pl.sum_horizontal(*DUE) > 0)["name"])
    left = [
        name
        for name in wish.names
        if not late.isdisjoint(definition.label for definition in catalog.upstream(name))
    ]
    done = [name for name in wish.names if name not in left]
    store.backfills.forget(done, wish.requested_at)
    told = [f"up to date: {', '.join(done)}"] if done else []
    if left and not sweep.runs and not sweep.waiting:
        why = (
            f"{sweep.given_up} logs are not up to date after {TRIES} runs"
            if sweep.given_up
            else "the logs that are not up to date are no partitions"
        )
        reason = f"{why}; `metrics-platform stale --logs` tells which"
        store.backfills.forget(left, wish.requested_at)
        told.append(f"given up: {', '.join(left)}: {reason}")
        context.log.error(f"no more runs for {', '.join(left)}: {reason}")
    elif left:
        told.append(f"not yet up to date: {', '.join(left)}")
    return "; ".join(told)
