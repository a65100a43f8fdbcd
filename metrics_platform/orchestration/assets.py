"""Assets `log/<name>` and `shadow/<name>`, made from the definitions.

`from __future__ import annotations` must stay out of this module: Dagster reads the annotations
of `context` at run time.
"""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetsDefinition,
    BackfillPolicy,
    CodeReferencesMetadataValue,
    LocalFileCodeReference,
    MetadataValue,
    Output,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
    asset,
)

from metrics_platform.core import Computed, Definition, Metric
from metrics_platform.core.catalog import Catalog
from metrics_platform.core.compute import compute
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.batches import batches, row_bytes
from metrics_platform.orchestration.io_manager import StoredInput
from metrics_platform.orchestration.partitions import log_asset_key, log_partitions, pool_of

IO_MANAGER = "store"


def derived_asset(definition: Definition, catalog: Catalog, settings: Settings) -> AssetsDefinition:
    """Return the asset that computes `definition` for the logs of a run."""

    def computed(context: AssetExecutionContext, **inputs: StoredInput) -> Output[Any]:
        # Wrapped, since Dagster would take a bare iterator for one of events.
        return Output(
            compute_in_batches(definition, catalog, settings, inputs, context.partition_keys)
        )

    made: AssetsDefinition = asset(
        key=log_asset_key(definition.label),
        ins={name: AssetIn(key=log_asset_key(name)) for name in definition.dependencies},
        io_manager_key=IO_MANAGER,
        partitions_def=log_partitions,
        backfill_policy=BackfillPolicy.single_run(),
        pool=pool_of(definition.label),
        **described(definition, catalog),
    )(computed)
    return made


def compute_in_batches(
    definition: Definition,
    catalog: Catalog,
    settings: Settings,
    inputs: Mapping[str, StoredInput],
    log_ids: Sequence[str],
) -> Iterator[Computed]:
    """Yield `definition` over `log_ids`, in batches whose inputs fit the memory setting."""
    store = next(iter(inputs.values())).store
    sizes = input_bytes(catalog, store.row_counts(definition.dependencies, log_ids))
    for batch in batches(log_ids, sizes, settings.batch_bytes):
        yield compute(
            definition,
            {name: stored.load(batch) for name, stored in inputs.items()},
            batch,
            fingerprint=catalog.fingerprint_of(definition),
        )


def described(definition: Definition, catalog: Catalog) -> dict[str, Any]:
    """Return what the UI says of `definition`, as arguments of an asset or its spec."""
    columns = definition.rows.to_schema().columns
    schema = TableSchema(
        columns=[
            TableColumn(
                name=name,
                type=str(column.dtype.type),
                description=column.description,
                constraints=TableColumnConstraints(
                    nullable=column.nullable, other=[str(check.error) for check in column.checks]
                ),
            )
            for name, column in columns.items()
        ]
    )
    kind = type(definition).__name__.lower()
    return {
        "description": _description(definition, catalog),
        "group_name": _group(definition),
        "owners": [f"team:{definition.owner}"],
        "tags": {
            "kind": "shadow" if definition.shadow else kind,
            **dict.fromkeys(definition.tags, ""),
        },
        "kinds": {"polars", "parquet"},
        "code_version": f"{definition.version}+{catalog.fingerprint_of(definition)}",
        "metadata": {
            "dagster/column_schema": schema,
            "dagster/code_references": _code_references(definition),
            "version": MetadataValue.text(definition.version),
            "settings": MetadataValue.json({k: repr(v) for k, v in definition.settings.items()}),
        },
    }


def _group(definition: Definition) -> str:
    """One group per team: dozens of metrics in one would be a wall of boxes in the lineage."""
    if isinstance(definition, Metric):
        return re.sub(r"\W", "_", f"metrics_{definition.owner}")
    return "signals"


def _description(definition: Definition, catalog: Catalog) -> str:
    """Return the docstrings as Markdown: the UI would run the lines of a section together."""
    of = catalog[definition.name]
    stands = (
        f"**In shadow of {of.name} {of.version}**: readers get it once it is promoted.\n\n"
        if definition.shadow
        else ""
    )
    rows = inspect.getdoc(definition.rows) or ""
    told = (
        definition.description
        if definition.function is None
        else (f"{definition.description}\n\n{rows}")
    )
    return stands + re.sub(r"^ {4}(\w+): ", r"- `\1`: ", told, flags=re.MULTILINE).replace(
        "Args:\n", "**Inputs and settings**\n\n"
    )


def _code_references(definition: Definition) -> CodeReferencesMetadataValue:
    source = inspect.unwrap(definition.function) if definition.function else definition.rows
    path = inspect.getsourcefile(source) or ""
    line = inspect.getsourcelines(source)[1]
    return CodeReferencesMetadataValue(
        code_references=[LocalFileCodeReference(file_path=path, line_number=line)]
    )


def input_bytes(catalog: Catalog, row_counts: pl.DataFrame) -> dict[str, int]:
    """Return what the rows of each log take in memory; counts as of `Store.row_counts`."""
    sizes: dict[str, int] = {}
    for name, log_id, count in row_counts.select("name", "log_id", "row_count").iter_rows():
        sizes[log_id] = sizes.get(log_id, 0) + count * row_bytes(catalog[name])
    return sizes
