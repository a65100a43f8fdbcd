"""Publishing a metric for other engines: as a DuckLake, or as an Iceberg table.

The files of the store are added in place; nothing is copied. What is published is what is current
now: publishing again brings it up to date.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import exc

from metrics_platform.core.errors import ConfigurationError, NoResultsError, StoreError
from metrics_platform.delivery.export.columns import table_columns
from metrics_platform.delivery.export.publication import Publication, Published
from metrics_platform.store import Store

__all__ = ["Kind", "Published", "export"]

_ATTEMPTS = 6
_EXPORTING = 7_315_486_004  # any number that nobody else takes for an advisory lock
_OF_EXTRA = ("duckdb", "fsspec", "pyiceberg")


class Kind(StrEnum):
    """Table formats to publish as."""

    DUCKLAKE = "ducklake"
    ICEBERG = "iceberg"


def export(
    store: Store,
    name: str,
    target: str,
    *,
    kind: Kind,
    version: str | None = None,
    domain: str = "log",
    catalog: str | None = None,
) -> Published:
    """Publish the current rows of a signal or metric, or bring what is published up to date.

    Readers see all of what was published before or all of it as it is now. Each version is a table
    of its own, `<domain>.<name>_v1_0_0`. Objects of which only some rows are current are rewritten
    by compaction first.

    Args:
        store: Of the results.
        name: Of the signal or metric.
        target: Of a DuckLake, its catalog: a file, or `postgresql://…`. Of an Iceberg table, the
            folder, `s3://…` or `gs://…` of its metadata.
        kind: As what.
        version: None for the highest that has results.
        domain: log or sim.
        catalog: Of an Iceberg table, `postgresql://…` or `sqlite:///…` of its SQL catalog; None
            for `catalog.db` in a `target` that is a folder.

    Raises:
        ConfigurationError: `target` or `catalog` cannot be what they are for, or the packages for
            it are not installed.
        NoResultsError: No rows were ever computed.
        StoreError: A column has a type that the format doesn't have, the rows published would be
            others than the index has, or somebody else published at the same time.
    """
    versions = store.versions(name, domain=domain)
    if not versions or (version or versions[-1]) not in versions:
        of = f"{domain} {name!r}" if version is None else f"{domain} {name!r} {version}"
        raise NoResultsError(f"nothing was computed of {of}")
    version = version or versions[-1]
    columns = store.scan(name, domain=domain, version=version).collect_schema()
    publish = _publisher(kind)
    with _alone(store):
        publication = Publication(
            domain=domain,
            name=name,
            version=version,
            is_newest=version == versions[-1],
            columns=table_columns(kind, name, columns),
            root=store.objects.root,
            row_counts=_files(store, name, domain, version),
        )
        return publish(publication, target, catalog)


def _publisher(kind: Kind) -> Callable[[Publication, str, str | None], Published]:
    try:
        match kind:
            case Kind.DUCKLAKE:
                from metrics_platform.delivery.export import ducklake

                return ducklake.publish
            case Kind.ICEBERG:
                from metrics_platform.delivery.export import iceberg

                return iceberg.publish
    except ModuleNotFoundError as error:
        if not str(error.name).startswith(_OF_EXTRA):
            raise
        raise ConfigurationError(
            f"to export takes the package {error.name}: pip install 'metrics-platform[export]'"
        ) from error


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Export one at a time: two might add the same files."""
    connection = store.postgres.engine.connect()
    try:
        # Of a transaction and not of a session: what pools connections never lets go of those.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_EXPORTING)))
        yield
    finally:
        # Should it have broken, both formats still refuse what was published meanwhile.
        with suppress(exc.DBAPIError):
            connection.close()


def _files(store: Store, name: str, domain: str, version: str) -> dict[str, int]:
    """Return path and rows of the objects that hold all current rows, and no others."""
    for attempt in range(_ATTEMPTS):
        files = store.files(name, domain=domain, version=version)
        if files["is_whole"].all():
            return dict(files.select("path", "row_count").iter_rows())
        # Another compaction may be at it.
        time.sleep(0.1 * attempt)
        store.compact(name, domain=domain, version=version, which="dirty")
    raise StoreError(
        f"files of {name} {version} still hold rows that count no more: results were replaced "
        "while they were rewritten, again and again; export when fewer runs write"
    )
