"""The ways that road users drive, step by step, and when they were where along them.

Ways are summed up in whole micrometres: a sum that runs through all paths then has no rounding that
would depend on which other logs are in the call.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics_platform.kernels.smoothing import Floats, Integers

_UM_PER_M = 1e6
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
class Ways:
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
    def of(cls, paths: Paths, max_gap_s: float) -> "Ways":
        """Return the ways of all paths; between samples farther apart nothing is known."""
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
        step_um = to_um(way)
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
        # Nothing is known before the first of all paths and beyond the last, as between any two.
        known = (after > 0) & (after <= last)
        before, after = np.clip(after - 1, 0, last), np.clip(after, 0, last)
        known &= (self.path[before] == self.path[step]) & (self.path[after] == self.path[step])
        way = self.um[after] - self.um[before]
        share = np.divide(um - self.um[before], way, out=np.zeros(um.shape), where=way > 0)
        lasts = self.time_ns[after] - self.time_ns[before]
        return np.where(known, self.time_ns[before] + share * lasts, np.nan)


def to_um(metres: Floats) -> Integers:
    """Return metres in whole micrometres."""
    return np.rint(metres * _UM_PER_M).astype(np.int64)
