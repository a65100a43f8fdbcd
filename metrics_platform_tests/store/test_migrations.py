import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from metrics_platform.core import MetricFrame
from metrics_platform.core.errors import StoreError
from metrics_platform.core.settings import Settings
from metrics_platform.store import ObjectRoot, Store
from metrics_platform.store.index import SCHEMA, metadata
from metrics_platform.store.migrations import HEAD, configuration, upgrade
from metrics_platform.store.postgres import Postgres
from metrics_platform_tests.store.builders import HARD_BRAKES, brakes, computed, definition


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


def test_results_of_the_first_index_are_taken_along(postgres: Postgres, tmp_path: Path) -> None:
    with postgres.engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(SCHEMA))
        command.upgrade(configuration(connection), "0001")
        for name, peaks in {"whole": [1.0, 2.0], "dirty": [3.0, 4.0]}.items():
            path = f"log/hard_brakes/v1.0.0/2026-01-01/{name}.parquet"
            rows = brakes({f"{name}-a": peaks[:1], f"{name}-b": peaks[1:]})
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            rows.write_parquet(tmp_path / path)
            connection.execute(_FIRST_FILE, {"file_id": (file_id := uuid.uuid4()), "path": path})
            for at, log_id in enumerate(rows["log_id"]):
                gone = datetime.now(UTC) if log_id == "dirty-a" else None
                found = {"log_id": log_id, "file_id": file_id, "at": at, "gone": gone}
                connection.execute(_FIRST_RESULT, found)

    upgrade(postgres)

    with Store(ObjectRoot.open(str(tmp_path)), postgres) as store:
        assert store.versions("hard_brakes") == ["1.0.0"]
        stored = store.scan("hard_brakes").collect().sort("log_id")
        assert stored["log_id"].to_list() == ["dirty-b", "whole-a", "whole-b"]
        assert store.history("hard_brakes", "dirty-a")["superseded_at"].null_count() == 0
        # Columns are those of its files, though the index didn't keep them.
        other = brakes({"c": [1.0]}).with_columns(category=pl.lit(1.0))
        changed = replace(computed({"c": [1.0]}), rows=other, definition=OTHER)
        with pytest.raises(StoreError, match="stored with other columns"):
            store.write(changed)
        assert store.write(computed({"dirty-a": [5.0]})).written == 1
        assert len(store.scan("hard_brakes").collect()) == 4


def test_an_index_without_promotions_is_read_as_before(postgres: Postgres, tmp_path: Path) -> None:
    with postgres.engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(SCHEMA))
        command.upgrade(configuration(connection), "0002")
        for version in ("1.0.0", "2.0.0"):
            connection.execute(_SECOND_VERSION, {"version": version})
            connection.execute(_SECOND_RESULT, {"version": version})

    upgrade(postgres)

    with Store(ObjectRoot.open(str(tmp_path)), postgres) as store:
        # Nobody was a shadow then, so readers get the highest.
        assert store.current_version("hard_brakes") == "2.0.0"
        assert store.outcomes("hard_brakes")["log_id"].to_list() == ["a"]
        assert store.promoted("hard_brakes") is None
        store.promote("hard_brakes", "1.0.0")
        assert store.current_version("hard_brakes") == "1.0.0"
        assert store.write(computed({"b": [1.0]}, of=definition(version="2.0.0"))).written == 1


class Other(MetricFrame):
    """One row per log_id, start_ns."""

    start_ns: int
    peak_deceleration_mps2: float
    category: float
    confirmed: bool


OTHER = replace(HARD_BRAKES, rows=Other)
_FIRST_FILE = sa.text(
    "INSERT INTO metrics_platform.files VALUES"
    " (:file_id, :path, 'log', 'hard_brakes', '1.0.0', 2, 1000, now())"
)
_SECOND_VERSION = sa.text(
    "INSERT INTO metrics_platform.versions (domain, name, version) "
    "VALUES ('log', 'hard_brakes', :version)"
)
_SECOND_RESULT = sa.text(
    "INSERT INTO metrics_platform.results (version_id, partition_key, fingerprint, input_hash,"
    " status, reason, row_offset, row_count, committed_at) SELECT version_id, 'a', 'f', 'i',"
    " 'abstained', 'no poses', 0, 0, now() FROM metrics_platform.versions WHERE version = :version"
)
_FIRST_RESULT = sa.text(
    "INSERT INTO metrics_platform.results (domain, name, version, partition_key, fingerprint,"
    " input_hash, status, file_id, row_offset, row_count, content_hash, summary, committed_at,"
    " superseded_at) VALUES ('log', 'hard_brakes', '1.0.0', :log_id, 'f', 'i', 'computed',"
    " :file_id, :at, 1, 'c', '{}', now(), :gone)"
)
