"""A platform in one process: an inbox, a sensor to tick and runs to execute."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from dagster import (
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
    RunRequest,
    SensorResult,
    build_sensor_context,
)

from metrics_platform.core.catalog import Catalog
from metrics_platform.core.settings import Settings
from metrics_platform.definitions import definitions
from metrics_platform.orchestration.dev import dagster_environment
from metrics_platform.orchestration.partitions import LOG, log_asset_key, tags_of_range
from metrics_platform.orchestration.sensors import new_logs_sensor
from metrics_platform.store import Store
from metrics_platform.testing.inputs import computed_of
from metrics_platform.testing.mcap_writer import write_mcap
from metrics_platform.testing.synthetic import START_NS, scenario, synthetic_logs

OURS = ("metrics_platform.orchestration.event_log", "PooledPostgresEventLogStorage")
STOCK = ("dagster_postgres.event_log", "PostgresEventLogStorage")


@contextmanager
def instance_in(
    settings: Settings, patch: pytest.MonkeyPatch, event_log: tuple[str, str] = OURS
) -> Iterator[DagsterInstance]:
    """Open the instance that dagster.yaml's template describes, in its environment.

    Args:
        settings: Where its database and its data directory are.
        patch: Takes the environment back.
        event_log: Module and class of the storage that takes the place of ours.
    """
    for name, value in dagster_environment(settings).items():
        patch.setenv(name, value)
    configuration = settings.home / "dagster" / "dagster.yaml"
    text = configuration.read_text()
    for ours, other in zip(OURS, event_log, strict=True):
        assert ours in text
        text = text.replace(ours, other)
    configuration.write_text(text)
    # The event log sets it, for good; here it is to be taken back.
    patch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    with DagsterInstance.get() as instance:
        yield instance


@dataclass(frozen=True)
class Platform:
    """What the daemon has: settings, an instance, a store, and definitions to load."""

    settings: Settings
    instance: DagsterInstance
    store: Store
    catalog: Catalog

    def having(self, catalog: Catalog | None = None, **settings: Any) -> "Platform":
        """Return the same platform with another catalog or other settings."""
        return replace(
            self,
            settings=replace(self.settings, **settings),
            catalog=catalog or self.catalog,
        )

    @property
    def inbox(self) -> Path:
        folder = Path(self.settings.inbox)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def definitions(self) -> Definitions:
        return definitions(self.catalog, self.settings)

    def tick(self, cursor: str | None = None) -> SensorResult:
        """Evaluate the sensor `new_logs` as the daemon does."""
        sensor = new_logs_sensor(self.catalog, self.settings)
        with build_sensor_context(instance=self.instance, cursor=cursor) as context:
            result = sensor(context)
        assert isinstance(result, SensorResult)
        return result

    def run(
        self, log_ids: Sequence[str], *names: str, tags: Mapping[str, str] | None = None
    ) -> ExecuteInProcessResult:
        """Run assets, all of them if none are named, and their checks, over a range of logs."""
        self.instance.add_dynamic_partitions(LOG, list(log_ids))
        job = self.definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=[log_asset_key(name) for name in names] or None,
            tags={**tags_of_range(log_ids[0], log_ids[-1]), **(tags or {})},
            raise_on_error=False,
        )

    def launch(self, request: RunRequest) -> ExecuteInProcessResult:
        """Execute the run that a sensor asked for."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=request.asset_selection,
            tags={**request.tags, "dagster/run_key": str(request.run_key)},
            raise_on_error=False,
        )

    def take_in(self) -> SensorResult:
        """Tick, and execute all the runs that were asked for."""
        result = self.tick()
        for request in result.run_requests or ():
            assert self.launch(request).success
        return result

    def states(self) -> dict[str, str]:
        return dict(self.store.registry.logs().select("log_id", "state").iter_rows())

    def reasons(self) -> dict[str, str | None]:
        return dict(self.store.registry.logs().select("log_id", "reason").iter_rows())

    def statuses(self, name: str) -> dict[str, str]:
        return dict(self.store.outcomes(name).select("log_id", "status").iter_rows())


def upload(
    folder: Path, log_id: str, *, kind: str = "cruise", seconds: float = 2.0, **parameters: Any
) -> Path:
    """Write a short drive into `folder`, which is an inbox or not yet one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{log_id}.mcap"
    # No two drives are the same: those that are would be put aside.
    start_ns = START_NS + crc32(log_id.encode()) * 1_000_000
    write_mcap(
        path, scenario(kind, log_id=log_id, seconds=seconds, start_ns=start_ns, **parameters)
    )
    return path


def store_recorded(store: Store, count: int, *, seconds: float = 1.0) -> list[str]:
    """Write the recorded signals of synthetic logs, as if they had been read; return the logs."""
    recorded = computed_of(synthetic_logs(count, seconds=seconds, tracks=2))
    for computed in recorded.values():
        store.write(computed)
    return list(recorded["recordings"].outcomes)


def metadata_of(result: ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """Return the metadata of the newest materialization of `asset` in a run, as plain values."""
    events = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in events[-1].metadata.items()}
