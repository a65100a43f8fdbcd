"""Engines that know nothing of the store, and read what was exported."""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import polars as pl
from pyiceberg.catalog.sql import SqlCatalog

from metrics_platform.delivery.export.iceberg import CATALOG


def duckdb_with(*extensions: str) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB with these extensions, and the keys of the clouds in the environment."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    for extension in extensions:
        spec = find_spec(f"duckdb_extension_{extension}")
        assert spec is not None
        assert spec.submodule_search_locations is not None
        (path,) = Path(spec.submodule_search_locations[0]).rglob("*.duckdb_extension")
        connection.load_extension(str(path))
    if "httpfs" in extensions:
        for kind, address in (("s3", os.environ.get("AWS_ENDPOINT_URL")), ("gcs", _google())):
            if address:
                connection.execute(
                    f"CREATE SECRET (TYPE {kind}, KEY_ID 'test', SECRET 'test', URL_STYLE 'path', "
                    f"REGION 'us-east-1', USE_SSL false, ENDPOINT '{urlsplit(address).netloc}')"
                )
    return connection


def ducklake(catalog: str) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB that has a DuckLake attached as `fleet`, to read it."""
    connection = duckdb_with("ducklake", "postgres_scanner", "httpfs")
    kind = "ducklake:postgres" if "://" in catalog else "ducklake"
    connection.execute(f"ATTACH '{kind}:{catalog}' AS fleet (READ_ONLY)")
    return connection


def iceberg(uri: str) -> SqlCatalog:
    """Return the SQL catalog, with pyiceberg's own access to files, or for `gs://` with ours.

    The emulator of Google's storage lacks what Arrow's client needs.
    """
    properties = {
        "s3.endpoint": os.environ.get("AWS_ENDPOINT_URL", ""),
        "s3.region": "us-east-1",
        "s3.access-key-id": "test",
        "s3.secret-access-key": "test",
    }
    if _google():
        io = "metrics_platform.delivery.export.iceberg.ObjectStoreIO"
        properties = {"py-io-impl": io}
    return SqlCatalog(CATALOG, uri=uri, **properties)


def sorted_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows in an order of their own: engines keep none."""
    return rows.sort("log_id", "start_ns")


def _google() -> str | None:
    key = os.environ.get("GOOGLE_SERVICE_ACCOUNT_KEY")
    return json.loads(key)["gcs_base_url"] if key else None
