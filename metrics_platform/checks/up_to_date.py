"""Is what is stored what today's code would store?"""

from dataclasses import dataclass

import polars as pl

from metrics_platform.checks.finding import Finding
from metrics_platform.store import DUE

# Logs that are shown.
EXAMPLES = 20


@dataclass(frozen=True)
class Hidden:
    """Logs that readers don't see, since another version than today's code has is promoted.

    Attributes:
        promoted: That version.
        logs: That have a result of today's version, and none of the promoted one.
    """

    promoted: str
    logs: int


def up_to_date(
    counts: pl.DataFrame, due: pl.DataFrame | None = None, *, hidden: Hidden | None = None
) -> Finding:
    """Pass where no log is missing or stale; what abstained or failed is not for this check.

    Args:
        counts: One row of `Store.ledger`.
        due: Some of the missing or stale logs, as `Store.ledger_logs` has them.
        hidden: Logs that readers don't see; None where they see what today's code computes.
    """
    row = counts.row(0, named=True)
    facts = {name: int(row[name]) for name in ("logs", "current", *DUE)}
    late = facts["logs"] - facts["current"]
    told = ", ".join(f"{facts[of]} {of.replace('_', ' by ')}" for of in DUE if facts[of])
    description = (
        f"{late} of {facts['logs']} logs are not up to date: {told}"
        if late
        else f"{facts['logs']} logs are up to date"
    )
    if hidden is not None:
        facts["hidden"] = hidden.logs
    if hidden is not None and hidden.logs:
        description += (
            f"; readers don't see {hidden.logs} logs, which have no result of {hidden.promoted}: "
            "that is promoted, and computed no more"
        )
    return Finding(
        passed=late == 0 and not (hidden and hidden.logs),
        description=description,
        severity="warning",
        facts=facts,
        examples=None if due is None else due.sort("log_id").select("log_id", "standing"),
    )
