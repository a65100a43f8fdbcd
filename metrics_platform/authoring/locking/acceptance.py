"""Writing `metrics.lock`: what the code says now becomes what it is held against."""

import io
import os
from pathlib import Path

import polars as pl

from metrics_platform.authoring.locking.changes import Kind
from metrics_platform.authoring.locking.comparison import Comparison
from metrics_platform.authoring.locking.lock import (
    LOCK,
    ROWS,
    Block,
    Lock,
    Read,
    digest,
    lock_text,
    results_of,
    rows_path,
)
from metrics_platform.authoring.locking.working_tree import WorkingTree
from metrics_platform.authoring.project import Project

_EQUAL = frozenset({Kind.UNCHANGED, Kind.AFFECTED, Kind.IMPLEMENTATION})


def in_folder(project: Project) -> Read:
    """Return what reads the files of the project as they are."""

    def read(path: str) -> bytes | None:
        file = project.root / path
        return file.read_bytes() if file.is_file() else None

    return read


def accept(tree: WorkingTree, old: Lock, comparison: Comparison) -> bool:
    """Write the lock and its rows; say whether anything of it is another than before.

    Results that are equal to the lock's stay as they are there, to the last bit: accepting twice,
    or on another machine, changes nothing in git.

    Args:
        tree: The project.
        old: The lock so far; an empty one where there is none.
        comparison: With `old`, and with results of what it has none of.
    """
    kinds = {change.name: change.kind for change in comparison.report.changes}
    blocks: dict[str, Block] = {}
    files: dict[str, bytes | None] = {}
    for name, definition in tree.definitions.items():
        equal = kinds[name] in _EQUAL and tree.same_logs(name, old) and not old.damage(name)
        if definition.function is None:
            blocks[name] = tree.block(name, {})
        elif equal or name not in comparison.computed:
            was = old.blocks[name]
            blocks[name] = tree.block(name, was.results, was.file)
            files[rows_path(name)] = old.read(rows_path(name))
        else:
            made = comparison.computed[name]
            content = _parquet(made.rows)
            blocks[name] = tree.block(name, results_of(made), digest(content))
            files[rows_path(name)] = content
    text = lock_text(Lock(LOCK, tree.environment, tree.source, tree.hashes(old), blocks))
    return _write(tree.project, {**files, LOCK: text.encode()})


def _write(project: Project, files: dict[str, bytes | None]) -> bool:
    """Write what differs, and remove rows that nothing speaks of any more."""
    read = in_folder(project)
    differ = {p: content for p, content in files.items() if content is not None
              and content != read(p)}  # fmt: skip
    folder = project.root / ROWS
    folder.mkdir(exist_ok=True)
    stray = [file for file in folder.glob("*.parquet") if f"{ROWS}/{file.name}" not in files]
    for path, content in differ.items():
        _put(project.root / path, content)
    for file in stray:
        file.unlink()
    return bool(differ or stray)


def _put(path: Path, content: bytes) -> None:
    """Write a file so that it is there in full or as it was."""
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)


def _parquet(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    # Statistics help to skip rows of large files, and are a third of small ones.
    rows.write_parquet(buffer, compression="zstd", compression_level=19, statistics=False)
    return buffer.getvalue()
