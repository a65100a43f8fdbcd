"""Rows of Dagster's event log: made and sent for many events at once.

A ranged run logs the same event for each of its partitions. To write one as JSON takes 0.1 ms,
which is most of what an event costs. So it is written once for events that differ in partition
and time alone, with places for the two; and rows go by `COPY`.

It relies on how Dagster's events are made, as `event_log` does.
"""

import io
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any

import sqlalchemy as sa
from dagster import EventLogEntry

# The part of an event that has its partition; a planned event has it itself.
_HOLDERS = ("materialization", "asset_observation")
# A text and a number that no event has by chance.
_PARTITION = uuid.uuid4().hex
_TIMESTAMP = float(f"0.{uuid.uuid4().int}")


def one_per_partition(events: Iterable[EventLogEntry]) -> Iterator[EventLogEntry]:
    """Yield `events`, and for a planned event over a set of partitions one for each of them.

    These are the events that Dagster makes for a storage that knows nothing of such sets. From
    them alone the UI tells which partitions are under way or have failed.
    """
    for event in events:
        subset = event.get_dagster_event().partitions_subset
        if subset is None:
            yield event
        else:
            for key in sorted(subset.get_partition_keys()):
                yield _replaced(event, partition=key, partitions_subset=None)


@dataclass(frozen=True)
class Alike:
    """Events of an asset that differ in partition and time alone.

    Attributes:
        first: One of them, without its partition and time.
        row: Its row, with places where the text has partition and time.
    """

    first: EventLogEntry
    row: Mapping[str, Any]

    @classmethod
    def to(
        cls, event: EventLogEntry, row_of: Callable[[EventLogEntry], Mapping[str, Any]]
    ) -> "Alike":
        """Return the events that are alike to `event`, whose row `row_of` makes."""
        places = _replaced(event, partition=_PARTITION)._replace(timestamp=_TIMESTAMP)
        return cls(_rest(event), row_of(places))

    def fits(self, event: EventLogEntry) -> bool:
        """Tell whether `event` is one of them."""
        return _rest(event) == self.first and _same_metadata(event, self.first)

    def text(self, event: EventLogEntry) -> str:
        """Return `event`, one of them, as Dagster writes it in JSON."""
        text: str = self.row["event"].replace(repr(_TIMESTAMP), repr(event.timestamp))
        return text.replace(f'"{_PARTITION}"', json.dumps(partition_of(event)))


def partition_of(event: EventLogEntry) -> str | None:
    """Return the partition of an asset's event; ten times as fast as its own property."""
    partition: str | None = _held(event).partition
    return partition


def copy_rows(
    connection: sa.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Add `rows` to `table`, in the transaction of `connection`.

    Args:
        connection: By psycopg2, as all of Dagster's.
        table: Its name.
        columns: Names of what a row holds.
        rows: Of texts, numbers, times and None.
    """
    # Typed as that of any driver.
    driver: Any = connection.connection
    with driver.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", _Lines(rows))


class _Lines(io.TextIOBase):
    """Rows in the text format of `COPY`, made as they are sent."""

    def __init__(self, rows: Iterable[Sequence[object]]) -> None:
        self._rows = iter(rows)

    def read(self, size: int | None = -1) -> str:
        """Return the next row, however long; an empty text after the last one."""
        row = next(self._rows, None)
        return "" if row is None else "\t".join(map(_escaped, row)) + "\n"


def _escaped(value: object) -> str:
    if value is None:
        return r"\N"
    text = str(value).replace("\\", "\\\\")
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _replaced(event: EventLogEntry, **parts: object) -> EventLogEntry:
    """Return `event` with other `parts` where its partition stands."""
    told: Any = event.dagster_event
    data = told.event_specific_data
    if name := _holder(data):
        data = data._replace(**{name: getattr(data, name)._replace(**parts)})
    else:
        data = data._replace(**parts)
    return event._replace(dagster_event=told._replace(event_specific_data=data))


def _rest(event: EventLogEntry) -> EventLogEntry:
    return _replaced(event, partition=None)._replace(timestamp=0.0)


def _same_metadata(one: EventLogEntry, other: EventLogEntry) -> bool:
    """Tell whether both have the very same values: 1, 1.0 and True are equal, their texts not."""
    first, second = (getattr(_held(event), "metadata", {}) for event in (one, other))
    return list(first) == list(second) and all(map(is_, first.values(), second.values()))


def _held(event: EventLogEntry) -> Any:
    data: Any = event.get_dagster_event().event_specific_data
    name = _holder(data)
    return getattr(data, name) if name else data


def _holder(data: object) -> str | None:
    return next((name for name in _HOLDERS if hasattr(data, name)), None)
