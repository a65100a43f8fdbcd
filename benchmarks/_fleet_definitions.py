"""What the daemon of `fleet` loads: the driving metrics, and a clock around what runs do.

Times are self times: what is spent in the index while a batch is written counts as index.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.settings import load_settings
from metrics_platform.definitions import definitions
from metrics_platform.orchestration import asset_checks, assets, ingest
from metrics_platform.orchestration.io_manager import StoredInput, StoreIOManager
from metrics_platform.store import ObjectRoot, Store
from metrics_platform.store.postgres import Postgres

_ALL = default_catalog()
_DRIVING = [metric.name for metric in _ALL.metrics if metric.owner == "planning"]
CATALOG = Catalog(list(_ALL.upstream("distance_driven", *_DRIVING)))

_told: Counter[str] = Counter()
_inner: list[float] = []


def _timed(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*arguments: Any, **settings: Any) -> Any:
        _inner.append(0.0)
        started = time.perf_counter()
        try:
            return function(*arguments, **settings)
        finally:
            seconds = time.perf_counter() - started
            _told[kind] += seconds - _inner.pop()
            if _inner:
                _inner[-1] += seconds

    return timed


def _watch(owner: Any, name: str, kind: str) -> None:
    setattr(owner, name, _timed(kind, getattr(owner, name)))


def _note(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep what was told so far: a run's process may end without a word."""

    def noted(*arguments: Any, **settings: Any) -> Any:
        try:
            return function(*arguments, **settings)
        finally:
            Path(os.environ["FLEET_SPANS"], f"{os.getpid()}.json").write_text(json.dumps(_told))

    return noted


if "FLEET_SPANS" in os.environ:
    _watch(ingest, "read_logs", "read_recordings")
    _watch(assets, "compute", "compute")
    _watch(Postgres, "_repeated", "index")
    _watch(ObjectRoot, "put", "io")
    _watch(StoredInput, "load", "io")
    _watch(Store, "write", "encode_and_hash")
    _watch(ingest.Spool, "_spooled", "io")
    _watch(ingest, "_fetched", "io")
    for name in ("_contract", "_summary", "_up_to_date"):
        _watch(asset_checks, name, "checks")
    StoreIOManager.handle_output = _note(StoreIOManager.handle_output)  # type: ignore[method-assign]
    ingest._settle = _note(ingest._settle)

defs = definitions(CATALOG, load_settings())
