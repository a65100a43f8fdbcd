"""`promote` and `demote`: which version readers get."""

import getpass
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from metrics_platform.cli.terminal import Name, err, out
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.settings import load_settings

if TYPE_CHECKING:
    from metrics_platform.store import Promotion, Store


def promote(
    name: Annotated[
        str | None, typer.Argument(help="A metric or signal; without one, all are listed.")
    ] = None,
    version: Annotated[
        str | None, typer.Argument(help="Of it; without one, all that ever was promoted is listed.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Why.")] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where readers lose logs that they get now.")
    ] = False,
) -> None:
    """Give a version to all readers who ask for none, and compare it with the one before."""
    from metrics_platform.delivery.promotion import promoted_versions
    from metrics_platform.delivery.tables import print_frame
    from metrics_platform.store import Store

    catalog = default_catalog()
    if name is not None:
        name = catalog.labelled(name).name
    with Store.open(load_settings()) as store:
        if name is None or version is None:
            listed = promoted_versions(store, name)
            title = "promoted versions" + (f" of {name}" if name else "")
            if len(listed):
                print_frame(out, listed, title)
            else:
                out.print(f"no {title}: readers get the highest that has results", highlight=False)
            return
        was = store.promoted(name)
        done = store.promote(name, version, by=_user(), note=note, anyway=anyway)
        if was == version:
            noted = "" if note is None else f"; its note is now: {note}"
            out.print(f"{name} {version} is promoted already{noted}", highlight=False)
            return
        _tell(store, catalog, name, done)
        if done.before is not None and done.before != version:
            _compare(store, catalog, name, done.before, version)


def demote(name: Name) -> None:
    """Go back to the version that readers had before, or else to the highest."""
    from metrics_platform.store import Store

    catalog = default_catalog()
    name = catalog.labelled(name).name
    with Store.open(load_settings()) as store:
        _tell(store, catalog, name, store.demote(name, by=_user()))


def _tell(store: "Store", catalog: Catalog, name: str, done: "Promotion") -> None:
    """Say from what to what readers go, and what they don't see."""
    from metrics_platform.delivery.promotion import beside_lines

    why = "promoted" if done.is_promoted else "the highest: none is promoted"
    if done.after is None:
        told = f"readers get nothing, and no longer {done.before}: only shadows have results"
    elif done.before in (None, done.after):
        told = f"readers get {done.after}, {why}"
    else:
        told = f"readers get {done.after}, {why}, and no longer {done.before}"
    out.print(f"{name}: {told}", highlight=False)
    if done.after is not None:
        logs = len(store.outcomes(name, version=done.after))
        out.print(f"{logs} log{'' if logs == 1 else 's'} have a result of it", highlight=False)
        for line in beside_lines(store, catalog, name, done.after):
            out.print(line, highlight=False)


def _compare(store: "Store", catalog: Catalog, name: str, before: str, after: str) -> None:
    from metrics_platform.authoring.locking.report import values_told
    from metrics_platform.delivery.promotion import compared

    shadow = catalog.shadows.get(name)
    definition = shadow if shadow and shadow.version == after else catalog[name]
    with err.status("comparing"):
        change = compared(store, definition, before, after)
    out.print(f"{before} -> {after}, over the {change.logs} logs that both have:", highlight=False)
    for line in values_told(change):
        out.print(f"  {line}", highlight=False)


def _user() -> str | None:
    # A container may run under a number that has no name.
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return None


COMMANDS: tuple[Callable[..., None], ...] = (promote, demote)
