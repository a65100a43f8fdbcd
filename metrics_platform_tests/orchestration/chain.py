"""Three assets over logs, one after the other, with a check: what leaves events of each kind."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    DagsterInstance,
    ExecuteInProcessResult,
    MaterializeResult,
    asset,
    asset_check,
    materialize,
)
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from metrics_platform.orchestration.partitions import LOG, log_partitions, tags_of_range

LOGS = [f"log-{number:03}" for number in range(200)]
KEYS = [AssetKey(name) for name in ("first", "second", "third")]
CHECK = AssetCheckKey(KEYS[0], "checked")


def assets(during: Callable[[], object] = lambda: None) -> Sequence[AssetsDefinition]:
    """Return a chain of assets over logs; `during` is called within the second one."""

    def made(name: str, deps: Sequence[str]) -> AssetsDefinition:
        @asset(
            name=name,
            deps=list(deps),
            partitions_def=log_partitions,
            backfill_policy=BackfillPolicy.single_run(),
        )
        def computed(context: AssetExecutionContext) -> MaterializeResult[Any]:
            if name == "second":
                during()
            return MaterializeResult(metadata={"logs": len(context.partition_keys)})

        return computed

    return [made("first", []), made("second", ["first"]), made("third", ["second"])]


@asset_check(asset=KEYS[0])
def checked() -> AssetCheckResult:
    """Pass."""
    return AssetCheckResult(passed=True, metadata={"looked_at": 20})


def run(
    instance: DagsterInstance,
    log_ids: Sequence[str] = LOGS,
    *,
    during: Callable[[], object] = lambda: None,
    tags: Mapping[str, str] | None = None,
) -> ExecuteInProcessResult:
    """Execute a run over `log_ids`, which lie side by side."""
    instance.add_dynamic_partitions(LOG, list(log_ids))
    return materialize(
        [*assets(during), checked],
        instance=instance,
        tags={**tags_of_range(log_ids[0], log_ids[-1]), **(tags or {})},
        raise_on_error=False,
    )


def fail() -> None:
    """Fail, as the second asset."""
    raise RuntimeError("no disk")


def status(instance: DagsterInstance, key: AssetKey) -> Sequence[Sequence[str]]:
    """Return which partitions the UI shows as done, failed and under way."""
    instance.event_log_storage.wipe_asset_cached_status(key)
    value = get_and_update_asset_status_cache_value(instance, key, log_partitions)
    assert value is not None
    return [
        sorted(subset.get_partition_keys())
        for subset in (
            value.deserialize_materialized_partition_subsets(log_partitions),
            value.deserialize_failed_partition_subsets(log_partitions),
            value.deserialize_in_progress_partition_subsets(log_partitions),
        )
    ]
