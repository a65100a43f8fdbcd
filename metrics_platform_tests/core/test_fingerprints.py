"""A fingerprint changes with the code that makes the numbers, and with nothing else."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from metrics_platform.core import Metric
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.errors import DefinitionError
from metrics_platform.core.fingerprints import code_digest, fingerprint
from metrics_platform_tests.core.packages import (
    DECORATED,
    HEAD,
    METRIC,
    Files,
    around,
    edited,
    imported,
)

BRAKES = '''
import polars as pl
from pandera.polars import Field, check

from acme import geometry
from acme.api import scaled
from acme.limits import QUANTILE
from metrics_platform.core import MetricFrame, metric


class HardBrakes(MetricFrame):
    """One row per brake."""

    peak_mps2: float = Field(ge=0)

    @check("peak_mps2")
    def below(cls, data):
        return data.lazyframe.select(pl.col(data.key) < 20)


UNRELATED = 7


@metric(
    version="1.0.0",
    rows=HardBrakes,
    owner="planning",
    summary={"peak_mps2": pl.col("peak_mps2").quantile(QUANTILE)},
    plausible={"peak_mps2": (0, 12)},
    tags=["braking"],
)
def hard_brakes(ego: pl.LazyFrame, *, threshold_mps2: float = 3.0) -> pl.LazyFrame:
    """Brakes harder than a threshold."""
    # The sign says which way.
    braking = ego.filter(pl.col("a") < -threshold_mps2)
    total: int = 0
    peaks = scaled(geometry.strongest(braking))
    return peaks.select("log_id", "peak_mps2")
'''
PACKAGE = {
    "acme/__init__.py": "",
    "acme/limits.py": "QUANTILE = 0.5\nFACTOR = 2.0\nUNUSED = 1\n",
    "acme/geometry.py": (
        "import polars as pl\nimport acme.deep.inner as inner\n\n\n"
        "def unused():\n    return 1\n\n\n"
        "def strongest(frame):\n"
        '    """Return it."""\n'
        "    found = frame.with_columns(peak_mps2=pl.col('a').abs())\n"
        "    return found.filter(pl.col('peak_mps2') > inner.lowest())\n"
    ),
    "acme/deep/__init__.py": "",
    "acme/deep/inner.py": "LOWEST = 0.1\n\n\ndef lowest():\n    return LOWEST\n",
    "acme/api/__init__.py": "from ._scaling import scaled\n",
    "acme/api/_scaling.py": (
        "from functools import wraps\n\nfrom .. import limits\n\n\n"
        "def _noisy(function):\n"
        "    @wraps(function)\n"
        "    def wrapper(frame):\n"
        "        return function(frame).filter(True)\n"
        "    return wrapper\n\n\n"
        "@_noisy\ndef scaled(frame):\n    return frame.with_columns(x=limits.FACTOR)\n"
    ),
    "acme/brakes.py": BRAKES,
}

FingerprintOf = Callable[[Files], str]


@pytest.fixture
def fingerprint_of(tmp_path: Path) -> FingerprintOf:
    numbers = count()

    def of(files: Files) -> str:
        with imported(tmp_path / str(next(numbers)), files, "acme.brakes") as module:
            return fingerprint(module.hard_brakes, {"ego": "e"})

    return of


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        pytest.param("acme/brakes.py", "# The sign says", "# Nothing says", id="comment"),
        pytest.param("acme/brakes.py", '"""Brakes harder than a', '"""Any', id="docstring"),
        pytest.param("acme/brakes.py", '"""One row per', '"""A row per', id="schema-docstring"),
        pytest.param(
            "acme/brakes.py",
            "Field(ge=0)",
            'Field(ge=0, description="Greatest.", title="Peak")',
            id="column-described",
        ),
        pytest.param("acme/geometry.py", '    """Return it."""\n', "", id="helper-docstring"),
        pytest.param(
            "acme/brakes.py", 'ego.filter(pl.col("a")', "ego.filter((pl.col('a'))", id="formatting"
        ),
        pytest.param("acme/brakes.py", "3.0)", "3.00)", id="number-spelling"),
        pytest.param("acme/brakes.py", "braking", "slowing", id="local-renamed"),
        pytest.param("acme/geometry.py", "found", "_found", id="local-of-helper-renamed"),
        pytest.param("acme/brakes.py", "-> pl.LazyFrame:", "-> object:", id="return-annotation"),
        pytest.param("acme/brakes.py", "total: int", "total: object", id="variable-annotation"),
        pytest.param("acme/brakes.py", "total: int", "total", id="variable-unannotated"),
        pytest.param("acme/brakes.py", 'version="1.0.0"', 'version="1.0.1"', id="version"),
        pytest.param("acme/brakes.py", 'owner="planning"', 'owner="qa"', id="owner"),
        pytest.param("acme/brakes.py", "(0, 12)", "(0, 15)", id="plausible"),
        pytest.param("acme/brakes.py", 'tags=["braking"],', "", id="tags"),
        pytest.param("acme/brakes.py", "UNRELATED = 7", "UNRELATED = 8", id="unrelated-constant"),
        pytest.param("acme/limits.py", "UNUSED = 1", "UNUSED = 2", id="unused-elsewhere"),
        pytest.param("acme/geometry.py", "return 1", "return 2", id="unused-helper"),
        pytest.param(
            "acme/limits.py",
            "QUANTILE = 0.5\nFACTOR = 2.0",
            "FACTOR = 2.0\nQUANTILE = .5",
            id="reordered",
        ),
        pytest.param("acme/limits.py", "FACTOR = 2.0", "FACTOR: float = 2.0", id="constant-typed"),
        pytest.param(
            "acme/brakes.py",
            "import polars as pl\n",
            "import polars as pl\nimport json\n",
            id="import-added",
        ),
    ],
)
def test_what_changes_no_value_does_not_count(
    fingerprint_of: FingerprintOf, path: str, old: str, new: str
) -> None:
    assert fingerprint_of(edited(PACKAGE, path, old, new)) == fingerprint_of(PACKAGE)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        pytest.param("acme/brakes.py", "< -threshold", "<= -threshold", id="code"),
        pytest.param("acme/brakes.py", "float = 3.0", "float = 3.5", id="setting"),
        pytest.param("acme/brakes.py", "threshold_mps2", "limit_mps2", id="setting-renamed"),
        pytest.param("acme/brakes.py", "Field(ge=0)", "Field(gt=0)", id="schema-check"),
        pytest.param("acme/brakes.py", "< 20)", "< 21)", id="schema-check-of-its-own"),
        pytest.param("acme/brakes.py", "Field(ge=0)", "Field(ge=0, nullable=True)", id="nullable"),
        pytest.param("acme/brakes.py", "peak_mps2: float", "peak_mps2: pl.Float32", id="type"),
        pytest.param("acme/brakes.py", ".quantile(", ".quantile(1 - ", id="summary"),
        pytest.param("acme/limits.py", "QUANTILE = 0.5", "QUANTILE = 0.9", id="name-in-summary"),
        pytest.param("acme/geometry.py", ".abs()", ".neg()", id="helper-by-module-attribute"),
        pytest.param("acme/deep/inner.py", "LOWEST = 0.1", "LOWEST = 0.2", id="two-modules-away"),
        pytest.param("acme/api/_scaling.py", "x=limits", "y=limits", id="re-exported-helper"),
        pytest.param("acme/api/_scaling.py", "filter(True)", "filter(False)", id="its-decorator"),
        pytest.param("acme/limits.py", "FACTOR = 2.0", "FACTOR = 2.1", id="by-relative-import"),
    ],
)
def test_what_changes_a_value_counts(
    fingerprint_of: FingerprintOf, path: str, old: str, new: str
) -> None:
    assert fingerprint_of(edited(PACKAGE, path, old, new)) != fingerprint_of(PACKAGE)


def test_moving_a_helper_to_another_module_does_not_count(fingerprint_of: FingerprintOf) -> None:
    moved = edited(PACKAGE, "acme/deep/inner.py", PACKAGE["acme/deep/inner.py"], "")
    moved = edited(moved, "acme/geometry.py", "acme.deep.inner as inner", "acme.elsewhere as inner")
    moved["acme/elsewhere.py"] = PACKAGE["acme/deep/inner.py"]
    assert fingerprint_of(moved) == fingerprint_of(PACKAGE)


_ELSEWHERE = {
    "acme/__init__.py": "",
    "other.py": "LIMIT = 1\n",
    "acme/brakes.py": around(f"import other\n{METRIC}    return other.LIMIT\nhard_brakes = f\n"),
}
_ACME_WHEEL = {"acme-1.dist-info/RECORD": "acme/__init__.py,,\nacme/brakes.py,,\nother.py,,\n"}
_TWO_WHEELS = {
    "acme-1.dist-info/RECORD": "acme/__init__.py,,\nacme/brakes.py,,\n",
    "other-1.dist-info/RECORD": "other.py,,\n",
}


@pytest.mark.parametrize(
    ("folder", "records", "counts"),
    [
        pytest.param("src", {}, True, id="editable"),
        pytest.param("lib/site-packages", _ACME_WHEEL, True, id="in-its-wheel"),
        pytest.param("target", _ACME_WHEEL, True, id="in-its-wheel-in-another-folder"),
        pytest.param("lib/site-packages", _TWO_WHEELS, False, id="in-another-wheel"),
        pytest.param("target", _TWO_WHEELS, False, id="in-another-wheel-in-another-folder"),
    ],
)
def test_other_packages_count_where_they_are_of_the_project(
    tmp_path: Path, folder: str, records: Files, counts: bool
) -> None:
    found = []
    for number, limit in enumerate(["1", "2"]):
        files = edited({**_ELSEWHERE, **records}, "other.py", "1", limit)
        with imported(tmp_path / str(number) / folder, files, "acme.brakes") as module:
            found.append(fingerprint(module.hard_brakes, {"ego": "e"}))
    assert (found[0] != found[1]) == counts


def test_a_project_in_editable_form_and_its_wheel_have_one_fingerprint(tmp_path: Path) -> None:
    found = set()
    for folder, records in (("src", {}), ("site-packages", _ACME_WHEEL)):
        files = {**_ELSEWHERE, **records}
        with imported(tmp_path / folder, files, "acme.brakes") as module:
            found.add(fingerprint(module.hard_brakes, {"ego": "e"}))
    assert len(found) == 1


_FACTORY = (
    "def make(limit, name):\n"
    "    count = limit\n"
    "    @metric(version='1.0.0', rows=Numbers, owner='x', summary={name: pl.len()})\n"
    "    def f(ego):\n"
    '        """It."""\n'
    "        return ego.filter(count)\n"
    "    return f\n"
    "hard_brakes = make(pl.col('a') > 1, 'n')\n"
)


@pytest.mark.parametrize(
    ("old", "new"), [("> 1", "> 2"), ("'n'", "'m'")], ids=["closure", "summary"]
)
def test_what_a_factory_was_given_counts(fingerprint_of: FingerprintOf, old: str, new: str) -> None:
    files = {"acme/__init__.py": "", "acme/brakes.py": around(_FACTORY)}
    changed = edited(files, "acme/brakes.py", old, new)
    assert fingerprint_of(files) == fingerprint_of(files)
    assert fingerprint_of(changed) != fingerprint_of(files)


_REGISTER = (
    "TABLE = {}\n"
    "def register(name):\n"
    "    def inner(function):\n"
    "        TABLE[name] = function\n"
    "        return function\n"
    "    return inner\n"
)
_FILLED = {
    "by-a-decorator": f"{_REGISTER}@register('a')\ndef one(ego):\n    return 1\n",
    "by-a-call-of-what-a-decorator-is": (
        f"{_REGISTER}def one(ego):\n    return 1\nregister('a')(one)\n"
    ),
    "by-a-method-as-decorator": (
        "class Table(dict):\n"
        "    def add(self, function):\n"
        "        self['a'] = function\n"
        "TABLE = Table()\n"
        "@TABLE.add\ndef one(ego):\n    return 1\n"
    ),
    "by-a-function-that-gets-it": (
        "def fill(table, value=1):\n    table['a'] = lambda ego: value + 1\n"
        "TABLE = {}\nfill(TABLE)\n"
    ),
    "by-a-function-that-knows-it": (
        "TABLE = {}\ndef fill(value):\n    TABLE['a'] = lambda ego: value\nfill(1)\n"
    ),
}


@pytest.mark.parametrize("text", _FILLED.values(), ids=_FILLED)
def test_what_fills_a_table_counts(fingerprint_of: FingerprintOf, text: str) -> None:
    text += "def unused(ego):\n    return 7\n"
    text += f"{METRIC}    return TABLE['a'](ego)\nhard_brakes = f\n"
    files = {"acme/__init__.py": "", "acme/brakes.py": around(text)}
    for old in ("return 1", "value + 1", "fill(1)"):
        if old in text:
            changed = edited(files, "acme/brakes.py", old, old.replace("1", "2"))
            assert fingerprint_of(changed) != fingerprint_of(files)
    unrelated = edited(files, "acme/brakes.py", "return 7", "return 8")
    assert fingerprint_of(unrelated) == fingerprint_of(files)


_DECLARED_ELSEWHERE = {
    "arguments-of-the-decorator-elsewhere": (
        "SHARED = {'version': '1.0.0', 'rows': Numbers, 'owner': 'x', 'summary': SUMMARY}\n"
        '@metric(**SHARED)\ndef hard_brakes(ego):\n    """It."""\n    return ego\n'
    ),
    "no-decorator": (
        'def f(ego):\n    """It."""\n    return ego\n'
        "hard_brakes = metric(version='1.0.0', rows=Numbers, owner='x', summary=SUMMARY)(f)\n"
    ),
}


@pytest.mark.parametrize("text", _DECLARED_ELSEWHERE.values(), ids=_DECLARED_ELSEWHERE)
def test_a_summary_that_is_declared_elsewhere_counts(
    fingerprint_of: FingerprintOf, text: str
) -> None:
    text = f"SUMMARY = {{'n': pl.len() * 1}}\n{text}"
    files = {"acme/__init__.py": "", "acme/brakes.py": around(text)}
    changed = edited(files, "acme/brakes.py", "* 1", "* 2")
    refactored = edited(files, "acme/brakes.py", "SUMMARY", "SCALARS")
    assert fingerprint_of(refactored) == fingerprint_of(files)
    assert fingerprint_of(changed) != fingerprint_of(files)


def test_the_code_of_a_function_in_a_closure_counts(fingerprint_of: FingerprintOf) -> None:
    text = (
        "def plus(function):\n"
        "    def f(ego):\n"
        '        """It."""\n'
        "        return function(ego)\n"
        "    return f\n"
        "def one(ego):\n    return 1\n"
        "hard_brakes = metric(version='1.0.0', rows=Numbers, owner='x', summary={'n': pl.len()})(\n"
        "    plus(one)\n)\n"
    )
    files = {"acme/__init__.py": "", "acme/brakes.py": around(text)}
    changed = edited(files, "acme/brakes.py", "return 1", "return 2")
    assert fingerprint_of(files) == fingerprint_of(files)
    assert fingerprint_of(changed) != fingerprint_of(files)


_HELD = {
    "partial": ("partial(one)", "return 1"),
    "partial-arguments": ("partial(one, 1)", "(one, 1)"),
    "partial-keywords": ("partial(one, ego=1)", "ego=1"),
    "instance": ("Scale(5)", "self.by + 1"),
    "instance-state": ("Scale(1)", "Scale(1)"),
    "bound-method": ("Scale(5).times", "by * 1"),
    "class": ("Scale", "by * 1"),
    "function-in-a-table": ("{'a': [one]}", "return 1"),
    "frame": ("pl.DataFrame({'a': [*range(50), 1, *range(50)]})", ", 1, "),
    "series": ("pl.Series([*range(50), 1, *range(50)])", ", 1, "),
    "array": ("np.array([*range(2000), 1, *range(2000)])", ", 1, "),
}


@pytest.mark.parametrize(("held", "old"), _HELD.values(), ids=_HELD)
def test_an_object_in_a_closure_counts(fingerprint_of: FingerprintOf, held: str, old: str) -> None:
    text = (
        "from functools import partial\nimport numpy as np\n"
        "def one(ego):\n    return 1\n"
        "class Scale:\n"
        "    def __init__(self, by):\n        self.by = by\n"
        "    def __call__(self, ego):\n        return self.by + 1\n"
        "    def times(self):\n        return self.by * 1\n"
        "    def __repr__(self):\n        return 'Scale'\n"
        "def make(held):\n"
        "    @metric(version='1.0.0', rows=Numbers, owner='x', summary={'n': pl.len()})\n"
        "    def f(ego):\n"
        '        """It."""\n'
        "        return held\n"
        "    return f\n"
        f"hard_brakes = make({held})\n"
    )
    files = {"acme/__init__.py": "", "acme/brakes.py": around(text)}
    changed = edited(files, "acme/brakes.py", old, old.replace("1", "2"))
    assert fingerprint_of(files) == fingerprint_of(files)
    assert fingerprint_of(changed) != fingerprint_of(files)


def test_a_lambda_in_a_closure_is_refused(fingerprint_of: FingerprintOf) -> None:
    text = _FACTORY.replace("pl.col('a') > 1", "lambda ego: ego")
    files = {"acme/__init__.py": "", "acme/brakes.py": around(text)}
    with pytest.raises(DefinitionError, match=r"acme\.brakes, line \d+: a lambda .* with def"):
        fingerprint_of(files)


def test_code_upstream_counts(tmp_path: Path) -> None:
    text = around(
        '@metric\ndef lower(ego):\n    """It."""\n    return ego.head(1)\n'
        '@metric\ndef upper(lower):\n    """It."""\n    return lower\n'
    ).replace("MetricFrame, metric", "MetricFrame, Signal, metric")
    text += 'ego = Signal(name="ego", version="1.0.0", rows=Numbers, owner="x")\n'
    found = []
    for number, version in enumerate([text, text.replace("head(1)", "head(2)")]):
        files = {"acme/__init__.py": "", "acme/brakes.py": version}
        with imported(tmp_path / str(number), files, "acme.brakes") as module:
            catalog = Catalog([module.ego, module.lower, module.upper])
            found.append(catalog.fingerprints)
    assert found[0]["ego"] == found[1]["ego"]
    assert found[0]["upper"] != found[1]["upper"]


def test_an_inner_function_is_the_same_before_and_after_the_one_around_it(tmp_path: Path) -> None:
    around_it = "def outer(x):\n    y: int = x\n    def f(z):\n        return y + z\n    return f\n"
    with imported(tmp_path, {"acme.py": f"{around_it}inner = outer(1)\n"}, "acme") as module:
        before = code_digest(module.inner)
        assert code_digest(module.outer) != before
        assert code_digest(module.inner) == before


def test_many_threads_find_the_same(tmp_path: Path) -> None:
    files = {**PACKAGE, "acme/brakes.py": BRAKES}
    with imported(tmp_path, files, "acme.brakes") as module, ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda _: fingerprint(module.hard_brakes, {"ego": "e"}), range(32))
        assert len(set(found)) == 1


def test_every_process_finds_the_same(tmp_path: Path) -> None:
    """Sets are ordered differently in each process, and objects have other addresses."""
    schema = 'log."""\n\n    kind: str = Field(isin={"a", "b", "c", "d"})'
    (tmp_path / "acme.py").write_text(
        "from pandera.polars import Field\n"
        "from metrics_platform.core.fingerprints import fingerprint\n"
        + HEAD.replace('log."""', schema)
        + DECORATED
        + "def f(ego, *, kinds={'a', 'b'}, keep=pl.col('kind') == 'a', by={'a': {'b', 'c'}}):\n"
        '    """It."""\n'
        "    return ego\n"
        "print(fingerprint(f, {'ego': ''}))\n",
        encoding="utf-8",
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", "import acme"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


def test_a_function_without_source_is_refused() -> None:
    scope: dict[str, Callable[..., object]] = {}
    exec("def f(ego):\n    return ego\n", {"__name__": "nowhere"}, scope)
    with pytest.raises(DefinitionError, match=r"the source of f cannot be found.*in a file"):
        code_digest(scope["f"])


def test_a_file_that_grew_since_its_import_is_read_by_name(tmp_path: Path) -> None:
    files = {
        "acme/__init__.py": "",
        "acme/brakes.py": around(f"{METRIC}    return 1\nhard_brakes = f\n"),
    }
    with imported(tmp_path, files, "acme.brakes") as module:
        before = fingerprint(module.hard_brakes, {"ego": ""})
        (tmp_path / "acme/brakes.py").write_text("\n" * 40 + files["acme/brakes.py"])
        assert fingerprint(module.hard_brakes, {"ego": ""}) == before


def test_a_function_that_is_gone_from_its_file_is_refused(tmp_path: Path) -> None:
    files = {
        "acme/__init__.py": "",
        "acme/brakes.py": around(f"{METRIC}    return 1\nhard_brakes = f\n"),
    }
    with imported(tmp_path, files, "acme.brakes") as module:
        (tmp_path / "acme/brakes.py").write_text("A = 1\n")
        with pytest.raises(DefinitionError, match=r"acme\.brakes has no function 'f' at line"):
            fingerprint(module.hard_brakes, {"ego": ""})


def test_all_that_is_installed_has_a_fingerprint_of_its_own() -> None:
    catalog = default_catalog()
    assert len(set(catalog.fingerprints.values())) == len(catalog)
    assert all(len(found) == 16 for found in catalog.fingerprints.values())


def test_of_many_metrics_what_they_share_is_parsed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = range(20)
    modules = {f"acme/m{n}.py": BRAKES.replace("def hard_brakes", f"def m{n}") for n in numbers}
    lines = [f"from acme.m{n} import m{n}\n" for n in numbers]
    parsed: list[str] = []

    def noted(text: str, path: str = "<unknown>") -> ast.Module:
        parsed.append(path)
        return parse(text, path)

    parse = ast.parse
    with imported(tmp_path, {**PACKAGE, **modules, "acme/all.py": "".join(lines)}, "acme.all") as a:
        metrics = [value for value in vars(a).values() if isinstance(value, Metric)]
        monkeypatch.setattr(ast, "parse", noted)
        found = {fingerprint(made, {"ego": ""}) for made in metrics}
    files = [path for path in parsed if Path(path).is_relative_to(tmp_path)]
    assert len(metrics) == len(found) == len(numbers)
    assert len(files) == len(set(files)) > len(numbers)
