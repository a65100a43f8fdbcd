"""`metrics-platform export`, as a person uses it."""

from pathlib import Path

import pytest

from metrics_platform.core.settings import Settings
from metrics_platform.store import Store
from metrics_platform_tests.delivery.engines import ducklake, iceberg
from metrics_platform_tests.store.builders import computed, fleet
from metrics_platform_tests.test_cli import run


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    with Store.open(settings) as store:
        store.write(computed(fleet(10)))
    return settings.environment()


def test_a_ducklake_is_made_and_brought_up_to_date(
    environment: dict[str, str], tmp_path: Path
) -> None:
    target = tmp_path / "[/new]" / "fleet.ducklake"

    first, second = (run(environment, "export", "hard_brakes", target) for _ in range(2))

    assert (first.status, first.err) == (0, "")
    made = f"log.hard_brakes_v1_0_0 published: 50 rows in 1 files\n{target}\n"
    assert first.out == made
    assert second.out == made.replace("published", "was up to date")
    with ducklake(str(target)) as connection:
        counted = connection.execute("SELECT count(*) FROM fleet.log.hard_brakes").fetchall()
    assert counted == [(50,)]


def test_an_iceberg_table_is_made(environment: dict[str, str], tmp_path: Path) -> None:
    done = run(environment, "export", "hard_brakes", tmp_path / "i", "--kind", "iceberg",
               "--version", "1.0.0")  # fmt: skip

    assert done.status == 0, done.err
    catalog = iceberg(f"sqlite:///{tmp_path}/i/catalog.db")
    table = catalog.load_table("log.hard_brakes_v1_0_0")
    assert table.scan().count() == 50
    assert done.out.splitlines()[-1] == table.metadata_location
    catalog.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("hard_brake", "x.ducklake"), "hard_brakes"),
        (("hard_brakes", "x.ducklake", "--version", "9.0.0"), "nothing was computed of log"),
        (("stops", "x.ducklake"), "nothing was computed of log 'stops'"),
        (("hard_brakes", "s3://bucket/x"), "is a file or postgresql://"),
        (("hard_brakes", "s3://bucket/x", "--kind", "iceberg"), "needs --catalog"),
    ],
    ids=["misspelled", "version", "never computed", "bucket", "no catalog"],
)
def test_what_cannot_be_exported_is_told(
    environment: dict[str, str], arguments: tuple[str, ...], message: str
) -> None:
    done = run(environment, "export", *arguments)

    assert done.status == 1
    assert message in " ".join(done.err.split())
