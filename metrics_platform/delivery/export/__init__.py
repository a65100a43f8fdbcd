"""Publishing a metric for other engines: as a DuckLake, or as an Iceberg table.

The files of the store are added in place; nothing is copied. What is published is what is current
now: publishing again brings it up to date.
"""

import time
from collections.abc import Callable
from enum import StrEnum

from metrics_platform.core.errors import ConfigurationError, NoResultsError, StoreError
from metrics_platform.delivery.export.columns import table_columns
from metrics_platform.delivery.export.publication import Publication, Published
from metrics_platform.store import Store
from metrics_platform.store.locks import EXPORTING, in_turn

__all__ = ["Kind", "Published", "export"]

_ATTEMPTS = 7
_PAUSE_S = 0.5  # before the first of them, and twice as long each time: a minute in all
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
        version: None for the one that readers get: promoted, or else the highest.
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
    if version is not None and version not in store.versions(name, domain=domain):
        raise NoResultsError(f"nothing was computed of {domain} {name!r} {version}")
    current = _current(store, name, domain, version)
    version = version or current
    columns = store.scan(name, domain=domain, version=version).collect_schema()
    publish = _publisher(kind)
    # One at a time: two might add the same files. Should the lock break, both formats still refuse
    # what was published meanwhile.
    with in_turn(store.postgres, EXPORTING):
        publication = Publication(
            domain=domain,
            name=name,
            version=version,
            is_current=version == current,
            columns=table_columns(kind, name, columns),
            root=store.objects.root,
            row_counts=_files(store, name, domain, version),
        )
        return publish(publication, target, catalog)


def _current(store: Store, name: str, domain: str, version: str | None) -> str:
    """Return the version that readers get; "" where `version` is a shadow's, and there is none."""
    try:
        return store.current_version(name, domain=domain)
    except NoResultsError:
        if version is None:
            raise
        return ""


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


def _files(store: Store, name: str, domain: str, version: str) -> dict[str, int]:
    """Return path and rows of the objects that hold all current rows, and no others."""
    attempt = 0
    while True:
        files = store.files(name, domain=domain, version=version)
        if files["is_whole"].all():
            return dict(files.select("path", "row_count").iter_rows())
        if attempt > _ATTEMPTS:
            raise StoreError(
                f"files of {name} {version} still hold rows that count no more: a compaction of it "
                "is running elsewhere, or results were replaced while they were rewritten, again "
                "and again; export later, when fewer runs write"
            )
        if attempt:
            # Somebody else compacts it, and takes as long as the rows of the version take.
            time.sleep(_PAUSE_S * 2 ** (attempt - 1))
        store.compact(name, domain=domain, version=version, which="dirty")
        attempt += 1
