import uuid

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from metrics_platform.core import Computed, MetricFrame, Outcome, Signal, Status
from metrics_platform.core.frames import polars_schema
from metrics_platform.store import Store


class Samples(MetricFrame):
    """One row per log_id, and as many as one likes."""

    offset_ns: int
    speed_mps: float
    source: str
    valid: bool


Logs = dict[str, list[tuple[int, float, str, bool]]]

SCHEMA = polars_schema(Samples)

rows = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
        st.booleans(),
    ),
    max_size=5,
)
log_ids = st.text("abcZ09._|:=+@~ -", min_size=1, max_size=12)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=st.dictionaries(log_ids, rows, max_size=5), second=st.data())
def test_any_rows_come_back_as_they_are(store: Store, first: Logs, second: st.DataObject) -> None:
    definition = Signal(
        name=f"samples_{uuid.uuid4().hex}", version="1.0.0", rows=Samples, owner="platform"
    )
    truth = dict(first)
    store.write(_computed(definition, first))
    # Write some of the logs again, with other rows.
    changes = second.draw(
        st.dictionaries(st.sampled_from(sorted(first)), rows) if first else st.just({})
    )
    truth |= changes
    store.write(_computed(definition, changes))

    found = store.scan(definition.name, rows=Samples).collect()

    assert_frame_equal(found.sort("log_id", maintain_order=True), _frame(truth))


def _frame(logs: Logs) -> pl.DataFrame:
    flat = [(log_id, *row) for log_id in sorted(logs) for row in logs[log_id]]
    return pl.DataFrame(flat, schema=SCHEMA, orient="row")


def _computed(definition: Signal, logs: Logs) -> Computed:
    return Computed(
        definition=definition,
        rows=_frame(logs),
        outcomes={log_id: Outcome(Status.COMPUTED) for log_id in logs},
        summary=pl.DataFrame({"log_id": sorted(logs)}, schema={"log_id": pl.String}),
        fingerprints=dict.fromkeys(logs, "f1"),
    )
