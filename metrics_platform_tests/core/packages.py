"""Packages written to disk and imported for real, for tests of what source code decides."""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

Files = Mapping[str, str]


@contextmanager
def imported(folder: Path, files: Files, module: str) -> Iterator[ModuleType]:
    """Write `files`, import `module` from among them, and forget all of it afterwards."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    tops = {name.partition("/")[0].removesuffix(".py") for name in files}
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    # Bytecode is told from newer source by the second and the size: too coarse for edits by a test.
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield importlib.import_module(module)
    finally:
        sys.dont_write_bytecode = written
        sys.path.remove(str(folder))
        for name in [n for n in sys.modules if n.partition(".")[0] in tops]:
            del sys.modules[name]


def edited(files: Files, path: str, old: str, new: str) -> dict[str, str]:
    """Return `files` with one piece of text replaced by another, which must be there."""
    assert old in files[path], f"{path} has no {old!r}"
    return {**files, path: files[path].replace(old, new)}


HEAD = '''
import polars as pl
from metrics_platform.core import MetricFrame, metric

class Numbers(MetricFrame):
    """One row per log."""

'''
DECORATED = '@metric(version="1.0.0", rows=Numbers, owner="x", summary={"n": pl.len()})\n'
# A metric `f` whose body is still to come.
METRIC = '@metric\ndef f(ego):\n    """It."""\n'


def around(text: str) -> str:
    """Return a module with `text` in it, in which a bare `@metric` is a whole declaration."""
    return HEAD + text.replace("@metric\n", DECORATED)
