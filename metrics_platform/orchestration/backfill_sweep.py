"""Looking through the partitions for what a backfill has to compute, some thousand at a time."""

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cached_property

from dagster import DagsterInstance, DagsterRun, RunRequest, RunsFilter

from metrics_platform.core.catalog import Catalog
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.backfill_runs import (
    Task,
    stretches,
    tasks,
    with_downstream,
)
from metrics_platform.orchestration.partitions import (
    PRIORITY,
    RUN_KEY,
    Partitions,
    digest,
    goes_on,
    label_of,
    log_asset_key,
    logs_in_runs,
    logs_of_run,
    tags_of_range,
)
from metrics_platform.orchestration.run_sizes import (
    BACKFILL,
    BACKGROUND,
    measured_cost,
    tags_of_size,
)
from metrics_platform.store import Expected, State, Store

# Not Dagster's own tag for backfills: it hides their runs from the list, and retries none of a
# backfill that it doesn't know.
BACKFILL_OF = "metrics-platform/backfill"
# Dagster retries a run by itself; beyond that, so many runs may end without bringing a log up to
# date, each over half as many logs as the one before: of two thousand, the last is over one.
TRIES = 12
# After runs over new logs, and those that people start.
_PRIORITY = "-10"
# Partitions that the ledger is asked about at once.
_WINDOW = 5_000


@dataclass(frozen=True)
class Wish:
    """Definitions that were asked for at the same moment."""

    requested_at: datetime
    names: Sequence[str]

    @property
    def key(self) -> str:
        """Tells it from other wishes, on its runs too."""
        return f"{self.requested_at:%Y-%m-%dT%H:%M:%S.%fZ}"


