"""The IO manager: what an asset yields goes to the store, and comes back as its inputs."""

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property

import polars as pl
from dagster import InputContext, IOManager, MetadataValue, OutputContext

from metrics_platform.core import Computed, Definition, Input, Status
from metrics_platform.core.catalog import Catalog
from metrics_platform.core.errors import OtherColumnsError, StoreUnavailableError
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.partitions import label_of
from metrics_platform.orchestration.plots import summary_plot
from metrics_platform.orchestration.retries import transient_faults_retried
from metrics_platform.store import Commit, Store

# On a materialization: why nothing of it is stored.
NOT_STORED = "not_stored"


@dataclass(frozen=True)
class StoredInput:
    """A dependency of a run: not the rows themselves, but the way to them, batch by batch."""

    store: Store
    definition: Definition

    def load(self, log_ids: Sequence[str]) -> Input:
        """Return rows, outcomes and content hashes of `log_ids`.

        The rows are in memory: were they read while a metric is computed, a fault of the object
        root would be taken for one of the metric, and bisecting would read them again and again.
        """
        loaded = self.store.load(self.definition, log_ids)
        try:
            rows = loaded.rows.collect()
        except (pl.exceptions.ComputeError, OSError) as error:
            # Polars' own client of the object store has repeated it for a while.
            raise StoreUnavailableError(
                f"rows of {self.definition.name} cannot be read: {error}"
            ) from error
        return replace(loaded, rows=rows.lazy())


class StoreIOManager(IOManager):
    """Writes the `Computed` batches that an asset yields, as they come.

    Each batch is one Parquet object and one index transaction, so a run that dies keeps what it
    has committed. A definition's asset takes its inputs as `StoredInput`; any other asset that
    annotates an input with `pl.LazyFrame` gets what readers get, of the logs of its run.
    """

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._settings = settings
        self._catalog = catalog

    @cached_property
    def store(self) -> Store:
        """The store, opened by the first run that needs it rather than when code is loaded."""
        return Store.open(self._settings)

    def handle_output(self, context: OutputContext, obj: Iterable[Computed]) -> None:
        """Write every batch of `obj`, and say on the materialization what it held."""
        statuses: Counter[Status] = Counter()
        summaries: list[pl.DataFrame] = []
        commits: list[Commit] = []
        refused: Mapping[str, MetadataValue] = {}
        definition = self._catalog.labelled(label_of(context.asset_key))
        # Here everything happens: `obj` reads and computes its next batch when it is asked for it.
        with (
            transient_faults_retried(context.step_context.previous_attempt_count),
            closing(_each(obj)) as batches,
        ):
            for computed in batches:
                try:
                    commits.append(self.store.write(computed, run_id=context.run_id))
                except OtherColumnsError as error:
                    if not definition.shadow:
                        raise
                    # What nobody reads must not hold up the new logs of the metrics beside it: its
                    # own checks tell.
                    context.log.error(f"nothing of the shadow is stored: {error}")
                    refused = {NOT_STORED: MetadataValue.text(str(error))}
                    break
                statuses.update(outcome.status for outcome in computed.outcomes.values())
                summaries.append(computed.summary)
                for log_id in computed.logs_with(Status.FAILED):
                    reason = computed.outcomes[log_id].reason
                    context.log.error(f"{definition.name} failed for log {log_id}: {reason}")
        told = _metadata(definition, statuses, summaries, commits)
        context.add_output_metadata({**told, **refused})

    def load_input(self, context: InputContext) -> StoredInput | pl.LazyFrame:
        """Return the way to the rows of the upstream asset, or the rows themselves."""
        definition = self._catalog.labelled(label_of(context.asset_key))
        if context.dagster_type.typing_type is pl.LazyFrame:
            logs = list(context.asset_partition_keys) if context.has_asset_partitions else None
            version = definition.version if definition.shadow else None
            return self.store.scan(
                definition.name, version=version, logs=logs, rows=definition.rows
            )
        return StoredInput(self.store, definition)


def _each(computed: Iterable[Computed]) -> Generator[Computed, None, None]:
    """Yield what `computed` does, and have it told at once when no more of it is taken."""
    yield from computed


def _metadata(
    definition: Definition,
    statuses: Mapping[Status, int],
    summaries: Sequence[pl.DataFrame],
    commits: Sequence[Commit],
) -> dict[str, MetadataValue]:
    """Say what a run wrote, in little: Dagster keeps a copy for every log of the run."""
    logs = sum(statuses.values())
    computed = statuses.get(Status.COMPUTED, 0)
    rows = sum(commit.rows for commit in commits)
    metadata: dict[str, MetadataValue] = {
        "rows": MetadataValue.int(rows),
        "coverage": MetadataValue.text(f"{computed} of {logs} logs"),
        "abstained": MetadataValue.int(statuses.get(Status.ABSTAINED, 0)),
        "failed": MetadataValue.int(statuses.get(Status.FAILED, 0)),
        "logs_unchanged": MetadataValue.int(sum(commit.unchanged for commit in commits)),
        "files": MetadataValue.text("\n".join(c.path for c in commits if c.path) or "none"),
    }
    if plot := summary_plot(pl.concat(summaries) if summaries else pl.DataFrame()):
        metadata["summary"] = MetadataValue.md(plot)
    return metadata
