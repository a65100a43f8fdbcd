"""Many processes that append to one table of DuckLake, Iceberg or Delta."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from storage_lakes import ICEBERG_PROPERTIES, ducklake, iceberg
from writers import ROWS_PER_LOG, race

_DELTA_RETRIES = CommitProperties(max_commit_retries=100)
_ZSTD = WriterProperties(compression="ZSTD")


def measure(system, catalog, folder, given, budget_s):
    Path(folder).mkdir()
    side = _SIDES[system](catalog, folder, given)
    # The first connection makes the catalog's tables; two at once would fail.
    _opened(_SIDES[system](catalog, folder, given))
    return race(partial(_opened, side), side.make, side.read_back, float(budget_s))


def _opened(side):
    side.open()
    return side


@dataclass
class _Side:
    catalog: str
    folder: str
    given: str

    def open(self):
        """Connect."""

    def prepare(self, table: str, log: int) -> Any:
        return _rows(self.given).slice(log * ROWS_PER_LOG, ROWS_PER_LOG)


class _DuckLake(_Side):
    inlined_rows = 0

    def open(self):
        self.connection = ducklake(self.catalog, self.folder, self.inlined_rows)
        # With as many threads as cores in each of many processes it is slower.
        self.connection.execute("SET threads = 1")

    def make(self, table):
        with ducklake(self.catalog, self.folder, self.inlined_rows) as connection:
            connection.execute("CALL lake.set_option('parquet_compression', 'zstd')")
            connection.execute(f"CREATE TABLE {table} AS FROM '{self.given}' WITH NO DATA")

    def commit(self, table, rows):
        self.connection.register("given", rows)
        self.connection.execute(f"INSERT INTO {table} FROM given")

    def read_back(self, table):
        with ducklake(self.catalog, self.folder, self.inlined_rows) as connection:
            return _counts(connection.sql(f"SELECT log_id FROM {table}").to_arrow_table())


class _DuckLakeInlined(_DuckLake):
    inlined_rows = 100


class _Iceberg(_Side):
    def open(self):
        self.tables = {}
        self.opened = iceberg(self.catalog, self.folder)

    def make(self, table):
        iceberg(self.catalog, self.folder).create_table(
            f"bench.{table}", schema=_rows(self.given).schema, properties=ICEBERG_PROPERTIES
        )

    def prepare(self, table, log):
        if table not in self.tables:
            self.tables[table] = self.opened.load_table(f"bench.{table}")
        return super().prepare(table, log)

    def commit(self, table, rows):
        self.tables[table].append(rows)

    def read_back(self, table):
        found = iceberg(self.catalog, self.folder).load_table(f"bench.{table}")
        return _counts(found.scan(selected_fields=("log_id",)).to_arrow())


class _Delta(_Side):
    def open(self):
        self.tables = {}

    def make(self, table):
        DeltaTable.create(f"{self.folder}/{table}", _rows(self.given).schema)

    def prepare(self, table, log):
        if table not in self.tables:
            self.tables[table] = DeltaTable(f"{self.folder}/{table}")
        return super().prepare(table, log)

    def commit(self, table, rows):
        write_deltalake(
            self.tables[table],
            rows,
            mode="append",
            commit_properties=_DELTA_RETRIES,
            writer_properties=_ZSTD,
        )

    def read_back(self, table):
        found = pl.scan_delta(f"{self.folder}/{table}").select("log_id").collect()
        return _counts(found.to_arrow())


_SIDES = {
    "ducklake": _DuckLake,
    "ducklake_inlined": _DuckLakeInlined,
    "pyiceberg": _Iceberg,
    "delta_rs": _Delta,
}

_read: dict[str, pa.Table] = {}


def _rows(given: str) -> pa.Table:
    if given not in _read:
        rows = pl.read_parquet(given).to_arrow()
        # Not the large strings of Polars, which Delta and Iceberg would convert at each commit.
        _read[given] = rows.cast(
            pa.schema([(f.name, pa.string() if f.type == pa.large_string() else f.type)
                       for f in rows.schema])
        )  # fmt: skip
    return _read[given]


def _counts(found: pa.Table) -> Mapping[int, int]:
    counted = duckdb.sql("SELECT log_id, count(*) FROM found GROUP BY log_id").fetchall()
    return {int(log.rpartition("-")[2]): rows for log, rows in counted}
