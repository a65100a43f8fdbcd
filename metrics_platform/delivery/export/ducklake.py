"""A DuckLake of the files of the store: its catalog is a DuckDB file, or in Postgres."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import duckdb
import sqlalchemy as sa
from sqlalchemy import exc

from metrics_platform.core.errors import ConfigurationError, StoreError
from metrics_platform.delivery.export.file_systems import file_system
from metrics_platform.delivery.export.publication import Publication, Published

# Nothing is looked for in the network: extensions come as packages.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


def publish(publication: Publication, target: str, catalog: str | None = None) -> Published:
    """Bring the table of `publication` up to date in the DuckLake `target`; see `export`.

    What readers get who ask for no version can also be read through a view by the plain name.
    """
    shown = _shown(target)
    if catalog is not None:
        raise ConfigurationError("the target of a DuckLake is its catalog: it takes no other")
    with _told(target, shown), _lake(publication, target) as lake:
        lake.begin()
        changed = _update(lake, publication)
        if changed:
            lake.commit()
        else:
            lake.rollback()
    table = f"{publication.domain}.{publication.table}"
    return Published(
        table, shown, len(publication.addresses), publication.row_count, changed=changed
    )


def _update(lake: duckdb.DuckDBPyConnection, publication: Publication) -> bool:
    """Return whether there was anything to do."""
    schema, name = publication.domain, publication.table
    table = f'"{schema}"."{name}"'
    known = (
        "SELECT table_name FROM duckdb_tables() WHERE (database_name, schema_name) = ('lake', ?)"
    )
    exists = (name,) in lake.execute(known, [schema]).fetchall()
    published = set()
    if exists:
        files = "SELECT data_file FROM ducklake_list_files('lake', ?, schema => ?)"
        published = {path for (path,) in lake.execute(files, [name, schema]).fetchall()}
    missing = publication.missing_from(published) if exists else None
    if missing == []:
        return _show(lake, publication)
    if missing is None:
        # Rows are not deleted: DuckLake would read files that may be gone, and mark their rows.
        lake.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        lake.register("no_rows", publication.columns.to_frame().to_arrow())
        lake.execute(f"CREATE OR REPLACE TABLE {table} AS FROM no_rows")
        missing = publication.addresses
    if missing:
        add = "CALL ducklake_add_data_files('lake', ?, ?, schema => ?, hive_partitioning => false)"
        lake.execute(add, [name, missing, schema])
    found = lake.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
    if found != publication.row_count:
        raise StoreError(
            f"{publication.name} {publication.version} has {publication.row_count} current rows, "
            f"its files have {found}: nothing was published"
        )
    _show(lake, publication)
    return True


def _show(lake: duckdb.DuckDBPyConnection, publication: Publication) -> bool:
    """Have the view by the plain name show this version, and return whether it hasn't before."""
    schema, name = publication.domain, publication.name
    views = (
        "SELECT sql FROM duckdb_views() WHERE (database_name, schema_name, view_name) = (?, ?, ?)"
    )
    found = lake.execute(views, ["lake", schema, name]).fetchone()
    if not publication.is_current or (found and publication.table in re.findall(r"\w+", found[0])):
        return False
    view, table = f'"{schema}"."{name}"', f'"{schema}"."{publication.table}"'
    lake.execute(f"CREATE OR REPLACE VIEW {view} AS FROM {table}")
    return True


@contextmanager
def _lake(publication: Publication, target: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a DuckDB that uses the catalog `lake`; it is made if it isn't there."""
    with duckdb.connect(config=_CONFIG) as connection:
        _load(connection, "ducklake")
        scheme, separator, _ = publication.root.partition("://")
        if separator:
            # DuckLake asks for DuckDB's own client of clouds; ours comes first, and does it all.
            connection.register_filesystem(file_system(scheme))
            _load(connection, "httpfs")
        path = target.replace("'", "''")
        if "://" in target:
            _load(connection, "postgres_scanner")
            attach = f"ATTACH 'ducklake:postgres:{path}' AS lake"
            try:
                connection.execute(f"{attach} (CREATE_IF_NOT_EXISTS false)")
            except duckdb.Error:
                # Where others would write rows; never the folder of ours, whose objects DuckLake
                # would take for its orphans.
                data = f"{publication.root}/ducklake/".replace("'", "''")
                connection.execute(f"{attach} (DATA_PATH '{data}')")
        else:
            Path(target).absolute().parent.mkdir(parents=True, exist_ok=True)
            connection.execute(f"ATTACH 'ducklake:{path}' AS lake")
        # Tried again, files that another export has added meanwhile would be there twice.
        connection.execute("SET ducklake_max_retry_count = 0")
        connection.execute("USE lake")
        yield connection


def _load(connection: duckdb.DuckDBPyConnection, extension: str) -> None:
    name = f"duckdb_extension_{extension}"
    spec = find_spec(name)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    file = f"extensions/v{duckdb.__version__}/{extension}.duckdb_extension"
    found = [path for folder in folders if (path := Path(folder, file)).exists()]
    if not found:
        raise ConfigurationError(
            f"to export takes the package {name} {duckdb.__version__}: "
            "pip install --upgrade 'metrics-platform[export]'"
        )
    connection.load_extension(str(found[0]))


def _shown(target: str) -> str:
    """Return `target` without password.

    Raises:
        ConfigurationError: It is neither a file nor a Postgres.
    """
    if "://" not in target:
        return str(Path(target).absolute())
    try:
        url = sa.make_url(target)
    except exc.ArgumentError:
        url = None
    if url is None or url.drivername not in ("postgresql", "postgres"):
        raise ConfigurationError(
            "the catalog of a DuckLake is a file or postgresql://user:password@host/database, got "
            f"{target.partition('://')[0]}://…"
        )
    return url.render_as_string()


@contextmanager
def _told(target: str, shown: str) -> Iterator[None]:
    """Name the DuckLake in whatever goes wrong with it, and never its password."""
    try:
        yield
    except duckdb.Error as error:
        what = str(error).partition("\n")[0].replace(target, shown)
        raise StoreError(f"DuckLake {shown}: {what}") from error
