"""Where the paths of road users cross, and when each is in the area that both need.

Numpy, not Polars: which steps can cross is looked up in a grid, and when somebody was somewhere is
a search in sorted arrays. Ways are summed up in whole micrometres: a sum that runs through all
paths then has no rounding that would depend on which other logs are in the call.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics_platform.kernels.lane_paths import ranges
from metrics_platform.kernels.smoothing import Floats, Integers, group_starts

_UM_PER_M = 1e6
# Steps lie in cells of at least this size: most in one, few in two or four.
_LEAST_CELL_M = 4.0
# Of a step.
_ROUNDING = 1e-6
# Crossings of the same two no farther apart than this are one.
_SAME_UM = 2_000
# No road user drives faster: it is not one step but a jump.
_FASTEST_MPS = 100.0


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Samples of road users, sorted by `track` and time.

    Attributes:
        scene: Only paths in the same one cross.
        track: Number of the road user.
        time_ns: Of the sample.
        x, y: Centre of the box.
        heading: Of the box.
        length, width: Of the box.
        reverses: Whether it drives backwards: its rear bumper is first then.
        meets: Whether it meets everybody; of two at least one must.
    """

    scene: Integers
    track: Integers
    time_ns: Integers
    x: Floats
    y: Floats
    heading: Floats
    length: Floats
    width: Floats
    reverses: npt.NDArray[np.bool_]
    meets: npt.NDArray[np.bool_]


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
    ways = _Ways.of(paths, max_gap_s)
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
        step, at_um - _um(before), at_um + _um(behind) + _um(paths.length[step])
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


def half_widths(paths: Paths) -> Area:
    """Return the area that reaches half the width of the other before and behind the crossing."""

    def area(found: Crossings) -> tuple[Floats, Floats]:
        half = paths.width[found.step[::-1]] / 2
        return half, half

    return area


def sumo_areas(
    paths: Paths,
    *,
    lane: Integers,
    position: Floats,
    lane_length: Floats,
    lane_width: Floats,
    waits: npt.NDArray[np.bool_],
) -> Area:
    """Return the area that SUMO 1.28 (`MSLink`, `MSDevice_SSM`) takes both to need.

    Before the crossing of the lanes' centre lines it reaches half of b · (2 / sin(angle) - 1), the
    sine being at least 0.2 and all of it no longer than the lane, b the width of the other's lane;
    less half of what the lane is wider than the other. A connection that has a place to wait within
    the junction is taken to need the area from that place on. From where it begins, the area is as
    long as the other is wide, whatever the angle.

    Args:
        paths: All road users.
        lane: Number of the lane of each sample; -1 where unknown.
        position: Of each sample along its lane.
        lane_length: Of each lane.
        lane_width: Of each lane.
        waits: Whether a lane goes on behind a place to wait in a junction.
    """

    def area(found: Crossings) -> tuple[Floats, Floats]:
        after = np.minimum(found.step + 1, len(lane) - 1)
        here, then = lane[found.step], lane[after]
        same = here == then
        way = np.where(same, position[after], position[after] + lane_length[here])
        at = position[found.step] + found.share * (way - position[found.step])
        on = same | (at <= lane_length[here])
        at, here = np.where(on, at, at - lane_length[here]), np.where(on, here, then)
        other = paths.width[found.step[::-1]]
        width = lane_width[here[::-1]]
        size = width * (2 / np.maximum(np.sin(found.angle), 0.2) - 1)
        half = np.minimum(np.minimum(size, lane_length[here]) / 2, at)
        before = np.where(waits[here], at, half) - (width - other) / 2
        unknown = (lane[found.step] < 0).any(axis=0)
        before = np.where(unknown, other / 2, before)
        return before, other - before

    return area


def _um(metres: Floats) -> Integers:
    return np.rint(metres * _UM_PER_M).astype(np.int64)


def _between(one: Floats, two: Floats) -> Floats:
    """Return the angle between two lines, whichever way they are driven."""
    turn = np.abs(one - two) % np.pi
    return np.minimum(turn, np.pi - turn)


