"""A ranged run of all derived assets and their checks: Dagster's stock event log against ours.

Each side runs in a process, an instance and a database of its own, over the same synthetic logs,
whose recorded signals are in the store beforehand. The time is that of the whole run: compute,
store, index and Dagster. The stock side takes fewer logs, since its cost per log is flat.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_OUR_LOGS = 1_000
_STOCK_LOGS = 200
_SECONDS = 10.0
_TRACKS = 5
_STOCK_MODULE = "dagster_postgres.event_log"
_STOCK_CLASS = "PostgresEventLogStorage"
_OUR_CLASS = "PooledPostgresEventLogStorage"
_GIB = 1024**2  # ru_maxrss is in KiB


def run() -> dict[str, float]:
    ours = _in_process("ours", _OUR_LOGS)
    stock = _in_process("stock", _STOCK_LOGS)
    return {
        "stock_ms_per_asset_log": stock["ms_per_asset_log"],
        "ours_ms_per_asset_log": ours["ms_per_asset_log"],
        "ratio": stock["ms_per_asset_log"] / ours["ms_per_asset_log"],
        "compute_logs_per_s": ours["compute_logs_per_s"],
        "peak_memory_gib": ours["peak_memory_gib"],
    }


def _in_process(side: str, logs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "METRICS_PLATFORM_HOME": home}
        environment.pop("DAGSTER_EVENT_BATCH_SIZE", None)
        command = [sys.executable, "-m", "benchmarks.orchestration", side, str(logs)]
        done = subprocess.run(
            command, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _measure(side: str, logs: int) -> dict[str, float]:
    from metrics_platform.core.catalog import default_catalog
    from metrics_platform.core.compute import compute_chain
    from metrics_platform.core.settings import load_settings
    from metrics_platform.orchestration.dev import dagster_environment
    from metrics_platform.orchestration.partitions import LOG, log_asset_key, tags_of_range
    from metrics_platform.store import Store
    from metrics_platform.testing.inputs import computed_of
    from metrics_platform.testing.synthetic import synthetic_logs

    settings = load_settings()
    os.environ.update(dagster_environment(settings))
    configuration = Path(os.environ["DAGSTER_HOME"]) / "dagster.yaml"
    if side == "stock":
        text = configuration.read_text()
        text = text.replace(
            "metrics_platform.orchestration.event_log", "dagster_postgres.event_log"
        )
        configuration.write_text(text.replace(_OUR_CLASS, _STOCK_CLASS))

    recorded = computed_of(synthetic_logs(logs, seconds=_SECONDS, tracks=_TRACKS))
    log_ids = list(next(iter(recorded.values())).outcomes)
    catalog = default_catalog()
    with Store.open(settings) as store:
        for computed in recorded.values():
            store.write(computed)

    started = time.perf_counter()
    compute_chain(catalog, [metric.name for metric in catalog.metrics], recorded, log_ids)
    compute_s = time.perf_counter() - started

    # Loaded only now: it reads the environment.
    from dagster import DagsterInstance

    from metrics_platform.definitions import defs

    keys = [log_asset_key(definition.name) for definition in catalog.derived]
    with DagsterInstance.get() as instance:
        assert type(instance.event_log_storage).__name__ == (
            _STOCK_CLASS if side == "stock" else _OUR_CLASS
        )
        instance.add_dynamic_partitions(LOG, log_ids)
        job = defs.resolve_implicit_global_asset_job_def()
        started = time.perf_counter()
        result = job.execute_in_process(
            instance=instance,
            asset_selection=keys,
            tags=tags_of_range(log_ids[0], log_ids[-1]),
        )
        seconds = time.perf_counter() - started
        assert result.success
        for key in keys:
            assert len(instance.get_materialized_partitions(key)) == logs
    return {
        "ms_per_asset_log": seconds * 1e3 / (len(keys) * logs),
        "compute_logs_per_s": logs / compute_s,
        "peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _GIB,
    }


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]))))
