"""Is what is stored what today's code would store?"""

import polars as pl

from metrics_platform.checks.finding import Finding
from metrics_platform.store import DUE

# Logs that are shown.
EXAMPLES = 20


def up_to_date(counts: pl.DataFrame, due: pl.DataFrame | None = None) -> Finding:
    """Pass where no log is missing or stale; what abstained or failed is not for this check.

    Args:
        counts: One row of `Store.ledger`.
        due: Some of the missing or stale logs, as `Store.ledger_logs` has them.
    """
    row = counts.row(0, named=True)
    facts = {name: int(row[name]) for name in ("logs", "current", *DUE)}
    late = facts["logs"] - facts["current"]
    told = ", ".join(f"{facts[of]} {of.replace('_', ' by ')}" for of in DUE if facts[of])
    return Finding(
        passed=late == 0,
        description=(
            f"{late} of {facts['logs']} logs are not up to date: {told}"
            if late
            else f"{facts['logs']} logs are up to date"
        ),
        severity="warning",
        facts=facts,
        examples=None if due is None else due.sort("log_id").select("log_id", "standing"),
    )