@dataclass(frozen=True, kw_only=True)
class _Ways:
    """Steps from each sample to the next, and the ways that they add up to.

    Attributes:
        x, y: Of the bumper that is first.
        dx, dy: To the next sample.
        direction: Of the step.
        drives: Whether the step is one that can cross another path.
        path: Number; a gap in a track, or turning back, begins a new one.
        um: Way since the first sample of all, in micrometres, never decreasing.
        step_um: Way of the step.
        time_ns: Of the sample.
    """

    x: Floats
    y: Floats
    dx: Floats
    dy: Floats
    direction: Floats
    drives: npt.NDArray[np.bool_]
    path: Integers
    um: Integers
    step_um: Integers
    time_ns: Integers

    @classmethod
    def of(cls, paths: Paths, max_gap_s: float) -> "_Ways":
        ahead = np.where(paths.reverses, -0.5, 0.5) * paths.length
        x = paths.x + ahead * np.cos(paths.heading)
        y = paths.y + ahead * np.sin(paths.heading)
        dx, dy = np.diff(x, append=x[-1:]), np.diff(y, append=y[-1:])
        seconds = np.diff(paths.time_ns, append=paths.time_ns[-1:]) * 1e-9
        goes_on = (
            (np.diff(paths.track, append=-1) == 0)
            & (paths.reverses == np.append(paths.reverses[1:], values=False))
            & (seconds <= max_gap_s)
            & (np.hypot(dx, dy) <= _FASTEST_MPS * seconds)
        )
        facing = paths.heading + np.where(paths.reverses, np.pi, 0.0)
        along = np.cos(facing) * dx + np.sin(facing) * dy
        aside = np.cos(facing) * dy - np.sin(facing) * dx
        # A front bumper swings by up to 40 degrees. What moves more to the side than forward hops
        # into the next lane, as in a simulation, or stands and is measured with an error.
        drives = goes_on & (along > np.abs(aside))
        way = np.where(drives, np.hypot(dx, dy), np.where(goes_on, np.maximum(along, 0.0), 0.0))
        step_um = _um(way)
        begins = np.append([True], ~goes_on[:-1]) if len(x) else np.zeros(0, dtype=bool)
        return cls(
            x=x,
            y=y,
            dx=dx,
            dy=dy,
            direction=np.arctan2(dy, dx),
            drives=drives,
            path=np.cumsum(begins),
            um=np.cumsum(step_um) - step_um,
            step_um=step_um,
            time_ns=paths.time_ns,
        )

    def along(self, step: Integers, share: Floats) -> Integers:
        """Return the way to a place within a step."""
        return self.um[step] + np.rint(share * self.step_um[step]).astype(np.int64)

    def times(self, step: Integers, entry_um: Integers, exit_um: Integers) -> tuple[Floats, Floats]:
        """Return when the paths of `step` first came to one way, and last were at another."""
        entry = self._time(step, entry_um, np.searchsorted(self.um, entry_um, side="left"))
        exit_ = self._time(step, exit_um, np.searchsorted(self.um, exit_um, side="right"))
        return entry, exit_

    def _time(self, step: Integers, um: Integers, after: Integers) -> Floats:
        """Return when the way `um` was reached, between the sample `after` and the one before."""
        last = len(self.um) - 1
        before, after = np.clip(after - 1, 0, last), np.clip(after, 0, last)
        known = (self.path[before] == self.path[step]) & (self.path[after] == self.path[step])
        way = self.um[after] - self.um[before]
        share = np.divide(um - self.um[before], way, out=np.zeros(um.shape), where=way > 0)
        lasts = self.time_ns[after] - self.time_ns[before]
        return np.where(known, self.time_ns[before] + share * lasts, np.nan)


def _around(ways: _Ways, paths: Paths, reach_m: float) -> tuple[Integers, Integers, Integers]:
    """Return each step with the ways at which an area on it could begin and end at the farthest."""
    steps = np.flatnonzero(ways.drives)
    reach_um = int(reach_m * _UM_PER_M)
    ends = ways.um[steps] + ways.step_um[steps] + _um(paths.length[steps])
    return steps, ways.um[steps] - reach_um, ends + reach_um


def _candidates(
    ways: _Ways,
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


def _cells(ways: _Ways, scene: Integers, steps: Integers) -> tuple[Integers, Integers]:
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


def _met(ways: _Ways, one: Integers, two: Integers) -> tuple[Floats, Floats]:
    """Return how far along each of two steps their lines meet, 0 to 1 within the step."""
    x, y = ways.x[two] - ways.x[one], ways.y[two] - ways.y[one]
    cross = ways.dx[one] * ways.dy[two] - ways.dy[one] * ways.dx[two]
    return (x * ways.dy[two] - y * ways.dx[two]) / cross, (
        x * ways.dy[one] - y * ways.dx[one]
    ) / cross
