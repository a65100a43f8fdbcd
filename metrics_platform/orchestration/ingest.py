"""From the inbox to recorded signals: one asset reads a log once, and yields all of them.

`from __future__ import annotations` must stay out of this module: Dagster reads the annotations
of `context` at run time.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from dagster import (
    AssetExecutionContext,
    AssetOut,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    Output,
    multi_asset,
)

from metrics_platform.core import Computed, Status
from metrics_platform.core.catalog import Catalog
from metrics_platform.core.errors import StoreError, StoreUnavailableError
from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.assets import IO_MANAGER, described
from metrics_platform.orchestration.batches import batches
from metrics_platform.orchestration.partitions import log_asset_key, log_partitions, pool_of
from metrics_platform.orchestration.retries import transient_faults_retried
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.reading import ReadBatch, read_logs, unread
from metrics_platform.signals.recordings import recordings
from metrics_platform.store import INBOX, ObjectRoot, ReadLog, Store

# Bytes of decoded signals for a byte of a recording; images and point clouds aren't decoded.
_GROWTH = 10
# Recordings are read one by one, so that fewer at once take no longer; and what a reader leaves
# behind for each of them adds up.
_LOGS_AT_ONCE = 100

uploads = AssetSpec(
    log_asset_key("uploads"),
    description=(
        "Recordings as they were uploaded: one file or one folder each, below `inbox/` of the "
        "object root. The sensor `new_logs` registers them; `metrics-platform logs` lists them."
    ),
    group_name="recordings",
    kinds={"objectstore"},
    partitions_def=log_partitions,
)


def recorded_assets(catalog: Catalog, settings: Settings) -> AssetsDefinition:
    """Return the asset that reads the logs of a run and yields their recorded signals."""

    @multi_asset(
        name="read_logs",
        outs={
            signal.name: AssetOut(
                key=log_asset_key(signal.name),
                io_manager_key=IO_MANAGER,
                is_required=False,
                **described(signal, catalog),
            )
            for signal in catalog.recorded
        },
        deps=[uploads.key],
        partitions_def=log_partitions,
        backfill_policy=BackfillPolicy.single_run(),
        pool=pool_of("read_logs"),
        can_subset=True,
    )
    def recorded(context: AssetExecutionContext) -> Iterator[Output[Any]]:
        with transient_faults_retried(context.retry_number), ExitStack() as opened:
            store = opened.enter_context(Store.open(settings))
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
            known = store.registry.logs(log_ids=context.partition_keys)
            revisions = dict(known.select("log_id", "revision").iter_rows())
            read = _read_in_batches(context, settings, store, revisions)
            spool = Spool(folder, read, abandon=opened.close)
            for name in sorted(context.op_execution_context.selected_output_names):
                yield Output(spool.signal(name), output_name=name)
            # Only now is all of it committed: a run that dies before is asked for again.
            for batch, found in zip(spool.batches, spool.signal(recordings.name), strict=True):
                _settle(context, store, batch, found, revisions)

    return recorded


class Spool:
    """Recorded signals on local disk, between reading a log once and writing each signal once.

    Signals go out one after the other while logs come in one after the other; holding the rows
    of a run in memory for that would bound nothing.

    Attributes:
        batches: What was read, without its rows.
    """

    def __init__(
        self, folder: Path, read: Iterator[ReadBatch], abandon: Callable[[], None]
    ) -> None:
        self._folder = folder
        self._abandon = abandon
        self.batches = [self._spooled(at, batch) for at, batch in enumerate(read)]

    def signal(self, name: str) -> Iterator[Computed]:
        """Yield the batches of one signal, each read back as it is asked for.

        Where not all are taken, something has failed: Dagster keeps the frames of a step that
        failed, and its next try needs the disk.
        """
        try:
            for at, batch in enumerate(self.batches):
                rows = pl.read_ipc(self._path(name, at))
                yield replace(batch.signals[name], rows=rows)
        except BaseException:
            self._abandon()
            raise

    def _spooled(self, at: int, batch: ReadBatch) -> ReadBatch:
        for name, computed in batch.signals.items():
            computed.rows.write_ipc(self._path(name, at))
        return replace(
            batch,
            signals={name: replace(c, rows=c.rows.clear()) for name, c in batch.signals.items()},
        )

    def _path(self, name: str, at: int) -> Path:
        return self._folder / f"{name}.{at}.arrow"


def _read_in_batches(
    context: AssetExecutionContext, settings: Settings, store: Store, revisions: Mapping[str, int]
) -> Iterator[ReadBatch]:
    """Yield what is read, as many logs at a time as memory allows."""
    log_ids = context.partition_keys
    known = store.registry.logs(log_ids=log_ids)
    sources = dict(known.select("log_id", "source").iter_rows())
    sizes = {log_id: size * _GROWTH for log_id, size in known.select("log_id", "size_bytes").rows()}
    config = ReaderConfig.load(settings.readers)
    for batch in batches(log_ids, sizes, settings.batch_bytes, most=_LOGS_AT_ONCE):
        with tempfile.TemporaryDirectory() as folder:
            paths = {
                log_id: _fetched(store.objects, sources.get(log_id, log_id), Path(folder))
                for log_id in batch
            }
            gone = _kept(store, [i for i, path in paths.items() if not path.exists()])
            if gone:
                reason = "its upload is gone: the results are of what was read before"
                store.registry.keep_as_read(gone, reason)
                context.log.warning(f"{', '.join(gone)}: {reason}")
            paths = {log_id: path for log_id, path in paths.items() if log_id not in gone}
            yield _without_doubles(read_logs(paths, config), store, revisions)


def _kept(store: Store, gone: Sequence[str]) -> list[str]:
    """Return the logs among those whose upload is gone that have been read before."""
    if not gone:
        return []
    found = store.outcomes(recordings.name, version=recordings.version, logs=gone)
    return found.filter(pl.col("status") == Status.COMPUTED)["log_id"].to_list()


def _fetched(root: ObjectRoot, source: str, folder: Path) -> Path:
    """Return where the recording is on this machine; one that is gone is at a path without file."""
    if "://" not in root.root:
        return Path(root.root) / INBOX / source
    try:
        root.download(f"{INBOX}/{source}", folder)
        stem, _, _ = source.rpartition(".")
        root.download(f"{INBOX}/{stem or source}.log.json", folder)
    except StoreUnavailableError:
        raise
    except StoreError:
        # Most recordings have nothing beside them, and of one that is gone the reader tells.
        return folder / source
    return folder / source


def _without_doubles(batch: ReadBatch, store: Store, revisions: Mapping[str, int]) -> ReadBatch:
    """Put aside the logs of `batch` whose bytes are those of another log: a drive counts once."""
    doubles = store.registry.claim_content(batch.content_hashes, revisions=revisions)
    if not doubles:
        return batch
    reasons = {log_id: f"same recording as log {first}" for log_id, first in doubles.items()}
    outcomes = {log_id: unread(batch.signals, reason) for log_id, reason in reasons.items()}
    others = ~pl.col("log_id").is_in(list(doubles))
    signals = {
        name: replace(
            computed,
            rows=computed.rows.filter(others),
            summary=computed.summary.filter(others),
            outcomes={**computed.outcomes, **{i: of[name] for i, of in outcomes.items()}},
        )
        for name, computed in batch.signals.items()
    }
    return replace(batch, signals=signals, failures={**batch.failures, **reasons})


def _settle(
    context: AssetExecutionContext,
    store: Store,
    batch: ReadBatch,
    found: Computed,
    revisions: Mapping[str, int],
) -> None:
    """Keep in the registry what became of the logs of `batch`, of which `found` tells."""
    reasons = {
        log_id: outcome.reason or "unreadable"
        for log_id, outcome in found.outcomes.items()
        if outcome.status is not Status.COMPUTED
    }
    store.registry.quarantine(reasons, revisions=revisions)
    for log_id, reason in reasons.items():
        context.log.error(f"log {log_id} is put aside: {reason}")
    store.registry.mark_read(
        [
            ReadLog(
                **{name: row[name] for name in _REGISTERED},
                revision=revisions.get(row["log_id"]),
                tags=batch.metadata[row["log_id"]].tags,
                content_hash=batch.content_hashes[row["log_id"]],
            )
            for row in found.rows.iter_rows(named=True)
        ]
    )


# Columns of `recordings` that the registry keeps for slicing and filtering.
_REGISTERED = (
    "log_id", "format", "start_ns", "duration_s", "truncated",
    "vehicle", "release", "place", "mission",
)  # fmt: skip
