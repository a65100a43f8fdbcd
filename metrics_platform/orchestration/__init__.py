"""The only Dagster code: assets, IO manager, partitions, sensors, checks, storage."""
