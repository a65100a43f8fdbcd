"""A store with a million indexed results: ten metrics of 100,000 logs."""

import polars as pl

from benchmarks.commits import brakes, computed, log_ids, signal
from metrics_platform.store import Found, ReadLog, Store

LOGS = 100_000
METRICS = 10
# The one metric with enough rows that to scan it is work.
SCANNED = "brakes"
SCANNED_ROWS_PER_LOG = 50
_ROWS_PER_LOG = 2
_LOGS_PER_COMMIT = 1_000
_RELEASES = 20
_DAY_NS = 86_400 * 10**9
_START_NS = 1_767_225_600 * 10**9  # 2026-01-01


def names() -> list[str]:
    """Return the names of the metrics, the scanned one first."""
    return [SCANNED, *(f"{SCANNED}_{number}" for number in range(1, METRICS))]


def fill(store: Store) -> None:
    """Register the logs, and commit all metrics of 1,000 logs at a time, as runs do."""
    ids = pl.select(log_ids(pl.int_range(LOGS))).to_series().to_list()
    signals = [signal(name) for name in names()]
    for first in range(0, LOGS, _LOGS_PER_COMMIT):
        batch = range(first, first + _LOGS_PER_COMMIT)
        store.registry.register([Found(ids[n], f"{ids[n]}.mcap", 10**9, "e") for n in batch])
        store.registry.mark_read([_read(n, ids[n]) for n in batch])
        few = brakes(_LOGS_PER_COMMIT, _ROWS_PER_LOG, first)
        many = brakes(_LOGS_PER_COMMIT, SCANNED_ROWS_PER_LOG, first)
        for of in signals:
            rows = many if of.name == SCANNED else few
            store.write(computed(of, rows), run_id=f"run-{first // _LOGS_PER_COMMIT}")


def _read(number: int, log_id: str) -> ReadLog:
    return ReadLog(
        log_id,
        format="mcap",
        start_ns=_START_NS + number * _DAY_NS // 1_000,
        duration_s=600.0,
        vehicle=f"car-{number % 100}",
        release=f"2026.{number * _RELEASES // LOGS}",
        place=f"place-{number % 7}",
        tags=["night"] if number % 50 == 0 else ["day"],
        content_hash=f"{number:032x}",
    )
