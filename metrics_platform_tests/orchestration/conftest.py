"""A real Dagster instance on dagster.yaml's template, and the platform's definitions on it."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance

from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration import retries
from metrics_platform.store import Store
from metrics_platform_tests.conftest import administer
from metrics_platform_tests.orchestration.platform import Platform, instance_in

_TEMPLATE = "migrated_with_dagster"


@pytest.fixture(scope="session")
def template_database(postgres_server: sa.URL, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database that has the tables of Dagster too: making them takes a second."""
    administer(postgres_server, f"CREATE DATABASE {_TEMPLATE} TEMPLATE migrated")
    home = tmp_path_factory.mktemp("template")
    url = postgres_server.set(database=_TEMPLATE).render_as_string(hide_password=False)
    with (
        pytest.MonkeyPatch.context() as patch,
        instance_in(Settings(home=home, root=str(home), postgres=url), patch) as instance,
    ):
        assert instance.get_runs_count() == 0
    return _TEMPLATE


@pytest.fixture
def instance(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """The instance that `metrics-platform dev` would run on."""
    with instance_in(settings, monkeypatch) as opened:
        yield opened


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a fraction of a second where production waits for a minute."""
    monkeypatch.setattr(retries, "TRANSIENT", retries.TRANSIENT._replace(delay=0.05))


@pytest.fixture
def platform(settings: Settings, instance: DagsterInstance, store: Store) -> Platform:
    """The platform as it is installed, with nothing in its inbox."""
    return Platform(settings, instance, store, default_catalog())


def pytest_itemcollected(item: pytest.Item) -> None:
    """Ignore what `metrics_platform.orchestration` does: pytest starts each test anew."""
    item.add_marker(pytest.mark.filterwarnings("ignore::dagster.BetaWarning"))
