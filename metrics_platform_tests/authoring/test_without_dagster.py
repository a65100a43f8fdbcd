"""Authors need no Dagster, no server and no network: commands and library, where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Not imported: what it refuses, it would refuse here.
SECLUDED = Path(__file__).with_name("secluded.py")
WAYS = '''"""How far the vehicle came."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric


class Ways(MetricFrame):
    """One row per log_id: the way along x."""

    way_m: float = Field(ge=0, description="From the least to the greatest.")

    class Config:
        unique = ["log_id"]


@metric(version="1.0.0", rows=Ways, owner="us", summary={"way_m": pl.col("way_m").first()})
def ways(ego_poses: pl.LazyFrame) -> pl.LazyFrame:
    """From the least x to the greatest.

    Formula: max(x) - min(x).

    Source: none.

    Reference: none.
    """
    x = pl.col("x_m")
    return ego_poses.group_by("log_id").agg(way_m=x.max() - x.min())
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose one metric is found as an installed package's is."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "ours"\n', encoding="utf-8")
    (tmp_path / "our_ways.py").write_text(WAYS, encoding="utf-8")
    about = tmp_path / "ours-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[metrics_platform.definitions]\nours = our_ways\n")
    return tmp_path


def test_authors_work_without_dagster_a_server_or_a_network(project: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("METRICS_PLATFORM_")}
    home = project / "home"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(SECLUDED)],
        cwd=project,
        env={**kept, "PYTHONPATH": str(project), "METRICS_PLATFORM_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((project / "found.json").read_text(encoding="utf-8"))

    assert {name: found[name] for name in ("new", "run", "lock", "check")} == dict.fromkeys(
        ("new", "run", "lock", "check"), 0
    ), done.stdout + done.stderr
    assert found["read"] == pytest.approx(30.0, abs=0.1)
    assert found["refused"] == []
    assert found["noticed"] == [True, True, True]
    assert (project / "metrics.lock").exists()
    assert not home.exists()
