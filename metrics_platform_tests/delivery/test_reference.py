"""The reference is made from the definitions, and the one in the repository is up to date."""

import re
from pathlib import Path

import polars as pl
import pytest
from pandera.polars import Field

from metrics_platform.core import MetricFrame, Signal, metric
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.delivery.reference import reference

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


class Speeds(MetricFrame):
    """One row per log_id, timestamp_ns: speed, as recorded."""

    timestamp_ns: int = Field(description="On the recording's clock.")
    speed_mps: float = Field(ge=0, lt=99.5, nullable=True, description="Over | ground.")

    class Config:
        unique = ["log_id", "timestamp_ns"]


class TopSpeed(MetricFrame):
    """One row per log_id: the greatest speed."""

    top_speed_mps: float = Field(gt=0, description="The greatest.")
    quantity: str = Field(isin=["a", "b"], description="A word.")


speeds = Signal(name="speeds", version="1.2.3", rows=Speeds, owner="testers")


@metric(
    version="2.0.0",
    rows=TopSpeed,
    owner="planners",
    optional=["speeds"],
    summary={"top_speed_mps": pl.col("top_speed_mps").max(), "rows": pl.len()},
    plausible={"top_speed_mps": (0.0, 60.0)},
)
def top_speed(
    speeds: pl.LazyFrame, *, least_mps: float = 0.5, kinds: tuple[str, ...] = ("a",)
) -> pl.LazyFrame:
    """Find the greatest speed; one row per log_id.

    It goes on
    in a second line.

    Formula: max v.

    Source: a paper.

    Reference: none.

    Args:
        speeds: As recorded.
        least_mps: Slower doesn't count,
            says the standard.
        kinds: Which ones.
    """
    return speeds


@pytest.mark.parametrize(
    "line",
    [
        "| [`top_speed`](#top_speed) | log_id | Find the greatest speed. |",
        "| [`speeds`](#speeds) | log_id, timestamp_ns | Speed, as recorded. |",
        "## Metrics of planners",
        "Metric, version 2.0.0, owned by planners. Needs `(speeds)`.",
        "It goes on in a second line.",
        "**Formula.** max v.",
        "| `least_mps` | `0.5` | Slower doesn't count, says the standard. |",
        "| `kinds` | `('a')` | Which ones. |",
        "| `speed_mps` | m/s | ≥ 0, < 99.5, or null | Over \\| ground. |",
        "| `quantity` | String | `a` or `b` | A word. |",
        "Per log: `top_speed_mps` (plausible: at least 0 and at most 60), `rows`.",
    ],
)
def test_it_says(line: str) -> None:
    assert line in reference(Catalog([speeds, top_speed])).splitlines()


def test_all_definitions_are_in_the_repository_as_they_are() -> None:
    catalog = default_catalog()
    made = reference(catalog)
    assert set(re.findall(r"^## (\w+)$", made, re.MULTILINE)) == {d.name for d in catalog}
    assert DOCUMENT.read_text(encoding="utf-8") == made, "run `make docs`"
