"""Splitting logs: by what a step holds in memory at once, and by what a run takes."""

from collections.abc import Iterator, Mapping, Sequence

from metrics_platform.core import Definition
from metrics_platform.core.frames import polars_schema

# In the query over them; strings, joins and copies cost more than the plain eight bytes.
_BYTES_PER_VALUE = 32


def row_bytes(definition: Definition) -> int:
    """Return what a row of `definition` takes in memory while it is computed with, roughly."""
    return len(polars_schema(definition.rows)) * _BYTES_PER_VALUE


def batches(
    log_ids: Sequence[str], sizes: Mapping[str, float], limit: float, *, most: int | None = None
) -> Iterator[list[str]]:
    """Split `log_ids` so that a batch stays below `limit`, in the unit of `sizes`.

    Ten-second logs go by the thousand, and an hour of dense traffic goes alone: a log that is
    larger than the limit is a batch of its own.

    Args:
        log_ids: Their order is kept.
        sizes: Of the logs; bytes, or seconds.
        limit: Of a batch.
        most: Logs in a batch; any number if None.
    """
    batch: list[str] = []
    held = 0.0
    for log_id in log_ids:
        size = sizes.get(log_id, 0)
        if batch and (held + size > limit or len(batch) == most):
            yield batch
            batch, held = [], 0.0
        batch.append(log_id)
        held += size
    if batch:
        yield batch
