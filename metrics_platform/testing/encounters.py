"""What metrics of pairs find in plain encounters, by formula.

Thresholds are those of the metrics: an answer follows a threshold that is changed there.
"""

import math

import numpy as np

from metrics_platform.core.definitions import Tolerance
from metrics_platform.metrics.drac import CRITICAL_DRAC_MPS2
from metrics_platform.metrics.lane_headway import SHORT_HEADWAY_S
from metrics_platform.metrics.post_encroachment_time import CRITICAL_PET_S
from metrics_platform.metrics.time_to_collision import CRITICAL_TTC_S
from metrics_platform.testing.answers import About, Known, merged
from metrics_platform.testing.scenarios import Array, Box

# Settings of the metrics, as they are shipped.
HORIZON_S = 10.0
RANGE_M = 100.0
LEAD_RANGE_M = 50.0
EXPOSED_TTC_S = DELTA_V_TTC_S = 1.5
NEAR_TTC_S, NEAR_PET_S, NEAR_M = 1.5, 1.0, 0.5
FULL_BRAKING_MPS2 = 8.0
WORST_ACCELERATION_MPS2 = 11.5
# Of the ego that follows: its response, what it gains meanwhile, and how everybody brakes.
_RSS_RESPONSE_S, _RSS_GAINS_MPS2, _RSS_BRAKES_MPS2, _RSS_AT_MOST_MPS2 = 1.0, 3.5, 4.0, 8.0

NO_COLLISION_COURSE: Known = {
    "time_to_collision": {"min_ttc_s": None, "critical_encounters": 0},
    "required_acceleration": {
        "min_required_longitudinal_mps2": None,
        "max_required_lateral_mps2": None,
    },
    "time_to_brake": {"min_ttb_s": None, "too_late_encounters": 0},
    "time_exposed_ttc": {"max_tet_s": None, "max_tit_s2": None, "exposed_encounters": 0},
    "delta_v": {"max_delta_v_mps": None},
}
NOT_IN_FRONT: Known = {
    "lane_headway": {"min_headway_s": None, "min_gap_m": None, "short_headways": 0},
    "lead_time_to_collision": {"min_lead_ttc_s": None, "critical_encounters": 0},
    "drac": {"max_drac_mps2": None, "critical_encounters": 0},
}
NOT_IN_THE_WAY: Known = {"time_headway": {"min_headway_s": None, "short_headways": 0}}
NO_CROSSING: Known = {
    "post_encroachment_time": {"pet_s": None, "critical_encounters": 0},
    "encroachment_time": {"et_s": None},
}
NO_CONTACT: Known = {
    "collisions": {
        "collisions": 0,
        "at_fault_collisions": 0,
        "lateral_collisions": 0,
        "max_relative_speed_mps": None,
    }
}
# Of a road user at constant velocity.
STEADY: Known = {"road_user_jerk": {"longitudinal_jerk_mps3": 0.0, "lateral_jerk_mps3": 0.0}}
NO_DANGER: Known = {
    "rss_violations": {
        "rss_violations": 0,
        "own_rss_violations": 0,
        "dangerous_s": 0.0,
        "min_margin_ratio": None,
    }
}


def approaching(distance_m: Array, moments_s: Array) -> Known:
    """Return how near the two come, from the distance of the boxes at each sample."""
    seen = distance_m <= RANGE_M
    if not seen.any():
        return {}
    least = float(distance_m.min())
    first = moments_s[np.flatnonzero(seen)[0]]
    nearest = moments_s[np.flatnonzero(distance_m <= least + 1e-6)[0]]
    return {
        "closest_approach": {"distance_m": least, "encounters": 1, "overlaps": int(least == 0)},
        "closest_encounter": {"dce_m": least, "ttce_s": float(nearest - first)},
    }


def following(gap_m: float, speed_mps: float) -> Known:
    """Return the headways to who is in front, `gap_m` ahead at the nearest."""
    headway = gap_m / speed_mps
    found = {"min_headway_s": headway, "short_headways": int(headway < SHORT_HEADWAY_S)}
    near = gap_m <= LEAD_RANGE_M
    return {
        "time_headway": found,
        "lane_headway": {**found, "min_gap_m": gap_m} if near else NOT_IN_FRONT["lane_headway"],
    }


