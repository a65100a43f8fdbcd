"""What is typed gets the type of the default."""

from typing import Any

import polars as pl
import pytest

from metrics_platform.authoring.trying.setting_values import setting_values
from metrics_platform.core import MetricFrame, metric
from metrics_platform.core.errors import ConfigurationError, UnknownNameError


class Numbers(MetricFrame):
    """One row per log_id."""


@metric(version="1.0.0", rows=Numbers, owner="tests", summary={"rows": pl.len()})
def settled(
    ego_poses: pl.LazyFrame,
    *,
    limit_m: float = 2.0,
    window: int = 5,
    strict: bool = False,
    configuration: str = "usual",
    bands_m: tuple[float, ...] = (0.0, 30.0),
    modes: tuple[str, ...] = ("autonomous",),
    horizon_s: float | None = None,
) -> pl.LazyFrame:
    """Take settings of every kind."""
    return ego_poses.select("log_id").unique()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("limit_m=3", 3.0),
        ("limit_m = 1e-3", 0.001),
        ("window=7", 7),
        ("strict=yes", True),
        ("strict=False", False),
        ("configuration=a=b", "a=b"),
        ("bands_m=0, 10,20", (0.0, 10.0, 20.0)),
        ("bands_m=(5,)", (5.0,)),
        ("modes=manual,remote", ("manual", "remote")),
        ("horizon_s=2.5", 2.5),
        ("horizon_s=None", None),
        ("horizon_s=long", "long"),
    ],
)
def test_a_value_has_the_type_of_the_default(text: str, value: Any) -> None:
    [found] = setting_values(settled, [text]).values()

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["limit_m=far", "window=2.5", "strict=2", "bands_m=a"])
def test_a_value_of_another_type_is_told(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"of settled is an? \w+, such as its default"):
        setting_values(settled, [text])


def test_the_nearest_setting_is_offered() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'window'"):
        setting_values(settled, ["windo=3"])
