"""What is exported is read back by engines that know nothing of the store."""

import datetime
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import chdb
import polars as pl
import pytest
from pyiceberg.exceptions import CommitFailedException

from metrics_platform.core import Outcome, Signal, Status
from metrics_platform.core.errors import ConfigurationError, NoResultsError, StoreError
from metrics_platform.core.settings import Settings
from metrics_platform.delivery import export as exports
from metrics_platform.delivery.export import Kind, Published, export
from metrics_platform.delivery.export import ducklake as ducklakes
from metrics_platform.delivery.export import iceberg as icebergs
from metrics_platform.delivery.export.columns import table_columns
from metrics_platform.delivery.export.publication import Publication
from metrics_platform.store import Store
from metrics_platform.store.locks import alone
from metrics_platform_tests.delivery.engines import ducklake, iceberg, sorted_rows
from metrics_platform_tests.store.builders import computed, definition, fleet

TABLE = "log.hard_brakes_v1_0_0"


@dataclass(frozen=True)
class Lake:
    """Somewhere to publish, and the engine that reads it."""

    store: Store
    kind: Kind
    target: str
    catalog: str | None = None

    def export(self, version: str | None = None) -> Published:
        return export(
            self.store,
            "hard_brakes",
            self.target,
            kind=self.kind,
            version=version,
            catalog=self.catalog,
        )

    def rows(self, table: str = TABLE) -> pl.DataFrame:
        if self.kind is Kind.DUCKLAKE:
            with ducklake(self.target) as connection:
                return sorted_rows(connection.execute(f"FROM fleet.{table}").pl())
        opened = iceberg(self.catalog or "")
        found = pl.DataFrame(opened.load_table(table).scan().to_arrow())
        opened.close()
        return sorted_rows(found)

    def files(self) -> set[str]:
        if self.kind is Kind.DUCKLAKE:
            with ducklake(self.target) as connection:
                listed = "SELECT data_file FROM ducklake_list_files('fleet', ?, schema => 'log')"
                paths = connection.execute(listed, [TABLE.removeprefix("log.")]).fetchall()
                return {path for (path,) in paths}
        opened = iceberg(self.catalog or "")
        tasks = opened.load_table(TABLE).scan().plan_files()
        found = {task.file.file_path for task in tasks}
        opened.close()
        return found

    def snapshots(self) -> int:
        if self.kind is Kind.DUCKLAKE:
            with ducklake(self.target) as connection:
                return len(connection.execute("FROM ducklake_snapshots('fleet')").fetchall())
        opened = iceberg(self.catalog or "")
        count = len(opened.load_table(TABLE).metadata.metadata_log)
        opened.close()
        return count

    def stored(self) -> pl.DataFrame:
        return sorted_rows(self.store.scan("hard_brakes", version="1.0.0").collect())


def _lake(store: Store, kind: Kind, where: str, folder: Path) -> Lake:
    assert store.postgres.settings.postgres is not None
    postgres = store.postgres.settings.postgres
    if kind is Kind.DUCKLAKE:
        file = str(folder / "fleet.ducklake")
        target = postgres.replace("+psycopg", "") if where == "postgres" else file
        return Lake(store, kind, target)
    root = store.objects.root
    if where == "postgres":
        return Lake(store, kind, f"{root}/iceberg", postgres)
    return Lake(store, kind, str(folder / "iceberg"), f"sqlite:///{folder}/iceberg/catalog.db")


@pytest.fixture(params=list(Kind))
def lake(request: pytest.FixtureRequest, store: Store, tmp_path: Path) -> Lake:
    """A catalog in a file, and objects in a folder."""
    return _lake(store, request.param, "file", tmp_path)


@pytest.fixture(
    params=[
        pytest.param((kind, root, where), id=f"{kind}-{root}-{where}")
        for kind in Kind
        for root, where in [("folder", "postgres"), ("s3_root", "file"), ("s3_root", "postgres"),
                            ("gcs_root", "file"), ("gcs_root", "postgres")]
    ]
)  # fmt: skip
def far_lake(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Lake]:
    """Catalogs in files and in Postgres, and objects wherever they may be."""
    kind, root, where = request.param
    if root != "folder":
        settings = replace(settings, root=request.getfixturevalue(root))
    with Store.open(settings) as store:
        yield _lake(store, kind, where, tmp_path)


