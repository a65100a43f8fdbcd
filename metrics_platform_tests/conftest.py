"""What tests of several folders share: a real Postgres, S3 and Google Cloud Storage."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings as hypothesis_settings

from metrics_platform.core.settings import Settings
from metrics_platform.store import Store
from metrics_platform.store.embedded import embedded_url, stop_embedded
from metrics_platform.store.migrations import upgrade
from metrics_platform.store.postgres import Postgres
from metrics_platform_tests.store.clouds import BUCKET, gcs_server, google_key, s3_server

_TEMPLATE = "migrated"

# The readline of some Pythons puts it there, in processes without a terminal: what commands print
# would have another width.
os.environ.pop("COLUMNS", None)

# A machine that does other things, too, is no fault of an example.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[sa.URL]:
    """A Postgres of this test process, with a database to copy that has the schema."""
    # Its socket must have a short path, and its own user must reach it, so not below tmp_path.
    home = Path(tempfile.mkdtemp(prefix="mp-"))
    url = embedded_url(home).set(drivername="postgresql+psycopg")
    # Nothing here has to outlive the machine.
    administer(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    administer(url, f"CREATE DATABASE {_TEMPLATE}")
    template = Postgres.connect(_settings(home, url.set(database=_TEMPLATE)))
    upgrade(template)
    template.close()
    yield url
    stop_embedded(home)
    shutil.rmtree(home)


@pytest.fixture
def empty_database(postgres_server: sa.URL) -> Iterator[sa.URL]:
    """The URL of a new database, with nothing in it."""
    name = f"test_{uuid.uuid4().hex}"
    administer(postgres_server, f"CREATE DATABASE {name}")
    yield postgres_server.set(database=name)
    administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def template_database() -> str:
    """The database that `settings` copies; a folder whose tests need more overrides it."""
    return _TEMPLATE


@pytest.fixture
def settings(postgres_server: sa.URL, template_database: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a platform of its own, with an empty index and an empty object root."""
    name = f"test_{uuid.uuid4().hex}"
    administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE {template_database}")
    yield _settings(tmp_path, postgres_server.set(database=name))
    administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An empty store on a folder."""
    with Store.open(settings) as opened:
        yield opened


@pytest.fixture
def own_server() -> Iterator[Settings]:
    """Settings on a Postgres of the test's own; told as a URL, it has to be waited for."""
    home = Path(tempfile.mkdtemp(prefix="mp-"))
    url = embedded_url(home).render_as_string(hide_password=False)
    yield Settings(home=home, root=str(home / "objects"), postgres=url)
    stop_embedded(home)
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def _s3() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def _gcs() -> Iterator[str]:
    with gcs_server() as address:
        yield address


@pytest.fixture
def s3_root(_s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty `s3://` root, and the environment to reach it."""
    _forget_credentials(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", _s3)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture
def gcs_root(_gcs: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty `gs://` root, and the environment to reach it."""
    _forget_credentials(monkeypatch)
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", google_key(_gcs))
    return f"gs://{BUCKET}/{uuid.uuid4().hex}"


def _forget_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own clouds out of it."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_")):
            monkeypatch.delenv(name)


def _settings(home: Path, url: sa.URL) -> Settings:
    return Settings(
        home=home,
        root=str(home / "objects"),
        postgres=url.render_as_string(hide_password=False),
    )


def administer(url: sa.URL, *statements: str) -> None:
    """Run statements that no transaction can hold."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
