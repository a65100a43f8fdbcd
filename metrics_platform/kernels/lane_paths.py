"""Where road users drive on along their lanes, and who is there in front of them.

Numpy, not Polars: looking up a range of rows per row is a search in a sorted array, for which
Polars has only joins that first make all combinations. All logs lie in one set of arrays; lanes,
tracks and moments are numbered through, so that no two logs share a number.
"""

from dataclasses import dataclass

import numpy as np

from metrics_platform.kernels.smoothing import Floats, Integers, group_starts

# Short lanes are passed between two samples: at one sample a second a car covers a junction, which
# has up to three lanes one behind another.
_LANES_BETWEEN_SAMPLES = 4
# Lanes of a metre would make paths without end.
_LONGEST_PATH = 64


@dataclass(frozen=True, kw_only=True)
class LaneNetwork:
    """Lanes 0 to n - 1.

    Attributes:
        length: Of each in metres; NaN where unknown, which nothing goes on from.
        road: The same number for lanes side by side.
        starts: Offsets into `following` at which a lane's successors begin, and their number.
        following: Lanes.
    """

    length: Floats
    road: Integers
    starts: Integers
    following: Integers

    def toward(self, lanes: Integers, roads: Integers) -> Integers:
        """Return for each lane the next one on the shortest way to a road; -1 where none leads.

        Where the road is -1, nobody knows the way: it is the only one there is, if there is one.
        """
        only = np.diff(self.starts)[lanes] == 1
        unknown = np.where(only & (roads < 0), self._first(lanes), -1)
        found = np.where(roads < 0, unknown, -1)
        origin, at = np.flatnonzero(roads >= 0), lanes[roads >= 0]
        first = np.full(len(at), -1)
        for _ in range(_LANES_BETWEEN_SAMPLES):
            again, at = self._after(at)
            origin = origin[again]
            first = np.where(first[again] < 0, at, first[again])
            there = self.road[at] == roads[origin]
            # The first of several: successors are sorted.
            who, which = np.unique(origin[there], return_index=True)
            found[who] = first[there][which]
            rest = found[origin] < 0
            origin, at, first = origin[rest], at[rest], first[rest]
        return found

    def _first(self, lanes: Integers) -> Integers:
        if not len(self.following):
            return np.full(len(lanes), -1)
        return self.following[np.minimum(self.starts[lanes], len(self.following) - 1)]

    def _after(self, lanes: Integers) -> tuple[Integers, Integers]:
        """Return all successors, and the index in `lanes` of that which each succeeds."""
        counts = np.diff(self.starts)[lanes]
        return np.repeat(np.arange(len(lanes)), counts), self.following[
            ranges(self.starts[lanes], counts)
        ]


def roads(left: Integers) -> Integers:
    """Return a number for each lane that is the same for lanes side by side.

    Args:
        left: The next lane on the left; -1 where there is none.
    """
    leftmost = np.where(left >= 0, left, np.arange(len(left)))
    # Doubling: sixteen steps are more lanes than a road has. A ring of neighbours is no road.
    for _ in range(4):
        leftmost = leftmost[leftmost]
    return leftmost


