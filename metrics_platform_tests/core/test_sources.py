"""Which names a function reaches, however they are bound, scoped and imported."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from metrics_platform.core.fingerprints import fingerprint
from metrics_platform_tests.core.packages import METRIC, Files, around, edited, imported

FingerprintOf = Callable[[Files], str]


@pytest.fixture
def fingerprint_of(tmp_path: Path) -> FingerprintOf:
    numbers = count()

    def of(files: Files) -> str:
        with imported(tmp_path / str(next(numbers)), files, "acme.brakes") as module:
            return fingerprint(module.hard_brakes, {"ego": "e"})

    return of


@pytest.mark.parametrize(
    ("text", "old", "new", "counts"),
    [
        pytest.param(
            f"if True:\n    A = 1\nelse:\n    A = 2\n{METRIC}    return A",
            "A = 2",
            "A = 3",
            True,
            id="constant-under-else",
        ),
        pytest.param(
            f"if True:\n    A = 1\nelse:\n    A = 2\n{METRIC}    return A",
            "if True",
            "if False",
            True,
            id="condition-of-a-constant",
        ),
        pytest.param(
            f"try:\n    import fast as A\nexcept ImportError:\n    A = 2\n{METRIC}    return A",
            "A = 2",
            "A = 3",
            True,
            id="constant-in-except",
        ),
        pytest.param(
            f"A: int\nif True:\n    A = 1\n{METRIC}    return A",
            "A = 1",
            "A = 2",
            True,
            id="declared-first",
        ),
        pytest.param(
            f"A = {{}}\nA['x'] = 1\n{METRIC}    return A",
            "= 1",
            "= 2",
            True,
            id="item-set-later",
        ),
        pytest.param(
            f"A = {{}}\nA.update(x=1)\n{METRIC}    return A",
            "x=1",
            "x=2",
            True,
            id="method-called",
        ),
        pytest.param(
            f"for i in range(3):\n    A = i\n{METRIC}    return A",
            "range(3)",
            "range(4)",
            True,
            id="set-in-a-loop",
        ),
        pytest.param(
            f"A, B = 1, 2\n{METRIC}    return B",
            "1, 2",
            "1, 3",
            True,
            id="unpacked",
        ),
        pytest.param(
            f"A = 1\n{METRIC}    A = 5\n    return A",
            "A = 1",
            "A = 2",
            False,
            id="local-named-like-a-global",
        ),
        pytest.param(
            f"A = 1\n{METRIC}    return [A for A in ego]",
            "A = 1",
            "A = 2",
            False,
            id="comprehension-variable",
        ),
        pytest.param(
            f"A = 1\n{METRIC}    def g(A):\n        return A\n    return g(1), A",
            "A = 1",
            "A = 2",
            True,
            id="parameter-of-an-inner-function-only",
        ),
        pytest.param(
            f"A = 1\n{METRIC}    return (lambda x: x + A)(2)",
            "A = 1",
            "A = 2",
            True,
            id="in-a-lambda",
        ),
        pytest.param(
            f"A = 1\ndef g(x=A):\n    return x\n{METRIC}    return g()",
            "A = 1",
            "A = 2",
            True,
            id="default-of-a-helper",
        ),
        pytest.param(
            f"class C:\n    x = 1\n    def g(self):\n        return 2\n{METRIC}    return C().g()",
            "return 2",
            "return 3",
            True,
            id="method",
        ),
        pytest.param(
            f"class C:\n    def g(self):\n        it = 2\n        return it\n{METRIC}    C().g()",
            "it",
            "that",
            False,
            id="local-of-a-method-renamed",
        ),
        pytest.param(
            f"class B:\n    x = 1\nclass C(B):\n    '''It.'''\n{METRIC}    return C.x",
            "x = 1",
            "x = 2",
            True,
            id="base-class",
        ),
        pytest.param(
            f"class C:\n    x: int = 1\n{METRIC}    return C",
            "x: int",
            "x: float",
            True,
            id="field-of-a-class",
        ),
        pytest.param(
            f"async def g():\n    '''It.'''\n    return 1\n{METRIC}    return g()",
            "It",
            "That",
            False,
            id="docstring-of-async",
        ),
        pytest.param(
            f"async def g():\n    return 1\n{METRIC}    return g()",
            "return 1",
            "return 2",
            True,
            id="async-helper",
        ),
        pytest.param(
            f"def g(n):\n    return h(n)\ndef h(n):\n    return g(n - 1)\n{METRIC}    return g(2)",
            "n - 1",
            "n - 2",
            True,
            id="mutual-recursion",
        ),
        pytest.param(
            f"A = 1\nB = 2\n{METRIC}    return A - B",
            "A = 1\nB = 2",
            "A = 2\nB = 1",
            True,
            id="values-swapped",
        ),
        pytest.param(
            f"{METRIC}    try:\n        e = 1\n    except KeyError as x:\n        return e\n",
            "return e",
            "return x",
            True,
            id="handler-or-local",
        ),
        pytest.param(
            f"{METRIC}    a = 1\n    b = 2\n    return a",
            "return a",
            "return b",
            True,
            id="which-local",
        ),
        pytest.param(
            f"from acme.star import *\n{METRIC}    return STAR",
            "from acme.star",
            "from acme.other",
            True,
            id="star-import",
        ),
    ],
)
def test_scopes_and_bindings(
    fingerprint_of: FingerprintOf, text: str, old: str, new: str, counts: bool
) -> None:
    text = f"{text}\nhard_brakes = f\n"
    files = {
        "acme/__init__.py": "",
        "acme/star.py": "STAR = 1\n",
        "acme/other.py": "STAR = 2\n",
        "acme/brakes.py": around(text),
    }
    changed = edited({**files, "text": text}, "text", old, new)["text"]
    assert text != changed
    before = fingerprint_of(files)
    after = fingerprint_of({**files, "acme/brakes.py": around(changed)})
    assert (before != after) is counts


@pytest.mark.parametrize(
    ("imports", "use"),
    [
        pytest.param("import acme.deep.inner", "acme.deep.inner.LIMIT", id="import-dotted"),
        pytest.param("import acme.deep.inner as i", "i.LIMIT", id="import-as"),
        pytest.param("import acme", "acme.LIMIT", id="re-export-at-the-top"),
        pytest.param("from acme import deep", "deep.inner.LIMIT", id="package-attribute"),
        pytest.param("from acme.deep import inner", "inner.LIMIT", id="from-package"),
        pytest.param("from acme.deep.inner import LIMIT", "LIMIT", id="from-module"),
        pytest.param("from acme.deep.inner import LIMIT as L", "L", id="from-module-as"),
        pytest.param("from acme.deep import *", "LIMIT", id="star-of-a-package"),
        pytest.param("from .deep.inner import LIMIT", "LIMIT", id="relative"),
        pytest.param("from . import deep", "deep.inner.LIMIT", id="relative-package"),
        pytest.param("from acme.deep import same", "same()", id="function-named-like-its-module"),
        pytest.param("from acme.deep import inner", "getattr(inner, 'LIMIT')", id="module-passed"),
        pytest.param("from acme.space import limits", "limits.LIMIT", id="namespace-package"),
        pytest.param("from acme.cyclic import LIMIT", "LIMIT", id="modules-that-import-each-other"),
    ],
)
def test_a_constant_is_found_however_it_is_reached(
    fingerprint_of: FingerprintOf, imports: str, use: str
) -> None:
    files = {
        "acme/__init__.py": "from acme.deep.inner import LIMIT\n",
        "acme/deep/__init__.py": "from acme.deep.inner import LIMIT\nfrom .same import same\n",
        "acme/deep/inner.py": "LIMIT = 1\n",
        "acme/deep/same.py": "from .inner import LIMIT\n\n\ndef same():\n    return LIMIT\n",
        "acme/space/limits.py": "from acme.deep.inner import LIMIT\n",
        "acme/cyclic.py": "from acme.deep.inner import LIMIT\nfrom acme import brakes\n",
        "acme/brakes.py": around(f"{imports}\n{METRIC}    return {use}\nhard_brakes = f\n"),
    }
    changed = edited(files, "acme/deep/inner.py", "1", "2")
    unused = edited(files, "acme/deep/inner.py", "LIMIT = 1", "LIMIT = 1\nif LIMIT:\n    pass")
    assert fingerprint_of(changed) != fingerprint_of(files)
    assert fingerprint_of(unused) == fingerprint_of(files)


@pytest.mark.parametrize(
    ("imports", "use"),
    [
        pytest.param("from acme.star import STAR as S", "S", id="from"),
        pytest.param("from .star import STAR", "STAR", id="relative"),
        pytest.param("import acme.star", "acme.star.STAR", id="import"),
    ],
)
def test_an_import_inside_of_a_function_is_followed(
    fingerprint_of: FingerprintOf, imports: str, use: str
) -> None:
    files = {
        "acme/__init__.py": "",
        "acme/star.py": "STAR = 1\n",
        "acme/brakes.py": around(f"{METRIC}    {imports}\n    return {use}\nhard_brakes = f\n"),
    }
    assert fingerprint_of(files) != fingerprint_of(edited(files, "acme/star.py", "1", "2"))


def test_values_swapped_between_modules_count(fingerprint_of: FingerprintOf) -> None:
    files = {
        "acme/__init__.py": "",
        "acme/a.py": "LIMIT = 1\n\n\ndef low():\n    return LIMIT\n",
        "acme/b.py": "LIMIT = 2\n\n\ndef high():\n    return LIMIT\n",
        "acme/brakes.py": around(
            "from acme.a import low\nfrom acme.b import high\n"
            f"{METRIC}    return low() - high()\nhard_brakes = f\n"
        ),
    }
    swapped = edited(edited(files, "acme/a.py", "1", "2"), "acme/b.py", "2", "1")
    assert fingerprint_of(swapped) != fingerprint_of(files)
