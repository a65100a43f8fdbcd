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


def pairs_within(
    points: Floats, groups: Integers, others: Floats, other_groups: Integers, reach: float
) -> tuple[Integers, Integers, Floats]:
    """Return all pairs of a group closer than `reach`: indices of both, and distance.

    In the order of the points; of one point's pairs in the order of distance, then of the others.

    Args:
        points: Shape (n, dimensions).
        groups: Number of the frame and class of each point.
        others: Shape (m, dimensions).
        other_groups: The same of each of the others.
        reach: In the unit of the points.
    """
    parts = []
    order, first, count = _beside(points[:, 0], groups, others[:, 0], other_groups, reach)
    for point, place in _pairs(first, count):
        other = order[place]
        distance = _distance(points[point], others[other])
        near = distance < reach
        parts.append((point[near], other[near], distance[near]))
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    point, other, distance = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((other, distance, point))
    return point[order], other[order], distance[order]


def nearest(
    points: Floats, groups: Integers, others: Floats, other_groups: Integers, reach: float
) -> tuple[Integers, Floats]:
    """Return the nearest of the group for each point, the first of equals, and its distance.

    `NOBODY` at an infinite distance where the group has no other. Arguments as `pairs_within`,
    but that `other_groups` ascend, and that `reach` changes only the time it takes: whoever has
    somebody that near needn't look farther.
    """
    found = np.full(len(points), NOBODY, dtype=np.int64)
    least = np.full(len(points), np.inf)
    for limit in (reach, 4 * reach, np.inf):
        alone = np.flatnonzero(found == NOBODY)
        own, group = points[alone], groups[alone]
        if np.isfinite(limit):
            order, first, count = _beside(own[:, 0], group, others[:, 0], other_groups, limit)
        else:
            order = np.arange(len(others))
            first = np.searchsorted(other_groups, group, side="left")
            count = np.searchsorted(other_groups, group, side="right") - first
        for point, place in _pairs(first, count):
            other = order[place]
            distance = _distance(own[point], others[other])
            heads = np.flatnonzero(_heads(point))
            nearest_of = np.minimum.reduceat(distance, heads)
            ties = distance == np.repeat(nearest_of, np.diff(np.append(heads, len(point))))
            first_of = np.minimum.reduceat(np.where(ties, other, len(others)), heads)
            # Whoever has nobody that near may have another one nearer than those looked at.
            near = nearest_of < limit
            at = alone[point[heads[near]]]
            found[at], least[at] = first_of[near], nearest_of[near]
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


def _beside(
    x: Floats, groups: Integers, other_x: Floats, other_groups: Integers, reach: float
) -> tuple[Integers, Integers, Integers]:
    """Return the others by their first coordinate, and which of them can be within `reach`.

    Groups are laid behind one another on one line, far enough apart. Rounding there is allowed for,
    so that some are looked at in vain, but none is overlooked.
    """
    if not len(x) or not len(other_x):
        nothing = np.zeros(len(x), dtype=np.int64)
        return np.arange(len(other_x)), nothing, nothing
    least = min(x.min(), other_x.min())
    stride = max(x.max(), other_x.max()) - least + 4 * reach
    line, other_line = groups * stride + (x - least), other_groups * stride + (other_x - least)
    order = np.argsort(other_line, kind="stable")
    margin = reach + 1e-12 * max(line.max(), other_line.max())
    first = np.searchsorted(other_line[order], line - margin, side="left")
    return order, first, np.searchsorted(other_line[order], line + margin, side="right") - first


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
