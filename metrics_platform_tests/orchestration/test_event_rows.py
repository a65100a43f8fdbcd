"""Texts made for many events at once are those that Dagster makes one by one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterEvent,
    EventLogEntry,
    MetadataValue,
    MultiPartitionKey,
)
from dagster._core.definitions.partitions.subset import DefaultPartitionsSubset
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    StepMaterializationData,
)
from dagster._serdes import serialize_value
from dagster_postgres import PostgresEventLogStorage
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.core.settings import Settings
from metrics_platform.orchestration.event_log import PooledPostgresEventLogStorage
from metrics_platform.orchestration.event_rows import Alike, one_per_partition
from metrics_platform.store import dagster_url

KEY = AssetKey(["log", "speeds"])
ROWS = MetadataValue.int(3)
# No text in Postgres has a NUL.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


def _entry(
    kind: str,
    data: Any,
    *,
    timestamp: float = 1.5e9,
    message: str | None = None,
    step_key: str = "speeds",
) -> EventLogEntry:
    event = DagsterEvent(kind, "job", event_specific_data=data, message=message, step_key=step_key)
    return EventLogEntry(  # type: ignore[no-untyped-call]
        None, 10, "told", "a run", timestamp, step_key, "job", event
    )


def _materialized(
    partition: str | None,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    **particulars: Any,
) -> EventLogEntry:
    made = AssetMaterialization(KEY, metadata=metadata, partition=partition, tags=tags)
    return _entry("ASSET_MATERIALIZATION", StepMaterializationData(made), **particulars)


def _observed(partition: str | None, **particulars: Any) -> EventLogEntry:
    made = AssetObservation(KEY, metadata={"rows": ROWS}, partition=partition)
    return _entry("ASSET_OBSERVATION", AssetObservationData(made), **particulars)


def _planned(partition: str | None, **particulars: Any) -> EventLogEntry:
    data = AssetMaterializationPlannedData(KEY, partition)
    return _entry("ASSET_MATERIALIZATION_PLANNED", data, **particulars)


def _texts(events: Sequence[EventLogEntry]) -> Iterator[str]:
    alike = None
    for event in events:
        if alike is None or not alike.fits(event):
            alike = Alike.to(event, lambda entry: {"event": serialize_value(entry)})
        yield alike.text(event)


@given(
    st.lists(
        st.builds(
            lambda made, partition, timestamp: made(partition, timestamp=timestamp),
            st.sampled_from([_materialized, _observed, _planned]),
            st.none() | TEXTS,
            st.floats(0, 1e11),
        ),
        max_size=6,
    )
)
def test_a_text_is_the_one_that_dagster_makes(events: Sequence[EventLogEntry]) -> None:
    assert list(_texts(events)) == [serialize_value(event) for event in events]


@pytest.mark.parametrize(
    "other",
    [
        _materialized("b", {"rows": MetadataValue.int(4)}),
        _materialized("b", {"rows": MetadataValue.float(3.0)}),
        _materialized("b", {"rows": MetadataValue.json({"rows": 3.0})}),
        _materialized("b", {"rows": MetadataValue.json({"rows": True})}),
        _materialized("b", {"more": ROWS, "rows": ROWS}),
        _materialized("b", {"rows": ROWS}, {"dagster/data_version": "2"}),
        _materialized("b", {"rows": ROWS}, message="otherwise"),
        _materialized("b", {"rows": ROWS}, step_key="another"),
        _materialized(MultiPartitionKey({"log": "b", "day": "x"}), {"rows": ROWS}),
        _observed("b"),
        _planned("b"),
    ],
    ids=[
        *("number", "kind of number", "number in JSON", "truth in JSON", "names", "tags"),
        *("message", "step", "dimensions", "observed", "planned"),
    ],
)
@pytest.mark.parametrize("value", [ROWS, MetadataValue.json({"rows": 3}), MetadataValue.int(1)])
def test_what_differs_in_more_than_partition_and_time_has_a_text_of_its_own(
    value: Any, other: EventLogEntry
) -> None:
    events = [_materialized("a", {"rows": value}), other, _materialized("c", {"rows": value})]

    assert list(_texts(events)) == [serialize_value(event) for event in events]


def test_one_text_serves_all_partitions_of_a_range() -> None:
    first = _materialized("a", {"rows": ROWS}, timestamp=1.0)
    alike = Alike.to(first, lambda entry: {"event": serialize_value(entry)})

    assert alike.fits(_materialized("b", {"rows": ROWS}, timestamp=2.0))
    assert not alike.fits(_materialized("b", {"rows": MetadataValue.int(3)}))


def test_a_planned_event_over_partitions_becomes_one_for_each() -> None:
    subset = DefaultPartitionsSubset({"b", "a"})
    over = _entry(
        "ASSET_MATERIALIZATION_PLANNED",
        AssetMaterializationPlannedData(KEY, partitions_subset=subset),
    )
    made = _materialized("c")

    assert list(one_per_partition([over, made])) == [_planned("a"), _planned("b"), made]


ODD = [
    "tab\t",
    "line\nfeed\r",
    "back\\slash",
    r"\N",
    r"\.",
    '"quoted"',
    "Straße 🚗",
    "{}",
    "%s",
    "null",
]


def test_odd_partitions_leave_the_same_rows_as_with_the_stock_storage(settings: Settings) -> None:
    events = [made(key) for made in (_planned, _materialized, _observed) for key in (*ODD, None)]
    events.extend(_materialized(key, tags={"dagster/data_version": key}) for key in ODD)
    left = []
    for kind in (PostgresEventLogStorage, PooledPostgresEventLogStorage):
        storage = kind(dagster_url(settings))
        if kind is PostgresEventLogStorage:
            for event in events:
                storage.store_event(event)
        else:
            storage.store_event_batch(events)
        with storage.index_connection() as connection:
            left.append([connection.execute(sa.text(query)).all() for query in _QUERIES])
        storage.wipe()
        storage.dispose()

    assert left[0] == left[1]
    assert [len(rows) for rows in left[0]] == [len(events), len(ODD), 1]


_QUERIES = (
    "SELECT event, run_id, dagster_event_type, timestamp, step_key, asset_key, partition "
    "FROM event_logs ORDER BY dagster_event_type, partition, id",
    "SELECT e.event, t.asset_key, t.key, t.value, t.event_timestamp "
    "FROM asset_event_tags t JOIN event_logs e ON e.id = t.event_id ORDER BY t.value",
    "SELECT asset_key, last_run_id, last_materialization_timestamp, "
    "regexp_replace(last_materialization, '\"storage_id\": \\d+', '') FROM asset_keys",
)
