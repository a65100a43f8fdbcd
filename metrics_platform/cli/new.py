"""`new`: a metric that computes and is tested, to go on from."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from metrics_platform.authoring.scaffolding.skeleton import Grain
from metrics_platform.cli.terminal import out
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.errors import ConfigurationError, DefinitionError, UnknownNameError

Answer = TypeVar("Answer")

_SIGNALS = "ego_states"
_OWNER = "planning"


def new(
    name: Annotated[str, typer.Argument(help="Of the metric, in snake_case.")],
    signals: Annotated[
        str | None,
        typer.Option(help="Signals and metrics that it takes, separated by commas."),
    ] = None,
    grain: Annotated[Grain | None, typer.Option(help="What a row is.")] = None,
    owner: Annotated[str | None, typer.Option(help="Team that answers for it.")] = None,
    package: Annotated[
        str | None,
        typer.Option(help="Package to write into; that of a new project is named as its folder."),
    ] = None,
) -> None:
    """Write a metric and its test; in an empty folder a project around them, too.

    What isn't told by options is asked for.
    """
    # It imports all that tests are made of, which other commands don't wait for.
    from metrics_platform.authoring.scaffolding.scaffold import check_name, new_metric

    catalog = default_catalog()
    check_name(name, catalog)
    missing = {"--signals": signals, "--grain": grain, "--owner": owner}
    unknown = [option for option, given in missing.items() if given is None]
    if unknown and not sys.stdin.isatty():
        raise ConfigurationError(
            f"nobody is there to be asked: say {', '.join(unknown)} "
            f"(such as --signals {_SIGNALS} --grain {Grain.LOG} --owner {_OWNER})"
        )
    written = new_metric(
        name,
        signals=_names(signals) if signals is not None else _ask_for_signals(catalog),
        grain=grain or _ask_for_grain(),
        owner=owner or typer.prompt("Team that answers for it", default=_OWNER),
        catalog=catalog,
        folder=Path.cwd(),
        package=package,
    )
    for path in written.files:
        out.print(f"wrote {path}")
    out.print("\nNext, in " + str(written.place.root) + ":")
    for command in written.commands:
        out.print(f"  {command}", soft_wrap=True)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _ask_for_signals(catalog: Catalog) -> list[str]:
    def names(text: str) -> list[str]:
        return [catalog[name].name for name in _names(text)]

    return _ask("Signals and metrics it takes, separated by commas", _SIGNALS, names)


def _ask_for_grain() -> Grain:
    def grain(text: str) -> Grain:
        if text not in list(Grain):
            raise UnknownNameError("grain", text, map(str, Grain))
        return Grain(text)

    return _ask(f"A row per {', '.join(Grain)}", Grain.LOG, grain)


def _ask(question: str, default: str, understand: Callable[[str], Answer]) -> Answer:
    """Ask until the answer makes sense."""
    while True:
        try:
            return understand(typer.prompt(question, default=str(default)).strip())
        except DefinitionError as error:
            typer.echo(error)


COMMANDS: tuple[Callable[..., None], ...] = (new,)
