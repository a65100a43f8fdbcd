"""Results as Parquet on object storage, indexed in Postgres; and the registry of logs."""

from metrics_platform.store.backfills import Backfills
from metrics_platform.store.commits import Commit
from metrics_platform.store.inbox import INBOX, Arrival, arrivals, sweep
from metrics_platform.store.ledger import DUE, Expected, Needed, Standing
from metrics_platform.store.objects import ObjectInfo, ObjectRoot
from metrics_platform.store.postgres import dagster_url, index_url
from metrics_platform.store.promotions import Promotion
from metrics_platform.store.registered import ReadLog
from metrics_platform.store.registration import Found, Registration, State
from metrics_platform.store.registry import LogRegistry
from metrics_platform.store.selection import Selection
from metrics_platform.store.store import Store
from metrics_platform.store.summaries import as_stored

__all__ = [
    "DUE",
    "INBOX",
    "Arrival",
    "Backfills",
    "Commit",
    "Expected",
    "Found",
    "LogRegistry",
    "Needed",
    "ObjectInfo",
    "ObjectRoot",
    "Promotion",
    "ReadLog",
    "Registration",
    "Selection",
    "Standing",
    "State",
    "Store",
    "arrivals",
    "as_stored",
    "dagster_url",
    "index_url",
    "sweep",
]
