"""Who is in front of whom on a few lanes, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.kernels.lane_paths import LaneNetwork, leaders, ranges, roads

# Road 0 has lanes 0 and 1. Lane 0 leads through 2 to 4, and through 3 to 5; lane 1 through 6 to 7,
# which is beside 4. From 5 there are two ways on, to 8 and 9.
LENGTH = [100.0, 100.0, 10.0, 12.0, 100.0, 100.0, 11.0, 100.0, 50.0, 50.0]
LEFT = [1, -1, -1, -1, 7, -1, -1, -1, -1, -1]
LINKS = [(0, 2), (0, 3), (1, 6), (2, 4), (3, 5), (5, 8), (5, 9), (6, 7)]


def network() -> LaneNetwork:
    links = np.array(LINKS)
    return LaneNetwork(
        length=np.array(LENGTH),
        road=roads(np.array(LEFT)),
        starts=np.searchsorted(links[:, 0], np.arange(len(LENGTH) + 1)),
        following=links[:, 1],
    )


def found(
    samples: list[tuple[int, int, int, float]], range_m: float = 50.0, length_m: float = 5.0
) -> dict[tuple[int, int, int], float]:
    """Return (moment, behind, in front) to gap, of samples (track, moment, lane, position)."""
    table = np.array(sorted(samples), dtype=float)
    track, moment, lane = (table[:, i].astype(np.int64) for i in range(3))
    behind, front, gap = leaders(
        network=network(),
        track=track,
        moment=moment,
        lane=lane,
        position=table[:, 3],
        length=np.full(len(table), length_m),
        range_m=range_m,
    )
    return {
        (int(moment[b]), int(track[b]), int(track[f])): float(g)
        for b, f, g in zip(behind, front, gap, strict=True)
    }


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([(0, 0, 0, 10.0), (1, 0, 0, 30.0)], {(0, 0, 1): 15.0}, id="same_lane"),
        pytest.param([(0, 0, 0, 10.0), (1, 0, 1, 30.0)], {}, id="next_lane"),
        pytest.param([(0, 0, 0, 10.0), (1, 0, 0, 66.0)], {}, id="out_of_range"),
        pytest.param(
            [(0, 0, 0, 10.0), (1, 0, 0, 20.0), (2, 0, 0, 30.0)],
            {(0, 0, 1): 5.0, (0, 0, 2): 15.0, (0, 1, 2): 5.0},
            id="all_of_a_queue",
        ),
        pytest.param([(0, 0, 0, 10.0), (1, 0, 0, 12.0)], {(0, 0, 1): -3.0}, id="overlapping"),
        pytest.param(
            [(0, 0, 0, 10.0), (1, 0, 0, 10.0)], {(0, 0, 1): -5.0, (0, 1, 0): -5.0}, id="level"
        ),
        pytest.param(
            [(0, 0, 0, 90.0), (0, 9, 4, 1.0), (1, 0, 4, 8.0)],
            {(0, 0, 1): 10 + 10 + 8 - 5},
            id="across_the_junction_that_it_will_cross",
        ),
        pytest.param(
            [(0, 0, 0, 90.0), (0, 9, 5, 1.0), (1, 0, 4, 8.0)], {}, id="not_where_it_will_not_go"
        ),
        pytest.param(
            [(0, 0, 0, 90.0), (1, 0, 4, 8.0)], {}, id="no_way_is_known_where_there_are_two"
        ),
        pytest.param(
            [(0, 0, 1, 90.0), (1, 0, 7, 8.0)], {(0, 0, 1): 10 + 11 + 8 - 5}, id="the_only_way"
        ),
        pytest.param(
            # It changes from lane 1 to 0 before the junction; from lane 1 the way goes on to 7.
            [(0, 0, 1, 80.0), (0, 1, 0, 85.0), (0, 9, 4, 1.0), (1, 0, 7, 4.0), (2, 1, 4, 4.0)],
            {(0, 0, 1): 20 + 11 + 4 - 5, (1, 0, 2): 15 + 10 + 4 - 5},
            id="a_change_of_lane_to_come",
        ),
        pytest.param(
            [(0, 0, 0, 90.0), (0, 9, 5, 1.0), (0, 12, 9, 1.0), (1, 0, 5, 20.0), (2, 9, 9, 5.0)],
            {(0, 0, 1): 10 + 12 + 20 - 5},
            id="the_junction_was_passed_between_two_samples",
        ),
        pytest.param([(0, 0, 0, 10.0), (1, 1, 0, 30.0)], {}, id="at_another_moment"),
    ],
)
def test_by_hand(
    samples: list[tuple[int, int, int, float]], expected: dict[tuple[int, int, int], float]
) -> None:
    assert found(samples) == pytest.approx(expected)


def test_nobody() -> None:
    empty = np.zeros(0, dtype=np.int64)
    made = leaders(
        network=network(), track=empty, moment=empty, lane=empty, position=np.zeros(0),
        length=np.zeros(0), range_m=50.0,
    )  # fmt: skip
    assert [len(part) for part in made] == [0, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 50)), min_size=1, max_size=8))
def test_gaps_add_up_along_a_queue(places: list[tuple[int, float]]) -> None:
    samples = [(i, 0, lane, position) for i, (lane, position) in enumerate(places)]
    gaps = found(samples, range_m=1_000.0, length_m=1.0)
    for (_, a, b), gap in gaps.items():
        for (_, c, d), further in gaps.items():
            # Ways from b are known where those from a are: nobody's way is more than one.
            if c == b and (0, a, d) in gaps and d != a:
                assert gaps[0, a, d] == pytest.approx(gap + 1.0 + further)


def test_ranges() -> None:
    made = ranges(np.array([5, 1, 7]), np.array([2, 0, 3]))
    assert made.tolist() == [5, 6, 7, 8, 9]