def ranges(starts: Integers, counts: Integers) -> Integers:
    """Return starts[0], starts[0] + 1, … `counts[0]` of them, then those from starts[1], …."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(counts.sum())


def leaders(
    *,
    network: LaneNetwork,
    track: Integers,
    moment: Integers,
    lane: Integers,
    position: Floats,
    length: Floats,
    range_m: float,
) -> tuple[Integers, Integers, Floats]:
    """Return who is in front of whom along the way that each goes on to drive.

    A way is that of the lane which the road user is in now, through the roads it came to later:
    changing lanes before a junction doesn't change what is in front now. Beyond the last road that
    was recorded it goes on as long as there is one way only.

    Args:
        network: All lanes.
        track: Number of the road user, sorted.
        moment: Number of the moment, sorted within each track.
        lane: Where the front bumper is.
        position: Of the front bumper along its lane.
        length: Of the road user.
        range_m: Greatest gap.

    Returns:
        Row of the one behind, row of the one in front, and the gap between their bumpers, along
        the way, negative where they overlap. Whoever is level with another is in front of it too.
    """
    rows = len(track)
    if not rows:
        nobody = np.zeros(0, dtype=np.int64)
        return nobody, nobody, np.zeros(0)
    stays = group_starts(track, lane)
    stay = np.repeat(np.arange(len(stays) - 1), np.diff(stays))
    order = np.lexsort((position, lane, moment))
    cell = moment[order] * len(network.length) + lane[order]
    cells = group_starts(cell)
    occupied = cell[cells[:-1]]
    farthest = np.maximum.reduceat(position, stays[:-1])
    reach = range_m + length.max()
    found: list[tuple[Integers, Integers, Floats]] = []
    for here, way, before in _ways(network, track[stays[:-1]], lane[stays[:-1]], farthest + reach):
        # Per stay: the lane so many steps on, and how far its beginning is from that of this one.
        ahead, since = np.full(len(stays) - 1, -1), np.full(len(stays) - 1, np.nan)
        ahead[here], since[here] = way, before
        near = np.flatnonzero((ahead[stay] >= 0) & (since[stay] - position <= reach))
        at = moment[near] * len(network.length) + ahead[stay[near]]
        place = np.minimum(np.searchsorted(occupied, at), len(occupied) - 1)
        near, place = near[occupied[place] == at], place[occupied[place] == at]
        counts = np.diff(cells)[place]
        behind = np.repeat(near, counts)
        front = order[ranges(cells[place], counts)]
        way_m = since[stay[behind]] + position[front] - position[behind]
        gap = way_m - length[front]
        chosen = (way_m >= 0) & (gap <= range_m) & (track[behind] != track[front])
        found.append((behind[chosen], front[chosen], gap[chosen]))
    behind, front, gap = (np.concatenate(part) for part in zip(*found, strict=True))
    return _nearest_only(behind, front, gap)


def _nearest_only(
    behind: Integers, front: Integers, gap: Floats
) -> tuple[Integers, Integers, Floats]:
    """Keep one row per two: a way that comes round meets the same road user again."""
    order = np.lexsort((gap, front, behind))
    behind, front, gap = behind[order], front[order], gap[order]
    first = group_starts(behind, front)[:-1]
    return behind[first], front[first], gap[first]


def _ways(
    network: LaneNetwork, track: Integers, lane: Integers, farthest: Floats
) -> list[tuple[Integers, Integers, Floats]]:
    """Return step by step for each stay in a lane: which stays, what lane, how far on it begins.

    Args:
        network: All lanes.
        track: Of each stay, sorted.
        lane: Of each stay, in order of time.
        farthest: Lanes that begin farther on than this aren't looked at.
    """
    # Stays side by side, changing lanes, are one stretch of the route.
    stretches = group_starts(track, network.road[lane])
    stretch = np.repeat(np.arange(len(stretches) - 1), np.diff(stretches))
    road = np.append(network.road[lane[stretches[:-1]]], -1)
    same = np.append(np.diff(track[stretches[:-1]]) == 0, [False])
    here, at = np.arange(len(lane)), lane
    since, towards = np.zeros(len(lane)), stretch.copy()
    steps = [(here, at, since)]
    for _ in range(_LONGEST_PATH):
        target = np.where(same[towards], road[towards + 1], -1)
        then = network.toward(at, target)
        since = since + network.length[at]
        on = (then >= 0) & (since <= farthest[here])
        here, at, since, towards, target = here[on], then[on], since[on], towards[on], target[on]
        if not len(here):
            break
        towards = towards + (network.road[at] == target)
        steps.append((here, at, since))
    return steps
