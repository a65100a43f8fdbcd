"""Definitions are found by looking, and put in an order to compute them in."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from metrics_platform.core import Metric, MetricFrame, Signal
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.errors import DefinitionError, UnknownNameError
from metrics_platform_tests.core.packages import around, imported


class Numbers(MetricFrame):
    """One row per log."""


def _recorded(name: str) -> Signal:
    return Signal(name=name, version="1.0.0", rows=Numbers, owner="tests")


def _metric(name: str, needs: Sequence[str]) -> Metric:
    """Return a metric as its author would write it, with parameters `needs`."""
    scope: dict[str, Any] = {}
    exec(f'def {name}({", ".join(needs)}):\n    """It."""\n    return {needs[0]}\n', scope)
    return Metric(
        name=name,
        version="1.0.0",
        rows=Numbers,
        owner="tests",
        function=scope[name],
        summary={"rows": pl.len()},
    )


def _names(definitions: Sequence[Any]) -> list[str]:
    return [definition.name for definition in definitions]


def test_each_comes_after_what_it_needs() -> None:
    catalog = Catalog(
        [
            _metric("report", ["speeds", "brakes"]),
            _metric("brakes", ["states"]),
            _metric("states", ["poses"]),
            _recorded("speeds"),
            _recorded("poses"),
        ]
    )
    order = _names(list(catalog))
    assert len(catalog) == 5
    assert order.index("poses") < order.index("states") < order.index("brakes")
    assert order.index("report") == 4
    assert sorted(_names(catalog.recorded)) == ["poses", "speeds"]
    assert _names(catalog.derived) == _names(catalog.metrics) == ["states", "brakes", "report"]


def test_upstream_is_what_is_needed_near_and_far_and_no_more() -> None:
    catalog = Catalog(
        [_recorded("a"), _recorded("b"), _metric("c", ["a"]), _metric("d", ["c"]),
         _metric("e", ["b"])]
    )  # fmt: skip
    assert _names(catalog.upstream("d")) == ["a", "c", "d"]
    assert _names(catalog.upstream("a")) == ["a"]


def test_the_order_does_not_depend_on_the_order_of_definition() -> None:
    definitions = [_recorded("a"), _metric("b", ["a"]), _metric("c", ["a"]), _metric("d", ["b"])]
    assert _names(list(Catalog(definitions))) == _names(list(Catalog(definitions[::-1])))


def test_a_cycle_is_shown() -> None:
    definitions = [_metric("a", ["b"]), _metric("b", ["c"]), _metric("c", ["a"])]
    with pytest.raises(DefinitionError, match=r"definitions need each other: \['\w', '\w', '\w'"):
        Catalog(definitions)


def test_an_unknown_dependency_is_named_with_the_nearest() -> None:
    with pytest.raises(
        DefinitionError,
        match=r"brakes needs 'ego_state': no signal or metric .*; did you mean 'ego_states'\?",
    ):
        Catalog([_recorded("ego_states"), _metric("brakes", ["ego_state"])])


def test_two_of_one_name_are_refused_and_one_twice_is_not() -> None:
    first = _recorded("a")
    assert len(Catalog([first, first])) == 1
    with pytest.raises(DefinitionError, match="two definitions are named 'a'"):
        Catalog([first, _recorded("a")])


def test_looking_up_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"named 'trakcs'; did you mean 'tracks'\?"):
        Catalog([_recorded("tracks"), _recorded("poses")])["trakcs"]


def test_an_unknown_name_that_is_near_to_none_is_told_all() -> None:
    with pytest.raises(UnknownNameError, match="there are: poses, tracks"):
        Catalog([_recorded("tracks"), _recorded("poses")])["xyz"]


def test_the_platforms_own_are_found() -> None:
    names = _names(default_catalog().recorded)
    assert {"ego_poses", "recordings", "tracks", "vehicle_speeds"} <= set(names)


@pytest.fixture
def _fresh_catalog() -> Iterator[None]:
    default_catalog.cache_clear()
    yield
    default_catalog.cache_clear()


@pytest.mark.usefixtures("_fresh_catalog")
def test_those_of_installed_packages_are_found(tmp_path: Path) -> None:
    metric = '@metric\ndef {}(ego_poses):\n    """It."""\n    return ego_poses\n'
    files = {
        "acme_metrics/__init__.py": around(metric.format("acme_top")),
        "acme_metrics/braking/__init__.py": "",
        "acme_metrics/braking/deep.py": around(metric.format("acme_deep")),
        "acme_metrics-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
        "acme_metrics-1.0.dist-info/entry_points.txt": (
            "[metrics_platform.definitions]\nacme = acme_metrics\n"
        ),
    }
    with imported(tmp_path, files, "acme_metrics"):
        catalog = default_catalog()
        assert {"acme_top", "acme_deep", "ego_poses"} <= set(_names(list(catalog)))
        assert catalog["acme_top"] is not catalog["acme_deep"]


def test_every_definition_has_a_fingerprint() -> None:
    catalog = default_catalog()
    assert list(catalog.fingerprints) == _names(list(catalog))
