"""Remote assistance: sessions, their time, and its share of the drive."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.core import Status
from metrics_platform.metrics.remote_assistance import pooled, remote_assistance
from metrics_platform_tests.metrics.builders import ego_states_of, result_of
from metrics_platform_tests.metrics.missions import drive, interventions_of

KIND = "remote_assistance"
Session = tuple[float, float | None]


def summed(*sessions: Session, seconds: float = 10.0) -> tuple[float, ...]:
    """Return sessions, those without an end, the time and its share."""
    made = result_of(
        remote_assistance,
        interventions=interventions_of(
            *((start, KIND) for start, _ in sessions), ends=[end for _, end in sessions]
        ),
        ego_states=drive(seconds),
    )
    names = ("sessions_count", "endless_count", "assisted_s", "assisted_ratio")
    return made.rows.select(names).row(0)


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        pytest.param([(1.0, 3.0)], (1, 0, 2.0, 0.2), id="one"),
        pytest.param([(1.0, 3.0), (5.0, 6.0)], (2, 0, 3.0, 0.3), id="two"),
        pytest.param([(1.0, 4.0), (2.0, 6.0)], (2, 0, 5.0, 0.5), id="overlapping"),
        pytest.param([(1.0, 8.0), (2.0, 3.0), (4.0, 5.0)], (3, 0, 7.0, 0.7), id="one_in_another"),
        pytest.param([(1.0, 3.0), (3.0, 4.0)], (2, 0, 3.0, 0.3), id="one_after_another"),
        pytest.param([(2.0, None)], (1, 1, 0.0, 0.0), id="without_an_end"),
        pytest.param([(2.0, None), (3.0, 4.0)], (2, 1, 1.0, 0.1), id="with_and_without"),
        pytest.param([(4.0, 3.0)], (1, 1, 0.0, 0.0), id="ends_before_it_begins"),
        pytest.param([(-5.0, 2.0), (9.0, 60.0)], (2, 0, 3.0, 0.3), id="beyond_both_ends"),
        pytest.param([(-5.0, 60.0)], (1, 0, 10.0, 1.0), id="all_the_time"),
        pytest.param([(20.0, 30.0), (-3.0, -1.0)], (0, 0, 0.0, 0.0), id="another_time"),
    ],
)
def test_sessions(sessions: list[Session], expected: tuple[float, ...]) -> None:
    assert summed(*sessions) == tuple(map(pytest.approx, expected))


def test_other_interventions_are_no_assistance() -> None:
    made = result_of(
        remote_assistance,
        interventions=interventions_of((1.0, "takeover"), ends=[2.0]),
        ego_states=drive(10.0),
    )
    assert made.summary.drop("log_id").row(0) == (0, 0, 0.0, 0.0)


def test_a_drive_of_one_moment_has_no_share() -> None:
    made = result_of(
        remote_assistance, interventions=interventions_of((0.0, KIND)), ego_states=ego_states_of(1)
    )
    assert made.rows.select("sessions_count", "drive_s", "assisted_ratio").row(0) == (1, 0.0, None)


def test_a_log_that_records_no_interventions_abstains() -> None:
    outcome = result_of(remote_assistance, ego_states=drive(1.0)).outcomes["log"]
    assert outcome.status is Status.ABSTAINED


def test_the_share_of_a_fleet_is_by_time() -> None:
    events = interventions_of((0.0, KIND), ends=[10.0])
    other = interventions_of((0.0, "takeover")).with_columns(log_id=pl.lit("other"))
    made = result_of(
        remote_assistance,
        interventions=pl.concat([events, other]),
        ego_states=pl.concat([drive(10.0), drive(90.0, log_id="other")]),
    )
    fleet = pooled(made.rows.lazy(), []).collect().row(0, named=True)
    assert fleet["sessions_count"] == 1
    assert fleet["assisted_ratio"] == pytest.approx(0.1)
    by_log = pooled(made.rows.lazy(), ["log_id"]).sort("log_id").collect()
    assert by_log["assisted_ratio"].to_list() == [pytest.approx(1.0), 0.0]


_TENTHS = st.integers(-20, 120)


@given(st.lists(st.tuples(_TENTHS, _TENTHS), min_size=1, max_size=8))
def test_the_time_is_that_of_the_moments_that_any_session_covers(
    sessions: list[tuple[int, int]],
) -> None:
    given_s: list[Session] = [(min(pair) / 10, max(pair) / 10) for pair in sessions]
    covered = sum(any(min(pair) <= tenth < max(pair) for pair in sessions) for tenth in range(100))
    _, _, assisted_s, ratio = summed(*given_s)
    assert assisted_s == pytest.approx(covered / 10, abs=1e-6)
    assert ratio == pytest.approx(covered / 100, abs=1e-6)
