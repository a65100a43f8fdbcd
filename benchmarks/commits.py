"""Small results committed by many processes at once, against the ways people would use otherwise.

4,000 results of 50 rows, each of another log, by 1, 4, 16 and 64 processes, as runs do it: any
number of processes commit at the same time. Rows are prepared beforehand. The time of a commit is
that of `Store.write`: validation, content hash, summary, the object on disk (fsync), the index.

All sides write to the same file system, and those with a catalog in Postgres to the same server
with default settings (fsync on), each in a database of its own. They are retried as their manuals
say. Those that take longer commit fewer results: nobody begins a commit after the budget. `lost`
counts commits that were acknowledged and cannot be read back; `failed` those that raised an error,
for the caller to do again; `doubled` the logs that have their rows twice.

`ducklake_inlined` keeps the 50 rows in Postgres and writes no Parquet. `dagster_polars` is the
Parquet IO manager of Dagster's community: a file per partition, with no index, no commit that
readers could rely on, no history and no fsync. So it isn't among the peers of `ratio_16`.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
import sqlalchemy as sa
from pandera.polars import Field

from benchmarks._peers import run_peer
from benchmarks.peers.writers import ALL_LOGS, LOGS, ROWS_PER_LOG, WRITERS, race
from metrics_platform.core import Computed, MetricFrame, Signal
from metrics_platform.core.compute import summarise
from metrics_platform.core.settings import Settings
from metrics_platform.core.statuses import COMPUTED
from metrics_platform.store import Store
from metrics_platform.store.embedded import embedded_url, stop_embedded

_PEERS = ("ducklake", "ducklake_inlined", "pyiceberg", "delta_rs")
_PEERS_BUDGET_S = 8.0
_OUR_BUDGET_S = 600.0
_COLUMNS = ("per_s", "p50_ms", "p99_ms", "cpu_ms", "commits", "failed", "lost", "doubled")


class Brakes(MetricFrame):
    """One row per log_id, start_ns."""

    start_ns: int = Field(ge=0)
    duration_s: float = Field(ge=0)
    peak_deceleration_mps2: float = Field(ge=0)
    cause: str

    class Config:
        unique = ["log_id", "start_ns"]


def run() -> dict[str, float]:
    with server() as (home, url):
        given = home / "rows.parquet"
        brakes(ALL_LOGS, ROWS_PER_LOG).write_parquet(given)
        settings = Settings(
            home=home,
            root=str(home / "ours"),
            postgres=database(url, "ours").render_as_string(hide_password=False),
        )
        _head()
        sides = {"ours": _printed("ours", _ours(settings, given))}
        for peer in _PEERS:
            catalog = database(url, peer).render_as_string(hide_password=False)
            arguments = ("commits", peer, catalog, home / peer, given, _PEERS_BUDGET_S)
            sides[peer] = _printed(peer, run_peer("storage", *arguments))
        arguments = (home / "dagster_polars", given, _PEERS_BUDGET_S)
        sides["dagster_polars"] = _printed(
            "dagster_polars", run_peer("dagster_parquet", *arguments)
        )
    figures = {f"{side}_{name}": value for side, of in sides.items() for name, value in of.items()}
    best = max(sides[peer]["per_s_16"] for peer in _PEERS)
    return figures | {
        "best_peer_per_s_16": best,
        "ratio_16": sides["ours"]["per_s_16"] / best,
        "lost_64": sides["ours"]["lost_64"],
    }


@contextmanager
def server() -> Iterator[tuple[Path, sa.URL]]:
    """Run a Postgres of this benchmark, and yield its folder, which has room for more, and URL."""
    with tempfile.TemporaryDirectory(prefix="mp-bench-") as folder:
        home = Path(folder)
        url = embedded_url(home)
        try:
            yield home, url
        finally:
            stop_embedded(home)


def database(url: sa.URL, name: str) -> sa.URL:
    """Make an empty database and return its URL."""
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return url.set(database=name)


def brakes(logs: int, rows_per_log: int, first: int = 0) -> pl.DataFrame:
    """Return made-up rows of `logs` logs, sorted by log."""
    row = pl.int_range(logs * rows_per_log, dtype=pl.Int64, eager=True)
    log, at = row // rows_per_log + first, row % rows_per_log
    noise = (row + first * rows_per_log).hash(seed=7) % 10_000
    return pl.DataFrame({"log": log, "at": at, "noise": noise}).select(
        log_id=log_ids(pl.col("log")),
        start_ns=pl.col("at") * 100_000_000 + pl.col("noise").cast(pl.Int64),
        duration_s=pl.col("noise") / 2_500,
        peak_deceleration_mps2=3 + pl.col("noise") / 1_000,
        cause=pl.concat_str(pl.lit("cause "), pl.col("noise") % 7),
    )


def log_ids(numbers: pl.Expr) -> pl.Expr:
    """Return ids that sort as their numbers do."""
    return pl.format("drive-{}", numbers.cast(pl.String).str.zfill(6))


def signal(name: str) -> Signal:
    """Return a definition whose rows are `brakes`."""
    peak = pl.col("peak_deceleration_mps2").max()
    summary = {"events": pl.len(), "peak_deceleration_mps2": peak}
    return Signal(name=name, version="1.0.0", rows=Brakes, owner="planning", summary=summary)


def computed(of: Signal, rows: pl.DataFrame) -> Computed:
    """Return `rows` as a computed batch of their logs."""
    logs = rows["log_id"].unique(maintain_order=True).to_list()
    return Computed(
        definition=of,
        rows=rows,
        outcomes=dict.fromkeys(logs, COMPUTED),
        summary=summarise(of, rows, logs),
        fingerprints=dict.fromkeys(logs, "f" * 32),
        input_hashes=dict.fromkeys(logs, "i" * 32),
    )


@dataclass
class _Ours:
    store: Store
    rows: pl.DataFrame

    def prepare(self, table: str, log: int) -> Computed:
        return computed(signal(table), self.rows.slice(log * ROWS_PER_LOG, ROWS_PER_LOG))

    def commit(self, table: str, prepared: Computed) -> None:
        self.store.write(prepared)


def _open(settings: Settings, given: Path) -> _Ours:
    return _Ours(Store.open(settings), pl.read_parquet(given))


def _ours(settings: Settings, given: Path) -> dict[str, float]:
    with Store.open(settings) as store:

        def read_back(table: str) -> dict[int, int]:
            counts = store.scan(table).group_by("log_id").len().collect()
            assert len(store.outcomes(table)) == len(counts)
            return {int(log.rpartition("-")[2]): rows for log, rows in counts.iter_rows()}

        return race(partial(_open, settings, given), lambda table: None, read_back, _OUR_BUDGET_S)


def _head() -> None:
    print(f"{LOGS} commits of {ROWS_PER_LOG} rows, those of peers within {_PEERS_BUDGET_S:g} s")
    print(f"{'':<18}{'writers':>8}" + "".join(f"{column:>10}" for column in _COLUMNS))


def _printed(side: str, found: dict[str, float]) -> dict[str, float]:
    for writers in WRITERS:
        values = "".join(f"{found[f'{column}_{writers}']:>10,.1f}" for column in _COLUMNS)
        print(f"{side:<18}{writers:>8}{values}", flush=True)
    return found
