"""Within a run, how many logs are held in memory at once."""

from collections.abc import Iterator, Mapping, Sequence

from metrics_platform.core import Definition
from metrics_platform.core.frames import polars_schema

# In the query over them; strings, joins and copies cost more than the plain eight bytes.
_BYTES_PER_VALUE = 32


def row_bytes(definition: Definition) -> int:
    """Return what a row of `definition` takes in memory while it is computed with, roughly."""
    return len(polars_schema(definition.rows)) * _BYTES_PER_VALUE


def batches(
    log_ids: Sequence[str], size_bytes: Mapping[str, int], limit_bytes: int
) -> Iterator[list[str]]:
    """Split `log_ids` so that the inputs of a batch stay below `limit_bytes`.

    Ten-second logs go by the thousand, and an hour of dense traffic goes alone: a log that is
    larger than the limit is a batch of its own.
    """
    batch: list[str] = []
    held = 0
    for log_id in log_ids:
        size = size_bytes.get(log_id, 0)
        if batch and held + size > limit_bytes:
            yield batch
            batch, held = [], 0
        batch.append(log_id)
        held += size
    if batch:
        yield batch
