"""A computed batch told log by log: what the index is to know of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import polars as pl

from metrics_platform.core.content_hash import content_hashes
from metrics_platform.core.errors import ContractError, StoreError
from metrics_platform.core.statuses import Computed, Status
from metrics_platform.core.validation import validate
from metrics_platform.store.parameters import storable
from metrics_platform.store.summaries import scalars_by_log


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one log; if it equals the one before, there is nothing to write.

    Attributes:
        log_id: Of the log.
        fingerprint: Of the code that computed it.
        input_hash: Of what it was computed from.
        status: A `Status`.
        reason: None if computed.
        row_count: 0 unless computed.
        content_hash: Of its rows; None unless computed.
        summary: Scalars as JSON has them; None unless computed.
    """

    log_id: str
    fingerprint: str
    input_hash: str
    status: str
    reason: str | None
    row_count: int
    content_hash: str | None
    summary: Mapping[str, Any] | None


def results_of(computed: Computed) -> tuple[pl.DataFrame, dict[str, Result]]:
    """Return the rows, one log after another, and the result of every log, in the same order.

    Raises:
        ContractError: The rows break the schema, or belong to logs that are not computed.
        StoreError: A log has no fingerprint.
    """
    definition = computed.definition
    rows = validate(definition, computed.rows)
    if not rows["log_id"].is_sorted():
        rows = rows.sort("log_id", maintain_order=True)
    runs = rows["log_id"].rle().struct.unnest()
    with_rows: list[str] = runs["value"].to_list()
    counts: list[int] = runs["len"].to_list()
    if strangers := set(with_rows) - set(computed.logs_with(Status.COMPUTED)):
        raise ContractError(
            f"{definition.name} has rows of logs that are not computed: "
            f"{', '.join(sorted(strangers)[:3])}",
            strangers,
        )
    if missing := set(computed.outcomes) - set(computed.fingerprints):
        raise StoreError(f"{definition.name}: no fingerprint for {sorted(missing)[:3]}")
    # The last one, without rows, is for all computed logs in which nothing happened.
    bounds = [*accumulate(counts, initial=0), len(rows)]
    *hashes, nothing = content_hashes(rows, bounds)
    content = dict(zip(with_rows, zip(counts, hashes, strict=True), strict=True))
    summaries = scalars_by_log(computed.summary)
    found = {}
    for log_id, outcome in sorted(computed.outcomes.items()):
        is_computed = outcome.status is Status.COMPUTED
        row_count, content_hash = content.get(log_id, (0, nothing))
        found[log_id] = Result(
            log_id=log_id,
            fingerprint=computed.fingerprints[log_id],
            input_hash=computed.input_hashes.get(log_id, ""),
            status=outcome.status.value,
            reason=storable(outcome.reason),
            row_count=row_count,
            content_hash=content_hash if is_computed else None,
            summary=summaries.get(log_id, {}) if is_computed else None,
        )
    return rows, found
