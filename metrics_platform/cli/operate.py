"""Commands for those who run the platform."""

from collections.abc import Callable
from typing import Annotated, Literal

import typer

from metrics_platform.cli.terminal import Name, out
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.settings import load_settings


def export(
    name: Name,
    target: Annotated[
        str,
        typer.Argument(
            help="Of a DuckLake, its catalog: a file or postgresql://… Of an Iceberg table, where "
            "its metadata go: a folder, s3://… or gs://…"
        ),
    ],
    kind: Annotated[
        Literal["ducklake", "iceberg"], typer.Option(help="What to publish it as.")
    ] = "ducklake",
    version: Annotated[str | None, typer.Option(help="The newest one if not given.")] = None,
    catalog: Annotated[
        str | None,
        typer.Option(help="SQL catalog of an Iceberg table: postgresql://… or sqlite:///…"),
    ] = None,
) -> None:
    """Publish current rows for other engines, files in place; once more brings it up to date."""
    from metrics_platform.delivery.export import Kind
    from metrics_platform.delivery.export import export as publish
    from metrics_platform.store import Store

    name = default_catalog()[name].name
    with Store.open(load_settings()) as store:
        published = publish(store, name, target, kind=Kind(kind), version=version, catalog=catalog)
    done = "published" if published.changed else "was up to date"
    out.print(
        f"{published.table} {done}: {published.rows} rows in {published.files} files",
        highlight=False,
    )
    out.print(published.address, highlight=False, soft_wrap=True)


COMMANDS: tuple[Callable[..., None], ...] = (export,)