def test_rows_are_those_of_the_store_wherever_they_lie(far_lake: Lake) -> None:
    store = far_lake.store
    store.write(computed(fleet(10)))
    store.write(computed(fleet(3, prefix="other")))

    published = far_lake.export()

    assert far_lake.rows().equals(far_lake.stored())
    assert (published.table, published.files, published.rows) == (TABLE, 2, 65)
    assert far_lake.files() == {f"{store.objects.root}/{p}" for p in store.files("hard_brakes")["path"]}  # noqa: E501  # fmt: skip
    store.write(computed(fleet(2, prefix="late")))
    far_lake.export()
    assert far_lake.rows().equals(far_lake.stored())


def test_clickhouse_reads_an_iceberg_table_without_its_catalog(
    settings: Settings, s3_root: str, tmp_path: Path
) -> None:
    with Store.open(replace(settings, root=s3_root)) as store:
        lake = _lake(store, Kind.ICEBERG, "postgres", tmp_path)
        store.write(computed(fleet(10)))
        lake.export()
        store.write(computed(fleet(3, shift=0.5)))
        published = lake.export()

        assert published.address.startswith(f"{s3_root}/iceberg/log/hard_brakes_v1_0_0/metadata/")
        table = published.address.partition("metadata/")[0]
        address = table.replace("s3://", f"{os.environ['AWS_ENDPOINT_URL']}/")
        total = "SELECT count(), sum(peak_deceleration_mps2)"
        found = chdb.query(f"{total} FROM icebergS3('{address}', 'test', 'test')")  # type: ignore[no-untyped-call]
        assert str(found).strip() == f"50,{lake.stored()['peak_deceleration_mps2'].sum()}"


def test_nothing_is_copied(lake: Lake) -> None:
    lake.store.write(computed(fleet(10)))
    lake.export()

    folders = [Path(lake.store.objects.root), Path(lake.target).parent]
    parquet = {path for folder in folders for path in folder.rglob("*.parquet")}
    assert {str(path) for path in parquet} == lake.files()


def test_publishing_what_is_published_changes_nothing(lake: Lake) -> None:
    lake.store.write(computed(fleet(10)))
    assert lake.export().changed
    before = lake.snapshots()

    assert not lake.export().changed
    assert lake.snapshots() == before


def test_new_files_are_added_in_one_snapshot(lake: Lake) -> None:
    lake.store.write(computed(fleet(10)))
    lake.export()
    before = lake.snapshots()

    lake.store.write(computed(fleet(10, prefix="later")))
    lake.store.write(computed(fleet(10, prefix="last")))
    published = lake.export()

    assert (published.changed, published.files) == (True, 3)
    assert lake.rows().equals(lake.stored())
    assert lake.snapshots() == before + 1


def test_superseded_rows_are_not_published(lake: Lake) -> None:
    lake.store.write(computed(fleet(10)))
    lake.export()
    lake.store.write(computed(fleet(4, shift=0.5)))
    lake.store.write(computed({}, others={"log-00009": Outcome(Status.ABSTAINED, "no poses")}))

    lake.export()

    rows = lake.rows()
    assert rows.equals(lake.stored())
    assert len(rows) == 45
    assert rows["log_id"].n_unique() == 9


def test_replaced_files_may_be_gone_when_it_is_published_again(lake: Lake) -> None:
    lake.store.write(computed(fleet(10)))
    lake.export()
    old = lake.store.files("hard_brakes")["path"].to_list()
    lake.store.write(computed(fleet(10, shift=0.5)))
    lake.store.objects.delete(old)

    lake.export()

    assert lake.rows().equals(lake.stored())


def test_a_version_without_rows_left_is_an_empty_table(lake: Lake) -> None:
    lake.store.write(computed(fleet(2)))
    lake.export()
    lake.store.write(computed({"log-00000": [], "log-00001": []}))

    assert lake.export().rows == 0
    assert lake.rows().is_empty()
    assert lake.rows().columns == lake.stored().columns


def test_versions_are_side_by_side(lake: Lake) -> None:
    lake.store.write(computed(fleet(3)))
    lake.export()
    lake.store.write(computed(fleet(2), of=definition(version="1.10.0")))
    lake.store.write(computed(fleet(1), of=definition(version="1.9.0")))

    assert lake.export().table == "log.hard_brakes_v1_10_0"
    assert lake.export("1.9.0").table == "log.hard_brakes_v1_9_0"

    tables = [f"log.hard_brakes_v{version}" for version in ("1_0_0", "1_9_0", "1_10_0")]
    assert [len(lake.rows(table)) for table in tables] == [15, 5, 10]
    if lake.kind is Kind.DUCKLAKE:
        assert len(lake.rows("log.hard_brakes")) == 10


