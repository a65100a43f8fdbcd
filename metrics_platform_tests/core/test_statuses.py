"""Outcomes of a batch."""

import polars as pl

from metrics_platform.core import Computed, Outcome, Status
from metrics_platform.signals.ego_poses import ego_poses


def test_logs_are_listed_by_status_in_the_order_of_the_batch() -> None:
    computed = Computed(
        definition=ego_poses,
        rows=pl.DataFrame(),
        outcomes={
            "c": Outcome(Status.FAILED, "x"),
            "b": Outcome(Status.COMPUTED),
            "a": Outcome(Status.FAILED, "y"),
        },
        summary=pl.DataFrame(),
        fingerprints={},
    )
    assert computed.logs_with(Status.FAILED) == ["c", "a"]
    assert computed.logs_with(Status.COMPUTED) == ["b"]
    assert computed.logs_with(Status.ABSTAINED) == []


def test_a_status_is_stored_as_its_word() -> None:
    assert [str(status) for status in Status] == ["computed", "abstained", "failed"]
