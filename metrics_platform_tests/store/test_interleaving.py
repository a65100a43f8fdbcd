"""Writing, compacting, collecting and deleting in any order, held against a plain dictionary."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from metrics_platform.core import Outcome, Status
from metrics_platform.store import Store, compaction
from metrics_platform.store.merge_policy import Which
from metrics_platform_tests.store.builders import brakes, computed, definition

NOW = timedelta(0)
LOGS = [f"log-{number:02d}" for number in range(14)]
VERSIONS = ("1.0.0", "2.0.0")
KINDS: tuple[Which, ...] = ("due", "dirty", "all")

Peaks = dict[str, list[float | None]]


@dataclass
class Truth:
    """What the store should hold."""

    current: dict[str, Peaks] = field(default_factory=lambda: {v: {} for v in VERSIONS})
    past: list[tuple[datetime, dict[str, Peaks]]] = field(default_factory=list)

    def write(self, version: str, changed: Peaks, failed: list[str]) -> None:
        kept = {log: peaks for log, peaks in self.current[version].items() if log not in failed}
        self.current = {**self.current, version: {**kept, **changed}}
        self.past.append((datetime.now(UTC), self.current))


def write(store: Store, truth: Truth, rng: random.Random) -> None:
    version = rng.choice(VERSIONS)
    logs = rng.sample(LOGS, rng.randrange(1, 8))
    failed = logs[: rng.choice([0, 0, 0, 1])]
    # Few contents, so that some are the same again, under the same code or another one.
    peaks: Peaks = {
        log: [float(rng.randrange(3)) for _ in range(rng.randrange(4))]
        for log in logs[len(failed) :]
    }
    others = {log: Outcome(Status.FAILED, "ValueError: x") for log in failed}
    made = computed(
        peaks, others=others, of=definition(version=version), fingerprint=rng.choice("ab")
    )
    store.write(made)
    truth.write(version, peaks, failed)


def check(store: Store, truth: Truth, rng: random.Random) -> None:
    moment, then = rng.choice([(None, truth.current), *truth.past])
    for version, all_peaks in then.items():
        wanted = rng.choice([None, rng.sample(LOGS, rng.randrange(1, 14))])
        peaks = {log: p for log, p in all_peaks.items() if wanted is None or log in wanted}
        rows = store.scan(
            "hard_brakes", version=version, logs=wanted, as_of=moment, rows=definition().rows
        )
        found = rows.collect().sort("log_id", "start_ns")
        assert_frame_equal(found, brakes(peaks))
    check_index(store)


# The number of rows of a file that current results point to; clean files have no others.
_LIES = sa.text(
    """
    SELECT f.path FROM metrics_platform.files f
    LEFT JOIN metrics_platform.results r
        ON r.file_id = f.file_id AND r.superseded_at IS NULL AND r.version_id = f.version_id
    WHERE NOT f.dirty AND f.removed_at IS NULL
    GROUP BY f.file_id HAVING f.row_count <> coalesce(sum(r.row_count), 0)
    """
)
_PLACES = sa.text(
    """
    SELECT f.path, r.partition_key, r.row_offset, r.row_count
    FROM metrics_platform.results r JOIN metrics_platform.files f USING (file_id)
    """
)


def check_index(store: Store) -> None:
    with store.postgres.engine.connect() as connection:
        assert connection.execute(_LIES).all() == []
        places = connection.execute(_PLACES).all()
    read = {path: pl.read_parquet(f"{store.objects.root}/{path}") for path, *_ in places}
    for path, log_id, first, rows in places:
        assert read[path]["log_id"][first : first + rows].to_list() == [log_id] * rows
    assert all(frame["log_id"].is_sorted() for frame in read.values())


def check_objects(store: Store) -> None:
    """There is no object that nobody needs."""
    needed = sa.text("SELECT path FROM metrics_platform.files WHERE removed_at IS NULL")
    with store.postgres.engine.connect() as connection:
        paths = set(connection.scalars(needed))
        referenced = {row.path for row in connection.execute(_PLACES)}
    assert {info.path for page in store.objects.pages("log") for info in page} == paths
    assert paths == referenced


@pytest.mark.parametrize("seed", range(8))
def test_any_order_keeps_what_counts(
    store: Store, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # Files of a few rows, and yet read in slices, taken apart and cut into groups.
    monkeypatch.setattr(compaction, "ROW_GROUP", 3)
    rng, truth = random.Random(seed), Truth()
    for _ in range(40):
        step = rng.random()
        if step < 0.6:
            write(store, truth, rng)
        elif step < 0.85:
            target_bytes = rng.choice([2_000, 3_000, 100_000])
            store.compact(target_bytes=target_bytes, which=rng.choice(KINDS))
        elif step < 0.95:
            store.gc(grace=NOW)
            check_objects(store)
        else:
            store.retain(keep_superseded=NOW)
            truth.past.clear()
        check(store, truth, rng)
    store.retain(keep_superseded=NOW)
    store.compact(which="all")
    store.gc(grace=NOW)
    check_objects(store)
    truth.past.clear()
    for _ in range(5):
        check(store, truth, rng)
