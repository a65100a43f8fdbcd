"""A project of two metrics on disk, and a corpus of three short logs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from metrics_platform.authoring.corpora import Corpus
from metrics_platform.authoring.locking.working_tree import WorkingTree
from metrics_platform.authoring.project import find_project
from metrics_platform.core.catalog import ENTRY_POINT_GROUP, Catalog, default_catalog
from metrics_platform.core.definitions import Definition
from metrics_platform.testing.inputs import computed_of, log_ids_of
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.core.packages import Files, imported

METRICS = '''"""How far the vehicle came."""

import polars as pl
from pandera.polars import Field

from metrics_platform.core import MetricFrame, metric

FAR_M = 20.0


class Ways(MetricFrame):
    """One row per log_id."""

    way_m: float = Field(description="Along x.")


class FarWays(MetricFrame):
    """One row per log_id that came far."""

    way_m: float = Field(description="More than the threshold.")


@metric(
    version="1.0.0",
    rows=Ways,
    owner="robots",
    summary={"way_m": pl.col("way_m").first()},
)
def ways(ego_poses: pl.LazyFrame) -> pl.LazyFrame:
    """From the first pose to the last."""
    x = pl.col("x_m")
    return ego_poses.group_by("log_id").agg(way_m=x.max() - x.min())


@metric(
    version="1.2.3",
    rows=FarWays,
    owner="robots",
    summary={"far": pl.len()},
    requires={"ways": "<2"},
)
def far_ways(ways: pl.LazyFrame) -> pl.LazyFrame:
    """Those beyond the threshold."""
    return ways.filter(pl.col("way_m") > FAR_M)
'''
FILES: Files = {
    "pyproject.toml": '[project]\nname = "robots"\nversion = "1"\n',
    "robots/__init__.py": "",
    "robots/metrics.py": METRICS,
}


def changed(*texts: tuple[str, str]) -> Files:
    """Return the project with pieces of its metrics replaced."""
    text = METRICS
    for old, new in texts:
        assert old in text, f"no {old!r}"
        text = text.replace(old, new)
    return {**FILES, "robots/metrics.py": text}


def logs(**speeds_mps: float) -> Corpus:
    """Return a corpus of logs of two seconds, by the speed in each."""
    parts = [
        scenario("cruise", log_id=log_id, seconds=2, speed_mps=speed)
        for log_id, speed in speeds_mps.items()
    ]
    frames = {name: pl.concat([part[name] for part in parts]) for name in parts[0]}
    return Corpus("short", computed_of(frames), log_ids_of(frames))


# They come 16, 20 and 40 m far.
CORPUS = logs(slow=8.0, usual=10.0, fast=20.0)


@contextmanager
def tree_of(
    root: Path,
    files: Files = FILES,
    *,
    corpus: Corpus = CORPUS,
    environment: Mapping[str, str] | None = None,
) -> Iterator[WorkingTree]:
    """Write the project, import it, and look at it as `check` does."""
    with imported(root, files, "robots.metrics") as module:
        found = [value for value in vars(module).values() if isinstance(value, Definition)]
        catalog = Catalog([*default_catalog().recorded, *found])
        project = find_project(root)
        yield WorkingTree(
            project,
            catalog,
            project.definitions(catalog),
            environment or {"polars": "2"},
            "/".join(corpus.log_ids),
            load=lambda _project, _needed: corpus,
        )


@contextmanager
def installed(root: Path, files: Files = FILES) -> Iterator[None]:
    """Write the project and install it, so that its entry point is found, as long as it lasts."""
    distribution = {
        "robots-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: robots\nVersion: 1\n",
        "robots-1.dist-info/entry_points.txt": (
            f"[{ENTRY_POINT_GROUP}]\nrobots = robots.metrics\n"
        ),
    }
    with (
        imported(root, {**files, **distribution}, "robots.metrics"),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.chdir(root / "robots")
        default_catalog.cache_clear()
        try:
            yield
        finally:
            default_catalog.cache_clear()


def written(root: Path) -> Files:
    """Return the project as it is on disk by now."""
    return {name: (root / name).read_text(encoding="utf-8") for name in FILES}
