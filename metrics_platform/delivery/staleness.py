"""The ledger of staleness as a person reads it, and asking for what it shows to be computed."""

from collections.abc import Sequence

import polars as pl

from metrics_platform.store import DUE, Expected, Standing, Store

# What a person has to do something about comes first, what lacks its input last.
_ORDER = (*DUE, Standing.CURRENT)
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


def stale_logs(entries: pl.DataFrame, expected: Sequence[Expected]) -> pl.DataFrame:
    """Return one row per definition and log that isn't both computed and current: why.

    Args:
        entries: Of `Store.ledger_logs`.
        expected: What it was asked for; their order is kept.
    """
    at = {of.name: position for position, of in enumerate(expected)}
    standing = pl.col("standing")
    told = pl.concat_str([pl.col("status"), pl.col("reason").fill_null("")], separator=": ")
    return (
        entries.with_columns(
            why=standing.replace_strict(_WHY, default=None, return_dtype=pl.String).fill_null(told),
            _rank=standing.replace_strict({of: at for at, of in enumerate(_ORDER)}),
            # Failures before abstentions.
            _failed=pl.col("status") == "failed",
            _at=pl.col("name").replace_strict(at, return_dtype=pl.Int64),
        )
        .sort("_rank", "_failed", "_at", "log_id", descending=[False, True, False, False])
        .select("name", "log_id", "why")
    )


def staleness_line(counts: pl.DataFrame) -> str:
    """Return how much of all results is up to date, as one sentence."""
    total = {name: int(counts[name].sum()) for name in ("logs", "current", "failed", *DUE)}
    late = [
        f"{total[of]:,} {word}"
        for of, word in zip(DUE, ("missing", "stale by code", "stale by inputs"), strict=True)
        if total[of]
    ]
    failed = f"; {total['failed']:,} failed" if total["failed"] else ""
    known = f"{total['current']:,} of {total['logs']:,} results of {len(counts)} definitions"
    return f"{', '.join([f'{known} are up to date', *late])}{failed}"


def ask_for_backfill(
    store: Store, expected: Sequence[Expected], names: Sequence[str] | None
) -> list[str]:
    """Ask the sensor `backfills` to compute what is missing or stale; return of what.

    Args:
        store: Keeps the wish.
        expected: What today's code would store.
        names: Definitions; None for all that have something missing or stale.
    """
    if names is None:
        counts = store.ledger(expected)
        names = counts.filter(pl.sum_horizontal(*DUE) > 0)["name"].to_list()
    store.backfills.request(names)
    return sorted(set(names))
