"""Reading a fleet: a million indexed results, ten metrics of 100,000 logs.

Everything is written through `Store.write`, 1,000 logs at a time as runs do, and then compacted.
`one_log` and `thousand_logs` are of logs chosen at random: `Store.scan` and `collect`, from asking
the index to the rows. `resolve` is the index alone.

The fleet is 5 million rows of one metric. Two aggregates of them, over whole columns and log by
log, take turns with Polars over one plain Parquet file of the same rows in the same order;
`fleet_vs_plain_parquet_ratio` is the greater of the two ratios of their medians. DuckLake and
Iceberg get the same rows in 100 appends; DuckLake then merges its files, and Iceberg writes them
once more. DuckDB asks DuckLake, Polars asks Iceberg, and each takes turns with Polars over the
plain file.

`ANALYZE` runs once after filling, as autovacuum would a minute later. The plans of all queries of
the index go to build/bench/explain.md.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from benchmarks._explain import explained
from benchmarks._fleet_index import LOGS, SCANNED, SCANNED_ROWS_PER_LOG, fill, names
from benchmarks._peers import run_peer
from benchmarks.commits import brakes, computed, database, log_ids, server, signal
from benchmarks.peers.queries import alternated, one_log, per_log, whole
from metrics_platform.core.settings import Settings
from metrics_platform.store import Store
from metrics_platform.store.ledger import Expected, Needed
from metrics_platform.store.selection import Selection
from metrics_platform.store.upkeep import Upkeep

_VERSION = "1.0.0"
_ONE_LOG_TIMES = 300
_TIMES = 25
_PEERS_LOGS = 30
_PLANS = Path("build/bench/explain.md")


def run() -> dict[str, float]:
    with server() as (home, url):
        settings = Settings(
            home=home,
            root=str(home / "ours"),
            postgres=database(url, "ours").render_as_string(hide_password=False),
        )
        with Store.open(settings) as store:
            figures = _ours(store, home)
            _PLANS.parent.mkdir(parents=True, exist_ok=True)
            _PLANS.write_text(_plans(store))
        chosen = ",".join(_random_logs(_PEERS_LOGS))
        for peer in ("ducklake", "pyiceberg"):
            catalog = database(url, peer).render_as_string(hide_password=False)
            found = run_peer(
                "storage", "reads", peer, catalog, home / peer, home / "plain.parquet", chosen
            )
            ratio = max(found["whole_ratio"], found["per_log_ratio"])
            figures |= {f"{peer}_{name}": value for name, value in found.items()}
            figures[f"{peer}_vs_plain_parquet_ratio"] = ratio
    return figures


def _ours(store: Store, home: Path) -> dict[str, float]:
    started = time.perf_counter()
    fill(store)
    filling_s = time.perf_counter() - started
    plain = home / "plain.parquet"
    brakes(LOGS, SCANNED_ROWS_PER_LOG).write_parquet(plain, compression="zstd")
    store.postgres.query(lambda connection: connection.execute(sa.text("ANALYZE")))
    figures = {"filling_s": filling_s, **_measured(store, plain, "uncompacted_")}
    started = time.perf_counter()
    Upkeep(store.objects, store.postgres).compact(SCANNED, which="all")
    figures["compacting_s"] = time.perf_counter() - started
    return figures | _measured(store, plain, "")


def _measured(store: Store, plain: Path, prefix: str) -> dict[str, float]:
    scan = partial(store.scan, SCANNED)
    one = _random_logs(_ONE_LOG_TIMES)
    seconds = {
        "one_log": one_log(lambda log: scan(version=_VERSION, logs=[log]).collect(), one),
        "one_log_newest_version": one_log(lambda log: scan(logs=[log]).collect(), one),
        "resolve_one_log": _median(lambda: scan(version=_VERSION, logs=_random_logs(1))),
        "thousand_logs": _median(
            lambda: scan(version=_VERSION, logs=_random_logs(1_000)).collect()
        ),
        "resolve_thousand_logs": _median(lambda: scan(version=_VERSION, logs=_random_logs(1_000))),
        "resolve_fleet": _median(lambda: scan(version=_VERSION)),
    }
    figures = {f"{prefix}{name}_p50_ms": took * 1e3 for name, took in seconds.items()}
    ratios = []
    for name, query in (("whole", whole), ("per_log", per_log)):
        ours_s, plain_s = alternated(
            lambda query=query: query(scan(version=_VERSION)).collect(),
            lambda query=query: query(pl.scan_parquet(plain)).collect(),
        )
        ratios.append(ours_s / plain_s)
        figures[f"{prefix}fleet_{name}_ms"] = ours_s * 1e3
        figures[f"{prefix}fleet_{name}_ratio"] = ours_s / plain_s
    assert scan().select(pl.len()).collect().item() == LOGS * SCANNED_ROWS_PER_LOG
    return figures | {f"{prefix}fleet_vs_plain_parquet_ratio": max(ratios)}


def _plans(store: Store) -> str:
    other = signal(names()[1])
    again = brakes(1_000, 2).with_columns(duration_s=pl.lit(1.0))
    now = datetime.now(UTC)
    store.write(computed(other, again))
    one, thousand = _random_logs(1), _random_logs(1_000)
    release = Selection(releases=["2026.7"])
    night = Selection(tags=["night"])
    day = datetime(2026, 2, 1, tzinfo=UTC)
    in_time = Selection(since=day, until=day + timedelta(days=1))
    needed = [Needed(names()[1], _VERSION)]
    expected = [
        Expected(names()[1], _VERSION, "f" * 32),
        Expected(SCANNED, _VERSION, "f" * 32, needed),
    ]
    scan = partial(store.scan, SCANNED, version=_VERSION)
    new = _fresh_logs()
    calls: dict[str, Callable[[], Any]] = {
        "scan of one log": lambda: scan(logs=one),
        "scan of one log, version not given": lambda: store.scan(SCANNED, logs=one),
        "scan of a thousand chosen logs": lambda: scan(logs=thousand),
        "scan of the fleet": scan,
        "scan of a release": lambda: scan(where=release),
        "scan by a tag": lambda: scan(where=night),
        "scan by time": lambda: scan(where=in_time),
        "scan of one log, as of": lambda: scan(logs=one, as_of=now),
        "scan of the fleet, as of": lambda: store.scan(names()[1], version=_VERSION, as_of=now),
        "summary of a release": lambda: store.summary(SCANNED, version=_VERSION, where=release),
        "outcomes of a thousand logs": lambda: store.outcomes(
            SCANNED, version=_VERSION, logs=thousand
        ),
        "row_counts of a thousand logs": lambda: store.row_counts(names(), thousand),
        "history of a log": lambda: store.history(SCANNED, one[0]),
        "catalog": store.catalog,
        "ledger": lambda: store.ledger(expected),
        "write of one new log": lambda: store.write(next(new)),
        "write of one log with another result": lambda: store.write(next(new)),
    }
    parts = []
    for title, call in calls.items():
        parts.append(f"## {title}\n\n{explained(store.postgres.engine, call)}\n")
    return "\n".join(parts)


def _fresh_logs() -> Any:
    """Yield two new logs, and then a log of the fleet with other and yet other results."""
    of = signal(names()[2])
    for number in (LOGS, LOGS + 1):
        yield computed(of, brakes(1, 2, number))
    for seconds in (1.0, 2.0):
        yield computed(of, brakes(1, 2, 77).with_columns(duration_s=pl.lit(seconds)))


_random = random.Random(4)


def _random_logs(count: int) -> list[str]:
    numbers = pl.Series(_random.sample(range(LOGS), count))
    return pl.select(log_ids(pl.lit(numbers))).to_series().to_list()


def _median(call: Callable[[], Any]) -> float:
    (seconds,) = alternated(call, times=_TIMES)
    return seconds
