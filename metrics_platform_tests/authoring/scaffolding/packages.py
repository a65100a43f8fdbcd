"""A package of an author's own, found by its entry point: a metric, and helpers below it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metrics_platform.core.catalog import default_catalog
from metrics_platform_tests.core.packages import HEAD, Files, imported

METRIC = '''
from typing import Any
from pandera.polars import Field
from acme.near import scaled


class Ways(MetricFrame):
    """One row per log_id."""

    way_m: float = Field(ge=0)


@metric(version="1.0.0", rows=Ways, owner="acme",
        summary={"way_m": pl.col("way_m").first()})
def acme_way(ego_states: pl.LazyFrame) -> pl.LazyFrame:
    """From the first state to the last."""
    x = pl.col("x_m")
    return ego_states.group_by("log_id").agg(way_m=scaled(x.max() - x.min()))
'''
FILES: Files = {
    "acme/__init__.py": "",
    "acme/metrics/__init__.py": "",
    "acme/metrics/way.py": HEAD + METRIC,
    "acme/near.py": "from acme import far\n\n\ndef scaled(way):\n    return way * far.FACTOR\n",
    "acme/far.py": "FACTOR = 1.0\n",
    "acme/alone.py": "UNUSED = 1\n",
    "acme-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
    "acme-1.0.dist-info/entry_points.txt": (
        "[metrics_platform.definitions]\nacme = acme.metrics\n"
    ),
}


@contextmanager
def installed(folder: Path, files: Files = FILES) -> Iterator[Path]:
    """Have the package found, and forget it and its definitions afterwards."""
    default_catalog.cache_clear()
    try:
        with imported(folder, files, "acme"):
            yield folder / "acme"
    finally:
        default_catalog.cache_clear()


def save(path: Path, old: str, new: str) -> None:
    """Replace a piece of a file, which must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")
