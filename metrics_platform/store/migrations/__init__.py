"""The index brought to the form that this version of the code expects."""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from metrics_platform.core.errors import StoreError
from metrics_platform.store.index import SCHEMA
from metrics_platform.store.postgres import Postgres

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0003"
_LOCK = 7_315_486_001  # any number that nobody else takes for an advisory lock
_PATIENCE_S = 10.0


def upgrade(postgres: Postgres) -> None:
    """Create or migrate the schema `metrics_platform`; one round trip if it is current.

    Any number of processes may call it at once.

    Raises:
        StoreUnavailableError: Postgres does not answer.
        StoreError: The index was migrated by a newer version of the platform.
    """
    patience_s = min(postgres.patience_s, _PATIENCE_S)
    if postgres.transaction(_revision, patience_s) != HEAD:
        postgres.transaction(_upgrade, patience_s)


def configuration(connection: sa.Connection) -> "Config":
    """Return what Alembic needs to know to work on `connection`."""
    # Half a second to import, and not needed where the schema is current, which is the rule.
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _revision(connection: sa.Connection) -> str | None:
    table = f"{SCHEMA}.alembic_version"
    if connection.scalar(sa.text("SELECT to_regclass(:table)"), {"table": table}) is None:
        return None
    found: str | None = connection.scalar(sa.text(f"SELECT version_num FROM {table}"))
    return found


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command

    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    found = _revision(connection)
    if found is not None and found > HEAD:
        raise StoreError(
            f"the index is at revision {found}, and this version of the platform knows up to "
            f"{HEAD}: a newer one has migrated it, use that"
        )
    if found != HEAD:
        connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
        command.upgrade(configuration(connection), "head")
