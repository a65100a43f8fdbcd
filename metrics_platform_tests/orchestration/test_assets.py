"""What the Dagster UI is told of each definition."""

import importlib
import inspect
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    AssetSpec,
    BackfillPolicy,
    CodeReferencesMetadataValue,
    Definitions,
    LocalFileCodeReference,
    TableSchema,
)
from dagster_shared.yaml_utils import load_yaml_from_path

from metrics_platform.core import Definition, Metric
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.settings import Settings
from metrics_platform.definitions import definitions
from metrics_platform.orchestration import dev
from metrics_platform.orchestration.partitions import log_asset_key, log_partitions

ROOT = Path(__file__).resolve().parents[2]
CATALOG = default_catalog()
NAMES = [definition.name for definition in CATALOG]


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    """No server is needed to load them."""
    home = tmp_path_factory.mktemp("home")
    return definitions(CATALOG, Settings(home=home, root=str(home / "objects")))


@pytest.fixture(scope="module")
def specs(defs: Definitions) -> dict[AssetKey, AssetSpec]:
    return {spec.key: spec for spec in defs.resolve_all_asset_specs()}


def test_every_definition_is_an_asset_and_so_are_the_uploads(
    specs: dict[AssetKey, AssetSpec],
) -> None:
    assert specs.keys() == {log_asset_key(name) for name in [*NAMES, "uploads"]}


@pytest.mark.parametrize("name", NAMES)
def test_an_asset_tells_all_that_its_definition_says(
    specs: dict[AssetKey, AssetSpec], name: str
) -> None:
    spec, definition = specs[log_asset_key(name)], CATALOG[name]

    assert spec.code_version == f"{definition.version}+{CATALOG.fingerprints[name]}"
    assert spec.owners == [f"team:{definition.owner}"]
    kind = type(definition).__name__.lower()
    of_team = f"metrics_{definition.owner}"
    assert spec.group_name == (of_team if kind == "metric" else "signals")
    assert spec.tags["kind"] == kind
    assert set(definition.tags) <= spec.tags.keys()
    assert spec.kinds == {"polars", "parquet"}
    assert definition.description.splitlines()[0] in (spec.description or "")
    assert spec.metadata["version"].value == definition.version
    assert spec.partitions_def == log_partitions


@pytest.mark.parametrize("name", NAMES)
def test_every_column_has_a_type_and_a_description(
    specs: dict[AssetKey, AssetSpec], name: str
) -> None:
    schema = specs[log_asset_key(name)].metadata["dagster/column_schema"]
    assert isinstance(schema, TableSchema)

    columns = CATALOG[name].rows.to_schema().columns
    assert [column.name for column in schema.columns] == list(columns)
    assert [c.name for c in schema.columns if not (c.description or "").strip()] == []
    assert all(column.type for column in schema.columns)
    for column in schema.columns:
        assert column.constraints is not None
        assert column.constraints.nullable == columns[column.name].nullable


@pytest.mark.parametrize("name", NAMES)
def test_code_references_lead_to_the_line_in_the_file(
    specs: dict[AssetKey, AssetSpec], name: str
) -> None:
    references = specs[log_asset_key(name)].metadata["dagster/code_references"]
    assert isinstance(references, CodeReferencesMetadataValue)
    [reference] = references.code_references
    assert isinstance(reference, LocalFileCodeReference)

    lines = Path(reference.file_path).read_text(encoding="utf-8").splitlines()
    assert reference.line_number is not None
    found = lines[reference.line_number - 1 :]
    # Decorators belong to it.
    assert found[0].startswith((_head(CATALOG[name]), "@"))
    assert next(line for line in found if line.startswith(("def ", "class "))).startswith(
        _head(CATALOG[name])
    )


def _head(definition: Definition) -> str:
    if definition.function is None:
        return f"class {definition.rows.__name__}("
    return f"def {inspect.unwrap(definition.function).__name__}("


def test_lineage_goes_from_uploads_to_signals_to_metrics(specs: dict[AssetKey, AssetSpec]) -> None:
    def needs(name: str) -> set[str]:
        return {dep.asset_key.path[-1] for dep in specs[log_asset_key(name)].deps}

    for signal in CATALOG.recorded:
        assert needs(signal.name) == {"uploads"}
    for definition in CATALOG.derived:
        assert needs(definition.name) == set(definition.dependencies)
    assert needs("ego_states") == {"ego_poses", "recordings"}
    assert needs("hard_brakes") == {"ego_states"}


def test_a_backfill_of_any_asset_is_one_run(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()

    for name in NAMES:
        assert graph.get(log_asset_key(name)).backfill_policy == BackfillPolicy.single_run()


def test_every_asset_has_its_checks(defs: Definitions) -> None:
    found: dict[str, set[str]] = {}
    for check in defs.resolve_asset_graph().asset_check_keys:
        found.setdefault(check.asset_key.path[-1], set()).add(check.name)

    assert found == {
        d.name: {"contract", "coverage", "up_to_date"}
        | ({"value_range"} if d.plausible else set())
        | ({"regression"} if isinstance(d, Metric) else set())
        for d in CATALOG
    }


def test_docstrings_are_markdown(specs: dict[AssetKey, AssetSpec]) -> None:
    description = specs[log_asset_key("hard_brakes")].description or ""

    assert "**Inputs and settings**" in description
    assert "- `threshold_mps2`: Least deceleration of an event." in description
    # What a row is, from the schema.
    assert "One row per log_id, start_ns" in description


def test_the_workspace_leads_to_the_definitions() -> None:
    [location] = load_yaml_from_path(str(ROOT / "workspace.yaml"))["load_from"]  # type: ignore[index]

    module = importlib.import_module(location["python_module"]["module_name"])
    assert isinstance(module.defs, Definitions)
    assert location["python_module"]["location_name"] == "metrics_platform"
    assert dev._MODULE[-1] == location["python_module"]["module_name"]


def test_the_checkout_has_the_configuration_that_the_package_brings() -> None:
    packaged = ROOT / "metrics_platform" / "orchestration" / "dagster.yaml"

    assert (ROOT / "dagster.yaml").read_bytes() == packaged.read_bytes()
