"""Safety measures of simulated traffic: how fast, and how near to SUMO's own.

Time: all safety measures of the reference simulation, the signals they are derived from included.
Agreement: traffic freshly simulated with seeds that nothing was tuned on, compared with what SUMO's
SSM device says.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from benchmarks._peers import peer_home
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.compute import compute, compute_chain
from metrics_platform.core.statuses import Computed, Input
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import read_logs
from metrics_platform_tests.data import data_path
from metrics_platform_tests.metrics.sumo import CROSSED, FOLLOWING, conflicts

SEEDS = (7, 1001, 2002)
_LOG = "traffic"
_REPETITIONS = 5
_PAIRS = ("actor_pairs", "lead_vehicles", "path_crossings")
# SUMO prints two decimals.
_NEAR, _PET_NEAR_S = 0.05, 0.1


def run() -> dict[str, float]:
    recorded = _read(data_path("sumo"))
    figures = {
        "rows_count": float(len(recorded["tracks"].rows)),
        "measures_count": float(len(_measures())),
        "safety_sumo_s": min(_seconds(recorded) for _ in range(_REPETITIONS)),
    }
    figures |= _agreement("reference", recorded, data_path("sumo", "a.ssm.xml"))
    [home] = peer_home("sumo").glob("lib/python*/site-packages/sumo")
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            _simulate(home, Path(folder), seed)
            recorded = _read(Path(folder))
            figures |= _agreement(f"seed_{seed}", recorded, Path(folder, "a.ssm.xml"))
    return figures


def _measures() -> list[str]:
    """Return the metrics that look at pairs of road users, whoever wrote them."""
    catalog = default_catalog()
    return [
        metric.name
        for metric in catalog.metrics
        if {d.name for d in catalog.upstream(metric.name)} & set(_PAIRS)
    ]


def _seconds(recorded: dict[str, Computed]) -> float:
    catalog, names = default_catalog(), _measures()
    _ = catalog.fingerprints  # of code, once per process
    started = time.perf_counter()
    compute_chain(catalog, names, recorded, [_LOG])
    return time.perf_counter() - started


def _read(path: Path) -> dict[str, Computed]:
    batch = read_logs({_LOG: path}, ReaderConfig())
    assert not batch.failures, batch.failures
    return dict(batch.signals)


def _simulate(home: Path, folder: Path, seed: int) -> None:
    """Simulate 150 cars for 300 s on a grid with traffic lights, as the reference was."""

    def call(*command: str) -> None:
        # Where SUMO's own schemas are, which it warns about otherwise.
        environment = {**os.environ, "SUMO_HOME": str(home)}
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=environment)

    call(
        str(home / "bin" / "netgenerate"), "--grid", "--grid.number", "3", "--grid.length", "150",
        "-L", "2", "--no-turnarounds", "-j", "traffic_light", "--seed", "42", "-o", "grid.net.xml",
    )  # fmt: skip
    call(
        sys.executable, str(home / "tools" / "randomTrips.py"), "-n", "grid.net.xml", "-e", "180",
        "-p", "1.2", "--seed", str(seed), "-o", "trips.xml", "-r", "routes.rou.xml",
    )  # fmt: skip
    call(
        str(home / "bin" / "sumo"), "-n", "grid.net.xml", "-r", "routes.rou.xml", "--end", "300",
        "--step-length", "0.1", "--device.ssm.probability", "1", "--device.ssm.measures",
        "TTC DRAC PET", "--device.ssm.thresholds", "3.0 3.0 2.0", "--device.ssm.range", "50",
        "--device.ssm.file", "a.ssm.xml", "--fcd-output", "a.fcd.parquet",
        "--fcd-output.acceleration", "--no-step-log", "--no-warnings", "--seed", str(seed),
    )  # fmt: skip
    (folder / "trips.xml").unlink()


def _agreement(name: str, recorded: dict[str, Computed], ssm: Path) -> dict[str, float]:
    return {f"{name}_{key}": value for key, value in _shares(recorded, conflicts(ssm))}


def _shares(recorded: dict[str, Computed], expected: pl.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield how many conflicts there are, and the share of those in which a measure agrees."""
    expected = expected.with_row_index("conflict")
    following = expected.filter(
        pl.col("minTTC_type").is_in(FOLLOWING), pl.col("maxDRAC_type").is_in(FOLLOWING)
    )
    leads = pl.col("minTTC_type") == FOLLOWING[1]
    following = following.with_columns(
        follower=pl.when(leads).then("other_id").otherwise("actor_id"),
        leader=pl.when(leads).then("actor_id").otherwise("other_id"),
    )
    chain = compute_chain(default_catalog(), ["lead_vehicles"], recorded, [_LOG])
    closing = pl.col("actor_speed_mps") - pl.col("other_speed_mps")
    steps = (
        chain["lead_vehicles"]
        .rows.filter(closing > 0)
        .with_columns(ttc_s=pl.col("gap_m") / closing, drac_mps2=closing**2 / (2 * pl.col("gap_m")))
    )
    found = (
        following.join(steps, left_on=["follower", "leader"], right_on=["actor_id", "other_id"])
        .filter(pl.col("timestamp_ns").is_between("begin_ns", "end_ns"))
        .group_by("conflict", "minTTC", "maxDRAC")
        .agg(pl.col("ttc_s").min(), pl.col("drac_mps2").max())
    )
    yield "following_count", float(len(following))
    yield "ttc_ratio", _near(found, "ttc_s", "minTTC", _NEAR, len(following))
    yield "drac_ratio", _near(found, "drac_mps2", "maxDRAC", _NEAR, len(following))
    crossed = expected.filter(pl.col("PET_type") == CROSSED)
    passed = (
        crossed.join(_crossings(recorded), on=["actor_id", "other_id"])
        .filter(pl.col("at_ns").is_between("begin_ns", "end_ns"))
        .group_by("conflict", "PET")
        .agg(pl.col("between_s").min())
    )
    yield "pet_count", float(len(crossed))
    yield "pet_ratio", _near(passed, "between_s", "PET", _PET_NEAR_S, len(crossed))


def _crossings(recorded: dict[str, Computed]) -> pl.DataFrame:
    definition = default_catalog()["path_crossings"]
    chain = compute_chain(default_catalog(), ["ego_states"], recorded, [_LOG])
    inputs = {
        name: Input(chain[name].rows.lazy(), chain[name].outcomes)
        for name in definition.dependencies
    }
    settings = {"configuration": "sumo_1_28"}
    return compute(definition, inputs, [_LOG], fingerprint="", settings=settings).rows


def _near(found: pl.DataFrame, ours: str, theirs: str, within: float, count: int) -> float:
    agrees = found.select(((pl.col(ours) - pl.col(theirs)).abs() <= within).sum()).item()
    return float(agrees) / count
