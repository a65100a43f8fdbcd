"""How many logs go into one ranged run: as many as earlier runs say fit the time for it.

A run carries how many logs and bytes it is about as tags, and Dagster keeps how long it took, with
everything that it did: reading, computing, writing, events. Ten-second clips go by the thousand,
and of hours of dense traffic one run takes but a few.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
from dagster import DagsterInstance, DagsterRunStatus, RunRecord, RunsFilter
from scipy.optimize import nnls

from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.batches import batches
from metrics_platform.store import Store
from metrics_platform.store.costs import costs_of_runs

CAUSE = "metrics-platform/cause"
NEW_LOGS, BACKFILL = "new_logs", "backfill"
# On runs that nobody waits for: dagster.yaml bounds how many of them go at once.
BACKGROUND = {"metrics-platform/background": "true"}
_LOGS = "metrics-platform/logs"
_BYTES = "metrics-platform/bytes"
# The newest runs of each cause: costs change with the code, with the machine and with the logs.
_RUNS_MEASURED = 20
# Before anything was measured.
_FIRST_RUNS = 500
# What the runs cannot tell apart is ascribed half to the logs and half to their bytes; of what
# they can tell apart this weight takes hardly anything.
_PRIOR_WEIGHT = 0.03


@dataclass(frozen=True)
class MeasuredRun:
    """What a run was about, and the seconds that it took."""

    logs: int
    size_bytes: int
    seconds: float


@dataclass(frozen=True)
class Cost:
    """What a log takes of a run's time.

    Attributes:
        per_log_s: Whatever its size.
        per_byte_s: For each byte of its recording.
    """

    per_log_s: float
    per_byte_s: float

    def of(self, size_bytes: int) -> float:
        """Return the seconds that a recording of `size_bytes` is expected to take."""
        return self.per_log_s + self.per_byte_s * size_bytes


def cost_of(runs: Sequence[MeasuredRun]) -> Cost | None:
    """Return the cost that fits `runs` best, None if there are none.

    Least squares of relative errors, of costs that cannot be negative: a run that took far too
    long, on a machine that was busy or asleep, hardly counts. One that was far too fast would
    count most, so that the costs are raised to what the median run took.
    """
    rows = [(run.logs / run.seconds, run.size_bytes / run.seconds) for run in runs if run.seconds]
    if not rows:
        return None
    seen = np.array(rows)
    # A column of zeros, as of empty recordings, explains nothing: its cost is none.
    scale = np.where(seen.any(axis=0), seen.mean(axis=0), np.inf)
    prior = np.eye(2) * _PRIOR_WEIGHT
    target = np.concatenate([np.ones(len(seen)), np.full(2, _PRIOR_WEIGHT / 2)])
    found, _ = nnls(np.vstack([seen / scale, prior]), target)
    cost = found / scale
    predicted = seen @ cost
    predicted = predicted[predicted > 0]
    if len(predicted):
        cost *= max(1.0, float(np.median(1 / predicted)))
    per_log_s, per_byte_s = cost.tolist()
    return Cost(per_log_s, per_byte_s)


def measured_cost(
    instance: DagsterInstance, store: Store, names: Sequence[str] | None = None
) -> Cost | None:
    """Return what a log costs by the newest runs that succeeded, None if there are none yet.

    Args:
        instance: Has the runs.
        store: Has what each definition took in them.
        names: The definitions that are to be computed: only their part of each run counts. None
            for whole runs over new logs.
    """
    causes = [NEW_LOGS] if names is None else [NEW_LOGS, BACKFILL]
    records = [record for cause in causes for record in _records(instance, cause)]
    shares = {} if names is None else _shares(store, records, names)
    runs = []
    for record in records:
        share = 1.0 if names is None else shares.get(record.dagster_run.run_id, 0.0)
        tags = record.dagster_run.tags
        if share > 0 and _LOGS in tags and _BYTES in tags:
            seconds = share * ((record.end_time or 0.0) - (record.start_time or 0.0))
            runs.append(MeasuredRun(int(tags[_LOGS]), int(tags[_BYTES]), seconds))
    return cost_of(runs)


def _records(instance: DagsterInstance, cause: str) -> Sequence[RunRecord]:
    done = RunsFilter(statuses=[DagsterRunStatus.SUCCESS], tags={CAUSE: cause})
    found = instance.get_run_records(done, limit=_RUNS_MEASURED)
    return [
        record
        for record in found
        # A retry does only what the run before it has left.
        if record.dagster_run.parent_run_id is None
        and (record.end_time or 0) > (record.start_time or 0) > 0
    ]


def _shares(store: Store, records: Sequence[RunRecord], names: Sequence[str]) -> dict[str, float]:
    """Return the part of its time that each run took for `names`, of runs that computed all."""
    if not records:
        return {}
    since = min(record.start_time or 0.0 for record in records)
    run_ids = [record.dagster_run.run_id for record in records]
    costs = costs_of_runs(store.postgres, run_ids, since=datetime.fromtimestamp(since, UTC))
    wanted = pl.col("name").is_in(list(names))
    of_run = costs.group_by("run_id").agg(
        known=pl.col("name").filter(wanted).n_unique(),
        share=pl.col("seconds").filter(wanted).sum() / pl.col("seconds").sum(),
    )
    complete = of_run.filter(pl.col("known") == len(set(names)), pl.col("share").is_finite())
    return dict(complete.select("run_id", "share").iter_rows())


def sized(
    log_ids: Sequence[str],
    size_bytes: Mapping[str, int],
    cost: Cost | None,
    settings: Settings,
) -> Iterator[list[str]]:
    """Split `log_ids` in their order, so that a run over each part takes about its time.

    Args:
        log_ids: A stretch of partitions.
        size_bytes: Of their recordings.
        cost: Of a log; None where nothing was measured yet.
        settings: How long a run should take, and most logs in it.
    """
    if cost is None:
        yield from batches(log_ids, {}, 1, most=min(_FIRST_RUNS, settings.logs_per_run))
        return
    seconds = {log_id: cost.of(size_bytes.get(log_id, 0)) for log_id in log_ids}
    yield from batches(log_ids, seconds, settings.run_s, most=settings.logs_per_run)


def tags_of_size(
    cause: str, log_ids: Sequence[str], size_bytes: Mapping[str, int]
) -> dict[str, str]:
    """Return the tags by which the run over `log_ids` is measured once it has ended."""
    of_logs = sum(size_bytes.get(log_id, 0) for log_id in log_ids)
    return {CAUSE: cause, _LOGS: str(len(log_ids)), _BYTES: str(of_logs)}
