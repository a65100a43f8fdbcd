"""Where straight paths cross, and when each is in the area that both need."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from metrics_platform.kernels.crossing_areas import half_widths
from metrics_platform.kernels.crossings import Crossings, Occupied, crossings
from metrics_platform.kernels.driven_ways import Paths

_SECONDS = 10
_LENGTH_M, _WIDTH_M = 4.0, 2.0


def _straight(*drives: tuple[float, float, float, float], meets: bool = True) -> Paths:
    """Return paths of 10 s at 1 Hz, each from x, y with a heading at a speed."""
    seconds = np.arange(_SECONDS + 1)
    samples, rows = len(seconds), len(seconds) * len(drives)
    heading = np.repeat([drive[2] for drive in drives], samples)
    way = np.concatenate([drive[3] * seconds for drive in drives])
    return Paths(
        scene=np.zeros(rows, dtype=np.int64),
        track=np.repeat(np.arange(len(drives)), samples),
        time_ns=np.tile(seconds * 1_000_000_000, len(drives)),
        x=np.repeat([drive[0] for drive in drives], samples) + way * np.cos(heading),
        y=np.repeat([drive[1] for drive in drives], samples) + way * np.sin(heading),
        heading=heading,
        length=np.full(rows, _LENGTH_M),
        width=np.full(rows, _WIDTH_M),
        reverses=np.zeros(rows, dtype=bool),
        meets=np.full(rows, meets),
    )


def _found(
    paths: Paths, *, horizon_s: float = 10.0, least_angle: float = math.radians(30)
) -> tuple[Crossings, Occupied]:
    return crossings(
        paths,
        half_widths(paths),
        reach_m=_WIDTH_M / 2,
        horizon_s=horizon_s,
        least_angle=least_angle,
        max_gap_s=1.0,
    )


# East along y = 0 from x = -20 at 5 m/s: its front bumper is at the origin after 18 m, in 3.6 s.
_EAST = (-20.0, 0.0, 0.0, 5.0)
# North along x = 0 from y = -32 at 5 m/s: its front bumper is there after 30 m, in 6 s.
_NORTH = (0.0, -32.0, math.pi / 2, 5.0)


@pytest.mark.parametrize(
    ("drives", "tracks"),
    [
        pytest.param((_EAST, _NORTH), [0, 1], id="as_they_come"),
        pytest.param((_NORTH, _EAST), [1, 0], id="the_other_first"),
    ],
)
def test_a_right_angle(
    drives: tuple[tuple[float, float, float, float], ...], tracks: list[int]
) -> None:
    paths = _straight(*drives)
    found, occupied = _found(paths)
    assert paths.track[found.step].ravel().tolist() == tracks
    assert found.x == pytest.approx([0.0], abs=1e-6)
    assert found.y == pytest.approx([0.0], abs=1e-6)
    assert found.angle == pytest.approx([math.pi / 2])
    # In the area from 1 m before the crossing until the rear is 1 m behind it: 5 m later.
    assert occupied.entry_ns.ravel() == pytest.approx([3.4e9, 5.8e9], abs=1e3)
    assert occupied.exit_ns.ravel() == pytest.approx([4.6e9, 7.0e9], abs=1e3)


def test_who_comes_later_than_the_horizon_crosses_nobody() -> None:
    # 1.2 s are between one leaving and the other entering.
    assert len(_found(_straight(_EAST, _NORTH), horizon_s=1.3)[0].x) == 1
    assert len(_found(_straight(_EAST, _NORTH), horizon_s=1.1)[0].x) == 0


def test_two_that_meet_nobody_do_not_cross() -> None:
    assert len(_found(_straight(_EAST, _NORTH, meets=False))[0].x) == 0


def test_paths_of_two_scenes_do_not_cross() -> None:
    paths = _straight(_EAST, _NORTH)
    apart = Paths(**{**vars(paths), "scene": paths.track})
    assert len(_found(apart)[0].x) == 0


@pytest.mark.parametrize(("degrees", "count"), [(29.0, 0), (31.0, 1), (149.0, 1), (151.0, 0)])
def test_paths_that_are_nearly_parallel_do_not_cross(degrees: float, count: int) -> None:
    turn = math.radians(degrees)
    slanting = (-20 * math.cos(turn), -20 * math.sin(turn), turn, 5.0)
    assert len(_found(_straight(_EAST, slanting))[0].x) == count


@pytest.mark.parametrize("others", [(), ((500.0, 0.0, 0.0, 5.0),)], ids=["last", "in_between"])
def test_an_area_that_is_left_after_the_recording_has_no_exit(
    others: tuple[tuple[float, float, float, float], ...],
) -> None:
    # Its front bumper is 1 m beyond the crossing when the recording ends.
    late = (0.0, -51.0, math.pi / 2, 5.0)
    _, occupied = _found(_straight(_EAST, late, *others))
    assert np.isnan(occupied.exit_ns).ravel().tolist() == [False, True]


@pytest.mark.parametrize("others", [(), ((500.0, 0.0, 0.0, 5.0),)], ids=["first", "in_between"])
def test_an_area_that_was_entered_before_the_recording_has_no_entry(
    others: tuple[tuple[float, float, float, float], ...],
) -> None:
    # Its front bumper is half a metre before the crossing when the recording begins.
    early = (-2.5, 0.0, 0.0, 5.0)
    _, occupied = _found(_straight(*others, early, _NORTH))
    assert np.isnan(occupied.entry_ns).ravel().tolist() == [True, False]


def test_one_road_user_crosses_nobody() -> None:
    found, occupied = _found(_straight(_EAST))
    assert found.step.shape == found.share.shape == occupied.entry_ns.shape == (2, 0)


_AT = st.floats(-25, 25).map(lambda value: round(value, 2))
_DRIVE = st.tuples(_AT, _AT, st.floats(-math.pi, math.pi), st.floats(2, 9))


def _where_lines_meet(
    one: tuple[float, float, float, float], two: tuple[float, float, float, float]
) -> tuple[float, float]:
    """Return how far along each line, from its centre at the start, the two meet."""
    ways = np.array([[math.cos(one[2]), -math.cos(two[2])], [math.sin(one[2]), -math.sin(two[2])]])
    along = np.linalg.solve(ways, np.array([two[0] - one[0], two[1] - one[1]]))
    return float(along[0]), float(along[1])


@settings(max_examples=100)
@given(_DRIVE, _DRIVE)
def test_straight_paths_cross_where_their_lines_do(
    one: tuple[float, float, float, float], two: tuple[float, float, float, float]
) -> None:
    angle = abs(one[2] - two[2]) % math.pi
    assume(min(angle, math.pi - angle) > math.radians(31))
    along = _where_lines_meet(one, two)
    # The paths are those of the front bumpers.
    at = [way - _LENGTH_M / 2 for way in along]
    whole = [_SECONDS * drive[3] for drive in (one, two)]
    arrives = [at[i] / (one, two)[i][3] for i in range(2)]
    first, second = (0, 1) if arrives[0] < arrives[1] else (1, 0)
    # Both are there, and when one left and the other came is recorded.
    margins = [
        *at,
        *(whole[i] - at[i] for i in range(2)),
        at[second] - _WIDTH_M / 2,
        whole[first] - at[first] - _WIDTH_M / 2 - _LENGTH_M,
    ]
    assume(abs(arrives[0] - arrives[1]) > 0.01 and min(abs(margin) for margin in margins) > 0.01)
    found, _ = _found(_straight(one, two), horizon_s=100.0)
    assert len(found.x) == (min(margins) > 0)
    if len(found.x):
        expected = one[0] + along[0] * math.cos(one[2]), one[1] + along[0] * math.sin(one[2])
        assert (found.x[0], found.y[0]) == pytest.approx(expected, abs=1e-4)
