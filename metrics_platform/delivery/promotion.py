"""Which version readers get, as a person reads it; and how two stored versions differ."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import polars as pl

from metrics_platform.checks.value_change import ValueChange, Values, merged, value_change
from metrics_platform.core import Definition, Outcome, Status
from metrics_platform.core.catalog import Catalog
from metrics_platform.core.errors import NoResultsError
from metrics_platform.core.frames import grain
from metrics_platform.store import Store

# Of the larger version, in memory at once with those of the other.
_ROWS_AT_ONCE = 2_000_000
_DAY = "%Y-%m-%d %H:%M UTC"
_BESIDE_SCALARS = ("status", "reason", "release", "vehicle", "place")


def version_line(
    store: Store, name: str, version: str, *, asked: bool, as_of: datetime | None = None
) -> str:
    """Return which version is shown, and why it is this one."""
    promoted = store.promoted(name, as_of=as_of)
    if asked:
        found = promoted or current_version(store, name, as_of)
        return f"{name} {version}, as asked for" + (
            "" if version == found else f"; readers get {found or 'none'}"
        )
    if promoted is None:
        return f"{name} {version}, the highest: none is promoted"
    if as_of is not None:
        return f"{name} {version}, which was promoted then"
    row = store.promotions(name).row(0, named=True)
    by = f" by {row['promoted_by']}" if row["promoted_by"] else ""
    note = f": {row['note']}" if row["note"] else ""
    return f"{name} {version}, promoted {row['promoted_at']:{_DAY}}{by}{note}"


def current_version(store: Store, name: str, as_of: datetime | None = None) -> str | None:
    """Return the version that readers get; None where there is nothing for them."""
    try:
        return store.current_version(name, as_of=as_of)
    except NoResultsError:
        return None


def beside_lines(
    store: Store, catalog: Catalog, name: str, version: str, logs: Sequence[str] | None = None
) -> Iterator[str]:
    """Yield what readers of `version` don't see, and what else there is.

    Args:
        store: Of the results.
        catalog: The definitions as they are now.
        name: Of one of them.
        version: What is shown.
        logs: Only these; None for all.
    """
    for row in store.versions_beside(name, version, logs=logs).iter_rows(named=True):
        has = f"it has {_logs(row['logs'])}, {row['others'] or 'none'} that {version} lacks"
        if row["is_shadow"]:
            yield f"{row['version']} is in shadow: {has}"
        elif row["others"]:
            yield f"{row['version']} is not what is shown: {has}"
    computed = {d.version for d in catalog.with_shadows if d.name == name}
    if version not in computed and store.promoted(name) == version:
        yield (
            f"today's code computes {catalog[name].version}: new logs get no result of {version}, "
            "and readers don't see them"
        )


def promoted_versions(store: Store, name: str | None = None) -> pl.DataFrame:
    """Return what is promoted, one row per name; of one name all that ever was, newest first."""
    found = store.promotions(name)
    if name is not None:
        return found.select(
            "version", *_days("promoted_at", "demoted_at"), "promoted_by", "demoted_by", "note"
        )
    is_open = found.filter(pl.col("demoted_at").is_null())
    others = [
        ", ".join(
            f"{other} (in shadow)" if is_shadow else other
            for other, is_shadow in store.versions_beside(*of).select("version", "is_shadow").rows()
        )
        for of in is_open.select("name", "version").iter_rows()
    ]
    return is_open.select(
        "name",
        "version",
        *_days("promoted_at"),
        "promoted_by",
        pl.Series("other versions", others, dtype=pl.String),
        "note",
    )


def compared(store: Store, definition: Definition, before: str, after: str) -> ValueChange:
    """Return how two stored versions differ over the logs that both have.

    Args:
        store: Of the results.
        definition: Whose key and tolerances count: that of the newer version, if there is one.
        before: The version that readers got.
        after: The version that they get.
    """
    name = definition.name
    outcomes = [store.outcomes(name, version=version) for version in (before, after)]
    both = outcomes[0].join(outcomes[1], on="log_id", maintain_order="left")
    rows = pl.max_horizontal("row_count", "row_count_right")
    batch = both.select("log_id", at=rows.cum_sum() // _ROWS_AT_ONCE)
    return merged(
        [
            value_change(
                *(_values(store, definition, version, logs) for version in (before, after)),
                key=grain(definition.rows),
                tolerances=definition.tolerances,
            )
            for logs in batch.group_by("at", maintain_order=True).agg("log_id")["log_id"].to_list()
        ]
    )


def _values(store: Store, of: Definition, version: str, logs: Sequence[str]) -> Values:
    name = of.name
    outcomes = store.outcomes(name, version=version, logs=logs)
    summary = store.summary(name, version=version, logs=logs)
    return Values(
        rows=store.scan(name, version=version, logs=logs, rows=of.rows).collect(),
        outcomes={
            log_id: Outcome(Status(status), reason)
            for log_id, status, reason in outcomes.select("log_id", "status", "reason").iter_rows()
        },
        summary=summary.filter(pl.col("status") == Status.COMPUTED).drop(_BESIDE_SCALARS),
    )


def _logs(count: int) -> str:
    return "1 log" if count == 1 else f"{count} logs"


def _days(*columns: str) -> Iterator[pl.Expr]:
    for column in columns:
        yield pl.col(column).dt.strftime(_DAY)
