"""The rows of a fleet in DuckLake or Iceberg: appended by runs, compacted, and then queried.

Each query takes turns with the same one by Polars over one plain Parquet file of the same rows.
"""

import time
from functools import partial
from pathlib import Path

import polars as pl
from queries import alternated, one_log, per_log, whole
from storage_lakes import ICEBERG_PROPERTIES, ducklake, iceberg

_APPENDS = 100
_WHOLE_SQL = """
    SELECT cause, avg(peak_deceleration_mps2), max(duration_s), quantile_cont(start_ns, 0.95)
    FROM brakes WHERE duration_s > 0.5 GROUP BY cause
"""
_PER_LOG_SQL = "SELECT log_id, count(*), max(peak_deceleration_mps2) FROM brakes GROUP BY log_id"
_ONE_LOG_SQL = "SELECT * FROM brakes WHERE log_id = ?"


def measure(system, catalog, folder, given, logs):
    Path(folder).mkdir()
    rows = pl.read_parquet(given)
    size = -(-len(rows) // _APPENDS)
    appended = [part.to_arrow() for part in rows.iter_slices(size)]
    del rows
    started = time.perf_counter()
    queries, one = _SIDES[system](catalog, folder, appended)
    figures = {"filling_s": time.perf_counter() - started}
    plain = pl.scan_parquet(given)
    for name, theirs, ours in zip(("whole", "per_log"), queries, (whole, per_log), strict=True):
        seconds, plain_s = alternated(theirs, lambda query=ours: query(plain).collect())
        figures |= {f"{name}_ms": seconds * 1e3, f"{name}_ratio": seconds / plain_s}
    return figures | {"one_log_p50_ms": one_log(one, logs.split(",")) * 1e3}


def _ducklake(catalog, folder, appended):
    connection = ducklake(catalog, folder)
    connection.execute("CALL lake.set_option('parquet_compression', 'zstd')")
    connection.register("given", appended[0])
    connection.execute("CREATE TABLE brakes AS FROM given WITH NO DATA")
    for part in appended:
        connection.register("given", part)
        connection.execute("INSERT INTO brakes FROM given")
    connection.execute("CALL ducklake_merge_adjacent_files('lake')")
    files = connection.sql("SELECT count(*) FROM ducklake_list_files('lake', 'brakes')").fetchone()
    assert files[0] < _APPENDS, files

    def query(sql, *parameters):
        return connection.execute(sql, parameters).to_arrow_table()

    return (
        partial(query, _WHOLE_SQL),
        partial(query, _PER_LOG_SQL),
    ), lambda log: query(_ONE_LOG_SQL, log)


def _iceberg(catalog, folder, appended):
    table = iceberg(catalog, folder).create_table(
        "bench.brakes", schema=appended[0].schema, properties=ICEBERG_PROPERTIES
    )
    for part in appended:
        table.append(part)
    # It cannot merge files; to write everything once more is what its users do.
    table.overwrite(table.scan().to_arrow())

    def query(make):
        return make(pl.scan_iceberg(table)).collect()

    def log(log_id):
        return table.scan(row_filter=f"log_id == '{log_id}'").to_arrow()

    return (partial(query, whole), partial(query, per_log)), log


_SIDES = {"ducklake": _ducklake, "pyiceberg": _iceberg}
