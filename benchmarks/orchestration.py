"""What Dagster costs for each (asset, log) of a ranged run: its stock event log against ours.

Each side runs in a process, an instance and a database of its own, with 100,000 partitions
registered. The run is a real one, of 11 assets in a chain, each of which is told its logs, stores
nothing and yields an output with metadata. So the time is that of planning, executing and logging
alone: nothing is computed, read or written but by Dagster. It is divided by assets times logs.

`core` is ours with a storage that writes no event of an asset: what is left is Dagster's own
Python, and cannot be had from the storage. The stock side takes few logs: it reads the partitions
again and again, which 100 logs share, and beyond that each costs as much as the next. So `ratio` is
that at 400 logs.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_ASSETS = 11
_REGISTERED = 100_000
_COMPARED = 400
_SIZES = {
    "ours": (100, _COMPARED, 1_000, 10_000),
    "stock": (100, _COMPARED),
    "core": (100, 1_000),
}
_OURS = ("metrics_platform.orchestration.event_log", "PooledPostgresEventLogStorage")
_STOCK = ("dagster_postgres.event_log", "PostgresEventLogStorage")


def run() -> dict[str, float]:
    figures: dict[str, float] = {}
    for side in _SIZES:
        figures |= _in_process(side)
    for logs in (100, _COMPARED):
        stock, ours = (figures[f"{side}_ms_per_asset_log_{logs}"] for side in ("stock", "ours"))
        figures[f"ratio_{logs}"] = stock / ours
    return {**figures, "ratio": figures[f"ratio_{_COMPARED}"]}


def _chain() -> Any:
    from dagster import (
        AssetExecutionContext,
        BackfillPolicy,
        Definitions,
        InputContext,
        IOManager,
        Output,
        OutputContext,
        asset,
    )

    from metrics_platform.orchestration.partitions import log_partitions

    class Nowhere(IOManager):
        """Stores nothing, and says on the materialization as much as ours does."""

        def handle_output(self, context: OutputContext, obj: int) -> None:
            context.add_output_metadata({"rows": obj, "computed": obj, "bytes": 1_000})

        def load_input(self, context: InputContext) -> None:
            return None

    def made(number: int) -> Any:
        @asset(
            name=f"asset_{number:02}",
            deps=[f"asset_{number - 1:02}"] if number else [],
            partitions_def=log_partitions,
            backfill_policy=BackfillPolicy.single_run(),
            code_version="1.0.0",
        )
        def computed(context: AssetExecutionContext) -> Output[int]:
            return Output(len(context.partition_keys))

        return computed

    assets = [made(number) for number in range(_ASSETS)]
    return Definitions(assets, resources={"io_manager": Nowhere()})


def _in_process(side: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "METRICS_PLATFORM_HOME": home}
        environment.pop("DAGSTER_EVENT_BATCH_SIZE", None)
        command = [sys.executable, "-m", "benchmarks.orchestration", side]
        done = subprocess.run(
            command, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _measure(side: str) -> dict[str, float]:
    from metrics_platform.core.settings import load_settings
    from metrics_platform.orchestration.dev import dagster_environment

    os.environ.update(dagster_environment(load_settings()))
    if side == "stock":
        configuration = Path(os.environ["DAGSTER_HOME"]) / "dagster.yaml"
        text = configuration.read_text()
        for ours, stock in zip(_OURS, _STOCK, strict=True):
            text = text.replace(ours, stock)
        configuration.write_text(text)

    # Loaded only now: it reads the environment.
    from dagster import DagsterInstance

    from metrics_platform.orchestration.partitions import LOG, tags_of_range

    job = _chain().resolve_implicit_global_asset_job_def()
    log_ids = [f"log-{number:06}" for number in range(_REGISTERED)]
    figures = {}
    with DagsterInstance.get() as instance:
        for start in range(0, _REGISTERED, 10_000):
            instance.add_dynamic_partitions(LOG, log_ids[start : start + 10_000])
        assert (
            type(instance.event_log_storage).__name__ == (_STOCK if side == "stock" else _OURS)[1]
        )
        if side == "core":
            type(instance.event_log_storage).store_event_batch = lambda *_: None
        # One log first: what is loaded and connected once is not of the run's cost.
        at = 0
        for logs in (1, *_SIZES[side]):
            tags = tags_of_range(log_ids[at], log_ids[at + logs - 1])
            at += logs
            started = time.perf_counter()
            result = job.execute_in_process(instance=instance, tags=tags)
            seconds = time.perf_counter() - started
            assert result.success
            figures[f"{side}_ms_per_asset_log_{logs}"] = seconds * 1e3 / (_ASSETS * logs)
        if side != "core":
            for key in job.asset_layer.executable_asset_keys:
                assert len(instance.get_materialized_partitions(key)) == at
    del figures[f"{side}_ms_per_asset_log_1"]
    return figures


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1])))
