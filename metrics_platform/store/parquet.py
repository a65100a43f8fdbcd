"""Rows as Parquet objects; none is ever overwritten."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

import polars as pl

from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.reads import Scope

# Small enough that one log of a thousand is read quickly, large enough to compress well and to
# read all of them as fast as from a single row group.
ROW_GROUP = 32_768


@dataclass(frozen=True, slots=True)
class NewFile:
    """An object that was put and that the index doesn't know yet.

    Attributes:
        file_id: Made up for it.
        path: Relative to the object root.
        row_count: In it.
        size_bytes: Of it.
    """

    file_id: uuid.UUID
    path: str
    row_count: int
    size_bytes: int


def put_rows(objects: ObjectRoot, scope: Scope, rows: pl.DataFrame) -> NewFile:
    """Write `rows`, which are sorted by log, into a new object of the version of `scope`."""
    buffer = BytesIO()
    rows.write_parquet(buffer, compression="zstd", statistics=True, row_group_size=ROW_GROUP)
    file_id = uuid.uuid4()
    path = path_of(scope, file_id)
    objects.put(path, buffer.getbuffer())
    return NewFile(file_id, path, len(rows), buffer.tell())


def path_of(scope: Scope, file_id: uuid.UUID) -> str:
    """Return where an object of the version of `scope` goes that is made today."""
    day = datetime.now(UTC).date().isoformat()
    return f"{scope.domain}/{scope.name}/v{scope.version}/{day}/{file_id}.parquet"
