"""Those whose way the ego crosses or passes: pedestrians, and cars at an intersection."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metrics_platform.core.definitions import Tolerance
from metrics_platform.core.errors import ConfigurationError
from metrics_platform.testing import encounters
from metrics_platform.testing.answers import About, Known, merged
from metrics_platform.testing.encounters import (
    NO_COLLISION_COURSE,
    NO_CONTACT,
    NO_CROSSING,
    NO_DANGER,
    NOT_IN_FRONT,
    NOT_IN_THE_WAY,
    STEADY,
)
from metrics_platform.testing.scenarios import OTHER_CAR, PEDESTRIAN, WALKING_SPEED_MPS, Box
from metrics_platform.testing.situations import Drive, Situation, sampled
from metrics_platform.testing.synthetic_frames import TRACKS_HZ

# Whoever drives across faster than this is none of RSS's business.
_CROSSING_MPS = 2.23


@dataclass(frozen=True)
class _Crossing(Situation):
    """Someone from the right, who has left the ego's lane band `pet_s` before it comes."""

    who: ClassVar[Box]

    arrive_s: float = 6.0
    pet_s: float = 1.5

    def crossing_speed_mps(self) -> float:
        """Return how fast it crosses."""
        return WALKING_SPEED_MPS

    def happens_s(self, drive: Drive) -> float:
        """Return when the ego has left the area that both need."""
        if not drive.ego.speed_mps > 0:
            return self.arrive_s
        return self.arrive_s + (self.who.width_m + drive.ego.box.length_m) / drive.ego.speed_mps

    def steady_until_s(self, drive: Drive) -> float:
        """It may do anything once it has passed."""
        return self.happens_s(drive)

    def check(self, drive: Drive) -> None:
        """Refuse a crossing that began before the log."""
        super().check(drive)
        across_m = drive.ego.box.width_m + self.who.length_m
        enters_s = self.arrive_s - self.pet_s - across_m / self.crossing_speed_mps()
        if enters_s < 0:
            raise ConfigurationError(
                f"{self} would have begun {-enters_s:g} s before the log: arrive later"
            )

    def known(self, drive: Drive) -> Known:
        """Return what two straight paths at right angles give."""
        speed, moments, box = drive.ego.speed_mps, drive.moments_s, drive.ego.box
        across = self.crossing_speed_mps()
        left_s = self.arrive_s - self.pet_s
        # Ahead of the ego's bumper, or behind its back, and beside its flanks.
        ahead_m = speed * (self.arrive_s - moments)
        behind_m = -ahead_m - box.length_m - self.who.width_m
        aside_m = across * (moments - left_s)
        other_side_m = -aside_m - box.width_m - self.who.length_m
        distance_m = np.hypot(
            np.maximum(np.maximum(ahead_m, behind_m), 0.0),
            np.maximum(np.maximum(aside_m, other_side_m), 0.0),
        )
        known = merged(
            NO_COLLISION_COURSE,
            NOT_IN_FRONT,
            NO_CONTACT,
            STEADY,
            encounters.approaching(distance_m, moments),
            encounters.crossing(self.pet_s, self.happens_s(drive) - self.arrive_s),
            encounters.near_miss(
                ttc_s=None,
                pet_s=self.pet_s,
                distance_m=float(distance_m.min()),
                both_move=speed > 0.1,
            ),
            NO_DANGER if across > _CROSSING_MPS else {},
        )
        in_the_way = (aside_m < 0) & (other_side_m < 0) & (ahead_m > 0)
        if not in_the_way.any() or ahead_m[in_the_way].min() > encounters.RANGE_M:
            return known
        if sampled(left_s):
            # The last sample in the way, or the one before: there the boxes just touch.
            about = About(
                self.pet_s,
                Tolerance(absolute=1 / TRACKS_HZ + 1e-6),
                "whether it is still in the way at the sample at which it leaves is rounding",
            )
            return merged(known, {"time_headway": {"min_headway_s": about}})
        headway = encounters.following(float(ahead_m[in_the_way].min()), speed)
        return merged(known, {"time_headway": headway["time_headway"]})


@dataclass(frozen=True)
class PedestrianCrossing(_Crossing):
    """A pedestrian from the right, who has left the ego's lane band `pet_s` before it comes.

    The ego's bumper is at their path at `arrive_s`. What is known of it exactly: the
    post-encroachment time, the encroachment time (both sizes / speed), the least distance, that
    nobody is on a collision course; the headway but for the period of the samples.
    """

    scenario: ClassVar[str] = "pedestrian_crossing"
    who: ClassVar[Box] = PEDESTRIAN


@dataclass(frozen=True)
class Intersection(_Crossing):
    """A car from the right at `crossing_mps`, which has left the ego's way `pet_s` before it comes.

    The ego's bumper is at its path at `arrive_s`. What is known of it exactly: as of
    `PedestrianCrossing`.
    """

    scenario: ClassVar[str] = "intersection"
    who: ClassVar[Box] = OTHER_CAR

    arrive_s: float = 5.0
    pet_s: float = 1.0
    crossing_mps: float = 10.0

    def crossing_speed_mps(self) -> float:
        """Return how fast it crosses."""
        return self.crossing_mps


@dataclass(frozen=True)
class OncomingWalker(Situation):
    """A pedestrian who passes the ego on its left, side by side at `meet_s`.

    What is known of it exactly: the distance in passing, when it is reached, and that neither is
    ever in the other's way.
    """

    scenario: ClassVar[str] = "sidewalk"
    needs_speed: ClassVar[bool] = False

    meet_s: float = 5.0
    clearance_m: float = 0.8

    def happens_s(self, drive: Drive) -> float:
        """Return when they are side by side."""
        return self.meet_s

    def steady_until_s(self, drive: Drive) -> float:
        """Return when they have passed one another."""
        together_m = drive.ego.box.length_m + PEDESTRIAN.length_m
        return self.meet_s + together_m / (drive.ego.speed_mps + WALKING_SPEED_MPS)

    def known(self, drive: Drive) -> Known:
        """Return what two parallel paths give."""
        speed, moments, box = drive.ego.speed_mps, drive.moments_s, drive.ego.box
        nearing = speed + WALKING_SPEED_MPS
        between_m = nearing * (self.meet_s - moments) - box.center_offset_m
        apart_m = np.abs(between_m) - (box.length_m + PEDESTRIAN.length_m) / 2
        distance_m = np.hypot(np.maximum(apart_m, 0.0), self.clearance_m)
        return merged(
            NO_COLLISION_COURSE,
            NOT_IN_FRONT,
            NOT_IN_THE_WAY,
            NO_CROSSING,
            NO_CONTACT,
            STEADY,
            encounters.approaching(distance_m, moments),
            encounters.near_miss(
                ttc_s=None,
                pet_s=None,
                distance_m=float(distance_m.min()),
                both_move=speed > 0.1,
            ),
        )