@dataclass(frozen=True)
class Sweep:
    """How far the partitions were looked through for a wish, and what came of it.

    Attributes:
        wish: Its key.
        after: Last partition that was looked at; None at the start.
        runs: Asked for.
        waiting: Logs that other runs were busy with.
        given_up: Logs that were tried too often.
    """

    wish: str
    after: str | None = None
    runs: int = 0
    waiting: int = 0
    given_up: int = 0

    @classmethod
    def going_on(cls, wish: Wish, cursor: str | None) -> "Sweep":
        """Go on where `cursor` says, if it is about `wish`."""
        kept = json.loads(cursor) if cursor else {}
        return cls(**kept) if kept.get("wish") == wish.key else cls(wish.key)

    @property
    def cursor(self) -> str:
        """For the next tick."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Found:
    """What a tick found.

    Attributes:
        requests: Runs to ask for.
        sweep: How far it came.
        is_over: Every partition was looked at, and no run of the wish goes on.
    """

    requests: Sequence[RunRequest]
    sweep: Sweep
    is_over: bool


def look_through(
    instance: DagsterInstance,
    store: Store,
    catalog: Catalog,
    settings: Settings,
    *,
    wish: Wish,
    expected: Sequence[Expected],
    sweep: Sweep,
    room: int,
) -> Found:
    """Go on with `sweep` until `room` is filled, the time of a tick is over, or the end is reached.

    Args:
        instance: Has partitions and runs.
        store: Has the ledger.
        catalog: The definitions as they are now.
        settings: How large a run may be, and how long a tick.
        wish: What was asked for.
        expected: Of its definitions, and of all that they need.
        sweep: Of an earlier tick.
        room: Most runs to ask for.
    """
    deadline = time.monotonic() + settings.tick_s
    look = _Look(instance, store, catalog, settings, wish)
    keys = look.partitions.keys
    at = keys.index(sweep.after) + 1 if sweep.after in look.partitions else 0
    requests: list[RunRequest] = []
    while at < len(keys) and time.monotonic() < deadline:
        window = keys[at : at + _WINDOW]
        free = look.free(window)
        due = store.ledger_logs(expected, logs=window)
        entries = list(due.select("name", "log_id").iter_rows())
        found = tasks([entry for entry in entries if entry[1] in free], look.tried)
        for request in look.requests(found, free):
            if len(requests) == room:
                # A later tick looks at this window again, and finds these logs busy.
                return Found(requests, replace(sweep, runs=sweep.runs + room), is_over=False)
            requests.append(request)
        at += len(window)
        sweep = replace(
            sweep,
            after=window[-1],
            waiting=sweep.waiting + len({log_id for _, log_id in entries if log_id not in free}),
            given_up=sweep.given_up + sum(len(t.log_ids) for t in found if t.tries >= TRIES),
        )
    sweep = replace(sweep, runs=sweep.runs + len(requests))
    is_over = at >= len(keys) and not requests and not look.goes_on
    return Found(requests, sweep, is_over)


@dataclass(frozen=True)
class _Look:
    """What a tick has to know of the instance, read once."""

    instance: DagsterInstance
    store: Store
    catalog: Catalog
    settings: Settings
    wish: Wish
    partitions: Partitions = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "partitions", Partitions(self.instance))

    @cached_property
    def _runs(self) -> Mapping[str, Sequence[DagsterRun]]:
        """Runs of the wish by what asked for them: a retry with what it repeats, newest first."""
        found: dict[str, list[DagsterRun]] = {}
        for run in self.instance.get_runs(RunsFilter(tags={BACKFILL_OF: self.wish.key})):
            found.setdefault(run.tags.get(RUN_KEY, run.run_id), []).append(run)
        return found

    @cached_property
    def _under_way(self) -> list[Sequence[DagsterRun]]:
        return [of_key for of_key in self._runs.values() if any(goes_on(run) for run in of_key)]

    @property
    def goes_on(self) -> bool:
        return bool(self._under_way)

    @cached_property
    def _busy(self) -> set[str]:
        found = logs_in_runs(self.instance, self.partitions)
        # Also those whose run failed, and is about to be retried.
        return found.union(*(self._logs(of_key) for of_key in self._under_way))

    @cached_property
    def tried(self) -> Mapping[str, Sequence[Collection[str]]]:
        """By log, what each ended run over it was to compute."""
        found: dict[str, list[Collection[str]]] = {}
        for of_key in self._runs.values():
            if not any(goes_on(run) for run in of_key):
                names = {label_of(key) for key in of_key[-1].asset_selection or ()}
                for log_id in self._logs(of_key):
                    found.setdefault(log_id, []).append(names)
        return found

    def _logs(self, of_key: Sequence[DagsterRun]) -> Sequence[str]:
        return logs_of_run(of_key[-1], self.instance, self.partitions) or ()

    def free(self, window: Sequence[str]) -> dict[str, int]:
        """Return the size of the logs that no run is about, or is about to be."""
        known = self.store.registry.logs(State.READ, log_ids=window)
        rows = known.select("log_id", "size_bytes", "request_key", "archived_at").iter_rows()
        return {
            log_id: size
            for log_id, size, request_key, archived_at in rows
            if request_key is None and archived_at is None and log_id not in self._busy
        }

    def requests(self, found: Sequence[Task], free: Mapping[str, int]) -> Iterator[RunRequest]:
        """Yield the runs of the tasks that were not tried too often; no log is in two of them.

        A run may take logs of another task on its way, which then wait for a later tick. Not so
        those that were tried more or less often: one that kills its runs goes into no larger one.
        """
        taken: set[str] = set()
        # A run that computes more leaves less to do in what it takes on its way.
        for task in sorted(found, key=lambda task: -len(task.names)):
            if task.tries >= TRIES:
                continue
            apart = {log_id for t in found if t.tries != task.tries for log_id in t.log_ids}
            left = {k: v for k, v in free.items() if k not in taken and k not in apart}
            task = replace(task, log_ids=[log_id for log_id in task.log_ids if log_id in left])
            names = with_downstream(self.catalog, task.names)
            # A shadow is stored under the name of its metric, and so are its costs.
            stored = [self.catalog.labelled(name).name for name in names]
            cost = measured_cost(self.instance, self.store, stored)
            for log_ids in stretches(self.partitions, task, left, cost, self.settings):
                taken.update(log_ids)
                yield self._request(names, log_ids, task.tries, left)

    def _request(
        self, names: Sequence[str], log_ids: Sequence[str], tries: int, free: Mapping[str, int]
    ) -> RunRequest:
        # The key follows from what the run is about: a tick that is repeated asks for it again.
        about = [self.wish.key, str(tries), *names, "", *log_ids]
        return RunRequest(
            run_key=digest(about),
            asset_selection=[log_asset_key(name) for name in names],
            tags={
                **tags_of_range(log_ids[0], log_ids[-1]),
                **tags_of_size(BACKFILL, log_ids, free),
                **BACKGROUND,
                PRIORITY: _PRIORITY,
                BACKFILL_OF: self.wish.key,
            },
        )
