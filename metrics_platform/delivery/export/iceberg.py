"""An Iceberg table of the files of the store: metadata in a folder or bucket, an SQL catalog."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from obstore.exceptions import BaseError
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.fsspec import FsspecFileIO
from pyiceberg.table import Table, Transaction
from sqlalchemy.exc import SQLAlchemyError

from metrics_platform.core.errors import ConfigurationError, StoreError
from metrics_platform.delivery.export.file_systems import file_system
from metrics_platform.delivery.export.publication import Publication, Published

# Catalogs share one database by name.
CATALOG = "metrics_platform"
# Tried again, files that another export has added meanwhile would be there twice.
_PROPERTIES = {"commit.retry.num-retries": "0"}


class ObjectStoreIO(FsspecFileIO):
    """Files of Iceberg, reached as the store reaches its objects: same client, same credentials."""

    def get_fs(self, scheme: str, hostname: str | None = None):  # type: ignore[no-untyped-def]
        """Return the file system of `scheme`."""
        return file_system(scheme) if scheme in ("s3", "gs") else super().get_fs(scheme, hostname)


def publish(publication: Publication, target: str, catalog: str | None) -> Published:
    """Bring the table of `publication` up to date in the warehouse `target`; see `export`."""
    with _told(target), closing(_catalog(target, catalog)) as opened:
        opened.create_namespace_if_not_exists(publication.domain)
        identifier = (publication.domain, publication.table)
        try:
            table: Table | None = opened.load_table(identifier)
        except NoSuchTableError:
            table = None
        changed = _update(opened, publication, table)
        address = opened.load_table(identifier).metadata_location
    return Published(
        ".".join(identifier),
        address,
        len(publication.addresses),
        publication.row_count,
        changed=changed,
    )


def _update(catalog: SqlCatalog, publication: Publication, table: Table | None) -> bool:
    """Return whether there was anything to do."""
    if table is None:
        columns = publication.columns.to_frame().to_arrow().schema
        identifier = (publication.domain, publication.table)
        with catalog.create_table_transaction(
            identifier, schema=columns, properties=_PROPERTIES
        ) as transaction:
            _add(transaction, publication, publication.addresses)
        return True
    published = {task.file.file_path for task in table.scan().plan_files()}
    missing = publication.missing_from(published)
    if missing == []:
        return False
    with table.transaction() as transaction:
        if missing is None:
            # All rows of every file: nothing is read, so it doesn't matter whether they are there.
            transaction.delete(AlwaysTrue())
            missing = publication.addresses
        _add(transaction, publication, missing)
    return True


def _add(transaction: Transaction, publication: Publication, addresses: list[str]) -> None:
    if addresses:
        transaction.add_files(addresses, check_duplicate_files=False)
    snapshot = transaction.table_metadata.current_snapshot()
    summary = snapshot.summary if snapshot else None
    found = int(summary["total-records"] or 0) if summary else 0
    if found != publication.row_count:
        raise StoreError(
            f"{publication.name} {publication.version} has {publication.row_count} current rows, "
            f"its files have {found}: nothing was published"
        )


def _catalog(target: str, catalog: str | None) -> SqlCatalog:
    warehouse = target.rstrip("/")
    if "://" not in target:
        folder = Path(target).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        warehouse = str(folder)
        catalog = catalog or f"sqlite:///{folder}/catalog.db"
    if catalog is None:
        raise ConfigurationError(
            f"an Iceberg table in {target} needs --catalog postgresql://user:password@host/database"
        )
    io = f"{ObjectStoreIO.__module__}.{ObjectStoreIO.__name__}"
    return SqlCatalog(CATALOG, uri=catalog, warehouse=warehouse, **{"py-io-impl": io})


@contextmanager
def _told(target: str) -> Iterator[None]:
    """Name the warehouse in whatever goes wrong with it."""
    try:
        yield
    except (CommitFailedException, TableAlreadyExistsError) as error:
        raise StoreError(f"Iceberg in {target}: somebody else published meanwhile") from error
    except (SQLAlchemyError, BaseError, OSError) as error:
        what = str(error).partition("\n")[0]
        raise StoreError(f"Iceberg in {target} cannot be used: {what}") from error
