"""What is computed of a made-up log, as pictures want it."""

from collections.abc import Mapping
from functools import cache

import polars as pl

from metrics_platform.core import Computed
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.compute import compute_chain
from metrics_platform.testing.corpus import pinned_logs
from metrics_platform.testing.inputs import computed_of, log_ids_of
from metrics_platform.testing.synthetic import scenario

Made = Mapping[str, Computed]


@cache
def corpus() -> Made:
    """Return all definitions of the library on the synthetic corpus."""
    frames = pinned_logs()
    catalog = default_catalog()
    given = computed_of(frames)
    return compute_chain(catalog, [d.name for d in catalog.derived], given, log_ids_of(frames))


@cache
def of_scenario(name: str, metric: str) -> Made:
    """Return a metric of the library on one log, and all that it is computed from."""
    given = computed_of(scenario(name))
    return compute_chain(default_catalog(), [metric, "ego_states"], given, [name])


def frames_of(made: Made) -> dict[str, pl.DataFrame]:
    """Return rows by name."""
    return {name: computed.rows for name, computed in made.items()}
