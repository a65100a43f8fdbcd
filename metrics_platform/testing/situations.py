"""The vocabulary of synthetic logs: the ego, and what a situation is.

Each word is a closed form out of `SCENARIOS`, with its parameters as fields, and says what metrics
find in it. Moments that an answer hangs on are to be whole tenths of a second, as the samples are:
between two samples nobody sees the worst moment, and the answers leave it out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

import numpy as np

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.testing.answers import Known
from metrics_platform.testing.roads import Road
from metrics_platform.testing.scenarios import CAR, ROBOT, SCENARIOS, Array, Box, RoadUser
from metrics_platform.testing.synthetic_frames import TRACKS_HZ


@dataclass(frozen=True)
class Ego:
    """The vehicle that records the log: it starts at the origin and looks along the road.

    What is known of it exactly: its distance, speed, stops, comfort and place in the lane, while it
    drives straight at one speed. In a turn to the left the yaw rate is speed / radius and the
    lateral acceleration speed² / radius, which metrics smooth a little.

    Attributes:
        speed_mps: At which it drives; 0 to stand.
        kind: A car drives; a robot delivers, and is as small as one.
        radius_m: Of a turn to the left, from the first moment to the last; None to drive straight.
        offset_m: How far to the left of its lane's centre it drives.
        velocities: Whether its poses come with velocities and yaw rate.
    """

    speed_mps: float = 15.0
    kind: Literal["car", "robot"] = "car"
    radius_m: float | None = None
    offset_m: float = 0.0
    velocities: bool = False

    def __post_init__(self) -> None:
        """Refuse what no vehicle does."""
        if self.speed_mps < 0 or (self.radius_m is not None and not self.radius_m > 0):
            raise ConfigurationError(f"{self}: a speed is at least 0, a radius greater than 0")
        if self.kind not in ("car", "robot"):
            raise ConfigurationError(f"{self}: the ego is a car or a robot")

    @property
    def box(self) -> Box:
        """Its box, and where that lies."""
        return ROBOT if self.kind == "robot" else CAR


@dataclass(frozen=True)
class Drive:
    """What a situation happens in.

    Attributes:
        ego: Who drives.
        road: Where.
        seconds: How long.
        brake: What the ego does besides keeping its speed, if anything.
        users: How many others are there.
    """

    ego: Ego
    road: Road
    seconds: float
    brake: "HardBrake | None" = None
    users: int = 0

    @property
    def moments_s(self) -> Array:
        """At which road users are seen."""
        return np.arange(round(self.seconds * TRACKS_HZ) + 1) / TRACKS_HZ


def sampled(moment_s: float) -> bool:
    """Tell whether there is a sample at that moment."""
    return abs(moment_s * TRACKS_HZ - round(moment_s * TRACKS_HZ)) < 1e-9


@dataclass(frozen=True)
class Situation:
    """What happens in a log. Subclasses are the words; this is what they have in common."""

    scenario: ClassVar[str]
    # Whether it takes an ego that drives.
    needs_speed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse parameters that are not greater than 0."""
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ConfigurationError(f"{self}: {field.name} is to be greater than 0")

    def users(self, t: Array, drive: Drive) -> Sequence[RoadUser]:
        """Return who is there besides the ego, at times of shape (1, samples)."""
        return SCENARIOS[self.scenario].others(t, self.parameters(drive), drive.ego.box)

    def parameters(self, drive: Drive) -> dict[str, Array]:
        """Return the parameters of the closed form."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= {"speed_mps": drive.ego.speed_mps, "lane_width_m": drive.road.lane_width_m}
        return {name: np.full((1, 1), float(value)) for name, value in values.items()}

    def happens_s(self, drive: Drive) -> float:
        """Return when all that it promises has happened; the log must last so long."""
        return 0.0

    def steady_until_s(self, drive: Drive) -> float:
        """Return until when the ego must keep its speed for what it promises."""
        return math.inf

    def check(self, drive: Drive) -> None:
        """Refuse a drive in which it cannot happen.

        Raises:
            ConfigurationError: Says what contradicts what.
        """
        if self.needs_speed and not drive.ego.speed_mps > 0:
            raise ConfigurationError(f"{self} takes an ego that drives, and this one stands")
        if drive.ego.radius_m is not None:
            raise ConfigurationError(f"{self} is measured along a straight way, and the ego turns")
        if self.happens_s(drive) > drive.seconds + 1e-9:
            raise ConfigurationError(
                f"{self} takes until {self.happens_s(drive):g} s, the log lasts {drive.seconds:g} s"
            )

    def known(self, drive: Drive) -> Known:
        """Return what metrics of pairs find in its encounter with the ego."""
        return {}


@dataclass(frozen=True)
class HardBrake(Situation):
    """The ego brakes once, steadily, and goes on at the lower speed.

    What is known of it exactly: one hard brake of `deceleration_mps2` where that reaches the
    threshold and lasts for a second or more (the derivative looks at 0.8 s); the way, and by how
    much the speed limit is exceeded.
    """

    scenario: ClassVar[str] = "hard_brake"

    deceleration_mps2: float = 6.0
    brake_at_s: float = 4.0
    duration_s: float = 2.0

    def happens_s(self, drive: Drive) -> float:
        """Return when it has braked."""
        return self.brake_at_s + self.duration_s

    def steady_until_s(self, drive: Drive) -> float:
        """It is what changes the speed."""
        return 0.0

    def end_mps(self, ego: Ego) -> float:
        """Return the speed after it."""
        return ego.speed_mps - self.deceleration_mps2 * self.duration_s

    def check(self, drive: Drive) -> None:
        """Refuse to brake below a speed of zero."""
        super().check(drive)
        if self.end_mps(drive.ego) < -1e-9:
            raise ConfigurationError(
                f"{self} takes off {self.deceleration_mps2 * self.duration_s:g} m/s, more than the "
                f"ego's speed of {drive.ego.speed_mps:g} m/s"
            )
