"""How much of what was asked for has been computed?"""

import polars as pl

from metrics_platform.checks.finding import Finding
from metrics_platform.core import Status

_EXAMPLES = 20


def coverage(outcomes: pl.DataFrame, asked: int) -> Finding:
    """Pass where no log failed and none is missing; abstained logs are counted, and are fine.

    Args:
        outcomes: Columns `log_id`, `status`, `reason`, one row per log.
        asked: Number of logs that should have an outcome.
    """
    counts = {status: int((outcomes["status"] == status).sum()) for status in Status}
    missing = asked - len(outcomes)
    failed = counts[Status.FAILED]
    description = (
        f"{counts[Status.COMPUTED]} of {asked} logs computed, {counts[Status.ABSTAINED]} "
        f"abstained, {failed} failed, {missing} missing"
    )
    not_computed = outcomes.filter(pl.col("status") != Status.COMPUTED)
    return Finding(
        passed=failed == 0 and missing == 0,
        description=description,
        facts={**{str(status): count for status, count in counts.items()}, "missing": missing},
        examples=not_computed.sort("status", "log_id", descending=[True, False])
        .select("log_id", "status", "reason")
        .head(_EXAMPLES)
        if len(not_computed)
        else None,
    )
