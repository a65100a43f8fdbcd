"""The Parquet IO manager of dagster-polars: many processes store a partition each. Prints JSON."""

import json
import logging
import sys
from copy import copy
from functools import partial
from pathlib import Path

import polars as pl
from dagster import (
    AssetKey,
    PythonObjectDagsterType,
    build_init_resource_context,
    build_output_context,
)
from dagster._core.definitions.partitions.subset import DefaultPartitionsSubset
from dagster_polars import PolarsParquetIOManager
from writers import ROWS_PER_LOG, race


class Partitions:
    def __init__(self, folder, given):
        self.manager = PolarsParquetIOManager(base_dir=folder)
        self.manager.setup_for_execution(build_init_resource_context())
        self.rows = pl.read_parquet(given)
        self.context = build_output_context(
            asset_key=["any"],
            partition_key="any",
            definition_metadata={},
            dagster_type=PythonObjectDagsterType(pl.DataFrame),
        )
        self.context.log.setLevel(logging.WARNING)

    def prepare(self, table, log):
        rows = self.rows.slice(log * ROWS_PER_LOG, ROWS_PER_LOG)
        # To build a context takes ten times as long as to store a partition: each is a copy of one.
        context = copy(self.context)
        context._asset_key = AssetKey([table])
        context._asset_partitions_subset = DefaultPartitionsSubset({rows["log_id"][0]})
        return context, rows

    def commit(self, table, prepared):
        self.manager.handle_output(*prepared)


def read_back(folder, table):
    files = pl.scan_parquet(f"{folder}/{table}/*.parquet")
    found = files.group_by("log_id").len().collect()
    return {int(log.rpartition("-")[2]): rows for log, rows in found.iter_rows()}


def main():
    folder, given, budget_s = sys.argv[1:]
    made = race(
        partial(Partitions, folder, given),
        lambda table: Path(folder, table).mkdir(parents=True),
        partial(read_back, folder),
        float(budget_s),
    )
    print(json.dumps(made))


if __name__ == "__main__":
    main()
