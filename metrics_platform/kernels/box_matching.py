"""Which detection found which object: assignment within thousands of frames at once.

Numpy, not Polars: a greedy assignment decides one detection after the other. Here all frames are
decided together, in rounds: a round settles every detection that nobody before it can contradict,
so the result is that of the loop, and the number of rounds is the length of the longest chain of
detections that compete, not the number of detections.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from metrics_platform.kernels.smoothing import Floats, Integers

NOBODY = -1
# Pairs looked at in one go: bounds memory to some 100 MB whatever the crowd.
_PAIRS = 2_000_000


def candidates(groups: Integers, other_groups: Integers) -> tuple[Integers, Integers]:
    """Return for each of `groups` where its equals begin in `other_groups`, and how many they are.

    Args:
        groups: Number of the frame and class of each detection.
        other_groups: The same of each object, ascending.
    """
    first = np.searchsorted(other_groups, groups, side="left")
    return first, np.searchsorted(other_groups, groups, side="right") - first


def pairs_within(
    points: Floats, others: Floats, first: Integers, count: Integers, reach: float
) -> tuple[Integers, Integers, Floats]:
    """Return all pairs closer than `reach`: indices of both and distance, nearest first.

    In the order of the points; of one point's pairs in the order of distance, then of the others.

    Args:
        points: Shape (n, dimensions).
        others: Shape (m, dimensions).
        first: Of each point, where its candidates begin in `others`.
        count: How many they are.
        reach: In the unit of the points.
    """
    parts = []
    for point, other in _pairs(first, count):
        distance = _distance(points[point], others[other])
        near = distance < reach
        parts.append((point[near], other[near], distance[near]))
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    point, other, distance = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((other, distance, point))
    return point[order], other[order], distance[order]


def nearest(
    points: Floats, others: Floats, first: Integers, count: Integers
) -> tuple[Integers, Floats]:
    """Return the nearest candidate of each point, the first of equals, and its distance.

    `NOBODY` at an infinite distance where a point has no candidate. Arguments as `pairs_within`.
    """
    found = np.full(len(points), NOBODY, dtype=np.int64)
    least = np.full(len(points), np.inf)
    for point, other in _pairs(first, count):
        distance = _distance(points[point], others[other])
        heads = np.flatnonzero(_heads(point))
        least[point[heads]] = np.minimum.reduceat(distance, heads)
        ties = np.flatnonzero(distance == least[point])
        ties = ties[_heads(point[ties])]
        found[point[ties]] = other[ties]
    return found, least


def nearest_free(detection: Integers, target: Integers, detections: int, targets: int) -> Integers:
    """Return the target of each detection, or `NOBODY`: each takes the nearest that is left.

    Detections choose in the order of their numbers.

    Args:
        detection: Of each pair, ascending; of one detection's pairs the nearest comes first.
        target: Of each pair.
        detections: How many there are.
        targets: How many there are.
    """
    matches = np.full(detections, NOBODY, dtype=np.int64)
    taken = np.zeros(targets, dtype=bool)
    while len(detection):
        earliest = np.full(targets, detections, dtype=np.int64)
        np.minimum.at(earliest, target, detection)
        heads = _heads(detection)
        chooser, choice = detection[heads], target[heads]
        # Nobody who is still to choose comes before, so nobody can take it away.
        settled = earliest[choice] == chooser
        matches[chooser[settled]] = choice[settled]
        taken[choice[settled]] = True
        left = ~taken[target] & (matches[detection] == NOBODY)
        detection, target = detection[left], target[left]
    return matches


def first_to_choose(choice: Integers, targets: int) -> npt.NDArray[np.bool_]:
    """Return which detections are the first to choose their target, in the order of their numbers.

    Args:
        choice: Target of each detection, or `NOBODY`.
        targets: How many there are.
    """
    choosing = np.flatnonzero(choice != NOBODY)
    earliest = np.full(targets, len(choice), dtype=np.int64)
    np.minimum.at(earliest, choice[choosing], choosing)
    first = np.zeros(len(choice), dtype=bool)
    first[choosing] = earliest[choice[choosing]] == choosing
    return first


def _pairs(first: Integers, count: Integers) -> Iterator[tuple[Integers, Integers]]:
    """Yield the pairs of each point with its candidates, in portions of whole points."""
    ends = np.cumsum(count)
    begin = 0
    while begin < len(count):
        done = ends[begin - 1] if begin else 0
        end = max(int(np.searchsorted(ends, done + _PAIRS, side="right")), begin + 1)
        sizes = count[begin:end]
        total = int(sizes.sum())
        if total:
            point = np.repeat(np.arange(begin, end), sizes)
            place = np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            yield point, first[point] + place
        begin = end


def _distance(points: Floats, others: Floats) -> Floats:
    difference = points - others
    distance: Floats = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return distance


def _heads(groups: Integers) -> npt.NDArray[np.bool_]:
    """Return where in sorted `groups` another one begins."""
    heads = np.ones(len(groups), dtype=bool)
    heads[1:] = groups[1:] != groups[:-1]
    return heads
