"""Jobs on a schedule that keep the platform fast and small: merging files, deleting what is old.

Each is safe to start at any time, beside runs and beside itself, and whatever stops it.

`from __future__ import annotations` must stay out of this module: Dagster reads the annotations
of `context` at run time.
"""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from dagster import (
    DefaultScheduleStatus,
    JobDefinition,
    OpExecutionContext,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    job,
    op,
    schedule,
)

from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.archive import archive
from metrics_platform.orchestration.event_retention import prune_events
from metrics_platform.orchestration.partitions import PRIORITY, UNFINISHED
from metrics_platform.orchestration.retries import transient_faults_retried
from metrics_platform.orchestration.run_sizes import BACKGROUND, CAUSE
from metrics_platform.store import Store

# Past the hour, when most other things are scheduled; the second one at night, in UTC.
_HOURLY = "17 * * * *"
_DAILY = "43 2 * * *"
# Before all else, or it would never have its turn while logs keep coming: it is seldom and short,
# and shares its slots with backfills, so that it takes none from new logs.
_TAGS = {CAUSE: "maintenance", PRIORITY: "20", **BACKGROUND}


def maintenance_jobs(settings: Settings) -> list[JobDefinition]:
    """Return the jobs `compact` and `collect_garbage`."""

    @op(description="Merges small files, and files with old rows, into large ones.")
    def compact_files(context: OpExecutionContext) -> None:
        with transient_faults_retried(context.retry_number), Store.open(settings) as store:
            done = store.compact()
        for one in done:
            context.log.info(
                f"{one.domain} {one.name} {one.version}: {one.files_before} files are now "
                f"{one.files_after}, {one.rows} rows in {one.seconds:.1f} s"
            )
        context.add_output_metadata(
            {
                "versions": len(done),
                "files_before": sum(one.files_before for one in done),
                "files_after": sum(one.files_after for one in done),
                "size_bytes": sum(one.size_bytes for one in done),
            }
        )

    @op(description="Takes logs that nothing happens to any more out of the partitions.")
    def archive_logs(context: OpExecutionContext) -> None:
        after = _days(settings.archive_after_days)
        with transient_faults_retried(context.retry_number), Store.open(settings) as store:
            if after is None:
                # What an earlier setting or a person began is completed all the same.
                done = archive(store, context.instance, log_ids=[])
            else:
                done = archive(store, context.instance, before=datetime.now(UTC) - after)
        context.add_output_metadata({"logs": len(done.log_ids), "in_runs": len(done.in_runs)})

    @op(description="Deletes events of old runs, but for those that are shown.")
    def prune_old_events(context: OpExecutionContext) -> None:
        with transient_faults_retried(context.retry_number):
            done = prune_events(context.instance, timedelta(days=settings.keep_events_days))
        context.add_output_metadata(asdict(done))

    @op(description="Deletes old results, and files that no result points to.")
    def collect_files(context: OpExecutionContext) -> None:
        with transient_faults_retried(context.retry_number), Store.open(settings) as store:
            retained = store.retain(
                keep_superseded=_days(settings.keep_superseded_days),
                keep_versions=settings.keep_versions,
                in_use=[(of.name, of.version) for of in default_catalog().with_shadows],
            )
            collected = store.gc(grace=timedelta(hours=settings.gc_grace_h))
        context.add_output_metadata(_told(asdict(retained) | asdict(collected)))

    @job(tags=_TAGS, description="Merges small files while readers and writers go on.")
    def compact() -> None:
        compact_files()

    # Steps that don't need one another: one that fails keeps none of the others from its work.
    @job(tags=_TAGS, description="Deletes what nobody asks for any more, as the settings say.")
    def collect_garbage() -> None:
        archive_logs()
        prune_old_events()
        collect_files()

    return [compact, collect_garbage]


def maintenance_schedules(jobs: list[JobDefinition]) -> list[ScheduleDefinition]:
    """Return a schedule for each of `maintenance_jobs`, on from the start."""
    return [_scheduled(*each) for each in zip(jobs, (_HOURLY, _DAILY), strict=True)]


def _scheduled(wanted: JobDefinition, cron: str) -> ScheduleDefinition:
    @schedule(
        name=f"{wanted.name}_schedule",
        job=wanted,
        cron_schedule=cron,
        default_status=DefaultScheduleStatus.RUNNING,
    )
    def when_due(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        before = RunsFilter(job_name=wanted.name, statuses=list(UNFINISHED))
        if context.instance.get_runs_count(before):
            return SkipReason("the run before has not ended")
        return RunRequest()

    return when_due


def _days(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(days=number)


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts as the UI shows them: numbers, and lists as lines."""
    return {
        name: value if isinstance(value, int) else "\n".join(value) or "none"
        for name, value in facts.items()
    }
