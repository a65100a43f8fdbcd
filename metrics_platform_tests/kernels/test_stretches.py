"""Stretches of states: on paper, and against a loop over the rows."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.kernels.stretches import stretches
from metrics_platform_tests.metrics.builders import STEP_NS, ego_states_of


def found(
    states: pl.DataFrame, *, merge_gap_s: float = 0.0, min_duration_s: float = 0.0
) -> list[tuple[str, int, float]]:
    rows = stretches(
        states.lazy(),
        pl.col("speed_mps") > 0,
        merge_gap_s=merge_gap_s,
        min_duration_s=min_duration_s,
    ).collect()
    return [
        (log, round(start / STEP_NS), round(duration, 6))
        for log, start, duration in rows.sort("log_id", "start_ns").rows()
    ]


def test_a_stretch_ends_with_its_log() -> None:
    states = pl.concat([ego_states_of(2, log_id=log, speed_mps=1.0) for log in "ab"])
    assert found(states) == [("a", 0, 0.2), ("b", 0, 0.2)]


def test_the_last_state_of_a_segment_is_as_long_as_the_others() -> None:
    states = ego_states_of(
        4, timestamp_ns=[0, STEP_NS, 50 * STEP_NS, 52 * STEP_NS], segment_index=[0, 0, 1, 1],
        speed_mps=[0.0, 1.0, 1.0, 1.0],
    )  # fmt: skip
    assert found(states, merge_gap_s=9.0) == [("log", 1, 0.1), ("log", 50, 0.4)]


def test_a_state_by_itself_has_no_duration_whatever_log_comes_next() -> None:
    states = pl.concat([ego_states_of(1, log_id=log, speed_mps=1.0) for log in "ab"])
    assert found(states) == [("a", 0, 0.0), ("b", 0, 0.0)]


@pytest.mark.parametrize("off_ns", [-1, 0, 1])
@pytest.mark.parametrize(("between", "events"), [(4, 1), (5, 2)], ids=["nearer", "no_nearer"])
def test_only_nearer_ones_are_joined_whatever_the_grid_is_off(
    off_ns: int, between: int, events: int
) -> None:
    speeds = [1.0, *[0.0] * between, 1.0, 1.0]
    times = [step * (STEP_NS + off_ns) for step in range(len(speeds))]
    states = ego_states_of(len(speeds), timestamp_ns=times, speed_mps=speeds)
    assert len(found(states, merge_gap_s=0.5)) == events


@given(st.lists(st.booleans(), min_size=2, max_size=40), st.integers(0, 3), st.integers(0, 4))
def test_against_a_loop(holds: list[bool], gap: int, least: int) -> None:
    expected: list[list[int]] = []
    for row in (row for row, held in enumerate(holds) if held):
        if expected and row - expected[-1][-1] - 1 <= gap:
            expected[-1].append(row)
        else:
            expected.append([row])
    lasting = [(rows[0], rows[-1] - rows[0] + 1) for rows in expected]
    states = ego_states_of(len(holds), speed_mps=[float(held) for held in holds])
    # Half a step more than the gap, whose length is no exact number of seconds.
    made = found(states, merge_gap_s=gap * 0.1 + 0.05, min_duration_s=least * 0.1)
    assert made == [
        ("log", start, round(steps * 0.1, 6)) for start, steps in lasting if steps >= least
    ]