def test_the_plain_name_is_what_is_promoted(store: Store, tmp_path: Path) -> None:
    lake = _lake(store, Kind.DUCKLAKE, "file", tmp_path)
    for version, count in (("1.0.0", 2), ("2.0.0", 3)):
        store.write(computed(fleet(count), of=definition(version=version)))
        assert lake.export().table.endswith(version.replace(".", "_"))
    shadow = replace(definition(version="3.0.0"), shadow=True)
    assert isinstance(shadow, Signal)
    store.write(computed(fleet(4), of=shadow))
    assert len(lake.rows("log.hard_brakes")) == 15

    store.promote("hard_brakes", "1.0.0", anyway=True)
    # Its table is there already, and as it should be.
    done = [lake.export() for _ in range(2)]

    assert [(published.table, published.changed) for published in done] == [
        ("log.hard_brakes_v1_0_0", True),
        ("log.hard_brakes_v1_0_0", False),
    ]
    assert len(lake.rows("log.hard_brakes")) == 10
    # To publish another one leaves it alone, be it a shadow's.
    assert lake.export("3.0.0").rows == 20
    assert len(lake.rows("log.hard_brakes")) == 10


def test_a_shadow_alone_is_published_where_it_is_asked_for(store: Store, tmp_path: Path) -> None:
    lake = _lake(store, Kind.DUCKLAKE, "file", tmp_path)
    shadow = replace(definition(), shadow=True)
    assert isinstance(shadow, Signal)
    store.write(computed(fleet(1), of=shadow))

    with pytest.raises(NoResultsError, match="but in shadow"):
        lake.export()
    assert lake.export("1.0.0").rows == 5


def test_a_reader_goes_on_with_what_it_began_with(settings: Settings, tmp_path: Path) -> None:
    with Store.open(settings) as store:
        lake = _lake(store, Kind.DUCKLAKE, "postgres", tmp_path)
        store.write(computed(fleet(10)))
        lake.export()
        with ducklake(lake.target) as reader:
            reader.begin()
            count = f"SELECT count(*), sum(peak_deceleration_mps2) FROM fleet.{TABLE}"
            before = reader.execute(count).fetchall()
            store.write(computed(fleet(10, shift=1.0)))
            lake.export()
            assert reader.execute(count).fetchall() == before
            reader.commit()
            assert reader.execute(count).fetchall() == [(50, before[0][1] + 50)]


@pytest.mark.parametrize("kind", list(Kind))
def test_readers_see_one_state_or_the_next(kind: Kind, settings: Settings, tmp_path: Path) -> None:
    stop = threading.Event()
    with Store.open(settings) as store, ThreadPoolExecutor(1) as pool:
        lake = _lake(store, kind, "postgres", tmp_path)

        def told() -> tuple[int, float]:
            peaks = lake.rows()["peak_deceleration_mps2"].to_list()
            return len(peaks), round(sum(peaks), 6)

        def read() -> list[tuple[int, float]]:
            seen = []
            while not stop.is_set():
                seen.append(told())
            return seen

        store.write(computed(fleet(10)))
        lake.export()
        states = [told()]
        reader = pool.submit(read)
        try:
            for shift in range(1, 4):
                store.write(computed(fleet(10, shift=shift / 4)))
                store.write(computed(fleet(shift, prefix="more", shift=shift)))
                lake.export()
                states.append(told())
        finally:
            stop.set()

        seen = reader.result()
        assert set(seen) <= set(states)
        order = [states.index(state) for state in seen]
        assert order == sorted(order)
        assert len(set(order)) > 1


