"""Asset checks: contract, coverage, value range, regression and up to date.

One step an asset runs all of them, over the logs of its run, or over all logs where it is started
on its own.

`from __future__ import annotations` must stay out of this module: Dagster reads the annotations
of `context` at run time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import polars as pl
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    MetadataValue,
    TableRecord,
    multi_asset_check,
)

from metrics_platform.checks.contract import contract
from metrics_platform.checks.coverage import coverage
from metrics_platform.checks.expected import expected_results
from metrics_platform.checks.finding import Finding
from metrics_platform.checks.up_to_date import EXAMPLES, Hidden, up_to_date
from metrics_platform.checks.value_range import value_range
from metrics_platform.core import Definition, Metric, Status
from metrics_platform.core.catalog import Catalog
from metrics_platform.core.errors import NoResultsError
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.batches import batches, row_bytes
from metrics_platform.orchestration.io_manager import NOT_STORED, StoredInput
from metrics_platform.orchestration.partitions import LOG, log_asset_key, logs_of_run
from metrics_platform.orchestration.regression_check import COMPARISON, regression_check
from metrics_platform.orchestration.retries import transient_faults_retried
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.store import Store

_SPECS = {
    "contract": "Stored rows keep the schema: columns, types, units, bounds, grain.",
    "coverage": "Every log has an outcome and none failed; abstained logs are counted.",
    "value_range": "Summary values lie within what the metric calls plausible.",
    "regression": "Pinned and sampled logs have the values that readers get of them today.",
    "up_to_date": "No log is missing or stale: today's code would give what is stored.",
}


def checks_on(
    definition: Definition, catalog: Catalog, settings: Settings
) -> AssetChecksDefinition:
    """Return the checks of the asset of `definition`, which is in `catalog`."""
    key = log_asset_key(definition.label)
    has = {"value_range": bool(definition.plausible), "regression": isinstance(definition, Metric)}
    names = [name for name in _SPECS if has.get(name, True)]

    @multi_asset_check(
        name=f"check_{definition.label.replace('/', '__')}",
        specs=[AssetCheckSpec(name, asset=key, description=_SPECS[name]) for name in names],
        can_subset=True,
    )
    def checks(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        attempts_before = context.op_execution_context.retry_number
        with transient_faults_retried(attempts_before), Store.open(settings) as store:
            logs = logs_of_run(context.run, context.instance)
            outcomes = store.outcomes(definition.name, version=definition.version, logs=logs)
            known = context.instance.get_dynamic_partitions(LOG) if logs is None else logs
            for selected in sorted(context.selected_asset_check_keys, key=str):
                found: Mapping[str, MetadataValue] = {}
                if selected.name == "coverage":
                    # Archived logs keep their outcomes.
                    of_known = pl.DataFrame({"log_id": known}, schema={"log_id": pl.String})
                    asked = outcomes.join(of_known, on="log_id", how="semi")
                    finding = coverage(asked, len(known))
                elif selected.name == "value_range":
                    finding = value_range(definition, _summary(definition, store, logs))
                elif selected.name == "up_to_date":
                    finding = _up_to_date(definition, catalog, settings, store, logs)
                elif selected.name == "regression":
                    finding, found = regression_check(
                        context, selected, definition, catalog, settings, store, anew=logs is None
                    )
                else:
                    finding = _contract(definition, store, outcomes, settings)
                if not finding.passed and (why := _not_stored(context, definition)):
                    finding = replace(finding, description=f"{finding.description}; {why}")
                yield _result(selected.name, definition, finding, found)

    return checks


def _not_stored(context: AssetCheckExecutionContext, definition: Definition) -> str | None:
    """Return why the store refused what a shadow computed last; None where it did not."""
    if not definition.shadow:
        return None
    event = context.instance.get_latest_materialization_event(log_asset_key(definition.label))
    made = event.asset_materialization if event else None
    found = made.metadata.get(NOT_STORED) if made else None
    return str(found.value) if found else None


def _summary(definition: Definition, store: Store, logs: Sequence[str] | None) -> pl.DataFrame:
    """Return the scalars of computed logs; no row where there are none, or nothing ever ran."""
    try:
        summary = store.summary(definition.name, version=definition.version, logs=logs)
    except NoResultsError:
        return pl.DataFrame(schema={"log_id": pl.String})
    return summary.filter(pl.col("status") == Status.COMPUTED)


def _up_to_date(
    definition: Definition,
    catalog: Catalog,
    settings: Settings,
    store: Store,
    logs: Sequence[str] | None,
) -> Finding:
    expected = expected_results(catalog, ReaderConfig.load(settings.readers), [definition.label])
    counts = store.ledger(expected, logs=logs)
    hidden = _hidden(definition, catalog, store, logs)
    if counts["current"].equals(counts["logs"]):
        return up_to_date(counts, hidden=hidden)
    due = store.ledger_logs(expected, logs=logs, most=EXAMPLES)
    return up_to_date(counts, due, hidden=hidden)


def _hidden(
    definition: Definition, catalog: Catalog, store: Store, logs: Sequence[str] | None
) -> Hidden | None:
    """Return the logs that readers don't see, as a version is promoted that nothing computes."""
    promoted = store.promoted(definition.name)
    computed = {d.version for d in catalog.with_shadows if d.name == definition.name}
    if definition.shadow or promoted is None or promoted in computed:
        return None
    beside = store.versions_beside(definition.name, promoted, logs=logs)
    of_ours = beside.filter(pl.col("version") == definition.version)
    return Hidden(promoted, int(of_ours["others"].sum()))


def _contract(
    definition: Definition, store: Store, outcomes: pl.DataFrame, settings: Settings
) -> Finding:
    """Check all stored rows of the logs in `outcomes`, as many at a time as memory allows."""
    width = row_bytes(definition)
    with_rows = outcomes.filter(pl.col("row_count") > 0)
    sizes = {
        log_id: rows * width for log_id, rows in with_rows.select("log_id", "row_count").rows()
    }
    stored = StoredInput(store, definition)
    found = [
        contract(definition, stored.load(batch).rows.collect())
        for batch in batches(list(sizes), sizes, settings.batch_bytes)
    ]
    broken = [finding for finding in found if not finding.passed]
    rows = sum(int(finding.facts["rows"]) for finding in found)
    return (
        broken[0]
        if broken
        else Finding(
            passed=True, description=f"{rows} stored rows keep the contract", facts={"rows": rows}
        )
    )


def _result(
    name: str, definition: Definition, finding: Finding, found: Mapping[str, MetadataValue]
) -> AssetCheckResult:
    metadata: dict[str, MetadataValue] = {
        fact: MetadataValue.float(float(value))
        if isinstance(value, float)
        else MetadataValue.int(value)
        for fact, value in finding.facts.items()
    }
    if finding.markdown is not None:
        metadata[COMPARISON] = MetadataValue.md(finding.markdown)
    if finding.examples is not None:
        records = [
            TableRecord({column: _cell(value) for column, value in row.items()})
            for row in finding.examples.iter_rows(named=True)
        ]
        metadata["logs_to_look_at"] = MetadataValue.table(records)
    return AssetCheckResult(
        check_name=name,
        asset_key=log_asset_key(definition.label),
        passed=finding.passed,
        severity=(
            AssetCheckSeverity.ERROR if finding.severity == "error" else AssetCheckSeverity.WARN
        ),
        description=finding.description,
        metadata={**metadata, **found},
    )


def _cell(value: object) -> str | int | float | bool | None:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
