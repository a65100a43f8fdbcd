"""Engines that have only the views and the files read what the store reads.

The queries are those of docs/storage.md.
"""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import chdb
import polars as pl
import pytest
import sqlalchemy as sa

from metrics_platform.core import Outcome, Status
from metrics_platform.core.settings import Settings
from metrics_platform.store import Found, ReadLog, Store
from metrics_platform_tests.delivery.engines import duckdb_with
from metrics_platform_tests.store.builders import computed, definition, fleet

DOCS = Path(__file__).resolve().parents[2] / "docs" / "storage.md"
WHERE = "domain = 'log' AND name = 'hard_brakes' AND version = '1.0.0'"


def documented(engine: str) -> list[str]:
    return re.findall(rf"```sql {engine}\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)


@pytest.fixture
def mixed(store: Store) -> Store:
    """A version with whole and partly superseded files, of which one holds nothing that counts."""
    store.write(computed(fleet(10)))
    store.write(computed(fleet(3, shift=0.5)))
    store.write(computed(fleet(4, prefix="gone")))
    store.write(computed(fleet(4, prefix="gone", shift=9.0)))
    store.write(computed({}, others={"log-00009": Outcome(Status.ABSTAINED, "no poses")}))
    store.write(computed({"log-00008": []}))
    store.write(computed(fleet(2), of=definition(version="2.0.0")))
    store.write(computed(fleet(2), of=definition("other_brakes")))
    return store


def url(store: Store) -> sa.URL:
    assert store.postgres.settings.postgres is not None
    return sa.make_url(store.postgres.settings.postgres).set(drivername="postgresql")


def query(store: Store, statement: str) -> list[Any]:
    with store.postgres.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement))]


def expected(store: Store) -> tuple[int, float]:
    rows = store.scan("hard_brakes", version="1.0.0").collect()
    return len(rows), rows["peak_deceleration_mps2"].max()  # type: ignore[return-value]


def test_duckdb_reads_exactly_what_counts(mixed: Store) -> None:
    (statements,) = documented("duckdb")
    statements = statements.replace("/data/objects/", f"{mixed.objects.root}/").replace(
        "postgresql://user@host/database", url(mixed).render_as_string(hide_password=False)
    )

    with duckdb_with("postgres_scanner") as connection:
        found = connection.execute(statements).fetchall()

    assert found == [expected(mixed)]
    assert expected(mixed)[0] == 5 * (10 - 2 + 4)


def clickhouse(store: Store, statement: str) -> list[list[str]]:
    host = url(store).query["host"]
    connected = f"'{host}', '{url(store).database}'"
    statement = statement.replace("'host:5432', 'database'", connected)
    statement = statement.replace("'user', 'password'", "'postgres', ''")
    found = str(chdb.query(statement, "TSV"))  # type: ignore[no-untyped-call]
    return [line.split("\t") for line in found.splitlines()]


def test_clickhouse_reads_exactly_what_counts(mixed: Store) -> None:
    (statement,) = documented("clickhouse")

    (found,) = clickhouse(mixed, statement.replace("/data/objects/", f"{mixed.objects.root}/"))

    assert (int(found[0]), float(found[1])) == expected(mixed)


def test_clickhouse_reads_a_bucket(settings: Settings, s3_root: str) -> None:
    address = s3_root.replace("s3://", f"{os.environ['AWS_ENDPOINT_URL']}/")
    (statement,) = documented("clickhouse")
    statement = statement.replace("file((", "s3((").replace("/data/objects/", f"{address}/")
    statement = statement.replace("), Parquet)", "), 'test', 'test', Parquet)")
    with Store.open(replace(settings, root=s3_root)) as store:
        store.write(computed(fleet(10)))
        store.write(computed(fleet(3, shift=0.5)))

        (found,) = clickhouse(store, statement)

        assert (int(found[0]), float(found[1])) == expected(store)


def test_whole_files_are_those_of_which_all_rows_count(mixed: Store) -> None:
    found = query(
        mixed,
        f"SELECT path, row_count, is_whole FROM metrics_platform.current_files WHERE {WHERE}",
    )
    files = mixed.files("hard_brakes", version="1.0.0")
    assert sorted(found) == sorted(files.select("path", "row_count", "is_whole").rows())
    assert sorted(count for _, count, _ in found) == [15, 20, 50]
    assert [count for _, count, is_whole in found if not is_whole] == [50]


def test_rows_of_a_log_lie_where_the_view_says(mixed: Store) -> None:
    found = query(
        mixed,
        "SELECT log_id, path, row_offset, row_count FROM metrics_platform.current_rows "
        f"WHERE {WHERE} ORDER BY log_id",
    )
    pieces = [
        pl.read_parquet(f"{mixed.objects.root}/{path}").slice(offset, count)
        for _, path, offset, count in found
    ]
    assert [piece["log_id"].unique().to_list() for piece in pieces] == [[row[0]] for row in found]
    stored = mixed.scan("hard_brakes", version="1.0.0").collect()
    assert pl.concat(pieces).equals(stored.sort("log_id", "start_ns"))


def test_results_are_told_with_summary_and_what_is_known_of_the_log(mixed: Store) -> None:
    log = "log-00000"
    mixed.registry.register([Found(log, f"{log}.mcap", 1, "tag")])
    mixed.registry.mark_read([ReadLog(log, release="r1", vehicle="car", place="harbour")])

    found = query(
        mixed,
        "SELECT log_id, status, reason, row_count, summary, release, vehicle, place "
        f"FROM metrics_platform.current_results WHERE {WHERE} ORDER BY log_id",
    )

    by_log = {row[0]: row[1:] for row in found}
    assert len(found) == len(by_log) == 14
    assert by_log[log] == ("computed", None, 5, {"events": 5, "peak_deceleration_mps2": 0.9},
                           "r1", "car", "harbour")  # fmt: skip
    assert by_log["log-00008"][:4] == (
        "computed", None, 0, {"events": 0, "peak_deceleration_mps2": None}
    )  # fmt: skip
    assert by_log["log-00009"] == ("abstained", "no poses", 0, None, None, None, None)


def test_postgres_writes_statements_and_sums_summaries(mixed: Store) -> None:
    statement, summary = documented("postgres")

    ((text,),) = query(mixed, statement)
    whole = mixed.files("hard_brakes", version="1.0.0").filter("is_whole")["path"].to_list()
    assert sorted(re.findall(r"'gs://bucket/prefix/(.*?)'", text)) == sorted(whole)

    assert query(mixed, summary.replace("'hard_brakes')", "'events')")) == [(None, 13, 60)]


def test_every_documented_query_is_run() -> None:
    assert [len(documented(engine)) for engine in ("duckdb", "clickhouse", "postgres")] == [1, 1, 2]