def test_it_waits_for_a_compaction_that_is_running(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.store.write(computed(fleet(10)))
    lake.store.write(computed(fleet(4, shift=0.5)))
    held = ExitStack()
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            held.close()

    monkeypatch.setattr(exports, "time", SimpleNamespace(sleep=pause))
    with held:
        assert held.enter_context(alone(lake.store.postgres, 1))
        lake.export()
    assert pauses == [0.5, 1, 2, 4, 8, 16]
    assert lake.rows().equals(lake.stored())

    lake.store.write(computed(fleet(2)))
    with (
        alone(lake.store.postgres, 1),
        pytest.raises(StoreError, match="a compaction of it is run"),
    ):
        lake.export()


def test_exports_at_the_same_time_add_nothing_twice(settings: Settings, tmp_path: Path) -> None:
    with Store.open(settings) as store, ThreadPoolExecutor(4) as pool:
        for kind in Kind:
            lake = _lake(store, kind, "postgres", tmp_path)
            for number in range(2):
                store.write(computed(fleet(10, prefix=f"{kind}{number}")))
                published = list(pool.map(lambda _, lake=lake: lake.export(), range(4)))
                assert sorted(p.changed for p in published) == [False, False, False, True]
                assert lake.rows().equals(lake.stored())


def test_an_iceberg_table_that_moved_meanwhile_is_left_alone(store: Store, tmp_path: Path) -> None:
    lake = _lake(store, Kind.ICEBERG, "file", tmp_path)
    store.write(computed(fleet(1)))
    lake.export()
    assert lake.catalog is not None
    opened = iceberg(lake.catalog)
    stale = opened.load_table(TABLE)
    store.write(computed(fleet(1, prefix="other")))
    lake.export()
    files = dict(store.files("hard_brakes").select("path", "row_count").iter_rows())
    columns = lake.stored().schema
    made = Publication("log", "hard_brakes", "1.0.0", True, columns, store.objects.root, files)

    with pytest.raises(CommitFailedException):
        icebergs._update(opened, made, stale)
    opened.close()
    assert lake.rows().equals(lake.stored())


def test_a_file_with_other_rows_than_indexed_is_not_published(lake: Lake) -> None:
    lake.store.write(computed(fleet(10)))
    lake.export()
    before = lake.rows()
    lake.store.write(computed(fleet(10, prefix="other")))
    path = Path(lake.store.objects.root) / lake.store.files("hard_brakes")["path"][1]
    pl.read_parquet(path).head(7).write_parquet(path)

    with pytest.raises(StoreError, match=r"100 current rows, its files have 57"):
        lake.export()

    assert lake.rows().equals(before)


def test_a_file_that_is_gone_is_named(lake: Lake) -> None:
    lake.store.write(computed(fleet(1)))
    path = lake.store.files("hard_brakes")["path"][0]
    other = lake.store.write(computed(fleet(1, prefix="other")))
    assert other.path is not None
    lake.store.objects.delete([other.path])

    with pytest.raises(StoreError, match=other.path.rpartition("/")[2]):
        lake.export()
    assert path != other.path


def test_nothing_computed_is_told(lake: Lake) -> None:
    with pytest.raises(NoResultsError, match="nothing was computed of log 'hard_brakes'"):
        lake.export()
    lake.store.write(computed({"a": []}))
    with pytest.raises(NoResultsError, match="no rows were ever computed"):
        lake.export()
    with pytest.raises(NoResultsError, match=r"nothing was computed of log 'hard_brakes' 7\.0\.0"):
        lake.export("7.0.0")


MANY_TYPES = pl.DataFrame(
    {
        "log_id": ["a", "b"],
        "start_ns": [2**62, -1],
        "flag": [True, None],
        "i8": [-128, 127], "i16": [-(2**15), 0], "i32": [-(2**31), 1], "f32": [0.5, None],
        "ratios": [[0.1, None], []], "counts": [None, [2**40]], "nested": [[[1]], None],
        "pair": [[1.0, 2.0], [3.0, 4.0]],
        "place": [{"x": 1.0, "name": "ö"}, {"x": None, "name": None}],
        "kind": ["car", "truck"], "group": ["q", None], "kinds": [["car", None], []],
        "day": [datetime.date(2026, 1, 1), None],
        "at": [datetime.datetime(2026, 1, 1, 12, 0, 0, 5), None],
        "at_utc": [datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), None],
        "price": [Decimal("1.25"), None], "raw": [b"\x00\xff", None],
    },
    schema_overrides={
        "i8": pl.Int8, "i16": pl.Int16, "i32": pl.Int32, "f32": pl.Float32,
        "counts": pl.List(pl.Int64), "pair": pl.Array(pl.Float64, 2),
        "kind": pl.Enum(["car", "truck"]), "group": pl.Categorical,
        "kinds": pl.List(pl.Enum(["car", "truck"])),
        "price": pl.Decimal(10, 2), "at_utc": pl.Datetime("us", "UTC"),
    },
)  # fmt: skip
UNSIGNED = pl.DataFrame(
    {"u8": [255, 0], "u16": [2**16 - 1, 0], "u32": [2**32 - 1, 0], "u64": [2**64 - 1, 0]},
    schema={"u8": pl.UInt8, "u16": pl.UInt16, "u32": pl.UInt32, "u64": pl.UInt64},
)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_type_that_is_let_through_survives(kind: Kind, tmp_path: Path) -> None:
    rows = MANY_TYPES
    if kind is Kind.DUCKLAKE:
        rows = rows.hstack(UNSIGNED)
        rows = rows.with_columns(at_ns=pl.col("at").cast(pl.Datetime("ns")))
    columns = table_columns(kind, "many", rows.schema)
    rows.write_parquet(tmp_path / "a.parquet", compression="zstd")
    made = Publication("log", "many", "1.0.0", True, columns, str(tmp_path), {"a.parquet": 2})
    if kind is Kind.DUCKLAKE:
        ducklakes.publish(made, str(tmp_path / "x.ducklake"))
        with ducklake(str(tmp_path / "x.ducklake")) as connection:
            found = connection.execute("FROM fleet.log.many").pl()
    else:
        uri = f"sqlite:///{tmp_path}/catalog.db"
        icebergs.publish(made, str(tmp_path), None)
        opened = iceberg(uri)
        found = pl.DataFrame(opened.load_table("log.many_v1_0_0").scan().to_arrow())
        opened.close()
    assert sorted_rows(found).to_dicts() == sorted_rows(rows).to_dicts()


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (Kind.ICEBERG, pl.UInt32()),
        (Kind.ICEBERG, pl.List(pl.UInt64())),
        (Kind.ICEBERG, pl.Struct({"x": pl.UInt8()})),
        (Kind.ICEBERG, pl.Datetime("ns")),
        (Kind.ICEBERG, pl.Time()),
        (Kind.ICEBERG, pl.Duration("us")),
        (Kind.DUCKLAKE, pl.Duration("us")),
        (Kind.DUCKLAKE, pl.List(pl.Null())),
        (Kind.DUCKLAKE, pl.Time()),
    ],
    ids=str,
)
def test_a_type_that_would_change_is_refused(kind: Kind, dtype: pl.DataType) -> None:
    columns = pl.Schema({"log_id": pl.String(), "odd": dtype})
    with pytest.raises(StoreError, match=f"as {kind}, which has no type for odd: "):
        table_columns(kind, "hard_brakes", columns)


