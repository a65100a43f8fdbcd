"""Where the paths of road users cross, and when each is in the area that both need.

Numpy, not Polars: which steps can cross is looked up in a grid, and when somebody was somewhere is
a search in sorted arrays.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metrics_platform.kernels.driven_ways import Paths, Ways, to_um
from metrics_platform.kernels.lane_paths import ranges
from metrics_platform.kernels.smoothing import Floats, Integers, group_starts

# Steps lie in cells of at least this size: most in one, few in two or four.
_LEAST_CELL_M = 4.0
# Of a step.
_ROUNDING = 1e-6
# Crossings of the same two no farther apart than this are one.
_SAME_UM = 2_000


@dataclass(frozen=True, kw_only=True)
class Crossings:
    """One entry per crossing of two paths: of shape (2, n), first who is there first.

    Attributes:
        step: Samples from which the two go to the crossing.
        share: How far between that sample and the next it lies.
        x, y: The crossing, of shape (n,).
        angle: Between the two lines, within 0 and pi / 2, of shape (n,).
    """

    step: Integers
    share: Floats
    x: Floats
    y: Floats
    angle: Floats


# How far before and behind a crossing the area reaches along each path, (2, n) each.
Area = Callable[[Crossings], tuple[Floats, Floats]]


@dataclass(frozen=True, kw_only=True)
class Occupied:
    """When each is in the common area, (2, n) as in `Crossings`.

    Attributes:
        entry_ns: When the bumper ahead comes to the area; NaN where that isn't recorded.
        exit_ns: When the other bumper leaves it; NaN where that isn't recorded.
    """

    entry_ns: Floats
    exit_ns: Floats


def crossings(
    paths: Paths,
    area: Area,
    *,
    reach_m: float,
    horizon_s: float,
    least_angle: float,
    max_gap_s: float,
) -> tuple[Crossings, Occupied]:
    """Find all crossings of paths whose two are in the common area within a time of one another.

    A path is that of the middle of the bumper that is first.

    Args:
        paths: All road users.
        area: What both need, around a crossing.
        reach_m: No area reaches farther from its crossing.
        horizon_s: Greatest time between one leaving and the other entering.
        least_angle: Paths nearer to parallel don't cross, but follow or merge.
        max_gap_s: Between samples farther apart nothing is known.
    """
    ways = Ways.of(paths, max_gap_s)
    early, late = ways.times(*_around(ways, paths, reach_m))
    one, two = _candidates(ways, paths, early, late, horizon_s * 1e9, least_angle)
    at_one, at_two = _met(ways, one, two)
    # A crossing right at a sample may lie just outside of both steps, or in both.
    met = (np.abs(at_one - 0.5) <= 0.5 + _ROUNDING) & (np.abs(at_two - 0.5) <= 0.5 + _ROUNDING)
    step, share = np.stack([one[met], two[met]]), np.stack([at_one[met], at_two[met]])
    once = _first_of_each(paths.track[step], ways.along(step, share))
    step, share = step[:, once], share[:, once]
    there, _ = ways.times(step, *[ways.along(step, share)] * 2)
    swapped = there[0] > there[1]
    step, share = (np.where(swapped, part[::-1], part) for part in (step, share))
    found = Crossings(
        step=step,
        share=share,
        x=ways.x[step[0]] + share[0] * ways.dx[step[0]],
        y=ways.y[step[0]] + share[0] * ways.dy[step[0]],
        angle=_between(ways.direction[step[0]], ways.direction[step[1]]),
    )
    before, behind = area(found)
    at_um = ways.along(step, share)
    entry, exit_ = ways.times(
        step, at_um - to_um(before), at_um + to_um(behind) + to_um(paths.length[step])
    )
    near = entry[1] - exit_[0] <= horizon_s * 1e9
    return (
        Crossings(
            step=step[:, near],
            share=share[:, near],
            x=found.x[near],
            y=found.y[near],
            angle=found.angle[near],
        ),
        Occupied(entry_ns=entry[:, near], exit_ns=exit_[:, near]),
    )


def _first_of_each(track: Integers, at_um: Integers) -> Integers:
    """Return indices of the crossings without those that are there twice, (2, n) each."""
    low = track[0] > track[1]
    track, at_um = (np.where(low, part[::-1], part) for part in (track, at_um))
    order = np.lexsort((at_um[0], track[1], track[0]))
    near = (np.diff(track[:, order], axis=1) == 0).all(axis=0) & (
        np.abs(np.diff(at_um[:, order], axis=1)) <= _SAME_UM
    ).all(axis=0)
    return order[np.append([True], ~near)] if len(order) else order


def _between(one: Floats, two: Floats) -> Floats:
    """Return the angle between two lines, whichever way they are driven."""
    turn = np.abs(one - two) % np.pi
    return np.minimum(turn, np.pi - turn)


def _around(ways: Ways, paths: Paths, reach_m: float) -> tuple[Integers, Integers, Integers]:
    """Return each step with the ways at which an area on it could begin and end at the farthest."""
    steps = np.flatnonzero(ways.drives)
    reach_um = int(to_um(np.array(reach_m)))
    ends = ways.um[steps] + ways.step_um[steps] + to_um(paths.length[steps])
    return steps, ways.um[steps] - reach_um, ends + reach_um


def _candidates(
    ways: Ways,
    paths: Paths,
    early: Floats,
    late: Floats,
    horizon_ns: float,
    least_angle: float,
) -> tuple[Integers, Integers]:
    """Return steps of two paths that lie in one cell, cross at an angle and are near in time.

    Args:
        ways: All steps.
        paths: All road users.
        early: Per step that drives, when its area is entered at the earliest; NaN if unknown.
        late: The same for leaving it at the latest.
        horizon_ns: How much later another may come.
        least_angle: Of two steps.
    """
    steps = np.flatnonzero(ways.drives)
    paths_from = group_starts(ways.path)
    path = ways.path[steps] - 1
    # What lies before the first sample, or after the last, is bounded by them.
    early = np.fmax(early, ways.time_ns[paths_from[:-1]][path])
    late = np.fmin(late, ways.time_ns[paths_from[1:] - 1][path]) + horizon_ns
    cell, which = _cells(ways, paths.scene, steps)
    order = np.lexsort((early[which], cell))
    cell, which = cell[order], which[order]
    starts = group_starts(cell)
    # In most cells all drive along one line: lanes beside one another.
    apart = _between(
        ways.direction[steps[which]],
        np.repeat(ways.direction[steps[which[starts[:-1]]]], np.diff(starts)),
    )
    spread = np.maximum.reduceat(apart, starts[:-1]) if len(apart) else apart
    kept = np.repeat(2 * spread >= least_angle, np.diff(starts))
    cell, which = cell[kept], which[kept]
    number = np.cumsum(np.diff(cell, prepend=cell[:1]) != 0)
    # Time as a share of the whole: cells lie one behind another, each sorted by time.
    begin, span = early.min(initial=np.inf), late.max(initial=-np.inf) - early.min(initial=np.inf)
    scale = 1 / (span + 1) if len(which) else 0.0
    key = number + (early[which] - begin) * scale
    until = np.searchsorted(key, number + (late[which] - begin) * scale, side="right")
    here = np.arange(len(which))
    counts = np.maximum(until - here - 1, 0)
    one, two = steps[np.repeat(which, counts)], steps[which[ranges(here + 1, counts)]]
    chosen = (
        (paths.track[one] != paths.track[two])
        & (paths.meets[one] | paths.meets[two])
        & (_between(ways.direction[one], ways.direction[two]) >= least_angle)
    )
    both = np.unique(np.stack([one[chosen], two[chosen]]), axis=1)
    return both[0], both[1]


def _cells(ways: Ways, scene: Integers, steps: Integers) -> tuple[Integers, Integers]:
    """Return the cells that each step touches: their number, and index of the step."""
    size = max(_LEAST_CELL_M, float(np.hypot(ways.dx[steps], ways.dy[steps]).max(initial=0.0)))
    ends = [
        np.floor(np.stack([x, y]) / size).astype(np.int64)
        for x, y in (
            (ways.x[steps], ways.y[steps]),
            (ways.x[steps] + ways.dx[steps], ways.y[steps] + ways.dy[steps]),
        )
    ]
    places, which = [], []
    for column, row in ((0, 0), (0, 1), (1, 0), (1, 1)):
        place = np.stack([scene[steps], ends[column][0], ends[row][1]])
        # A step within one column or row would touch the same cell again.
        other = np.ones(len(steps), dtype=bool)
        if column != row:
            other = (ends[0][0] != ends[1][0]) & (ends[0][1] != ends[1][1])
        elif column:
            other = (ends[0] != ends[1]).any(axis=0)
        places.append(place[:, other])
        which.append(np.flatnonzero(other))
    at = np.concatenate(places, axis=1)
    order = np.lexsort(at)
    number = np.empty(at.shape[1], dtype=np.int64)
    starts = group_starts(*at[:, order])
    number[order] = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    return number, np.concatenate(which)


def _met(ways: Ways, one: Integers, two: Integers) -> tuple[Floats, Floats]:
    """Return how far along each of two steps their lines meet, 0 to 1 within the step."""
    x, y = ways.x[two] - ways.x[one], ways.y[two] - ways.y[one]
    cross = ways.dx[one] * ways.dy[two] - ways.dy[one] * ways.dx[two]
    return (x * ways.dy[two] - y * ways.dx[two]) / cross, (
        x * ways.dy[one] - y * ways.dx[one]
    ) / cross
