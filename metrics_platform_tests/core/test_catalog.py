"""Definitions are found by looking, and put in an order to compute them in."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from packaging.specifiers import SpecifierSet

from metrics_platform.core import Definition, Metric, MetricFrame, Signal
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.errors import DefinitionError, UnknownNameError
from metrics_platform_tests.core.packages import DECORATED, around, imported


class Numbers(MetricFrame):
    """One row per log."""


def _recorded(name: str) -> Signal:
    return Signal(name=name, version="1.0.0", rows=Numbers, owner="tests")


def _metric(name: str, needs: Sequence[str], **declaration: Any) -> Metric:
    """Return a metric as its author would write it, with parameters `needs`."""
    scope: dict[str, Any] = {}
    said = {"version": "1.0.0", **declaration}
    if "requires" in said:
        said["requires"] = {of: SpecifierSet(text) for of, text in said["requires"].items()}
    exec(f'def {name}({", ".join(needs)}):\n    """It."""\n    return {needs[0]}\n', scope)
    return Metric(
        name=name,
        rows=Numbers,
        owner="tests",
        function=scope[name],
        summary={"rows": pl.len()},
        **said,
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


def test_downstream_is_what_needs_it_near_and_far_and_not_itself() -> None:
    catalog = Catalog(
        [_recorded("a"), _recorded("b"), _metric("c", ["a"]), _metric("d", ["c"]),
         _metric("e", ["b"]), _metric("f", ["e", "d"])]
    )  # fmt: skip
    assert _names(catalog.downstream("a")) == ["c", "d", "f"]
    assert _names(catalog.downstream("e", "d")) == ["f"]
    assert _names(catalog.downstream("f")) == []
    with pytest.raises(UnknownNameError, match="named 'aa'"):
        catalog.downstream("aa")


def test_what_is_required_and_not_there_is_told_of_each_consumer() -> None:
    catalog = Catalog(
        [_recorded("a"), _metric("b", ["a"], requires={"a": ">=1,<2"}),
         _metric("c", ["a", "b"], requires={"a": "<1", "b": ">=2"}),
         _metric("b", ["a"], version="2.0.0", requires={"a": ">1"}, shadow=True)]
    )  # fmt: skip
    assert catalog.unmet() == {
        ("c", "a"): "c 1.0.0 requires a <1, and a is 1.0.0",
        ("c", "b"): "c 1.0.0 requires b >=2, and b is 1.0.0",
        ("b", "a"): "b 2.0.0 requires a >1, and a is 1.0.0",
    }
    with pytest.raises(DefinitionError, match=r"requires a <1, .*; c 1\.0\.0 requires b >=2"):
        catalog.check_requirements()


def test_requirements_that_hold_are_no_error() -> None:
    catalog = Catalog([_recorded("a"), _metric("b", ["a"], requires={"a": ">=1,<2"})])
    assert catalog.unmet() == {}
    catalog.check_requirements()
    default_catalog().check_requirements()


def test_a_shadow_stands_aside() -> None:
    shadow = _metric("b", ["a"], version="2.0.0", shadow=True)
    catalog = Catalog([shadow, _recorded("a"), _metric("b", ["a"]), _metric("c", ["b"])])
    assert catalog["b"].version == "1.0.0"
    assert _names(list(catalog)) == ["a", "b", "c"]
    assert catalog.shadows == {"b": shadow}
    assert [of.label for of in catalog.with_shadows] == ["a", "b", "c", "shadow/b"]


def test_a_shadow_is_told_from_its_metric_by_its_label() -> None:
    shadow = _metric("b", ["a"], version="2.0.0", shadow=True)
    catalog = Catalog([shadow, _recorded("a"), _recorded("x"), _metric("b", ["x"])])

    assert catalog.labelled("shadow/b") is shadow
    assert catalog.labelled("b") is catalog["b"]
    assert [of.label for of in catalog.upstream("shadow/b")] == ["a", "shadow/b"]
    assert [of.label for of in catalog.upstream("b")] == ["x", "b"]
    assert [of.label for of in catalog.upstream("shadow/b", "b")] == ["a", "x", "b", "shadow/b"]
    with pytest.raises(UnknownNameError, match="did you mean 'shadow/b'"):
        catalog.labelled("shadow/bb")
    with pytest.raises(UnknownNameError):
        catalog.upstream("shadow/a")


@pytest.mark.parametrize(
    ("definitions", "message"),
    [
        pytest.param(
            [_recorded("poses"), _metric("pose", ["poses"], shadow=True)],
            r"a shadow is declared of 'pose': no metric named 'pose'; did you mean 'poses'\?",
            id="of-nothing",
        ),
        pytest.param(
            [_recorded("a"), _metric("b", ["a"]), _metric("b", ["a"], shadow=True)],
            r"b and its shadow are both 1\.0\.0: the shadow needs another version",
            id="of-the-same-version",
        ),
        pytest.param(
            [_recorded("a"), _metric("b", ["a"]), _metric("b", ["a"], version="2.0.0", shadow=True),
             _metric("b", ["a"], version="3.0.0", shadow=True)],
            r"two shadows are of 'b'",
            id="twice",
        ),
        pytest.param(
            [_recorded("a"), _metric("b", ["a"]),
             _metric("b", ["aa"], version="2.0.0", shadow=True)],
            r"b needs 'aa': no signal or metric named 'aa'",
            id="that-needs-what-is-not-there",
        ),
    ],
)  # fmt: skip
def test_an_unsound_shadow_is_refused(definitions: list[Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        Catalog(definitions)


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


@pytest.mark.usefixtures("_fresh_catalog")
def test_a_parameter_misspelt_in_an_installed_package_offers_the_nearest(tmp_path: Path) -> None:
    metric = '@metric\ndef acme_brakes(ego_state):\n    """It."""\n    return ego_state\n'
    files = {
        "acme_brakes/__init__.py": around(metric),
        "acme_brakes-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
        "acme_brakes-1.0.dist-info/entry_points.txt": (
            "[metrics_platform.definitions]\nacme = acme_brakes\n"
        ),
    }
    with (
        imported(tmp_path, files, "acme_brakes"),
        pytest.raises(DefinitionError, match=r"acme_brakes needs 'ego_state': .* 'ego_states'\?"),
    ):
        default_catalog()


_BROKEN = {
    "NameError": ("\nLIMIT = LOWEST\n", r"NameError: name 'LOWEST' is not defined"),
    "ImportError": ("\nimport acme_nowhere\n", r"ModuleNotFoundError: No module named 'acme_nowh"),
    "SyntaxError": ("\ndef f(:\n", "SyntaxError: invalid syntax"),
    "TypeError": ("\nlen(1)\n", "TypeError: object of type 'int' has no len"),
    "DefinitionError": (
        f"{around('').strip()}\n@metric(version='1', rows=Numbers, owner='x', summary={{}})\n"
        "def acme_slow(ego_poses):\n    return ego_poses\n",
        "metric 'acme_slow': version must be",
    ),
    "argument-forgotten": (
        f"{around('').strip()}\n@metric(rows=Numbers, owner='x', summary={{}})\n"
        "def acme_slow(ego_poses):\n    return ego_poses\n",
        r"@metric is missing a required argument: 'version'; it takes @metric\(version=\"1.0.0\", ",
    ),
}


@pytest.mark.usefixtures("_fresh_catalog")
@pytest.mark.parametrize(("text", "message"), _BROKEN.values(), ids=_BROKEN)
def test_what_goes_wrong_in_a_package_is_told_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    files = {
        "acme_broken/__init__.py": "",
        "acme_broken/slow.py": text,
        "acme_broken-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
        "acme_broken-1.0.dist-info/entry_points.txt": (
            "[metrics_platform.definitions]\nacme = acme_broken\n"
        ),
    }
    with (
        imported(tmp_path, files, "acme_broken"),
        pytest.raises(DefinitionError, match=rf"^acme_broken/slow\.py, line \d+: {message}"),
    ):
        default_catalog()


@pytest.mark.usefixtures("_fresh_catalog")
def test_a_package_that_is_gone_is_named(tmp_path: Path) -> None:
    files = {
        "acme.py": "",
        "acme_gone-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
        "acme_gone-1.0.dist-info/entry_points.txt": (
            "[metrics_platform.definitions]\nacme = acme_gone\n"
        ),
    }
    with (
        imported(tmp_path, files, "acme"),
        pytest.raises(
            DefinitionError, match=r"^the package acme_gone cannot be imported: ModuleNotFoundError"
        ),
    ):
        default_catalog()


def test_every_definition_has_a_fingerprint() -> None:
    catalog = default_catalog()
    assert list(catalog.fingerprints) == _names(list(catalog))


CHAIN = around(
    'ego = Signal(name="ego", version="1.0.0", rows=Numbers, owner="x")\n'
    '@metric\ndef lower(ego):\n    """It."""\n    return ego.head(1)\n'
    '@metric\ndef upper(lower):\n    """It."""\n    return lower\n'
).replace("MetricFrame, metric", "MetricFrame, Signal, metric")
SHADOW = (
    DECORATED.replace("1.0.0", "2.0.0").replace(")\n", ", shadow_of='lower')\n")
    + 'def lower_next(ego):\n    """It."""\n    return ego.head(2)\n'
)


def _catalog_of(folder: Path, text: str) -> Catalog:
    with imported(folder, {"acme.py": text}, "acme") as module:
        catalog = Catalog(value for value in vars(module).values() if isinstance(value, Definition))
        # The source is looked at now, while it is there.
        assert len({*catalog.fingerprints, *catalog.own_fingerprints}) == 3
        assert len(catalog.shadow_fingerprints) == len(catalog.shadows)
    return catalog


def test_an_own_fingerprint_leaves_out_what_is_upstream(tmp_path: Path) -> None:
    before = _catalog_of(tmp_path / "0", CHAIN)
    after = _catalog_of(tmp_path / "1", CHAIN.replace("head(1)", "head(2)"))
    assert before.fingerprints["upper"] != after.fingerprints["upper"]
    assert before.own_fingerprints["upper"] == after.own_fingerprints["upper"]
    assert before.own_fingerprints["lower"] != after.own_fingerprints["lower"]


def test_a_shadow_that_takes_the_place_of_its_metric_keeps_its_fingerprint(tmp_path: Path) -> None:
    beside = _catalog_of(tmp_path / "0", CHAIN + SHADOW)
    promoted = _catalog_of(tmp_path / "1", CHAIN.replace("head(1)", "head(2)"))
    assert beside.shadow_fingerprints == {"lower": promoted.fingerprints["lower"]}
    assert beside.fingerprints == _catalog_of(tmp_path / "2", CHAIN).fingerprints
    assert beside.fingerprints["lower"] != promoted.fingerprints["lower"]
