"""What metrics of the ego by itself find in a synthetic log, by formula."""

import math

from metrics_platform.core.definitions import Tolerance
from metrics_platform.metrics.ego_comfort import BOUNDS
from metrics_platform.testing.answers import About, Known, merged
from metrics_platform.testing.situations import Drive, HardBrake

# Settings of the metrics, as they are shipped.
_STANDS_MPS = 0.1
_COMPARABLE_M = 10.0
_HARD_BRAKE_MPS2 = 3.0
_HARD_TURN_MPS2, _HARD_TURN_RADPS = 3.92, 0.95
_FULL_OVER_SPEED_MPS = 2.23
_STEP_S = 0.1
# The derivatives of `ego_states` look at 5 samples, twice: this long they see nothing but the
# brake, and this far from the ends they look at both sides.
_PLATEAU_S, _EDGE_S = 1.0, 0.5
_SMOOTHED = Tolerance(relative=0.02)
_BY_SAVITZKY_GOLAY = (
    "velocities are parabolas through 5 positions each: in a turn they cut the corner by up to 2 %"
)


def ego_answers(drive: Drive) -> Known:
    """Return what is known of the ego's drive."""
    brake = drive.brake
    if drive.ego.radius_m is not None:
        return _turning(drive, drive.ego.speed_mps, drive.ego.radius_m)
    straight = merged(_distance(drive), _comfort(drive, brake), _lane(drive))
    if brake is not None:
        return merged(straight, _braking(drive, brake))
    speed = drive.ego.speed_mps
    stands = speed <= _STANDS_MPS
    # Each state stands for a step of the grid.
    lasts_s = drive.seconds + _STEP_S
    return merged(
        straight,
        {
            "mean_speed": {
                "mean_speed_mps": speed,
                "moving_speed_mps": None if stands else speed,
                "max_speed_mps": speed,
                "moving_ratio": float(not stands),
            },
            "stops": {
                "stops": int(stands),
                "stopped_s": lasts_s if stands else 0.0,
                "longest_stop_s": lasts_s if stands else None,
                "stuck_s": 0.0,
            },
            "hard_brakes": {"hard_brakes": 0, "peak_deceleration_mps2": None},
        },
        _speed_limit(drive, lasts_s),
    )


def way_m(drive: Drive, until_s: float | None = None) -> float:
    """Return the length of the ego's way; of a turn, that of the chords between its states."""
    speed, radius, brake = drive.ego.speed_mps, drive.ego.radius_m, drive.brake
    seconds = drive.seconds if until_s is None else until_s
    if radius is not None:
        return seconds / _STEP_S * 2 * radius * math.sin(speed * _STEP_S / radius / 2)
    if brake is None:
        return speed * seconds
    braking = min(max(seconds - brake.brake_at_s, 0.0), brake.duration_s)
    coasting = max(seconds - brake.brake_at_s - brake.duration_s, 0.0)
    return speed * seconds - brake.deceleration_mps2 * (braking**2 / 2 + braking * coasting)


def _distance(drive: Drive) -> Known:
    way, seconds = way_m(drive), drive.seconds
    rolled = way if drive.ego.radius_m is None else drive.ego.speed_mps * seconds
    apart = About(
        rolled / way - 1 if way >= _COMPARABLE_M else None,
        Tolerance(absolute=1e-3),
        "wheel speeds between two samples are taken to change evenly",
    )
    return {
        "distance_driven": {
            "distance_m": way,
            "duration_s": seconds,
            "disagreement_ratio": apart,
        },
        # Nobody recorded modes.
        "exposure": {
            "distance_m": way,
            "duration_s": seconds,
            "autonomous_distance_m": None,
            "autonomous_duration_s": None,
            "unknown_distance_m": way,
        },
    }


def _comfort(drive: Drive, brake: HardBrake | None) -> Known:
    """Return the extremes of comfort on a straight way; brakes smear, and aren't among them."""
    quiet = ("lateral_acceleration_mps2", "yaw_rate_radps", "yaw_acceleration_radps2")
    extremes: dict[str, float] = {
        f"{side}_{name}": 0.0
        for name in (BOUNDS if brake is None else quiet)
        for side in ("min", "max")
    }
    if brake is None:
        extremes["comfortable_ratio"] = 1.0
    rounding = Tolerance(absolute=1e-5)
    because = "jerk is a fourth derivative of rounded coordinates"
    return {
        "ego_comfort": {name: About(value, rounding, because) for name, value in extremes.items()},
        "hard_turns": {
            "hard_turns": 0,
            "peak_lateral_acceleration_mps2": None,
            "peak_yaw_rate_radps": None,
        },
    }


def _lane(drive: Drive) -> Known:
    width, offset = drive.ego.box.width_m, drive.ego.offset_m
    margin = drive.road.margin_m(width, offset)
    if margin <= 0:
        return {}
    return {
        "lane_keeping": {
            "mean_offset_m": offset,
            "offset_deviation_m": 0.0,
            "max_offset_m": abs(offset),
            "min_margin_m": margin,
            "in_lane_s": drive.seconds + _STEP_S,
        },
        "lane_changes": {
            "lane_changes": 0,
            "lane_changes_to_the_left": 0,
            "lane_changes_to_the_right": 0,
            "min_lane_change_s": None,
            "mean_lane_change_s": None,
            "max_lane_change_s": None,
        },
        "lane_departures": {
            "lane_departures": 0,
            "longest_lane_departure_s": None,
            "deepest_lane_departure_m": None,
            "off_lanes_s": 0.0,
        },
        "drivable_area_compliance": {
            "drivable_area_score": 1.0,
            "off_area_events": 0,
            "off_area_s": 0.0,
            "max_outside_m": None,
        },
        "driving_direction": {
            "driving_direction_score": 1.0,
            "min_progress_m": 0.0,
            "against_direction_events": 0,
        },
    }


