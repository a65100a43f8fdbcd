"""In a copy of the library: `lock` writes its lock, `try` says what finds a fault in it.

A definition counts as found where `check` says other values or another contract of it; that its
code has changed is no finding. Of those whose own code has changed, the conformance checks are run
on the first few.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

_CONFORMING = 3
_SHOWN = 160


def main() -> None:
    what, names = sys.argv[1], sys.argv[2:]
    try:
        found = _lock(names) if what == "lock" else _try(names)
    except Exception as error:
        if what == "lock":
            raise
        # The library doesn't load: nobody can overlook that.
        found = {"refused": f"{type(error).__name__}: {error}"[:_SHOWN]}
    print(json.dumps(found))


def _lock(names: list[str]) -> dict[str, Any]:
    from metrics_platform.authoring.locking.acceptance import accept
    from metrics_platform.authoring.locking.comparison import compare
    from metrics_platform.authoring.locking.lock import LOCK, Lock

    tree, empty = _tree(names), Lock(LOCK)
    accept(tree, empty, compare(tree, empty, names=names, results=True))
    return {}


def _try(names: list[str]) -> dict[str, Any]:
    from metrics_platform.authoring.locking.acceptance import in_folder
    from metrics_platform.authoring.locking.changes import Kind
    from metrics_platform.authoring.locking.comparison import compare
    from metrics_platform.authoring.locking.lock import read_lock

    tree = _tree(names)
    lock = read_lock(in_folder(tree.project))
    assert lock is not None
    report = compare(tree, lock, names=names).report
    told = {Kind.VALUES, Kind.CONTRACT}
    changed = [c.name for c in report.changes if c.kind in told or c.fails]
    own, before = tree.catalog.own_fingerprints, lock.blocks
    edited = [d.name for d in tree.catalog if d.name in before
              and before[d.name].own_fingerprint != own[d.name]]  # fmt: skip
    return {"changed": changed, "breaks": _breaks([tree.catalog[name] for name in edited])}


def _breaks(definitions: list[Any]) -> str | None:
    from metrics_platform.testing.conformance import assert_conforms

    for definition in definitions[:_CONFORMING]:
        try:
            assert_conforms(definition)
        except Exception as error:
            return " ".join(str(error).split())[:_SHOWN] or type(error).__name__
    return None


def _tree(names: list[str]) -> Any:
    import metrics_platform
    from metrics_platform.authoring.locking.working_tree import WorkingTree
    from metrics_platform.authoring.project import find_project
    from metrics_platform.core.catalog import default_catalog

    assert Path(metrics_platform.__file__).is_relative_to(Path.cwd()), "this is not the copy"
    tree = WorkingTree.of(find_project(), default_catalog())
    if not names:
        return tree
    return replace(tree, definitions={name: tree.definitions[name] for name in names})


if __name__ == "__main__":
    main()
