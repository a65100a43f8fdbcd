"""A run in a process of its own, which a test may see die: `python -m … LOG …`."""

import sys

from dagster import DagsterInstance

from metrics_platform.core.settings import load_settings
from metrics_platform.definitions import definitions
from metrics_platform.orchestration.partitions import log_asset_key, tags_of_range
from metrics_platform_tests.orchestration.faulty import catalog_with, deadly


def main() -> None:
    job = definitions(catalog_with(deadly), load_settings()).resolve_implicit_global_asset_job_def()
    with DagsterInstance.get() as instance:
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[log_asset_key("deadly")],
            tags=tags_of_range(sys.argv[1], sys.argv[-1]),
        )
    assert result.success


if __name__ == "__main__":
    main()
