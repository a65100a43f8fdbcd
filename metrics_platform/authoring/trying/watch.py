"""Running a metric again at each save, in one process that keeps what hasn't changed."""

import ast
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

from metrics_platform.authoring.trying.modules import Modules
from metrics_platform.core.errors import MetricsPlatformError

POLL_S = 0.1
# Of these, what is read from a recording or made up follows.
_READING = ("metrics_platform.readers", "metrics_platform.testing")


class StartAnewError(MetricsPlatformError):
    """A module has changed that this process itself runs on: only a new one can have it."""


def watch(
    modules: Modules,
    again: Callable[[frozenset[Path], bool], bool],
    *,
    runner: str,
    good: bool = True,
    wait: Callable[[], None] = lambda: time.sleep(POLL_S),
) -> None:
    """Call `again` after each save, until somebody interrupts.

    Args:
        modules: Whose files are looked at.
        again: Gets the files that were written, and whether code that reads recordings has
            changed with them. Returns whether it went well; whatever goes wrong, it has to tell.
        runner: Module of the command that runs; what it imports cannot be exchanged.
        good: Whether it went well before.
        wait: For the next look.

    Raises:
        StartAnewError: What was saved cannot be exchanged in this process.
        SyntaxError: Nor is it Python.
    """
    # Bytecode is told from newer source by the second and the size: too coarse for one save after
    # another.
    sys.dont_write_bytecode = True
    # Files are looked through now, so that the first save needn't wait for it.
    modules.needed_by(runner)
    while True:
        wait()
        if not (changed := modules.changed()):
            continue
        running = modules.needed_by(runner)
        affected = modules.affected(changed, running)
        if not affected.isdisjoint(running):
            names = sorted(path.name for path in changed)
            for path in changed:
                # A new process would end at once.
                ast.parse(path.read_text(encoding="utf-8"), str(path))
            raise StartAnewError(f"{', '.join(names)} was saved")
        modules.forget(affected, changed)
        # A file that no module was made of may be what was missing.
        if affected or not good:
            good = again(changed, any(name.startswith(_READING) for name in affected))


def told(error: Exception, folders: Iterable[Path]) -> str:
    """Return what an author needs to know of an error: what it is, and where in their code.

    Args:
        error: Any.
        folders: Where their code is; the innermost line of it is named.
    """
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    text = str(error)
    if not isinstance(error, MetricsPlatformError):
        text = f"{type(error).__name__}: {text}"
    roots = [os.fspath(folder) for folder in folders]
    lines = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if any(frame.filename.startswith(f"{root}{os.sep}") for root in roots)
    ]
    if lines and not isinstance(error, MetricsPlatformError):
        return f"{lines[-1].filename}, line {lines[-1].lineno}: {text}"
    return text
