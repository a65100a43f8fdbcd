"""What Dagster loads: workspace.yaml points here."""

from dagster import Definitions, in_process_executor

from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.settings import Settings, load_settings
from metrics_platform.orchestration.asset_checks import checks_on
from metrics_platform.orchestration.assets import IO_MANAGER, derived_asset
from metrics_platform.orchestration.backfills import backfills_sensor, request_backfill_job
from metrics_platform.orchestration.ingest import recorded_assets, uploads
from metrics_platform.orchestration.io_manager import StoreIOManager
from metrics_platform.orchestration.maintenance import maintenance_jobs, maintenance_schedules
from metrics_platform.orchestration.sensors import new_logs_sensor


def definitions(catalog: Catalog, settings: Settings) -> Definitions:
    """Return assets, checks, jobs, sensors and resources for all that is in `catalog`.

    Raises:
        DefinitionError: A definition requires a version of another that isn't there.
    """
    catalog.check_requirements()
    upkeep = maintenance_jobs(settings)
    return Definitions(
        assets=[
            uploads,
            recorded_assets(catalog, settings),
            *(derived_asset(definition, catalog, settings) for definition in catalog.derived),
            *(derived_asset(shadow, catalog, settings) for shadow in catalog.shadows.values()),
        ],
        asset_checks=[checks_on(of, catalog, settings) for of in catalog.with_shadows],
        jobs=[request_backfill_job(catalog, settings), *upkeep],
        schedules=maintenance_schedules(upkeep),
        sensors=[new_logs_sensor(catalog, settings), backfills_sensor(catalog, settings)],
        resources={IO_MANAGER: StoreIOManager(settings, catalog)},
        # A process for every step costs seconds and gains nothing where one query takes
        # milliseconds.
        executor=in_process_executor,
    )


defs = definitions(default_catalog(), load_settings())
