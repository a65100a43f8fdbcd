"""Metrics that authors would rather not have written, on the platform's own signals."""

import os
import signal
import time
from pathlib import Path

import polars as pl
from pandera.polars import Field

from metrics_platform.core import Metric, MetricFrame, metric
from metrics_platform.core.catalog import Catalog, default_catalog

FAULTY_LOG = "synthetic_00003"


class SampleCounts(MetricFrame):
    """One row per log_id."""

    sample_count: int = Field(ge=0, description="Samples of the pose.")

    class Config:
        unique = ["log_id"]


def _count(ego_poses: pl.LazyFrame) -> pl.LazyFrame:
    return ego_poses.group_by("log_id").agg(sample_count=pl.len().cast(pl.Int64))


@metric(
    version="1.0.0",
    rows=SampleCounts,
    owner="testing",
    summary={"sample_count": pl.col("sample_count").first()},
    plausible={"sample_count": (0.0, 15.0)},
)
def sample_counts(ego_poses: pl.LazyFrame, *, poisoned: str = FAULTY_LOG) -> pl.LazyFrame:
    """Count samples, and break on one log as code that has never seen it does."""

    def refuse(log_ids: pl.Series) -> pl.Series:
        if poisoned in log_ids.to_list():
            raise ZeroDivisionError(f"no way to count {poisoned}")
        return log_ids

    return _count(ego_poses).with_columns(
        pl.col("log_id").map_batches(refuse, return_dtype=pl.String)
    )


@metric(
    version="1.0.0",
    rows=SampleCounts,
    owner="testing",
    summary={"sample_count": pl.col("sample_count").first()},
)
def counts_after(sample_counts: pl.LazyFrame, tracks: pl.LazyFrame) -> pl.LazyFrame:
    """Count once more, where there are road users: it needs a metric and an optional signal."""
    return sample_counts.join(tracks.select("log_id").unique(), on="log_id")


@metric(
    version="1.0.0",
    rows=SampleCounts,
    owner="testing",
    summary={"sample_count": pl.col("sample_count").first()},
)
def deadly(ego_poses: pl.LazyFrame, *, log: str = FAULTY_LOG) -> pl.LazyFrame:
    """Kill the process on one log, once: as the kernel does where memory runs out."""

    def die(log_ids: pl.Series) -> pl.Series:
        flag = Path(os.environ["METRICS_PLATFORM_HOME"]) / "deadly"
        if log in log_ids.to_list() and flag.exists():
            flag.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return log_ids

    return _count(ego_poses).with_columns(pl.col("log_id").map_batches(die, return_dtype=pl.String))


@metric(
    version="1.0.0",
    rows=SampleCounts,
    owner="testing",
    summary={"sample_count": pl.col("sample_count").first()},
)
def waiting(ego_poses: pl.LazyFrame) -> pl.LazyFrame:
    """Say that it is under way, and go on when told so."""
    home = Path(os.environ["METRICS_PLATFORM_HOME"])
    (home / "under-way").touch()
    for _ in range(200):
        if (home / "go-on").exists():
            return _count(ego_poses)
        time.sleep(0.05)
    raise TimeoutError("nobody said go on")


def catalog_with(*metrics: Metric) -> Catalog:
    """Return a catalog of the recorded signals and `metrics`."""
    return Catalog([*default_catalog().recorded, *metrics])
