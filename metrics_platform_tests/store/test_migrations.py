from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from metrics_platform.core.errors import StoreError
from metrics_platform.core.settings import Settings
from metrics_platform.store.index import SCHEMA, metadata
from metrics_platform.store.migrations import HEAD, configuration, upgrade
from metrics_platform.store.postgres import Postgres


@pytest.fixture
def postgres(empty_database: sa.URL, tmp_path: Path) -> Postgres:
    url = empty_database.render_as_string(hide_password=False)
    return Postgres.connect(Settings(home=tmp_path, root=str(tmp_path), postgres=url))


def test_migrations_make_what_the_tables_say(postgres: Postgres) -> None:
    upgrade(postgres)

    with postgres.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table_schema": SCHEMA,
                "include_schemas": True,
                "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
                "compare_server_default": True,
            },
        )
        assert compare_metadata(context, metadata) == []
        scripts = ScriptDirectory.from_config(configuration(connection))
        assert scripts.get_current_head() == HEAD
    postgres.close()


def test_many_may_migrate_at_once(postgres: Postgres) -> None:
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: upgrade(postgres), range(10)))

    with postgres.engine.connect() as connection:
        versions = connection.scalars(sa.text(f"SELECT version_num FROM {SCHEMA}.alembic_version"))
        assert versions.all() == [HEAD]
    postgres.close()


def test_an_index_of_a_newer_platform_is_refused(postgres: Postgres) -> None:
    upgrade(postgres)
    with postgres.engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {SCHEMA}.alembic_version SET version_num = '9999'"))

    with pytest.raises(StoreError, match="revision 9999, and this version of the platform knows"):
        upgrade(postgres)
    postgres.close()