def _speed_limit(drive: Drive, lasts_s: float) -> Known:
    limit = drive.road.speed_limit_mps
    if limit is None or abs(drive.ego.speed_mps - limit) < 1e-6 or not _lane(drive):
        return {}
    over = drive.ego.speed_mps - limit
    # All states stand for a step each, one more than lie between the first and the last.
    loss = max(over, 0.0) * lasts_s / (_FULL_OVER_SPEED_MPS * drive.seconds)
    return {
        "speed_limit_compliance": {
            "over_speed_events": int(over > 0),
            "max_over_speed_mps": over if over > 0 else None,
            "over_speed_ratio": float(over > 0),
            "speed_limit_score": max(1 - loss, 0.0),
        }
    }


def _braking(drive: Drive, brake: HardBrake) -> Known:
    start, end = drive.ego.speed_mps, brake.end_mps(drive.ego)
    from_s, until_s = brake.brake_at_s, brake.happens_s(drive)
    if from_s < _EDGE_S or until_s > drive.seconds - _EDGE_S:
        return {}
    known: dict[str, dict[str, float | About | None]] = {
        "mean_speed": {
            "mean_speed_mps": About(
                way_m(drive) / drive.seconds,
                Tolerance(absolute=0.02 + start * _STEP_S / (2 * drive.seconds)),
                "the mean is that of states 0.1 s apart, of which the first and last count in full",
            ),
            "max_speed_mps": start,
        }
    }
    deceleration = brake.deceleration_mps2
    if deceleration < _HARD_BRAKE_MPS2 - 1e-6:
        known["hard_brakes"] = {"hard_brakes": 0, "peak_deceleration_mps2": None}
    elif brake.duration_s >= _PLATEAU_S and deceleration > _HARD_BRAKE_MPS2 + 1e-6:
        known["hard_brakes"] = {"hard_brakes": 1, "peak_deceleration_mps2": deceleration}
    if end > _STANDS_MPS + 1e-6:
        known["mean_speed"]["moving_ratio"] = 1.0
        known["stops"] = {"stops": 0, "stopped_s": 0.0, "longest_stop_s": None, "stuck_s": 0.0}
    elif drive.seconds - until_s > 1.5:
        stopped = About(
            drive.seconds + _STEP_S - until_s + (_STANDS_MPS - end) / deceleration,
            Tolerance(absolute=0.2),
            "speeds are smoothed over 0.4 s, and a stop begins with a state",
        )
        known["stops"] = {
            "stops": 1, "stopped_s": stopped, "longest_stop_s": stopped, "stuck_s": 0.0,
        }  # fmt: skip
    limit = drive.road.speed_limit_mps
    if limit is not None and _lane(drive) and abs(start - limit) > 1e-6:
        over = start - limit
        known["speed_limit_compliance"] = {
            "over_speed_events": int(over > 0),
            "max_over_speed_mps": over if over > 0 else None,
        }
    return known


def _turning(drive: Drive, speed: float, radius: float) -> Known:
    yaw_rate, sideways = speed / radius, speed * speed / radius
    lateral = About(sideways, _SMOOTHED, _BY_SAVITZKY_GOLAY)
    smoothed = About(speed, _SMOOTHED, _BY_SAVITZKY_GOLAY)
    known: dict[str, dict[str, float | About | None]] = {
        "mean_speed": {
            "mean_speed_mps": smoothed,
            "moving_speed_mps": smoothed,
            "max_speed_mps": smoothed,
            "moving_ratio": 1.0,
        },
        "ego_comfort": {
            "min_yaw_rate_radps": yaw_rate,
            "max_yaw_rate_radps": yaw_rate,
            "min_yaw_acceleration_radps2": About(
                0.0, Tolerance(absolute=1e-5), "a second derivative of rounded headings"
            ),
            "max_yaw_acceleration_radps2": About(
                0.0, Tolerance(absolute=1e-5), "a second derivative of rounded headings"
            ),
            "max_lateral_acceleration_mps2": lateral,
        },
        "hard_brakes": {"hard_brakes": 0, "peak_deceleration_mps2": None},
        "stops": {"stops": 0, "stopped_s": 0.0, "longest_stop_s": None, "stuck_s": 0.0},
    }
    if speed <= _STANDS_MPS * 1.02:
        return _distance(drive)
    beyond = (
        yaw_rate / BOUNDS["yaw_rate_radps"][1],
        sideways / BOUNDS["lateral_acceleration_mps2"][1],
    )
    if max(beyond) > 1.02:
        known["ego_comfort"]["comfortable_ratio"] = 0.0
    shares = (sideways / _HARD_TURN_MPS2, yaw_rate / _HARD_TURN_RADPS)
    if max(shares) < 0.98:
        known["hard_turns"] = {
            "hard_turns": 0,
            "peak_lateral_acceleration_mps2": None,
            "peak_yaw_rate_radps": None,
        }
    elif max(shares) > 1.02:
        known["hard_turns"] = {
            "hard_turns": 1,
            "peak_lateral_acceleration_mps2": lateral,
            "peak_yaw_rate_radps": yaw_rate,
        }
    return merged(_distance(drive), known)
