"""Stops, on paper and in real logs."""

import polars as pl
import pytest

from metrics_platform.metrics.stops import stops
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.metrics.builders import STEP_NS, ego_states_of, result_of
from metrics_platform_tests.metrics.conftest import RealLogs


def driving(*parts: tuple[float, float]) -> pl.DataFrame:
    """Return states at each speed for so many seconds, x being their number."""
    speeds = [speed for speed, seconds in parts for _ in range(round(seconds * 10))]
    return ego_states_of(
        len(speeds), speed_mps=speeds, x_m=[float(row) for row in range(len(speeds))]
    )


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        # start in steps, duration in s, from the start, until the end
        pytest.param(driving((5, 3)), [], id="never"),
        pytest.param(driving((5, 1), (0, 2), (5, 1)), [(10, 2.0, False, False)], id="once"),
        pytest.param(driving((5, 1), (0.1, 2), (5, 1)), [(10, 2.0, False, False)], id="threshold"),
        pytest.param(driving((5, 1), (0.11, 2), (5, 1)), [], id="creeps"),
        pytest.param(driving((5, 1), (0, 0.9), (5, 1)), [], id="too_short"),
        pytest.param(driving((0, 2), (5, 1)), [(0, 2.0, True, False)], id="from_the_start"),
        pytest.param(driving((5, 1), (0, 2)), [(10, 2.0, False, True)], id="until_the_end"),
        pytest.param(driving((0, 2)), [(0, 2.0, True, True)], id="throughout"),
        pytest.param(driving((5, 1), (0, 1), (0.2, 0.3), (0, 1), (5, 1)),
                     [(10, 2.3, False, False)], id="a_nudge_is_bridged"),
        pytest.param(driving((0, 1), (2, 0.7), (0, 1)),
                     [(0, 1.0, True, False), (17, 1.0, False, True)], id="two"),
    ],
)  # fmt: skip
def test_stops(states: pl.DataFrame, expected: list[tuple[int, float, bool, bool]]) -> None:
    made = result_of(stops, ego_states=states)
    rows = made.rows.select("start_ns", "duration_s", "from_start", "until_end", "x_m").rows()
    assert rows == [
        (start * STEP_NS, pytest.approx(duration), first, last, float(start))
        for start, duration, first, last in expected
    ]
    total = sum(duration for _, duration, _, _ in expected)
    assert made.summary.select("stops", "stopped_s").row(0) == (
        len(expected),
        pytest.approx(total),
    )


@pytest.mark.parametrize(
    ("states", "stuck_s"),
    [
        pytest.param(driving((5, 1), (0, 180), (5, 1)), 180.0, id="as_long_as_it_takes"),
        pytest.param(driving((5, 1), (0, 179.9), (5, 1)), 0.0, id="waits"),
        pytest.param(driving((0, 200), (5, 1)), 0.0, id="has_not_left_yet"),
        pytest.param(driving((5, 1), (0, 200)), 0.0, id="has_arrived"),
    ],
)
def test_stuck(states: pl.DataFrame, stuck_s: float) -> None:
    made = result_of(stops, ego_states=states)
    assert made.summary["stuck_s"].item() == pytest.approx(stuck_s)


def test_a_gap_ends_a_stop_and_is_neither_start_nor_end() -> None:
    states = driving((5, 1), (0, 4), (5, 1)).with_columns(
        segment_index=pl.when(pl.int_range(pl.len()) < 30).then(0).otherwise(1)
    )
    made = result_of(stops, ego_states=states)
    assert made.rows["duration_s"].to_list() == pytest.approx([2.0, 2.0])
    assert not made.rows.select("from_start", "until_end").to_numpy().any()


@pytest.mark.parametrize("moves_s", [0.0, 0.1], ids=["stands_at_the_gap", "seen_to_arrive"])
def test_nobody_knows_whether_it_was_stuck_at_a_gap(moves_s: float) -> None:
    states = driving((5, 1), (0, 200), (5, moves_s), (0, 200), (5, 1)).with_columns(
        segment_index=pl.when(pl.int_range(pl.len()) < 2_010).then(0).otherwise(1)
    )
    made = result_of(stops, ego_states=states)
    # The one before the gap isn't seen to end; the other is seen from its beginning, or isn't.
    assert made.rows["stuck_s"].to_list() == pytest.approx([0.0, 200.0 if moves_s else 0.0])


def test_a_synthetic_drive_without_a_stop() -> None:
    made = compute_on(scenario("cruise"), "stops")
    assert made.summary.row(0) == ("cruise", 0, 0.0, None, 0.0)


@pytest.mark.parametrize(
    ("log", "number", "stopped_s"),
    [
        pytest.param("comma2k19", 0, 0.0, id="comma2k19"),
        pytest.param("3b3570b4", 1, 1.196, id="argoverse_3b35"),
        pytest.param("robot", 3, 10.503, id="robot"),
    ],
)
def test_real_logs(real_logs: RealLogs, log: str, number: int, stopped_s: float) -> None:
    made = compute_on(real_logs(log), "stops")
    assert made.summary.select("stops", "stopped_s").row(0) == (
        number,
        pytest.approx(stopped_s, abs=0.01),
    )
