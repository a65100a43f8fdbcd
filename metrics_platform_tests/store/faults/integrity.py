"""What must be true of a store once nobody works on it any more."""

from datetime import timedelta
from io import BytesIO
from itertools import pairwise

import polars as pl
import sqlalchemy as sa

from metrics_platform.store import Store
from metrics_platform.store.index import files, results
from metrics_platform_tests.store.faults.journal import Journal
from metrics_platform_tests.store.faults.marks import (
    SHARED,
    WRITERS,
    group_of,
    groups_of,
    rows_of,
)


def assert_whole(store: Store, journal: Journal) -> None:
    """Nothing is lost or doubled; once the rest is collected, nothing is left over either."""
    assert_complete(store, journal)
    store.gc(grace=timedelta(0), force=True)
    assert_nothing_left_over(store)
    assert_sound(store)
    assert_complete(store, journal)


def assert_complete(store: Store, journal: Journal) -> None:
    """Every group stands at what its writer acknowledged last, once."""
    acknowledged = [journal.acknowledged(f"write-{number}") for number in range(WRITERS)]
    outcomes = store.outcomes("marks")
    standing = {
        group_of(log_id): int(generation)
        for log_id, generation in outcomes.select("log_id", "input_hash").iter_rows()
    }
    for number, last in enumerate(acknowledged):
        for group in groups_of(number):
            assert standing[group] == last[group], group
    # Whoever of the writers was the last one of all.
    assert standing[SHARED] in {last[SHARED] for last in acknowledged}
    expected = pl.concat([rows_of(*of_group) for of_group in standing.items()])
    found = store.scan("marks").collect()
    assert found.sort("log_id", "row").equals(expected.sort("log_id", "row"))


def assert_sound(store: Store) -> None:
    """Every result that ever counted points at just its rows, and its history has no gap."""
    r, f = results.c, files.c
    with store.postgres.engine.connect() as connection:
        kept = connection.execute(sa.select(results).order_by(r.partition_key, r.committed_at))
        by_log: dict[str, list[sa.RowMapping]] = {}
        by_file: dict[object, list[sa.RowMapping]] = {}
        for row in kept.mappings():
            by_log.setdefault(row["partition_key"], []).append(row)
            by_file.setdefault(row["file_id"], []).append(row)
        known = connection.execute(sa.select(files).where(f.removed_at.is_(None))).mappings().all()
    for log_id, history in by_log.items():
        for earlier, later in pairwise(history):
            assert earlier["superseded_at"] == later["committed_at"], log_id
        assert history[-1]["superseded_at"] is None, log_id
        generations = [int(row["input_hash"]) for row in history]
        if group_of(log_id) != SHARED:
            assert generations == sorted(set(generations)), f"{log_id}: {generations}"
    for row in by_file.pop(None, []):
        assert row["row_count"] == 0, row
    for file in known:
        content = pl.read_parquet(BytesIO(store.objects.get(file["path"])))
        assert len(content) == file["row_count"], file
        pointing = by_file.pop(file["file_id"], [])
        for row in pointing:
            log_id, generation = row["partition_key"], int(row["input_hash"])
            expected = rows_of(group_of(log_id), generation).filter(log_id=log_id)
            assert content[row["row_offset"] :][: row["row_count"]].equals(expected), row
        current = sum(row["row_count"] for row in pointing if row["superseded_at"] is None)
        assert file["dirty"] or current == file["row_count"], file
    assert not by_file, f"these files are missing: {list(by_file)}"


def assert_nothing_left_over(store: Store) -> None:
    """Each object is known to the index, and each file that it knows is there."""
    found = {info.path for page in store.objects.pages("log") for info in page}
    with store.postgres.engine.connect() as connection:
        known = set(connection.scalars(sa.select(files.c.path).where(files.c.removed_at.is_(None))))
    assert found == known
