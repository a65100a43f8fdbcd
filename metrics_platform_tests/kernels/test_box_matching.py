"""Assignment of all frames at once against one detection after the other."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_platform.kernels import box_matching
from metrics_platform.kernels.box_matching import (
    NOBODY,
    first_to_choose,
    nearest,
    nearest_free,
    pairs_within,
)
from metrics_platform.kernels.smoothing import Floats, Integers

# Few places and few frames, so that distances tie and detections compete.
points = st.lists(st.tuples(st.integers(0, 2), st.integers(-3, 3), st.integers(-3, 3)), max_size=12)


def frames_of(drawn: list[tuple[int, int, int]]) -> tuple[Integers, Floats]:
    rows = np.array(sorted(drawn, key=lambda row: row[0]), dtype=np.float64).reshape(-1, 3)
    return rows[:, 0].astype(np.int64), rows[:, 1:]


def one_after_the_other(
    frames: Integers, places: Floats, other_frames: Integers, others: Floats, reach: float
) -> list[int]:
    matches = []
    taken: set[int] = set()
    for frame, place in zip(frames, places, strict=True):
        best, least = NOBODY, math.inf
        for i, (other_frame, other) in enumerate(zip(other_frames, others, strict=True)):
            distance = math.dist(place, other)
            if other_frame == frame and i not in taken and distance < least:
                best, least = i, distance
        matches.append(best if least < reach else NOBODY)
        taken.add(matches[-1])
        taken.discard(NOBODY)
    return matches


@given(points, points, st.sampled_from([0.5, 1.0, 2.0, 4.0]))
def test_nearest_free_is_what_a_loop_finds(
    drawn: list[tuple[int, int, int]], targets: list[tuple[int, int, int]], reach: float
) -> None:
    frames, places = frames_of(drawn)
    other_frames, others = frames_of(targets)
    detection, target, _ = pairs_within(places, frames, others, other_frames, reach)
    found = nearest_free(detection, target, len(places), len(others))
    assert found.tolist() == one_after_the_other(frames, places, other_frames, others, reach)


@given(points, points, st.sampled_from([0.5, 1.0, 4.0]))
def test_nearest_is_the_first_of_the_nearest(
    drawn: list[tuple[int, int, int]], targets: list[tuple[int, int, int]], reach: float
) -> None:
    frames, places = frames_of(drawn)
    other_frames, others = frames_of(targets)
    found, distance = nearest(places, frames, others, other_frames, reach)
    for i, frame in enumerate(frames):
        within = [
            (math.dist(places[i], other), j)
            for j, other in enumerate(others)
            if other_frames[j] == frame
        ]
        least, best = min(within, default=(math.inf, NOBODY))
        assert (found[i], distance[i]) == (best, pytest.approx(least, abs=1e-12))


@pytest.mark.parametrize("portion", [1, 3, 100])
def test_portions_change_nothing(portion: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    places, others = rng.uniform(0, 9, (20, 3)), rng.uniform(0, 9, (15, 3))
    frames, other_frames = np.sort(rng.integers(0, 4, 20)), np.sort(rng.integers(0, 4, 15))
    arguments = (places, frames, others, other_frames, 3.0)
    expected = nearest(*arguments), pairs_within(*arguments)
    monkeypatch.setattr(box_matching, "_PAIRS", portion)
    for got, wanted in zip(nearest(*arguments), expected[0], strict=True):
        np.testing.assert_array_equal(got, wanted)
    for got, wanted in zip(pairs_within(*arguments), expected[1], strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_a_chain_of_competitors_is_settled_one_by_one() -> None:
    # Each detection prefers the target of the one before it, and gets its second choice.
    detection = np.array([0, 1, 1, 2, 2, 3, 3])
    target = np.array([0, 0, 1, 1, 2, 2, 3])
    assert nearest_free(detection, target, 4, 4).tolist() == [0, 1, 2, 3]


def test_only_the_first_to_choose_counts() -> None:
    choice = np.array([2, 0, 2, NOBODY, 0])
    assert first_to_choose(choice, 3).tolist() == [True, True, False, False, False]


def test_far_from_the_origin_distances_stay_exact() -> None:
    places, others = np.array([[1e6, 1e6]]), np.array([[1e6 + 0.25, 1e6], [1e6, 1e6 + 0.5]])
    found, distance = nearest(places, np.zeros(1, np.int64), others, np.zeros(2, np.int64), 4.0)
    assert (found.tolist(), distance.tolist()) == ([0], [0.25])
