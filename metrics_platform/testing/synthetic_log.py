"""A synthetic log put together from a vocabulary, with the answers that it was made to have.

    log = SyntheticLog(Ego(speed_mps=15), Road(lanes=3), [CutIn(gap_m=15, closing_mps=3)])
    made = compute_on(log.frames(), "time_to_collision")
    assert made.summary["min_ttc_s"].item() == approx(log.answers["time_to_collision"]["min_ttc_s"])

Situations go together where none takes what another changes: who follows takes an ego that keeps
its speed, so a hard brake contradicts it, and `ConfigurationError` says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.core.log_ids import check_log_id
from metrics_platform.kernels.box_arrays import Boxes, box_distances
from metrics_platform.testing.answers import Answer, Known, answers_of, merged, of_encounters
from metrics_platform.testing.ego_answers import ego_answers
from metrics_platform.testing.faults import Fault
from metrics_platform.testing.recorded import Recorded
from metrics_platform.testing.roads import Road
from metrics_platform.testing.scenarios import (
    SCENARIOS,
    Array,
    Box,
    Motion,
    Parameters,
    RoadUser,
    Scenario,
)
from metrics_platform.testing.situations import Drive, Ego, HardBrake, Situation, sampled
from metrics_platform.testing.synthetic import START_NS
from metrics_platform.testing.synthetic_frames import TRACKS_HZ, Frames, Plan, frames_of

_NAME = "vocabulary"


@dataclass(frozen=True)
class SyntheticLog:
    """What drives, where, and what happens; how that is recorded, and what goes wrong meanwhile.

    Faults change what is recorded, not what happened: the answers are those of the drive. Compare
    with a tolerance that suits the fault, or with what the fault's own docstring says.

    Attributes:
        ego: The vehicle that records.
        road: On which it starts, in the rightmost lane.
        situations: What happens, all in one log.
        faults: Of the recording, in the order in which they befall it.
        recorded: What the log records besides the drive.
        seconds: Length of the log: whole tenths of a second, as the samples come.
        log_id: Its name.
        start_ns: Time of its first sample.
    """

    ego: Ego = field(default_factory=Ego)
    road: Road = field(default_factory=Road)
    situations: Sequence[Situation] = ()
    faults: Sequence[Fault] = ()
    recorded: Sequence[Recorded] = ()
    seconds: float = 10.0
    log_id: str = "synthetic"
    start_ns: int = START_NS

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_log_id(self.log_id)
        if not self.seconds > 0 or not sampled(self.seconds):
            raise ConfigurationError(
                f"a log of {self.seconds:g} s: it takes whole tenths of a second, as samples come"
            )
        if self.ego.radius_m is not None and not self.ego.speed_mps > 0:
            raise ConfigurationError(f"{self.ego} stands: it needs a speed to turn")
        if self.road.off_area(self.ego.box.width_m, self.ego.offset_m):
            raise ConfigurationError(f"{self.ego} is off its lane, whose half width is "
                                     f"{self.road.lane_width_m / 2:g} m")  # fmt: skip
        for situation in self.situations:
            situation.check(self.drive)
        for part in self.recorded:
            if part.needs_annotation and not any(fault.annotates for fault in self.faults):
                raise ConfigurationError(
                    f"{part} is judged by annotated road users: add DetectorErrors() to the faults"
                )
        self._check_brakes()
        self._check_room()

    @property
    def drive(self) -> Drive:
        """Who drives where, and for how long."""
        brakes = [word for word in self.situations if isinstance(word, HardBrake)]
        alone = Drive(self.ego, self.road, self.seconds, next(iter(brakes), None))
        start = np.zeros((1, 1))
        return replace(alone, users=sum(len(w.users(start, alone)) for w in self.situations))

    @cached_property
    def known(self) -> Sequence[Answer]:
        """All that is known of what metrics ought to find, with tolerances."""
        drive, perfect = self.drive, self._recorded()
        around = [word for word in self.situations if not isinstance(word, HardBrake)]
        found = merged(
            ego_answers(drive),
            of_encounters([word.known(drive) for word in around]),
            self._tracked(),
            *(part.known(drive) for part in self.recorded),
        )
        for fault in self.faults:
            left = {name: values for name, values in found.items() if name not in fault.hides}
            own = fault.known(perfect)
            hidden = {name for other in self.faults if other is not fault for name in other.hides}
            found = merged(
                left, {name: values for name, values in own.items() if name not in hidden}
            )
        return answers_of(found)

    @cached_property
    def answers(self) -> Mapping[str, Mapping[str, float | None]]:
        """Metric to summary scalar to what it ought to be; None where there is nothing to say."""
        found: dict[str, dict[str, float | None]] = {}
        for answer in self.known:
            found.setdefault(answer.metric, {})[answer.summary] = answer.value
        return found

    def frames(self) -> Frames:
        """Return the recorded signals, by name, as `compute_on` takes them."""
        frames = self._recorded()
        for fault in self.faults:
            frames = fault.befall(frames)
        return frames

    def _tracked(self) -> Known:
        """Return what is known of tracks that last as long as the log, judged by nobody."""
        if not self.drive.users:
            return {}
        lasting = {"tracks": self.drive.users, "median_duration_s": self.seconds, "gaps": 0}
        return {"track_lifetimes": {**lasting, "mean_coverage": None}}

    def _recorded(self) -> Frames:
        scenario = Scenario(
            self._ego_motion,
            lambda t, _, box: self._users(t),
            box=self.ego.box,
            mission="delivery" if self.ego.kind == "robot" else "drive",
        )
        frames = frames_of(
            Plan(
                log_ids=[self.log_id],
                kinds=np.array([_NAME]),
                parameters={_NAME: {}},
                starts_ns=np.array([self.start_ns]),
                places=np.zeros((1, 3)),
                velocities=np.array([self.ego.velocities]),
                about=np.zeros((1, 3), dtype=np.int64),
                seconds=self.seconds + 1e-9,
                tracks=self.drive.users,
                scenarios={_NAME: scenario},
            ),
            np.random.default_rng(0),
        )
        frames |= self.road.frames(frames, offset_m=self.ego.offset_m)
        for part in self.recorded:
            frames = part.frames(frames)
        return frames

    def _ego_motion(self, t: Array, _: Parameters) -> Motion:
        parameters = {"speed_mps": np.full((1, 1), float(self.ego.speed_mps))}
        if self.ego.radius_m is not None:
            radius = np.full((1, 1), float(self.ego.radius_m))
            return SCENARIOS["turn"].ego(t, {**parameters, "radius_m": radius})
        if (brake := self.drive.brake) is not None:
            return SCENARIOS["hard_brake"].ego(t, brake.parameters(self.drive))
        return SCENARIOS["cruise"].ego(t, parameters)

    def _users(self, t: Array) -> Sequence[RoadUser]:
        return [user for word in self.situations for user in word.users(t, self.drive)]

    def _check_brakes(self) -> None:
        brakes = [word for word in self.situations if isinstance(word, HardBrake)]
        if len(brakes) > 1:
            raise ConfigurationError(f"{brakes[1]}: the ego brakes already, by {brakes[0]}")
        for brake in brakes:
            for word in self.situations:
                if brake.brake_at_s < word.steady_until_s(self.drive) - 1e-9:
                    raise ConfigurationError(
                        f"{word} takes an ego that keeps its speed until "
                        f"{word.steady_until_s(self.drive):g} s, and {brake} contradicts it"
                    )

    def _check_room(self) -> None:
        """Refuse road users that drive through one another."""
        t = np.arange(round(self.seconds * TRACKS_HZ) + 1)[None, :] / TRACKS_HZ
        placed = [
            (word, self._boxes(user, t))
            for word in self.situations
            for user in word.users(t, self.drive)
        ]
        for number, (word, boxes) in enumerate(placed):
            for other, theirs in placed[:number]:
                both = _together(boxes, theirs)
                moments = np.arange(t.size)
                touching = np.flatnonzero(box_distances(both, moments, moments + t.size) == 0)
                if touching.size:
                    raise ConfigurationError(
                        f"{other} and {word} put their road users into one another at "
                        f"{t[0, touching[0]]:g} s"
                    )

    @staticmethod
    def _boxes(user: RoadUser, t: Array) -> Boxes:
        motion, box = user.motion, user.box
        x, y, heading = (
            np.broadcast_to(values, t.shape)[0].astype(np.float64)
            for values in (motion.x_m, motion.y_m, motion.heading_rad)
        )
        return _sized(x, y, heading, box)


def together(logs: Iterable[SyntheticLog]) -> Frames:
    """Return the recorded signals of several logs, by name, to compute a metric once on all."""
    parts = [log.frames() for log in logs]
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: pl.concat([part[name] for part in parts if name in part]) for name in names}


def _sized(x: Array, y: Array, heading: Array, box: Box) -> Boxes:
    return Boxes(
        x=x,
        y=y,
        heading=heading,
        length=np.full_like(x, box.length_m),
        width=np.full_like(x, box.width_m),
    )


def _together(one: Boxes, two: Boxes) -> Boxes:
    return Boxes(
        **{
            name: np.concatenate([getattr(one, name), getattr(two, name)])
            for name in ("x", "y", "heading", "length", "width")
        }
    )
