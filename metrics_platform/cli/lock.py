"""`check` and `lock`: what has changed since the lock, and accepting it."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from metrics_platform.cli.terminal import err, out
from metrics_platform.core.errors import LockConflictError, LockError

if TYPE_CHECKING:
    from metrics_platform.authoring.locking.changes import Report
    from metrics_platform.authoring.locking.lock import Lock
    from metrics_platform.authoring.locking.working_tree import WorkingTree
    from metrics_platform.authoring.project import Project

Base = Annotated[
    str | None,
    typer.Option(help="Compare with the lock of this git revision, such as origin/main."),
]
All = Annotated[
    bool, typer.Option("--all", help="Compute everything, also what has the same fingerprint.")
]


def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Metrics or signals; all if none are named.")
    ] = None,
    everything: All = False,
    base: Base = None,
    bump: Annotated[
        bool, typer.Option("--bump", help="Write the versions that are owed into the sources.")
    ] = False,
    locked: Annotated[
        bool, typer.Option("--locked", help="Fail also where metrics.lock is not up to date.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a pull request.")
    ] = False,
) -> None:
    """Say what each metric has become since metrics.lock, and fail where it owes a version."""
    from metrics_platform.authoring.locking import pull_request, report
    from metrics_platform.authoring.locking.bumps import write_versions
    from metrics_platform.authoring.locking.comparison import compare, with_versions

    with err.status("comparing"):
        tree = _working_tree()
        own, conflicts = _own_lock(tree.project)
        if own is None and base is None:
            raise LockError(
                f"there is no metrics.lock in {tree.project.root}: write the first one with "
                "`metrics-platform lock`"
            )
        against = own if base is None else _lock_at(tree.project, base)
        assert against is not None
        found = compare(tree, against, names=names or [], everything=everything).report
    found = replace(found, outdated=[*conflicts, *tree.outdated(own, names or [])])
    if bump:
        written = write_versions(tree, found)
        found = with_versions(tree, found, written)
        for name, version in written.items():
            file = tree.project.file(tree.definitions[name])
            err.print(f"{name}: wrote {version} into {file}", highlight=False)
    if as_json:
        typer.echo(report.as_json(found))
    elif as_markdown:
        typer.echo(pull_request.as_markdown(found), nl=False)
    else:
        out.print(report.as_text(found), highlight=False)
    if not found.passed or (locked and not found.locked):
        raise typer.Exit(1)


def lock(everything: All = False, base: Base = None) -> None:
    """Accept what has changed: write metrics.lock, unless a version is owed."""
    from metrics_platform.authoring.locking.acceptance import accept
    from metrics_platform.authoring.locking.comparison import compare
    from metrics_platform.authoring.locking.lock import LOCK, Lock
    from metrics_platform.authoring.locking.report import plural

    with err.status("computing what changed"):
        tree = _working_tree()
        own, _ = _own_lock(tree.project)
        old = own or Lock(LOCK)
        comparison = compare(tree, old, everything=everything, results=True)
        judged = comparison.report
        if base is not None:
            judged = compare(tree, _lock_at(tree.project, base), everything=everything).report
        if judged.passed:
            written = accept(tree, old, comparison)
    if not judged.passed:
        _refuse(judged)
    count = f"{plural(len(tree.definitions), 'definition')} on {plural(judged.logs, 'log')}"
    done = "metrics.lock written" if written else "metrics.lock is up to date"
    out.print(f"{done}: {count}, {len(comparison.computed)} computed", highlight=False)


def _refuse(report: "Report") -> None:
    err.print(Text.assemble(("metrics.lock is not written:", "bold red")))
    for problem in report.problems:
        err.print(f"  {problem}", highlight=False)
    err.print("`metrics-platform check` shows what changed.", highlight=False)
    raise typer.Exit(1)


def _working_tree() -> "WorkingTree":
    from metrics_platform.authoring.locking.working_tree import WorkingTree
    from metrics_platform.authoring.project import find_project
    from metrics_platform.core.catalog import default_catalog

    project = find_project()
    return WorkingTree.of(project, default_catalog())


def _own_lock(project: "Project") -> "tuple[Lock | None, list[str]]":
    """Return the project's lock, None where there is none; and that a merge has damaged it."""
    from metrics_platform.authoring.locking.acceptance import in_folder
    from metrics_platform.authoring.locking.lock import LOCK, read_lock

    try:
        return read_lock(in_folder(project)), []
    except LockConflictError:
        # Of the two sides, ours: the other one's changes are in the code by now.
        return _lock_at(project, "HEAD"), [f"{LOCK} has conflicts of a merge in it"]


def _lock_at(project: "Project", revision: str) -> "Lock":
    """Return the lock of a git revision; an empty one where it has none."""
    from metrics_platform.authoring.locking.lock import LOCK, Lock, read_lock
    from metrics_platform.authoring.locking.revisions import at_revision

    read = at_revision(project, revision)
    told = f"{LOCK} of {revision}"
    return read_lock(read, told) or Lock(f"{revision}, which has no {LOCK}")


COMMANDS: tuple[Callable[..., None], ...] = (check, lock)
