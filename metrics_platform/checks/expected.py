"""What today's code would store, for the ledger of staleness to compare results with."""

from collections.abc import Iterable

from metrics_platform.core.catalog import Catalog
from metrics_platform.core.definitions import Definition, Signal
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.formats import formats, reader_fingerprint
from metrics_platform.signals.recordings import recordings
from metrics_platform.store import Expected, Needed


def expected_results(
    catalog: Catalog, config: ReaderConfig, names: Iterable[str] | None = None
) -> list[Expected]:
    """Return what is to be found of `names`, in the order of `catalog`.

    Args:
        catalog: The definitions as they are now.
        config: Of the readers, which is part of the fingerprint of what they read.
        names: Of definitions, or labels of shadows; None for all of both.
    """
    wanted = None if names is None else {catalog.labelled(name).label for name in names}
    return [
        _expected(definition, catalog, config)
        for definition in catalog.with_shadows
        if wanted is None or definition.label in wanted
    ]


def _expected(definition: Definition, catalog: Catalog, config: ReaderConfig) -> Expected:
    if isinstance(definition, Signal) and definition.function is None:
        return Expected(
            definition.name,
            definition.version,
            {name: reader_fingerprint(definition, name, config) for name in formats()},
            tells_unread=definition.name == recordings.name,
        )
    return Expected(
        definition.name,
        definition.version,
        catalog.fingerprint_of(definition),
        [
            Needed(name, catalog[name].version, name in definition.optional)
            for name in definition.dependencies
        ],
        label=definition.label,
    )
