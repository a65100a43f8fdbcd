"""The ledger of staleness as a person reads it, and asking for what it shows to be computed."""

from collections.abc import Collection, Iterable

import polars as pl

from metrics_platform.core import Status
from metrics_platform.core.catalog import Catalog
from metrics_platform.store import DUE, Standing, Store

_WHY = {
    Standing.MISSING: "missing",
    Standing.STALE_CODE: "stale: its code has changed",
    Standing.STALE_INPUTS: "stale: what it needs has changed",
}
_NOTHING_TO_SAY = pl.sum_horizontal(*DUE, "failed") == 0


def stale_definitions(counts: pl.DataFrame, *, quiet: bool) -> pl.DataFrame:
    """Return one row per definition: logs by how its results stand, the current ones by status.

    Args:
        counts: Of `Store.ledger`.
        quiet: Leave out definitions of which no log is missing, stale or failed.
    """
    shown = counts.filter(~_NOTHING_TO_SAY) if quiet else counts
    return shown.rename({"stale_code": "stale code", "stale_inputs": "stale inputs"})


def stale_logs(entries: pl.DataFrame) -> pl.DataFrame:
    """Return one row per definition and log, in the order of `entries`: why it is in them.

    Args:
        entries: Of `Store.ledger_logs`.
    """
    told = pl.concat_str([pl.col("status"), pl.col("reason").fill_null("")], separator=": ")
    why = pl.col("standing").replace_strict(_WHY, default=None, return_dtype=pl.String)
    return entries.select("name", "log_id", why=why.fill_null(told))


def staleness_line(counts: pl.DataFrame) -> str:
    """Return how much of all results is up to date, as one sentence."""
    total = {name: int(counts[name].sum()) for name in ("logs", "current", "failed", *DUE)}
    late = [
        f"{total[of]:,} {word}"
        for of, word in zip(DUE, ("missing", "stale by code", "stale by inputs"), strict=True)
        if total[of]
    ]
    failed = f"; {total['failed']:,} failed" if total["failed"] else ""
    definitions = "1 definition" if len(counts) == 1 else f"{len(counts)} definitions"
    known = f"{total['current']:,} of {total['logs']:,} results of {definitions}"
    return f"{', '.join([f'{known} are up to date', *late])}{failed}"


def told_logs(counts: pl.DataFrame, also: Collection[Status]) -> int:
    """Return how many rows `Store.ledger_logs` has in all, of missing and stale logs and `also`."""
    return int(counts.select(pl.sum_horizontal(pl.col(*DUE, *also).sum())).item())


def late_names(counts: pl.DataFrame, catalog: Catalog, names: Iterable[str]) -> list[str]:
    """Return those of `names` that miss something or are stale, or whose inputs are.

    Args:
        counts: Of `Store.ledger`, for `names` and all that they need.
        catalog: Knows what they need.
        names: Definitions.
    """
    late = set(counts.filter(pl.sum_horizontal(*DUE) > 0)["name"])
    return [
        name for name in names if not late.isdisjoint(of.label for of in catalog.upstream(name))
    ]


def ask_for_backfill(
    store: Store, counts: pl.DataFrame, names: Collection[str] | None
) -> list[str]:
    """Ask the sensor `backfills` to compute what is missing or stale; return of what.

    Args:
        store: Keeps the wish.
        counts: Of `Store.ledger`.
        names: Definitions; None for all of `counts` that have something missing or stale.
    """
    if names is None:
        names = counts.filter(pl.sum_horizontal(*DUE) > 0)["name"].to_list()
    asked = sorted(set(names))
    store.backfills.request(asked)
    return asked
