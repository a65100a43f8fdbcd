"""Cars in front of the ego: one that it follows, one that cuts in, one that is parked."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.testing import encounters
from metrics_platform.testing.answers import Known, merged
from metrics_platform.testing.encounters import (
    NO_COLLISION_COURSE,
    NO_CONTACT,
    NO_CROSSING,
    NOT_IN_FRONT,
    NOT_IN_THE_WAY,
    STEADY,
)
from metrics_platform.testing.scenarios import OTHER_CAR, Array
from metrics_platform.testing.situations import Drive, Situation, sampled
from metrics_platform.testing.synthetic_frames import TRACKS_HZ

# From this angle on two paths cross.
_LEAST_CROSSING_RAD = math.radians(30)


@dataclass(frozen=True)
class Follow(Situation):
    """A car in front, as fast as the ego, at a gap of `headway_s` x speed between the bumpers.

    What is known of it exactly: both headways, the distance, that nothing closes in, the safe
    distance of RSS, and the worst-time-to-collision.
    """

    scenario: ClassVar[str] = "follow"

    headway_s: float = 2.0

    def known(self, drive: Drive) -> Known:
        """Return what a constant gap and a closing speed of 0 give."""
        speed, moments = drive.ego.speed_mps, drive.moments_s
        gap_m = self.headway_s * speed
        if gap_m > encounters.RANGE_M:
            return {}
        gaps_m = np.full_like(moments, gap_m)
        return merged(
            NO_COLLISION_COURSE,
            NO_CROSSING,
            NO_CONTACT,
            STEADY,
            {
                "lead_time_to_collision": NOT_IN_FRONT["lead_time_to_collision"],
                # Of rounding, the speeds may differ by next to nothing: no value, or next to none.
                "drac": {"critical_encounters": 0},
            },
            encounters.following(gap_m, speed),
            encounters.approaching(gaps_m, moments),
            encounters.near_miss(ttc_s=None, pet_s=None, distance_m=gap_m, both_move=speed > 0.1),
            encounters.in_danger(gaps_m, speed, speed, 1 / TRACKS_HZ),
            encounters.worst_case(gap_m, 0.0, drive.ego.box, OTHER_CAR, 2),
        )


@dataclass(frozen=True)
class CutIn(Situation):
    """A car comes in from the lane on the left, slower by `closing_mps`, and drives off again.

    It is in the lane at `in_lane_at_s`, `gap_m` ahead of the ego's bumper, having changed for
    `change_s`; from then on it gains speed, so that half of the gap remains for good.

    What is known of it exactly: the least time to collision is gap / closing, when it has come in,
    and so is what follows from that moment: deceleration to avoid a crash, required accelerations,
    time to brake; headway and distance are least at the log's end, where the gap is
    gap · (1 + exp(-2 · closing / gap · t)) / 2 at the time t since it came in.
    """

    scenario: ClassVar[str] = "cut_in"

    gap_m: float = 15.0
    closing_mps: float = 3.0
    in_lane_at_s: float = 5.0
    change_s: float = 3.0

    def happens_s(self, drive: Drive) -> float:
        """Return when it is in the lane."""
        return self.in_lane_at_s

    def check(self, drive: Drive) -> None:
        """Refuse a car that comes from no lane, or backwards."""
        super().check(drive)
        if drive.road.lanes < 2:
            raise ConfigurationError(f"{self} comes from a lane on the left, and the road has one")
        if self.closing_mps >= drive.ego.speed_mps:
            raise ConfigurationError(
                f"{self} would drive backwards: the ego's speed is {drive.ego.speed_mps:g} m/s"
            )

    def known(self, drive: Drive) -> Known:
        """Return what the moment gives at which it is in the lane, and the gap at the end."""
        if not sampled(self.in_lane_at_s):
            return {}
        speed, closing, moments = drive.ego.speed_mps, self.closing_mps, drive.moments_s
        since = moments - self.in_lane_at_s
        fading = np.exp(-np.maximum(since, 0.0) * 2 * closing / self.gap_m)
        gaps_m = self.gap_m * (1 + fading) / 2 - closing * np.minimum(since, 0.0)
        heading = self.users(moments[None, :], drive)[0].motion.heading_rad[0]
        # While it comes in, its corners are nearer than its rear bumper's middle will be.
        turned_m = (
            OTHER_CAR.length_m * np.cos(heading) + OTHER_CAR.width_m * np.abs(np.sin(heading))
        ) / 2 - OTHER_CAR.length_m / 2
        before = since < 0
        nearer = before & (gaps_m - turned_m < self.gap_m - 1e-9)
        if nearer.any() or gaps_m[0] > encounters.RANGE_M / 2:
            return {}
        beside_m = (drive.ego.box.width_m + OTHER_CAR.width_m) / 2
        end_m = float(gaps_m[-1])
        ttc = self.gap_m / closing
        known = merged(
            NO_CONTACT,
            encounters.following(end_m, speed),
            encounters.closing_in(self.gap_m, closing, speed, beside_m),
        )
        if np.abs(heading).max() < _LEAST_CROSSING_RAD:
            near = encounters.near_miss(ttc_s=ttc, pet_s=None, distance_m=end_m, both_move=True)
            known = merged(known, NO_CROSSING, near)
        # Beside the ego it may have been nearer than at the end.
        if end_m <= float((gaps_m - turned_m)[before].min(initial=math.inf)):
            known = merged(known, encounters.approaching(gaps_m, moments))
        return known


@dataclass(frozen=True)
class ParkedCar(Situation):
    """A car that stands in the ego's way, `gap_m` ahead of its bumper at first.

    What is known of it exactly: before an ego that stands, the distance; before one that drives and
    doesn't get there, all that follows from the gap left at the last sample; where the ego drives
    into it, the collision, of which it is at fault.
    """

    scenario: ClassVar[str] = "standing"
    needs_speed: ClassVar[bool] = False

    gap_m: float = 8.0

    def known(self, drive: Drive) -> Known:
        """Return what the gap at each sample gives."""
        speed, moments, box = drive.ego.speed_mps, drive.moments_s, drive.ego.box
        gaps_m = self.gap_m - speed * moments
        left_m = float(gaps_m[-1])
        if left_m <= 0:
            return self._run_into(drive, gaps_m)
        if left_m > encounters.LEAD_RANGE_M:
            return {}
        nearing = merged(
            NO_CROSSING,
            NO_CONTACT,
            STEADY,
            encounters.approaching(gaps_m, moments),
            encounters.in_danger(gaps_m, speed, 0.0, 1 / TRACKS_HZ),
        )
        if not speed > 0:
            quiet = encounters.near_miss(ttc_s=None, pet_s=None, distance_m=left_m, both_move=False)
            worst: Known = {"worst_time_to_collision": {"min_wttc_s": None}}
            return merged(nearing, NO_COLLISION_COURSE, NOT_IN_FRONT, NOT_IN_THE_WAY, quiet, worst)
        ttc = left_m / speed
        return merged(
            nearing,
            encounters.following(left_m, speed),
            encounters.closing_in(left_m, speed, speed, (box.width_m + OTHER_CAR.width_m) / 2),
            encounters.near_miss(ttc_s=ttc, pet_s=None, distance_m=left_m, both_move=False),
            encounters.worst_case(left_m, speed, box, OTHER_CAR, 1),
            self._exposure(gaps_m / speed, speed),
        )

    def _exposure(self, ttc_s: Array, speed_mps: float) -> Known:
        below = encounters.EXPOSED_TTC_S - ttc_s
        if np.abs(below).min() < 1e-6 or not (below > 0).any():
            return {}
        return {
            "time_exposed_ttc": {
                "max_tet_s": float((below > 0).sum()) / TRACKS_HZ,
                "max_tit_s2": float(below[below > 0].sum()) / TRACKS_HZ,
                "exposed_encounters": 1,
            },
            # Of two equal masses.
            "delta_v": {"max_delta_v_mps": speed_mps / 2},
        }

    def _run_into(self, drive: Drive, gaps_m: Array) -> Known:
        speed = drive.ego.speed_mps
        contact = gaps_m > -(drive.ego.box.length_m + OTHER_CAR.length_m)
        if not (contact & (gaps_m < 0)).any():
            return {}
        return {
            "collisions": {
                "collisions": 1,
                "at_fault_collisions": 1,
                "lateral_collisions": 0,
                "max_relative_speed_mps": speed,
            },
            "near_misses": {
                "near_misses": 0,
                "ttc_near_misses": 0,
                "pet_near_misses": 0,
                "distance_near_misses": 0,
            },
            "closest_approach": {"distance_m": 0.0, "encounters": 1, "overlaps": 1},
            "time_to_collision": {"min_ttc_s": 0.0, "critical_encounters": 1},
            **STEADY,
        }