def test_without_the_packages_it_says_what_to_install(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.store.write(computed(fleet(1)))
    package = {Kind.DUCKLAKE: "duckdb", Kind.ICEBERG: "pyiceberg"}[lake.kind]
    for name in [n for n in sys.modules if n.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)
    module = f"metrics_platform.delivery.export.{lake.kind}"
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr(sys.modules["metrics_platform.delivery.export"], lake.kind, raising=False)

    with pytest.raises(ConfigurationError, match=r"pip install 'metrics-platform\[export\]'"):
        lake.export()


@pytest.mark.parametrize(
    ("kind", "target", "catalog", "message"),
    [
        (Kind.DUCKLAKE, "mysql://host/db", None, r"is a file or postgresql://.*got mysql://"),
        (Kind.DUCKLAKE, "fleet.ducklake", "sqlite:///x", "it takes no other"),
        (Kind.ICEBERG, "s3://bucket/iceberg", None, "needs --catalog"),
    ],
)
def test_targets_that_cannot_be_are_told(
    store: Store, kind: Kind, target: str, catalog: str | None, message: str
) -> None:
    store.write(computed(fleet(1)))
    with pytest.raises(ConfigurationError, match=message):
        export(store, "hard_brakes", target, kind=kind, catalog=catalog)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_password_is_never_shown(store: Store, kind: Kind, tmp_path: Path) -> None:
    store.write(computed(fleet(1)))
    url = "postgresql://someone:s3cret@127.0.0.1:9/nothing"
    target, catalog = (url, None) if kind is Kind.DUCKLAKE else (str(tmp_path / "i"), url)
    with pytest.raises(StoreError) as told:
        export(store, "hard_brakes", target, kind=kind, catalog=catalog)
    assert "s3cret" not in str(told.value)
    assert "127.0.0.1" in str(told.value)


def test_a_catalog_file_in_use_is_told(store: Store, tmp_path: Path) -> None:
    lake = _lake(store, Kind.DUCKLAKE, "file", tmp_path)
    store.write(computed(fleet(1)))
    lake.export()
    store.write(computed(fleet(2)))
    with ducklake(lake.target), pytest.raises(StoreError, match=r"DuckLake .*fleet\.ducklake: "):
        lake.export()
