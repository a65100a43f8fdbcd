"""When the check `regression` compares, and when it repeats what it found.

Comparing computes a hundred logs and more, and the checks of an asset run with every run over new
logs. So a run over logs repeats what was told of the same code, until that is a day old. Started on
its own, the check always compares.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckSeverity,
    DagsterInstance,
    MetadataValue,
    TimestampMetadataValue,
)
from sqlalchemy.exc import OperationalError

from metrics_platform.checks.finding import Finding
from metrics_platform.core import Definition
from metrics_platform.core.catalog import Catalog
from metrics_platform.core.errors import StoreUnavailableError
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.regression import baseline, conditions, regression_against
from metrics_platform.store import Store

COMPARISON = "comparison"
_COMPARED = "compared"
_CONDITIONS = "conditions"
_TOLD_AT = "told_at"
_TOLD_IN = "told_in"
_REPEATED_FOR = timedelta(days=1)
# Runs that are planned, or were killed, have told nothing.
_NEWEST = 8


def regression_check(
    context: AssetCheckExecutionContext,
    key: AssetCheckKey,
    definition: Definition,
    catalog: Catalog,
    settings: Settings,
    store: Store,
    *,
    anew: bool,
) -> tuple[Finding, Mapping[str, MetadataValue]]:
    """Return what the check found, now or a while ago, and what else to show with it.

    Args:
        context: Of the step.
        key: Of the check.
        definition: A metric or shadow.
        catalog: That it is in.
        settings: With the memory that a batch may take.
        store: Where both versions are.
        anew: Compare, whatever was told before.
    """
    than = baseline(definition, store)
    if than is None:
        is_promoted = store.promoted(definition.name) == definition.version
        only = "{} is what readers get" if is_promoted else "readers have no other version than {}"
        return Finding(True, only.format(definition.version)), {}
    fingerprint = catalog.fingerprint_of(definition)
    compared = f"{definition.version} ({fingerprint}) against {than}"
    under = conditions(than, definition, store)
    if not anew and (told := _told_before(context.instance, key, compared, under)):
        return told
    try:
        finding = regression_against(than, definition, catalog, settings, store)
    except (StoreUnavailableError, OSError, OperationalError):
        raise
    # A fault of the comparison must not fail the run, which has stored good results, nor hide.
    except Exception as error:
        context.log.exception(f"{definition.name}: comparing {compared} failed")
        reason = f"{type(error).__name__}: {error}"
        return Finding(False, f"comparing {compared} failed: {reason}"), {}
    return finding, {
        _COMPARED: MetadataValue.text(compared),
        _CONDITIONS: MetadataValue.text(under),
        _TOLD_AT: MetadataValue.timestamp(datetime.now(UTC)),
        _TOLD_IN: MetadataValue.dagster_run(context.run.run_id),
    }


def _told_before(
    instance: DagsterInstance, key: AssetCheckKey, compared: str, under: str
) -> tuple[Finding, Mapping[str, MetadataValue]] | None:
    """Return what was told of the same comparison, under the same conditions, in one sentence.

    Its picture and tables are where `told_in` leads: kept with every run, they would fill Dagster's
    database.
    """
    for record in instance.event_log_storage.get_asset_check_execution_history(key, _NEWEST):
        told = record.evaluation
        if not isinstance(told, AssetCheckEvaluation):
            continue
        at = told.metadata.get(_TOLD_AT)
        of = [told.metadata.get(name) for name in (_COMPARED, _CONDITIONS)]
        if [value and value.value for value in of] != [compared, under]:
            return None
        if not isinstance(at, TimestampMetadataValue):
            return None
        if datetime.now(UTC) - datetime.fromtimestamp(at.value, UTC) > _REPEATED_FOR:
            return None
        finding = Finding(
            told.passed,
            told.description or "",
            "error" if told.severity is AssetCheckSeverity.ERROR else "warning",
        )
        return finding, {name: told.metadata[name] for name in told.metadata if name != COMPARISON}
    return None
