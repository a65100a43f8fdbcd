"""How a user opens each of the peers, with the settings that its manual gives for many writers."""

import logging
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import duckdb
import duckdb_extension_ducklake
import duckdb_extension_postgres_scanner
from pyiceberg.catalog.sql import SqlCatalog

# Iceberg tells of every retry.
logging.getLogger("pyiceberg").setLevel(logging.ERROR)

# The default of 10 attempts isn't enough for 64 writers. Of several waits and factors, these gave
# the most commits per second with 16 writers; to wait less made all of them slower.
_RETRIES = {
    "ducklake_max_retry_count": 100,
    "ducklake_retry_wait_ms": 200,
    "ducklake_retry_backoff": 1.5,
}
# Iceberg's default is 4.
ICEBERG_PROPERTIES = {
    "commit.retry.num-retries": "100",
    "commit.retry.min-wait-ms": "10",
    "commit.retry.max-wait-ms": "1000",
    "write.parquet.compression-codec": "zstd",
}


def ducklake(catalog, folder, inlined_rows=0):
    """Return a DuckDB connection whose default database is the lake `folder`."""
    connection = duckdb.connect()
    for extension in (duckdb_extension_postgres_scanner, duckdb_extension_ducklake):
        (file,) = Path(extension.__file__).parent.glob("extensions/*/*.duckdb_extension")
        connection.execute(f"LOAD '{file}'")
    for name, value in _RETRIES.items():
        connection.execute(f"SET {name} = {value}")
    connection.execute(
        f"ATTACH 'ducklake:postgres:{_libpq(catalog)}' AS lake "
        f"(DATA_PATH '{folder}/', DATA_INLINING_ROW_LIMIT {inlined_rows})"
    )
    connection.execute("USE lake")
    return connection


def iceberg(catalog, folder):
    """Return the catalog with its one namespace."""
    found = SqlCatalog(
        "bench",
        uri=catalog.replace("postgresql://", "postgresql+psycopg2://"),
        warehouse=f"file://{folder}",
        # One connection is enough for a process that does one thing at a time.
        pool_size="1",
    )
    found.create_namespace_if_not_exists("bench")
    return found


def _libpq(url):
    parts = urlsplit(url)
    (host,) = parse_qs(parts.query)["host"]
    return f"dbname={parts.path.lstrip('/')} host={host} user={parts.username}"