def closing_in(gap_m: float, closing_mps: float, speed_mps: float, side_by_side_m: float) -> Known:
    """Return what the worst moment asks for, at which the ego closes a gap straight ahead.

    Time to collision is gap / closing; the braking that it takes closing² / (2 · gap).

    Args:
        gap_m: Bumper to bumper.
        closing_mps: By how much the ego is faster.
        speed_mps: Of the ego.
        side_by_side_m: From centre to centre where both would just pass.
    """
    ttc = gap_m / closing_mps
    braking = closing_mps * closing_mps / (2 * gap_m)
    known: Known = {}
    if gap_m <= LEAD_RANGE_M:
        near = ttc <= HORIZON_S
        known = {
            "lead_time_to_collision": {
                "min_lead_ttc_s": ttc if near else None,
                "critical_encounters": int(ttc < CRITICAL_TTC_S),
            },
            "drac": {
                "max_drac_mps2": braking,
                "critical_encounters": int(braking > CRITICAL_DRAC_MPS2),
            },
        }
    if ttc > HORIZON_S:
        return merged(known, NO_COLLISION_COURSE)
    left_s = ttc - closing_mps / (2 * FULL_BRAKING_MPS2)
    course: Known = {
        "time_to_collision": {"min_ttc_s": ttc, "critical_encounters": int(ttc < CRITICAL_TTC_S)},
        "required_acceleration": {
            "min_required_longitudinal_mps2": -braking,
            "max_required_lateral_mps2": 2 * side_by_side_m / (ttc * ttc),
        },
        "time_to_brake": {"min_ttb_s": left_s, "too_late_encounters": int(left_s < 0)},
    }
    if ttc > max(EXPOSED_TTC_S, DELTA_V_TTC_S):
        quiet = {name: NO_COLLISION_COURSE[name] for name in ("time_exposed_ttc", "delta_v")}
        return merged(known, course, quiet)
    return merged(known, course)


def crossing(pet_s: float, et_s: float) -> Known:
    """Return what metrics of crossing paths find: the other was there first."""
    between = Tolerance(absolute=1e-4)
    because = "ways along paths are sums of whole micrometres, sample by sample"
    return {
        "post_encroachment_time": {
            "pet_s": About(pet_s, between, because),
            "critical_encounters": int(pet_s < CRITICAL_PET_S),
        },
        "encroachment_time": {"et_s": About(et_s, between, because)},
    }


def near_miss(
    *, ttc_s: float | None, pet_s: float | None, distance_m: float, both_move: bool
) -> Known:
    """Return whether the encounter nearly was a collision; the first criterion counts."""
    met = {
        "ttc_near_misses": ttc_s is not None and ttc_s < NEAR_TTC_S,
        "pet_near_misses": pet_s is not None and pet_s < NEAR_PET_S,
        "distance_near_misses": distance_m < NEAR_M and both_move,
    }
    first = next((name for name, holds in met.items() if holds), None)
    counts = {name: int(name == first) for name in met}
    return {"near_misses": {"near_misses": int(first is not None), **counts}}


def in_danger(gap_m: Array, rear_mps: float, front_mps: float, step_s: float) -> Known:
    """Return what RSS says of an ego in line behind another, from the gap at each sample."""
    faster = rear_mps + _RSS_RESPONSE_S * _RSS_GAINS_MPS2
    way_m = (rear_mps + faster) / 2 * _RSS_RESPONSE_S + faster**2 / (2 * _RSS_BRAKES_MPS2)
    safe_m = max(way_m - front_mps**2 / (2 * _RSS_AT_MOST_MPS2), 0.0)
    dangerous = int((gap_m <= min(safe_m, RANGE_M)).sum())
    if not dangerous:
        return NO_DANGER
    return {
        "rss_violations": {
            "rss_violations": 1,
            "own_rss_violations": 1,
            "dangerous_s": (dangerous - 1) * step_s,
            "min_margin_ratio": float(gap_m.min()) / safe_m,
        }
    }


def worst_case(gap_m: float, closing_mps: float, one: Box, two: Box, moving: int) -> Known:
    """Return the least time in which the two could collide, one straight ahead of the other.

    The least t with distance - v·t = r + r' + n·a·t²/2, where n of both can accelerate.
    """
    away_m = gap_m + (one.length_m + two.length_m) / 2
    reach_m = sum(math.hypot(box.length_m / 3, box.width_m) / 2 for box in (one, two))
    push = moving * WORST_ACCELERATION_MPS2
    left_m = max(away_m - reach_m, 0.0)
    time_s = (math.sqrt(closing_mps**2 + 2 * push * left_m) - closing_mps) / push
    return {"worst_time_to_collision": {"min_wttc_s": time_s}}
